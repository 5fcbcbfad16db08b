import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Api } from './admin/admin.ts'
import type { Console, ConsoleRoom } from './admin/console/console.ts'
import type { Room } from './admin/room.ts'
import { isLoopback } from './config/address.ts'
import type { Config } from './config/config.ts'
import type { Throttles } from './oauth/throttle.ts'

/** What the admin listener serves beside health and metrics. */
export type AdminSide = {
  readonly api: Api
  readonly console: (req: IncomingMessage, res: ServerResponse) => Promise<void>
  close(): void
}

type AdminDeps = {
  readonly exposition: () => Promise<string>
  readonly throttles: () => Throttles
}

/** The admin API and the console over what runs. Loaded after listening, and makes the admin token where there is none. */
export const createAdminSide = async (room: Room, deps: AdminDeps): Promise<AdminSide> => {
  const [{ createApi }, { createAccess }, { operationsOf }, { adminToken }, sessionFile] =
    await Promise.all([
      import('./admin/api.ts'),
      import('./admin/access.ts'),
      import('./admin/operations.ts'),
      import('./store/admin-token.ts'),
      import('./admin/console/session.ts'),
    ])
  const config = room.config()
  const sessions = sessionFile.createConsoleSessions(room, room.stores.consoleSessions)
  const access = createAccess({
    token: adminToken(config),
    host: config.admin.listen.host,
    signedIn: sessions.caller,
    guessed: async (remote) => {
      const counted = deps.throttles().adminTokens.failed('admin token', remote)
      return (await orWait(counted.then(() => undefined)))?.wait
    },
  })
  let opened: Promise<Console> | undefined
  const open = () => {
    opened ??= import('./admin/console/console.ts').then(({ createConsole }) =>
      createConsole({
        ...room,
        sessions,
        exposition: deps.exposition,
        prove: proving(room, deps.throttles),
        warnings: () => warningsOf(room),
      }),
    )
    return opened
  }
  return {
    api: createApi({ access, operations: operationsOf(room), log: room.log }),
    console: async (req, res) => (await open()).handle(req, res),
    close: () => void opened?.then((console) => console.close()),
  }
}

/** Whether one made for the one configuration is good for the other: the rest it asks for itself. */
export const isSameSide = ({ admin: one }: Config, { admin: other }: Config): boolean =>
  one.token === other.token && JSON.stringify(one.listen) === JSON.stringify(other.listen)

/** The passwords and the throttles of the sign-in page: who guesses here is stopped there, too. */
const proving =
  (room: Room, throttles: () => Throttles): ConsoleRoom['prove'] =>
  async (given, remote) => {
    const { provenAccount } = await import('./oauth/proven-account.ts')
    const caller = { remote, request_id: room.stores.secrets.id() }
    return orWait(provenAccount(given, caller, { ...room, throttles: throttles() }))
  }

/** Where a throttle refuses (429): for how many seconds. */
const orWait = async <T>(attempt: Promise<T>): Promise<T | { readonly wait: number }> => {
  try {
    return await attempt
  } catch (error) {
    const { OAuthError } = await import('./oauth/errors.ts')
    if (!(error instanceof OAuthError && error.status === 429)) throw error
    return { wait: Number(error.headers['Retry-After']) || 60 }
  }
}

const warningsOf = ({ config }: Room): readonly string[] => {
  const { listen, tls } = config().admin
  return isLoopback(listen.host) || tls !== undefined ? [] : [IN_CLEAR]
}

const IN_CLEAR =
  'This console is reachable over the network without TLS: who listens there reads passwords and secrets. Give it a certificate (admin.tls), or let admin.listen be a loopback address, and come through an SSH tunnel.'
