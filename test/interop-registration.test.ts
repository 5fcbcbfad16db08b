import { once } from 'node:events'
import { join } from 'node:path'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { loadConfiguration } from '../src/config/load.ts'
import { startServer } from '../src/server.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { createPerson, openBrowser } from './support/person.ts'
import { type Portcullis, spawnPortcullis, startPortcullis } from './support/portcullis.ts'
import { ok, type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'
import { post, registered } from './support/registration.ts'

const LOOPBACK = { [oauth.allowInsecureRequests]: true }
const yaml = (upstream: string) => `
demo: true
registration: open
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams: { orders: ${upstream} }
routes: [{ path: /orders/*, upstream: orders, scope: orders.read }]
accounts: [{ username: ada, password: ada-password }]
`

let server: Portcullis
let upstream: RecordingUpstream
beforeAll(async () => {
  upstream = await startRecordingUpstream(() => ok('an order'))
  server = await startPortcullis(yaml(upstream.origin))
})
afterAll(async () => {
  await server.stop()
  await upstream.close()
})

const call = async (access_token: string) =>
  (
    await fetch(`${server.origin}/orders/1`, {
      headers: { Authorization: `Bearer ${access_token}` },
    })
  ).status

/** From nothing but the address of the server to a call, as a tool that nobody configured does it. */
const flow = async (
  metadata: Partial<oauth.Client>,
  redirect_uri: string,
  key?: oauth.PrivateKey,
) => {
  const ada = createPerson('ada', 'ada-password')
  const issuer = new URL(server.origin)
  const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...LOOPBACK })
  const as = await oauth.processDiscoveryResponse(issuer, found)
  const client = await oauth.processDynamicClientRegistrationResponse(
    await oauth.dynamicClientRegistrationRequest(as, metadata, LOOPBACK),
  )
  const { client_id, client_secret, token_endpoint_auth_method } = client
  const authentication = key
    ? oauth.PrivateKeyJwt(key)
    : typeof client_secret !== 'string'
      ? oauth.None()
      : token_endpoint_auth_method === 'client_secret_post'
        ? oauth.ClientSecretPost(client_secret)
        : oauth.ClientSecretBasic(client_secret)
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const url = new URL(as.authorization_endpoint ?? '')
  url.search = new URLSearchParams({
    ...{ client_id, redirect_uri, state, response_type: 'code', scope: 'orders.read' },
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString()
  const callback = await ada.authorize(url)
  const parameters = oauth.validateAuthResponse(as, client, callback, state)
  const answered = await oauth.authorizationCodeGrantRequest(
    ...([as, client, authentication, parameters, redirect_uri, verifier, LOOPBACK] as const),
  )
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answered)
  return { as, ada, url, client, authentication, tokens }
}

const BOTH = ['authorization_code', 'refresh_token']

