import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSigningKey } from './support/assertion.ts'
import {
  REDIRECT_URI,
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createPerson } from './support/person.ts'

describe('openid-client', () => {
  let server: RunningAuthorizationServer
  let settings: client.Configuration

  beforeAll(async () => {
    server = await startAuthorizationServer()
    settings = await client.discovery(new URL(server.origin), 'web', 'web-secret', undefined, {
      algorithm: 'oauth2',
      execute: [client.allowInsecureRequests],
    })
  })
  afterAll(() => server.stop())

  it('9700-2.1 code with PKCE, refresh, introspection, revocation', async () => {
    const pkceCodeVerifier = client.randomPKCECodeVerifier()
    const expectedState = client.randomState()
    const url = client.buildAuthorizationUrl(settings, {
      redirect_uri: REDIRECT_URI,
      scope: 'orders.read orders.write',
      state: expectedState,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    })
    const callback = await createPerson('ada', 'ada-password').authorize(url)
    const tokens = await client.authorizationCodeGrant(settings, callback, {
      pkceCodeVerifier,
      expectedState,
    })
    expect(tokens.expiresIn()).toBeLessThanOrEqual(600)
    const next = await client.refreshTokenGrant(settings, tokens.refresh_token ?? '')
    const known = await client.tokenIntrospection(settings, next.access_token)
    expect(known).toMatchObject({ active: true, sub: 'ada', scope: 'orders.read orders.write' })
    await client.tokenRevocation(settings, next.refresh_token ?? '')
    expect(await client.tokenIntrospection(settings, next.access_token)).toEqual({ active: false })
    await expect(
      client.refreshTokenGrant(settings, next.refresh_token ?? ''),
    ).rejects.toMatchObject({
      error: 'invalid_grant',
    })
  })

  it.each(['ES256', 'PS256', 'RS256', 'Ed25519'])(
    '7523-2.2 private_key_jwt (%s): pushed, code with PKCE, refresh, introspection, revocation',
    async (alg) => {
      const key = await createSigningKey(alg, 'a key')
      const signing = await startAuthorizationServer({
        clients: [
          {
            client_id: 'signer',
            token_endpoint_auth_method: 'private_key_jwt',
            jwks: { keys: [key.configured] },
            require_pushed_authorization_requests: true,
          },
        ],
      })
      const signed = await client.discovery(
        new URL(signing.origin),
        'signer',
        undefined,
        client.PrivateKeyJwt({ key: key.privateKey, kid: 'a key' }),
        { algorithm: 'oauth2', execute: [client.allowInsecureRequests] },
      )
      const pkceCodeVerifier = client.randomPKCECodeVerifier()
      const url = await client.buildAuthorizationUrlWithPAR(signed, {
        redirect_uri: REDIRECT_URI,
        scope: 'orders.read',
        code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
      })
      const callback = await createPerson('ada', 'ada-password').authorize(url)
      const tokens = await client.authorizationCodeGrant(signed, callback, { pkceCodeVerifier })
      const next = await client.refreshTokenGrant(signed, tokens.refresh_token ?? '')
      const known = await client.tokenIntrospection(signed, next.access_token)
      expect(known).toMatchObject({ active: true, sub: 'ada', client_id: 'signer' })
      await client.tokenRevocation(signed, next.refresh_token ?? '')
      expect(await client.tokenIntrospection(signed, next.access_token)).toEqual({ active: false })
      await signing.stop()
    },
  )

  it('9207-2.4 a denial is understood', async () => {
    const url = client.buildAuthorizationUrl(settings, {
      redirect_uri: REDIRECT_URI,
      state: 's',
      code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
      code_challenge_method: 'S256',
    })
    const ada = createPerson('bob', 'bob-password')
    const callback = await ada.authorize(url, { decision: 'deny' })
    await expect(
      client.authorizationCodeGrant(settings, callback, { expectedState: 's' }),
    ).rejects.toMatchObject({ error: 'access_denied' })
  })
})
