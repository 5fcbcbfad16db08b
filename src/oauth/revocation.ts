import { jsonReply } from './call.ts'
import { authenticateClient } from './client-authentication.ts'
import type { ProgramHandler } from './endpoint.ts'
import { invalidRequest } from './errors.ts'
import { findToken } from './held-token.ts'
import type { Room } from './room.ts'

/**
 * The revocation endpoint (RFC 7009). A refresh token, the current one or one before it, ends the grant and everything
 * under it; an access token ends alone. A token that is not the client's own is left alone, and the answer does not tell.
 */
export const revoke =
  (room: Room): ProgramHandler =>
  async ({ req, caller }, parameters) => {
    const client = await authenticateClient(req, parameters, caller, room)
    const value = parameters.get('token')
    if (value === undefined) throw invalidRequest('token is missing')
    const held = await findToken(value, room)
    if (held?.client_id === client.client_id) {
      const { id: grant_id, sub } = held.grant
      if (held.kind === 'access_token') await room.stores.tokens.revoke(value)
      else await room.stores.grants.end(grant_id, 'revoked by its client')
      const { client_id } = client
      room.log.audit('token.revoked', { what: held.kind, client_id, sub, grant_id, ...caller })
    }
    return jsonReply({})
  }