describe('oauth4webapi registers itself and goes through a whole flow', () => {
  it.each<[string, Partial<oauth.Client>, string]>([
    [
      'a tool on this machine, at any port of 127.0.0.1',
      {
        ...{ redirect_uris: ['http://127.0.0.1/callback'], grant_types: BOTH },
        token_endpoint_auth_method: 'none',
      },
      'http://127.0.0.1:51004/callback',
    ],
    [
      'a tool on this machine, at any port of localhost',
      {
        ...{ client_name: 'Command line', redirect_uris: ['http://localhost:8787/callback'] },
        ...{ grant_types: BOTH, response_types: ['code'], token_endpoint_auth_method: 'none' },
      },
      'http://localhost:51004/callback',
    ],
    [
      'an editor with three addresses, one of its own scheme',
      {
        redirect_uris: [
          'cursor://anysphere.cursor-mcp/oauth/callback',
          'https://www.cursor.com/agents/mcp/oauth/callback',
          'http://localhost:8787/callback',
        ],
        ...{ grant_types: BOTH, response_types: ['code'], token_endpoint_auth_method: 'none' },
        application_type: 'web',
      },
      'cursor://anysphere.cursor-mcp/oauth/callback',
    ],
    [
      'an editor that says more than the RFC knows',
      {
        ...{ client_name: 'Visual Studio Code', client_uri: 'https://code.visualstudio.com' },
        grant_types: [...BOTH, 'urn:ietf:params:oauth:grant-type:device_code'],
        redirect_uris: [
          'https://insiders.vscode.dev/redirect',
          'https://vscode.dev/redirect',
          'http://127.0.0.1/',
          'http://127.0.0.1:33418/',
        ],
        ...{ response_types: ['code'], token_endpoint_auth_method: 'none' },
        ...{ application_type: 'native', scope: 'orders.read offline_access' },
      },
      'http://127.0.0.1:40000/',
    ],
    [
      'a service that keeps a secret and sends it in the body',
      {
        ...{ redirect_uris: ['https://claude.example/api/mcp/auth_callback'], grant_types: BOTH },
        token_endpoint_auth_method: 'client_secret_post',
      },
      'https://claude.example/api/mcp/auth_callback',
    ],
    [
      'a service that leaves everything to the defaults',
      { redirect_uris: ['https://service.example/callback'] },
      'https://service.example/callback',
    ],
  ])('7591-01 %s', async (_, metadata, redirect_uri) => {
    const { as, client, authentication, tokens } = await flow(metadata, redirect_uri)
    expect(await call(tokens.access_token)).toBe(200)
    const wantsMore = metadata.grant_types !== undefined
    expect(tokens.refresh_token !== undefined).toBe(wantsMore)
    if (tokens.refresh_token === undefined) return
    const refreshed = await oauth.refreshTokenGrantRequest(
      ...([as, client, authentication, tokens.refresh_token, LOOPBACK] as const),
    )
    const next = await oauth.processRefreshTokenResponse(as, client, refreshed)
    expect(await call(next.access_token)).toBe(200)
    const revoked = await oauth.revocationRequest(
      ...([as, client, authentication, next.refresh_token ?? '', LOOPBACK] as const),
    )
    await oauth.processRevocationResponse(revoked)
    expect(await call(next.access_token)).toBe(401)
  })

  it('7591-01 a service that signs by a key that it registers', async () => {
    const { publicKey, privateKey } = await oauth.generateKeyPair('ES256', { extractable: true })
    const jwk = { ...(await crypto.subtle.exportKey('jwk', publicKey)), kid: 'first' }
    const redirect_uri = 'https://service.example/callback'
    const metadata: Partial<oauth.Client> = {
      ...{ redirect_uris: [redirect_uri], token_endpoint_auth_method: 'private_key_jwt' },
      jwks: { keys: [{ kty: 'EC', kid: 'first', crv: 'P-256', x: jwk.x ?? '', y: jwk.y ?? '' }] },
    }
    const { client, tokens } = await flow(metadata, redirect_uri, { key: privateKey, kid: 'first' })
    expect(client.client_secret).toBeUndefined()
    expect(await call(tokens.access_token)).toBe(200)
  })

  it('A18 the person is told since when it is known, and asked each time, secret or not', async () => {
    const redirect_uris = ['https://service.example/callback']
    const { ada, url } = await flow({ redirect_uris }, redirect_uris[0] ?? '')
    const page = await ada.settle(await ada.browser.open(url.href))
    const today = new Date().toISOString().slice(0, 10)
    expect(page.body).toContain(`registered ${today}`)
    expect(page.body).toContain('service.example')
    expect(page.body).toContain('name="decision"')
  })

  it('8252-05 a confidential client gets no other port of a loopback address', async () => {
    const { client_id } = await registered(server.origin, {
      redirect_uris: ['http://127.0.0.1/callback'],
    })
    const url = `${server.origin}/oauth/authorize?response_type=code&client_id=${client_id}`
    const there = await openBrowser().open(`${url}&redirect_uri=http://127.0.0.1:5000/callback`)
    expect([there.status, there.location]).toEqual([400, undefined])
  })

  it('7591-02 an error is understood', async () => {
    const issuer = new URL(server.origin)
    const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...LOOPBACK })
    const as = await oauth.processDiscoveryResponse(issuer, found)
    const metadata = { redirect_uris: ['javascript:alert(1)'] }
    const refused = await oauth.dynamicClientRegistrationRequest(as, metadata, LOOPBACK)
    await expect(oauth.processDynamicClientRegistrationResponse(refused)).rejects.toMatchObject({
      error: 'invalid_redirect_uri',
      status: 400,
    })
  })
})

