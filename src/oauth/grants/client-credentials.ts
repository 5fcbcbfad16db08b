import { isPublic } from '../client-authentication.ts'
import { unauthorizedClient } from '../errors.ts'
import { lifetimesOf } from '../lifetimes.ts'
import { requestedResource } from '../resource.ts'
import { requestedScope } from '../scope.ts'
import { storedValues } from '../stored-values.ts'
import type { GrantType } from './grant.ts'

/**
 * A token for the client itself (RFC 6749 §4.4): only for one that keeps a secret, and without a refresh token, since it
 * can ask again at any time. Its subject stands in a namespace that no person's can enter.
 */
export const grantToClient: GrantType = async ({ client, parameters, caller }, room) => {
  const { stores, config, clock, log } = room
  if (isPublic(client)) throw unauthorizedClient('a public client has no credentials of its own')
  const scope = requestedScope(parameters.get('scope'), client, config)
  const resource = requestedResource(parameters.all('resource'), client, config)
  const { client_id } = client
  const iat = Math.floor(clock())
  const exp = iat + lifetimesOf(client, config).accessToken
  const parts = { client_id, scope, aud: resource, iat, exp }
  const minted = stores.tokens.mintOwn(parts, storedValues(client))
  await stores.store.batch([minted.write])
  const { sub, grant_id } = minted.token
  log.audit('token.issued', {
    grant_type: 'client_credentials',
    client_id,
    sub,
    grant_id,
    scope,
    ...caller,
  })
  return { access_token: minted.value, token: minted.token }
}
