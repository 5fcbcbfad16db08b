import { jsonReply } from './call.ts'
import { authenticateClient } from './client-authentication.ts'
import type { ProgramHandler } from './endpoint.ts'
import { invalidRequest, OAuthError } from './errors.ts'
import { findToken } from './held-token.ts'
import { mayKnow } from './introspection.ts'
import type { Room } from './room.ts'

/**
 * Token information as the system that `axway` stands for gives it: its own field names, and 400 for a token that is not
 * good. Deviation: there anyone may ask; here a client, for the tokens that it may introspect.
 */
export const informOfToken =
  (room: Room): ProgramHandler =>
  async ({ req, caller }, parameters) => {
    const client = await authenticateClient(req, parameters, caller, room)
    const value = parameters.get('access_token')
    if (value === undefined) throw invalidRequest('access_token is missing')
    const held = await findToken(value, room)
    if (held?.kind !== 'access_token' || !mayKnow(client, held)) {
      throw new OAuthError('invalid_token', 'the token is not good', { status: 400 })
    }
    const { client_id, sub, scope, exp } = held.token
    return jsonReply({
      ...held.grant.values,
      audience: client_id,
      user_id: sub,
      scope: scope.join(' '),
      expires_in: Math.max(0, exp - Math.floor(room.clock())),
    })
  }
