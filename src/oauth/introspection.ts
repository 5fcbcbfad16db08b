import type { Client } from '../store/clients.ts'
import { jsonReply } from './call.ts'
import { authenticateClient, isPublic } from './client-authentication.ts'
import type { ProgramHandler } from './endpoint.ts'
import { invalidClient, invalidRequest } from './errors.ts'
import { findToken, type HeldToken } from './held-token.ts'
import type { Room } from './room.ts'

/** The introspection endpoint (RFC 7662): for what is not good, or not this caller's to know, `active` is false and all. */
export const introspect =
  (room: Room): ProgramHandler =>
  async ({ req, caller }, parameters) => {
    const client = await authenticateClient(req, parameters, caller, room)
    if (isPublic(client)) throw invalidClient('a client without a secret may not introspect')
    const value = parameters.get('token')
    if (value === undefined) throw invalidRequest('token is missing')
    const held = await findToken(value, room)
    return jsonReply(held && mayKnow(client, held) ? description(held, room) : { active: false })
  }

/** Its own tokens; with `introspect`, as a resource server, everybody's access tokens. */
export const mayKnow = (client: Client, held: HeldToken): boolean =>
  held.client_id === client.client_id || (client.introspect && held.kind === 'access_token')

const description = (held: HeldToken, { config: { issuer } }: Room): object => {
  if (held.kind === 'refresh_token') {
    const { grant, current } = held
    if (!current || !grant.refresh) return { active: false }
    const { client_id, sub, scope, values } = grant
    const times = { iat: Math.floor(grant.refresh.stepped), exp: Math.floor(grant.refresh.expires) }
    return {
      ...values,
      active: true,
      scope: scope.join(' '),
      client_id,
      sub,
      ...times,
      iss: issuer,
    }
  }
  const { client_id, sub, scope, aud, iat, exp } = held.token
  return {
    ...held.grant.values,
    active: true,
    scope: scope.join(' '),
    client_id,
    token_type: 'Bearer',
    sub,
    // A token without a resource is good on every route: its audience is this gateway.
    aud: aud.length > 0 ? aud : [issuer],
    iat,
    exp,
    iss: issuer,
  }
}