describe('registration: token', () => {
  it('7591-02 oauth4webapi registers with an initial access token of the environment, and not without', async () => {
    const closed = yaml(upstream.origin).replace('registration: open', '')
    const settings = `registration: token\nregistrationTokens: ["\${REGISTRATION_TOKEN}"]\n`
    const token = 'initial-access-token-of-a-team'
    const env = { REGISTRATION_TOKEN: token }
    const gated = await startPortcullis(`${closed}${settings}`, { env })
    const issuer = new URL(gated.origin)
    const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...LOOPBACK })
    const as = await oauth.processDiscoveryResponse(issuer, found)
    const register = async (initialAccessToken?: string) =>
      oauth.processDynamicClientRegistrationResponse(
        await oauth.dynamicClientRegistrationRequest(
          as,
          { redirect_uris: ['https://service.example/callback'] },
          { ...LOOPBACK, ...(initialAccessToken !== undefined && { initialAccessToken }) },
        ),
      )
    expect(await register(token)).toMatchObject({ client_secret: expect.any(String) })
    const refused = oauth.WWWAuthenticateChallengeError
    await expect(register('another-initial-access-token')).rejects.toBeInstanceOf(refused)
    await expect(register()).rejects.toBeInstanceOf(refused)
    await gated.stop()
  })

  it('§3 a reload opens and closes it, and who has registered stays', async () => {
    const file = join(server.folder, 'portcullis.yaml')
    const env = { ORIGIN: server.origin, PORT: String(server.port) }
    const loaded = await loadConfiguration(file, env)
    if ('problems' in loaded) throw new Error('the configuration changed')
    const { client, authentication, as, tokens } = await flow(
      { redirect_uris: ['https://service.example/callback'], grant_types: BOTH },
      'https://service.example/callback',
    )
    await server.server.apply({ ...loaded.config, registration: 'closed' })
    expect((await fetch(`${server.origin}/oauth/register`, { method: 'POST' })).status).toBe(404)
    const refreshed = await oauth.refreshTokenGrantRequest(
      ...([as, client, authentication, tokens.refresh_token ?? '', LOOPBACK] as const),
    )
    const next = await oauth.processRefreshTokenResponse(as, client, refreshed)
    expect(await call(next.access_token)).toBe(200)
    await server.server.apply(loaded.config)
    expect((await post(server.origin, {})).status).toBe(400)
  })
})

describe('openid-client', () => {
  it('7591-01 registers itself and goes through a whole flow', async () => {
    const redirect_uri = 'https://service.example/callback'
    const configuration = await openid.dynamicClientRegistration(
      new URL(server.origin),
      { redirect_uris: [redirect_uri], grant_types: BOTH, client_name: 'Service' },
      undefined,
      { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] },
    )
    const pkceCodeVerifier = openid.randomPKCECodeVerifier()
    const url = openid.buildAuthorizationUrl(configuration, {
      ...{ redirect_uri, scope: 'orders.read' },
      code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    })
    const callback = await createPerson('ada', 'ada-password').authorize(url)
    const tokens = await openid.authorizationCodeGrant(configuration, callback, {
      pkceCodeVerifier,
    })
    expect(await call(tokens.access_token)).toBe(200)
    const next = await openid.refreshTokenGrant(configuration, tokens.refresh_token ?? '')
    expect(await call(next.access_token)).toBe(200)
  })
})

describe('what was registered', () => {
  it('P3 survives kill -9', async () => {
    const killed = await spawnPortcullis(yaml(upstream.origin))
    const own = await registered(killed.origin, { redirect_uris: ['https://c.example/cb'] })
    const over = once(killed.child, 'exit')
    killed.child.kill('SIGKILL')
    await over
    const env = { ORIGIN: killed.origin, PORT: String(killed.port) }
    const loaded = await loadConfiguration(join(killed.folder, 'portcullis.yaml'), env)
    if ('problems' in loaded) throw new Error('the configuration changed')
    const again = await startServer(loaded.config, { clock: systemClock, log: silentLog })
    const { status } = await fetch(own.registration_client_uri, {
      headers: { Authorization: `Bearer ${own.registration_access_token}` },
    })
    expect(status).toBe(200)
    await again.stop({ idle: 0, limit: 2 })
    await killed.stop()
  })

  it('7591-05 is metered', async () => {
    await post(server.origin, { redirect_uris: ['https://c.example/cb'] })
    const metrics = await (await fetch(`${server.admin}/metrics`)).text()
    expect(metrics).toMatch(/portcullis_events_total\{event="client\.registered"\} [1-9]/)
  })
})
