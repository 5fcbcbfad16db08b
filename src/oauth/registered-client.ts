import type Koa from 'koa'

import type { StoredClient } from '../store/clients.ts'
import { digest, equal } from '../store/secrets.ts'
import { answerClient } from './client-information.ts'
import type { ClientMetadata } from './client-metadata.ts'
import { callerOf, type DocumentHandler } from './endpoint.ts'
import { invalidRequest, OAuthError, temporarilyUnavailable } from './errors.ts'
import { acceptedMetadata, hasSecret } from './registration.ts'
import { bearerOf, missingToken, wrongToken } from './registration-access.ts'
import type { Room } from './room.ts'

/** GET (RFC 7592 §2.1). The secret is not told again: only its digest is kept. */
export const showRegistration =
  (room: Room): DocumentHandler =>
  async (ctx) => {
    const { client, access } = await ownRegistration(ctx, room)
    answerClient(ctx, client, { secret: undefined, access }, room)
  }

/** PUT (§2.2): the whole document is replaced, by the same rules as a first one; what is left out is deleted. */
export const replaceRegistration =
  (room: Room): DocumentHandler =>
  async (ctx, read) => {
    const { client, access } = await ownRegistration(ctx, room)
    const document = await read()
    checkIdentity(document, client, room)
    const metadata = await acceptedMetadata(document, room)
    const caller = callerOf(ctx, room)
    await room.throttles.registrations.take(caller.remote)
    const { changed, secret } = replaced(client, metadata, room)
    const { client_id } = client
    const { outcome } = await room.stores.clients.change(
      client_id,
      undefined,
      // The token may have been taken back in the meantime, and the secret replaced.
      (now) => (now.access_digest === client.access_digest ? changed(now) : now),
      caller,
    )
    if (outcome === 'conflict') throw temporarilyUnavailable('others change it now, try again')
    if (outcome !== 'changed') throw wrongToken()
    answerClient(ctx, changed(client), { secret, access }, room)
  }

/** DELETE (§2.3): with everything that it was given. */
export const removeRegistration =
  (room: Room): DocumentHandler =>
  async (ctx) => {
    const { client } = await ownRegistration(ctx, room)
    await room.stores.clients.remove(client.client_id, 'removed by itself', callerOf(ctx, room))
    ctx.status = 204
    ctx.set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' })
  }

/** The client of the address, if the token is its own: one and the same 401 for every other. */
const ownRegistration = async (
  ctx: Koa.Context,
  { stores, log, ...room }: Room,
): Promise<{ readonly client: StoredClient; readonly access: string }> => {
  const access = bearerOf(ctx.req)
  if (access === undefined) throw missingToken()
  const client_id: string = ctx.params.client_id ?? ''
  const client =
    client_id.length > LONGEST_ID ? undefined : await stores.clients.findStored(client_id)
  const known = client?.access_digest
  if (equal(known ?? '', digest(access)) && client !== undefined) return { client, access }
  log.audit('registration.refused', { ...(client && { client_id }), ...callerOf(ctx, room) })
  throw wrongToken()
}

/** §2.2: it names itself, its secret if at all as it is, and nothing that only we may say. */
const checkIdentity = (document: unknown, client: StoredClient, { clock }: Room): void => {
  if (typeof document !== 'object' || document === null) return
  const members = new Map<string, unknown>(Object.entries(document))
  const ours = OURS.find((name) => members.has(name))
  if (ours !== undefined) throw invalidRequest(`${ours} must not be sent`)
  if (members.get('client_id') !== client.client_id)
    throw invalidRequest('client_id must be that of the client')
  const secret = members.get('client_secret')
  if (secret === undefined || secret === null) return
  const good = client.secrets.filter(({ until = Number.POSITIVE_INFINITY }) => until > clock())
  const matches = good.map((kept) => equal(kept.digest, digest(String(secret)))).includes(true)
  if (!matches) throw new OAuthError('invalid_request', 'client_secret is not that of the client')
}

/** A client that goes over to secrets gets one; one that leaves them loses its own. */
const replaced = (client: StoredClient, metadata: ClientMetadata, { stores }: Room) => {
  const { client_id, source, created, access_digest } = client
  const keeps = hasSecret(metadata)
  const secret =
    keeps && client.secrets.length === 0 ? stores.secrets.mint('client-secret') : undefined
  const secretsOf = (now: StoredClient) =>
    secret === undefined ? now.secrets : [{ digest: digest(secret) }]
  const changed = (now: StoredClient): StoredClient => ({
    ...{ client_id, source, created, ...metadata },
    ...(access_digest !== undefined && { access_digest }),
    secrets: keeps ? secretsOf(now) : [],
  })
  return { secret, changed }
}

const LONGEST_ID = 64
const OURS = [
  'registration_access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
]
