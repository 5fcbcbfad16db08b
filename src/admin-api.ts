import type { Api } from './admin/admin.ts'
import type { Room } from './admin/room.ts'

/** The admin API over what runs. Loaded after listening, and makes the admin token where there is none. */
export const createAdminApi = async (room: Room): Promise<Api> => {
  const [{ createApi }, { createAccess }, { operationsOf }, { adminToken }] = await Promise.all([
    import('./admin/api.ts'),
    import('./admin/access.ts'),
    import('./admin/operations.ts'),
    import('./store/admin-token.ts'),
  ])
  const config = room.config()
  const access = createAccess({
    token: adminToken(config),
    host: config.admin.listen.host,
    signedIn: async () => undefined,
  })
  return createApi({ access, operations: operationsOf(room), log: room.log })
}
