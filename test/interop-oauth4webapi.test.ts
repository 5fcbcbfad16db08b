import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSigningKey, type SigningKey } from './support/assertion.ts'
import { createPerson } from './support/person.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'
import { ok, type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

const REDIRECT_URI = 'https://app.example/callback'

const LOOPBACK = { [oauth.allowInsecureRequests]: true }

/** A client that follows the specifications to the letter drives everything that we offer. */
describe('oauth4webapi', () => {
  let server: Portcullis
  let upstream: RecordingUpstream
  let key: SigningKey
  let as: oauth.AuthorizationServer
  const ada = createPerson('ada', 'ada-password')

  beforeAll(async () => {
    upstream = await startRecordingUpstream(() => ok('an order'))
    key = await createSigningKey('ES256', '2026')
    server = await startPortcullis(
      `
demo: true
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams: { orders: ${upstream.origin} }
routes: [{ path: /orders/*, upstream: orders, scope: orders.read }]
clients:
  - client_id: web
    client_secret: web-secret
    redirect_uris: [${REDIRECT_URI}]
    grant_types: [authorization_code, refresh_token]
  - client_id: native
    redirect_uris: [http://127.0.0.1/callback]
    grant_types: [authorization_code, refresh_token]
  - client_id: signer
    token_endpoint_auth_method: private_key_jwt
    jwks: \${JWKS}
    redirect_uris: [${REDIRECT_URI}]
    grant_types: [authorization_code, refresh_token]
  - client_id: machine
    client_secret: machine-secret
    grant_types: [client_credentials]
accounts: [{ username: ada, password: ada-password }]
`,
      { env: { JWKS: JSON.stringify({ keys: [key.jwk] }) } },
    )
    const issuer = new URL(server.origin)
    const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...LOOPBACK })
    as = await oauth.processDiscoveryResponse(issuer, found)
  })
  afterAll(async () => {
    await server.stop()
    await upstream.close()
  })

  const call = (token: string) =>
    oauth.protectedResourceRequest(
      token,
      'GET',
      new URL(`${server.origin}/orders/1`),
      undefined,
      undefined,
      LOOPBACK,
    )

  const authorize = async (client: oauth.Client, redirect_uri: string) => {
    const code_verifier = oauth.generateRandomCodeVerifier()
    const state = oauth.generateRandomState()
    const url = new URL(as.authorization_endpoint ?? '')
    url.search = new URLSearchParams({
      client_id: client.client_id,
      redirect_uri,
      response_type: 'code',
      scope: 'orders.read',
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(code_verifier),
      code_challenge_method: 'S256',
    }).toString()
    const callback = await ada.authorize(url)
    return { parameters: oauth.validateAuthResponse(as, client, callback, state), code_verifier }
  }

  it.each<[string, oauth.Client, () => oauth.ClientAuth, string]>([
    [
      'client_secret_basic',
      { client_id: 'web' },
      () => oauth.ClientSecretBasic('web-secret'),
      REDIRECT_URI,
    ],
    [
      'client_secret_post',
      { client_id: 'web' },
      () => oauth.ClientSecretPost('web-secret'),
      REDIRECT_URI,
    ],
    [
      'private_key_jwt',
      { client_id: 'signer' },
      () => oauth.PrivateKeyJwt({ key: key.privateKey, kid: '2026' }),
      REDIRECT_URI,
    ],
    ['none', { client_id: 'native' }, () => oauth.None(), 'http://127.0.0.1:51004/callback'],
  ])(
    '9700-2.1 %s: code with PKCE, a call, refresh, revocation',
    async (_, client, authenticated, redirect_uri) => {
      const authentication = authenticated()
      const { parameters, code_verifier } = await authorize(client, redirect_uri)
      const redeemed = await oauth.authorizationCodeGrantRequest(
        as,
        client,
        authentication,
        parameters,
        redirect_uri,
        code_verifier,
        LOOPBACK,
      )
      const tokens = await oauth.processAuthorizationCodeResponse(as, client, redeemed)
      expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'orders.read', expires_in: 600 })
      expect(await (await call(tokens.access_token)).text()).toBe('an order')
      expect(upstream.requests.at(-1)?.values('x-auth-subject')).toEqual(['ada'])
      const refreshed = await oauth.refreshTokenGrantRequest(
        as,
        client,
        authentication,
        tokens.refresh_token ?? '',
        LOOPBACK,
      )
      const next = await oauth.processRefreshTokenResponse(as, client, refreshed)
      expect(next.access_token).not.toBe(tokens.access_token)
      const revoked = await oauth.revocationRequest(
        as,
        client,
        authentication,
        next.refresh_token ?? '',
        LOOPBACK,
      )
      await oauth.processRevocationResponse(revoked)
      for (const token of [tokens.access_token, next.access_token]) {
        const refused = oauth.WWWAuthenticateChallengeError
        await expect(call(token)).rejects.toBeInstanceOf(refused)
      }
      const dead = await oauth.refreshTokenGrantRequest(
        as,
        client,
        authentication,
        next.refresh_token ?? '',
        LOOPBACK,
      )
      await expect(oauth.processRefreshTokenResponse(as, client, dead)).rejects.toMatchObject({
        error: 'invalid_grant',
        status: 400,
      })
    },
  )

  it('7662-03 introspection', async () => {
    const client = { client_id: 'machine' }
    const authentication = oauth.ClientSecretBasic('machine-secret')
    const granted = await oauth.clientCredentialsGrantRequest(
      as,
      client,
      authentication,
      { scope: 'orders.read' },
      LOOPBACK,
    )
    const { access_token } = await oauth.processClientCredentialsResponse(as, client, granted)
    const asked = await oauth.introspectionRequest(
      as,
      client,
      authentication,
      access_token,
      LOOPBACK,
    )
    const known = await oauth.processIntrospectionResponse(as, client, asked)
    expect(known).toMatchObject({ active: true, client_id: 'machine', iss: server.origin })
  })

  it('6749-65 a failed authentication is understood', async () => {
    const client = { client_id: 'web' }
    const refused = await oauth.refreshTokenGrantRequest(
      as,
      client,
      oauth.ClientSecretPost('wrong'),
      'x',
      LOOPBACK,
    )
    await expect(oauth.processRefreshTokenResponse(as, client, refused)).rejects.toMatchObject({
      error: 'invalid_client',
      status: 401,
    })
  })

  it('9207-2.4 an error answer is understood', async () => {
    const url = new URL(as.authorization_endpoint ?? '')
    url.search = `client_id=web&response_type=token&state=s&redirect_uri=${encodeURIComponent(REDIRECT_URI)}`
    const callback = await ada.authorize(url)
    expect(() => oauth.validateAuthResponse(as, { client_id: 'web' }, callback, 's')).toThrow(
      expect.objectContaining({ error: 'unsupported_response_type' }),
    )
  })

  it('9728-3 the protected resource leads to its authorization server', async () => {
    const resource = new URL(`${server.origin}/orders`)
    const found = await oauth.resourceDiscoveryRequest(resource, LOOPBACK)
    const described = await oauth.processResourceDiscoveryResponse(resource, found)
    expect(described.authorization_servers).toEqual([as.issuer])
  })
})
