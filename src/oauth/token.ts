import { authenticateClient } from './client-authentication.ts'
import type { ProgramHandler } from './endpoint.ts'
import { invalidRequest, unauthorizedClient, unsupportedGrantType } from './errors.ts'
import { redeemCode } from './grants/authorization-code.ts'
import { grantToClient } from './grants/client-credentials.ts'
import { DEVICE_CODE, redeemDevice } from './grants/device-code.ts'
import type { GrantType } from './grants/grant.ts'
import { refreshTokens } from './grants/refresh-token.ts'
import { chooseFormat } from './response-format.ts'
import type { Room } from './room.ts'
import { tokenReply } from './token-response.ts'

/** Every grant type that the token endpoint knows. */
export const grantTypes: ReadonlyMap<string, GrantType> = new Map([
  ['authorization_code', redeemCode],
  ['refresh_token', refreshTokens],
  ['client_credentials', grantToClient],
  [DEVICE_CODE, redeemDevice],
])

/** The token endpoint (RFC 6749 §3.2): the client proves who it is before anything that it brings is looked at. */
export const issueToken =
  (room: Room): ProgramHandler =>
  async (call, parameters) => {
    chooseFormat(call, parameters.get('format'), room.config)
    const { req, caller } = call
    const grant_type = parameters.get('grant_type')
    if (grant_type === undefined) throw invalidRequest('grant_type is missing')
    const grant = grantTypes.get(grant_type)
    if (!grant)
      throw unsupportedGrantType(`grant_type must be one of ${[...grantTypes.keys()].join(', ')}`)
    const client = await authenticateClient(req, parameters, caller, room)
    if (!client.grant_types.includes(grant_type)) {
      throw unauthorizedClient('this client may not use this grant type')
    }
    const issued = await grant({ client, parameters, caller }, room)
    await room.stores.clients.used(client)
    return tokenReply(call, issued, room)
  }
