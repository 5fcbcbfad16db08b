import type { StoredClient } from '../store/clients.ts'
import { digest } from '../store/secrets.ts'
import { answerClient } from './client-information.ts'
import { type ClientMetadata, readClientMetadata } from './client-metadata.ts'
import { callerOf, type DocumentHandler } from './endpoint.ts'
import { invalidClientMetadata, temporarilyUnavailable } from './errors.ts'
import { admit } from './registration-access.ts'
import type { Room } from './room.ts'

/**
 * The registration endpoint (RFC 7591 §3): a client tells of itself and is given a name, a secret if it can keep one, and a
 * token by which it may look after what it told (RFC 7592).
 */
export const register =
  (room: Room): DocumentHandler =>
  async (ctx, read) => {
    const { stores, clock } = room
    const caller = callerOf(ctx, room)
    const count = await admit(ctx.req, caller, room)
    const metadata = await acceptedMetadata(await read(), room)
    await checkRoom(room)
    await count()
    const secret = hasSecret(metadata) ? stores.secrets.mint('client-secret') : undefined
    const access = stores.secrets.mint('registration')
    const client: StoredClient = {
      client_id: stores.secrets.id(),
      ...metadata,
      source: 'registered',
      created: Math.floor(clock()),
      secrets: secret === undefined ? [] : [{ digest: digest(secret) }],
      access_digest: digest(access),
    }
    await stores.clients.create(client, caller)
    ctx.status = 201
    answerClient(ctx, client, { secret, access }, room)
  }

/** Reads what a client registers, by the policy of now, under a name that nobody takes for another's. */
export const acceptedMetadata = async (
  document: unknown,
  { stores, config }: Pick<Room, 'stores' | 'config'>,
): Promise<ClientMetadata> => {
  const { registrationPolicy, scopes } = config
  const metadata = readClientMetadata(document, registrationPolicy, [...scopes.keys()])
  const { client_name } = metadata
  if (client_name !== undefined && (await stores.clients.resembles(client_name)))
    throw invalidClientMetadata('client_name is the name of another application')
  return metadata
}

/** RFC 7591 §2: who says nothing of it authenticates by a secret. */
export const hasSecret = ({ token_endpoint_auth_method: method }: ClientMetadata): boolean =>
  method !== 'none' && method !== 'private_key_jwt'

const checkRoom = async ({ stores, config }: Room): Promise<void> => {
  if (await stores.clients.hasRoom(config.limits.registeredClients)) return
  throw temporarilyUnavailable('too many clients are registered, try again later', {
    headers: { 'Retry-After': '3600' },
  })
}
