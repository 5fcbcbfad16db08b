import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digest } from '../src/store/secrets.ts'
import {
  type RunningAuthorizationServer,
  type Settings,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { REGISTRATION_POLICY } from './support/base-config.ts'
import { createClient } from './support/client.ts'
import { createPerson, openBrowser } from './support/person.ts'
import { post, registered } from './support/registration.ts'
import { type MovableClock, movableClock } from './support/stores.ts'

const WEB = { redirect_uris: ['https://client.example/cb'] }
const NATIVE = { redirect_uris: ['http://127.0.0.1/cb'], token_endpoint_auth_method: 'none' }
const TOKEN = 'an initial access token of the tests'

const servers: RunningAuthorizationServer[] = []
const start = async (settings: Settings, clock?: MovableClock) => {
  const server = await startAuthorizationServer(settings, clock && { clock })
  servers.push(server)
  return server
}
afterAll(() => Promise.all(servers.map((server) => server.stop())))

let open: RunningAuthorizationServer
beforeAll(async () => {
  open = await start({ registration: 'open' })
})

const metadataOf = async (origin: string): Promise<Record<string, unknown>> =>
  (await (await fetch(`${origin}/.well-known/oauth-authorization-server`)).json()) as Record<
    string,
    unknown
  >

describe('who may register', () => {
  it('§3 closed: nothing is there, and the metadata does not say otherwise', async () => {
    const { origin } = await start({})
    const there = await fetch(`${origin}/oauth/register`, { method: 'POST' })
    const below = await fetch(`${origin}/oauth/register/x`)
    expect([there.status, below.status]).toEqual([404, 404])
    expect(await metadataOf(origin)).not.toHaveProperty('registration_endpoint')
  })

  it('§3 open: anyone, at the endpoint that the metadata names', async () => {
    const { registration_endpoint } = await metadataOf(open.origin)
    expect(registration_endpoint).toBe(`${open.origin}/oauth/register`)
    expect((await post(open.origin, WEB)).status).toBe(201)
  })

  it('7591-02 token: who holds an initial access token, and 401 for everyone else', async () => {
    const { origin } = await start({
      registration: 'token',
      registrationTokens: ['the one before it', TOKEN],
    })
    const as = (authorization: string) => post(origin, WEB, { Authorization: authorization })
    expect((await as(`Bearer ${TOKEN.replaceAll(' ', '-')}`)).status).toBe(401)
    const none = await post(origin, WEB)
    expect(none.status).toBe(401)
    expect(none.body).toMatchObject({ error: 'invalid_token' })
    expect(none.headers.get('WWW-Authenticate')).toBe('Bearer realm="Portcullis registration"')
    const wrong = await as('Bearer wrong')
    expect(wrong.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
    expect((await as(`Basic ${btoa(`x:${TOKEN}`)}`)).status).toBe(401)
    expect(await metadataOf(origin)).toHaveProperty('registration_endpoint')
  })

  it('7591-02 each of several initial access tokens is good', async () => {
    const registrationTokens = ['former-token-of-the-tests', 'present-token-of-the-tests']
    const { origin } = await start({ registration: 'token', registrationTokens })
    for (const token of registrationTokens) {
      const { status } = await post(origin, WEB, { Authorization: `bearer ${token}` })
      expect(status).toBe(201)
    }
  })

  it('7591-02 one that an operator minted is good for its time and its uses, and until it is withdrawn', async () => {
    const clock = movableClock()
    const { origin, stores, logged } = await start({ registration: 'token' }, clock)
    const { registrationTokens } = stores
    const status = async (token: string, document: object = WEB) =>
      (await post(origin, document, { Authorization: `Bearer ${token}` })).status
    const twice = await registrationTokens.mint({ note: 'a team', lifetime: 60, uses: 2 })
    expect(twice.value).toMatch(/^pc_ia_/)
    // What is refused is no use.
    expect(await status(twice.value, {})).toBe(400)
    const racing = await Promise.all([1, 2, 3, 4].map(() => status(twice.value)))
    expect(racing.toSorted()).toEqual([201, 201, 401, 401])
    expect(await status(twice.value)).toBe(401)
    const often = await registrationTokens.mint({ note: 'another', lifetime: 60 })
    expect((await registrationTokens.list()).tokens).toEqual([often.token])
    expect([await status(often.value), await status(often.value)]).toEqual([201, 201])
    const withdrawn = await registrationTokens.mint({ note: 'a third', lifetime: 60 })
    expect(await registrationTokens.withdraw(withdrawn.token.id)).toBe(true)
    expect(await registrationTokens.withdraw(withdrawn.token.id)).toBe(false)
    expect(await status(withdrawn.value)).toBe(401)
    clock.move(61)
    expect(await status(often.value)).toBe(401)
    for (const { value } of [twice, often, withdrawn]) {
      expect(JSON.stringify(logged)).not.toContain(value)
    }
  })

  it('7591-02 guessing initial access tokens is throttled, by address', async () => {
    const { origin } = await start({
      registration: 'token',
      registrationTokens: ['present-token-of-the-tests'],
      limits: { clientSecrets: { points: 3, duration: 300 } },
    })
    const guess = () => post(origin, WEB, { Authorization: 'Bearer guess' })
    for (let left = 3; left > 0; left -= 1) expect((await guess()).status).toBe(401)
    const refused = await guess()
    expect(refused.status).toBe(429)
    expect(refused.headers.get('Retry-After')).toMatch(/^\d+$/)
  })

  it('§3 a page of any origin may ask, and nothing depends on a cookie', async () => {
    const preflight = await fetch(`${open.origin}/oauth/register`, { method: 'OPTIONS' })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('Access-Control-Allow-Methods')).toBe('POST, OPTIONS')
    const { headers } = await post(open.origin, WEB, { Origin: 'https://inspector.example' })
    expect(headers.get('Access-Control-Allow-Origin')).toBe('*')
    expect(headers.get('Access-Control-Allow-Credentials')).toBeNull()
    expect(headers.get('Set-Cookie')).toBeNull()
  })
})

describe('what is answered', () => {
  it('7591-01 all that was registered, the defaults of the RFC included, and a secret', async () => {
    const { status, headers, body } = await post(open.origin, { ...WEB, client_name: 'Robot' })
    expect(status).toBe(201)
    expect(headers.get('Cache-Control')).toBe('no-store')
    expect(headers.get('Content-Type')).toMatch(/^application\/json/)
    const { client_id } = body ?? {}
    expect(body).toEqual({
      client_id: expect.stringMatching(/^[\w-]{22}$/),
      client_id_issued_at: expect.any(Number),
      client_secret: expect.stringMatching(/^pc_cs_[\w-]{64}$/),
      client_secret_expires_at: 0,
      client_name: 'Robot',
      redirect_uris: WEB.redirect_uris,
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      scope: 'orders.read orders.write',
      registration_access_token: expect.stringMatching(/^pc_rg_[\w-]{64}$/),
      registration_client_uri: `${open.origin}/oauth/register/${client_id}`,
    })
    expect(Math.abs(Number(body?.client_id_issued_at) - Date.now() / 1000)).toBeLessThan(60)
  })

  it('7591-01 a public client gets no secret, and no member is null', async () => {
    const { body = {} } = await post(open.origin, NATIVE)
    expect(body).not.toHaveProperty('client_secret')
    expect(body).not.toHaveProperty('client_secret_expires_at')
    expect(Object.values(body)).not.toContain(null)
  })

  it('7591-01 what it says of itself comes back', async () => {
    const said = {
      ...NATIVE,
      grant_types: ['authorization_code', 'refresh_token'],
      client_uri: 'https://client.example/',
      logo_uri: 'https://client.example/logo.png',
      tos_uri: 'https://client.example/terms',
      policy_uri: 'https://client.example/privacy',
      contacts: ['ops@client.example'],
      software_id: '4NRB1-0XZABZI9E6-5SM3R',
      software_version: '2.0.1',
      application_type: 'native',
      require_pushed_authorization_requests: true,
      scope: 'orders.read',
    }
    expect((await post(open.origin, said)).body).toMatchObject(said)
  })

  it('7591-01 only digests are stored', async () => {
    const {
      client_id,
      client_secret = '',
      registration_access_token,
    } = await registered(open.origin, WEB)
    const row = await open.stores.store.get(`client:${client_id}`)
    expect(row).toContain(client_id)
    for (const secret of [client_secret, registration_access_token])
      expect(row).not.toContain(secret)
  })

  it('§3.2.1 null and the empty text stand for what was left out', async () => {
    const { status, body } = await post(open.origin, { ...WEB, client_uri: '', scope: null })
    expect(status).toBe(201)
    expect(body).not.toHaveProperty('client_uri')
    expect(body).toHaveProperty('scope', 'orders.read orders.write')
  })
})

describe('what a client may not have', () => {
  const refused = async (document: unknown, error: string, at = open) => {
    const { status, body, headers } = await post(at.origin, document)
    expect([status, body?.error, body?.error_description]).toEqual([400, error, expect.any(String)])
    expect(headers.get('Cache-Control')).toBe('no-store')
  }

  it('7591-03 unknown members are ignored, and those that only an operator may say', async () => {
    const { status, body } = await post(open.origin, {
      ...WEB,
      client_id: 'web',
      client_secret: 'chosen',
      client_id_issued_at: 1,
      trusted: true,
      first_party: true,
      skip_consent: true,
      skipConsent: true,
      introspect: true,
      require_pkce: false,
      source: 'file',
      disabled: true,
      tokens: { accessToken: 31_536_000, grant: 31_536_000 },
      secret_digests: ['x'],
      secrets: [{ digest: 'x' }],
      access_digest: 'x',
      default_acr_values: ['x'],
      'client_name#de': 'Etwas',
      __proto__: { scope: 'admin' },
    })
    expect(status).toBe(201)
    const { client_id, client_secret } = body ?? {}
    expect([client_id === 'web', client_secret === 'chosen']).toEqual([false, false])
    expect(await open.stores.clients.find(String(client_id))).toMatchObject({
      ...{ source: 'registered', introspect: false, require_pkce: true, tokens: {} },
      secret_digests: [expect.stringMatching(/^[\w-]{43}$/)],
    })
  })

  it.each([
    ['a fragment', 'https://client.example/cb#x'],
    ['plain http', 'http://client.example/cb'],
    ['8252-01 another loopback address', 'http://127.0.0.2/cb'],
    ['8252-01 a name below localhost', 'http://evil.localhost/cb'],
    ['a user', 'https://client.example@evil.example/cb'],
    ['a wildcard', 'https://*.client.example/cb'],
    ['8252-03 javascript', 'javascript:alert(1)'],
    ['8252-03 javascript in capitals', 'JavaScript:alert(1)'],
    ['8252-03 data', 'data:text/html,x'],
    ['8252-03 file', 'file:///etc/passwd'],
    ['8252-03 vbscript', 'vbscript:x'],
    ['8252-03 blob', 'blob:https://client.example/x'],
    ['8252-03 intent', 'intent://x#Intent;end'],
    ['8252-03 ws', 'ws://client.example/'],
    ['8252-03 a scheme without a dot that no operator listed', 'evil://callback'],
    ['6749-25 a code of its own', 'https://client.example/cb?code=x'],
    ['6749-25 a state of its own', 'https://client.example/cb?a=b&state=x'],
    ['6749-25 an iss of its own', 'https://client.example/cb?%69ss=x'],
    ['no scheme', '/cb'],
    ['nothing', ''],
    ['2049 characters', `https://client.example/${'x'.repeat(2049 - 23)}`],
    ['a number', 42],
    ['a list', ['https://client.example/cb']],
    ['another script', 'https://ⅽlient.example/cb'],
    ['a control character', 'https://client.example/\u0000cb'],
  ])('7591-03 a redirect URI with %s', async (_, uri) => {
    await refused({ redirect_uris: ['https://client.example/cb', uri] }, 'invalid_redirect_uri')
  })

  it.each([
    ['none', {}],
    ['an empty list', { redirect_uris: [] }],
    ['no list', { redirect_uris: 'https://client.example/cb' }],
    ['eleven', { redirect_uris: Array.from({ length: 11 }, (_, n) => `https://c.example/${n}`) }],
  ])('7591-03 redirect URIs: %s', async (_, document) => {
    await refused(document, 'invalid_redirect_uri')
  })

  it.each([
    ['password', { grant_types: ['password'] }],
    ['implicit', { grant_types: ['authorization_code', 'implicit'] }],
    ['A18 client_credentials, which asks nobody', { grant_types: ['client_credentials'] }],
    ['no grant type', { grant_types: [] }],
    ['grant types that are no list', { grant_types: 'authorization_code' }],
    ['refresh_token alone', { grant_types: ['refresh_token'], response_types: [] }],
    ['response type token', { response_types: ['token'] }],
    ['response type code beside one that is unknown', { response_types: ['code', 'id_token'] }],
    ['no response type for the code grant', { response_types: [] }],
    ['code without the code grant', { grant_types: [DEVICE], response_types: ['code'] }],
    ['an unknown authentication', { token_endpoint_auth_method: 'client_secret_jwt' }],
    ['an authentication that is no text', { token_endpoint_auth_method: ['none'] }],
    ['private_key_jwt without keys', { token_endpoint_auth_method: 'private_key_jwt' }],
    [
      'keys and where they are',
      {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [] },
        jwks_uri: 'https://c.example/jwks',
      },
    ],
    ['no key', { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [] } }],
    ['a scope that does not exist', { scope: 'admin' }],
    ['a scope that is no text', { scope: ['orders.read'] }],
    ['a name that is no text', { client_name: { en: 'x' } }],
    ['contacts that are no list', { contacts: 'ops@client.example' }],
    ['a flag that is none', { require_pushed_authorization_requests: 'yes' }],
    ['a list', [WEB]],
    ['a text', '"client"'],
    ['null', 'null'],
  ])('7591-03 %s', async (_, document) => {
    const isObject = typeof document === 'object' && !Array.isArray(document)
    await refused(isObject ? { ...WEB, ...document } : document, 'invalid_client_metadata')
  })

  it.each(['logo_uri', 'client_uri', 'tos_uri', 'policy_uri'])(
    '7591-04 %s is https or refused, and is not fetched',
    async (member) => {
      for (const uri of ['http://client.example/', 'javascript:alert(1)', 'data:image/png,x', 'x'])
        await refused({ ...WEB, [member]: uri }, 'invalid_client_metadata')
      // Nothing listens there: to fetch it would fail, or take its time.
      const unreachable = 'https://127.0.0.1:1/'
      expect((await post(open.origin, { ...WEB, [member]: unreachable })).status).toBe(201)
    },
  )

  it('7591-04 where keys are is https or refused, and is not fetched', async () => {
    const signing = { ...WEB, token_endpoint_auth_method: 'private_key_jwt' }
    for (const jwks_uri of ['http://client.example/jwks', 'file:///jwks'])
      await refused({ ...signing, jwks_uri }, 'invalid_client_metadata')
    const { status, body } = await post(open.origin, {
      ...signing,
      jwks_uri: 'https://127.0.0.1:1/',
    })
    expect([status, body?.client_secret]).toEqual([201, undefined])
  })

  it.each([
    ['a right-to-left override', 'Bank\u202Eelgoog'],
    ['a zero-width space', 'Goo\u200Bgle'],
    ['a control character', 'Bank\u0007'],
    ['a line break', 'Bank\nof'],
    ['a filler', 'Bank\u3164'],
    ['a variation selector', 'Bank\uFE0F'],
    ['marks piled up', 'B\u0301\u0302\u0303ank'],
    ['101 characters', 'x'.repeat(101)],
    ['spaces around it', ' Bank '],
  ])('7591-04 a name with %s', async (_, client_name) => {
    await refused({ ...WEB, client_name }, 'invalid_client_metadata')
  })

  it.each([
    ['as it is', 'Web shop'],
    ['in capitals', 'WEB SHOP'],
    ['without its space', 'WebShop'],
    ['with signs', '« Web-shop »'],
    ['with accents', 'Wéb shöp'],
    ['in letters of another script', 'Wеb ѕhор'],
    ['in wide letters', 'Ｗｅｂ ｓｈｏｐ'],
    ['the id of one', 'native'],
  ])('A18 the name of an application that an operator vouches for, %s', async (_, client_name) => {
    await refused({ ...WEB, client_name }, 'invalid_client_metadata')
  })

  it('A18 the name of one that an operator made at run time, for as long as it bears it', async () => {
    const { origin, stores } = await start({ registration: 'open' })
    await stores.clients.create({
      ...{ client_id: 'payroll', client_name: 'Payroll', redirect_uris: [], grant_types: [] },
      ...{ require_pkce: true, introspect: false, tokens: {} },
      ...{ source: 'operator', created: 0, secrets: [] },
    })
    const status = async (client_name: string) =>
      (await post(origin, { ...WEB, client_name })).status
    expect(await status('PAYR0LL')).toBe(400)
    expect(await status('Payroll reader')).toBe(201)
    await stores.clients.change('payroll', undefined, (client) => ({
      ...client,
      client_name: 'Wages',
    }))
    expect([await status('Payroll'), await status('Wages')]).toEqual([400, 400])
    await stores.clients.remove('payroll', 'test')
    expect([await status('Payroll'), await status('Wages')]).toEqual([201, 201])
  })

  it('7591-02 software statements, of which none is approved here', async () => {
    await refused({ ...WEB, software_statement: 'e30.e30.x' }, 'unapproved_software_statement')
    await refused({ ...WEB, software_statement: 'statement' }, 'invalid_software_statement')
  })
})

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'

describe('the policy', () => {
  it('7591-03 scopes beyond it are left out, and what remains is told', async () => {
    const registrationPolicy = { ...REGISTRATION_POLICY, scope: 'orders.read' }
    const { origin, stores } = await start({ registration: 'open', registrationPolicy })
    const scope = async (given?: string) =>
      (await post(origin, { ...WEB, scope: given })).body?.scope
    expect(await scope('orders.read orders.write openid')).toBe('orders.read')
    expect(await scope()).toBe('orders.read')
    const { client_id } = await registered(origin, WEB)
    expect(await stores.clients.find(client_id)).toMatchObject({ scope: 'orders.read' })
    expect((await post(origin, { ...WEB, scope: 'orders.write' })).status).toBe(400)
  })

  it('7591-03 hosts of redirect URIs', async () => {
    const redirectHosts = ['client.example', '*.apps.example']
    const registrationPolicy = { ...REGISTRATION_POLICY, redirectHosts }
    const { origin } = await start({ registration: 'open', registrationPolicy })
    const status = async (uri: string) => (await post(origin, { redirect_uris: [uri] })).status
    for (const uri of [
      'https://client.example/cb',
      'https://a.b.apps.example/',
      'http://localhost/',
    ])
      expect([uri, await status(uri)]).toEqual([uri, 201])
    for (const uri of ['https://apps.example/', 'https://evilapps.example/', 'https://x.example/'])
      expect([uri, await status(uri)]).toEqual([uri, 400])
  })

  it('7591-03 client_credentials only where an operator lets holders of a token have it', async () => {
    const { origin } = await start({
      registration: 'token',
      registrationTokens: ['present-token-of-the-tests'],
      registrationPolicy: { ...REGISTRATION_POLICY, grant_types: ['client_credentials'] },
    })
    const headers = { Authorization: 'Bearer present-token-of-the-tests' }
    const { status, body } = await post(origin, { grant_types: ['client_credentials'] }, headers)
    expect([status, body?.response_types]).toEqual([201, []])
    const keyless = { grant_types: ['client_credentials'], token_endpoint_auth_method: 'none' }
    expect((await post(origin, keyless, headers)).status).toBe(400)
  })

  it.each([
    'com.example.app:/callback',
    'cursor://anysphere.cursor-mcp/oauth/callback',
    'http://127.0.0.1:33418/',
    'http://[::1]/cb',
    'http://localhost:8787/callback',
    'https://vscode.dev/redirect',
  ])('8252-03 what tools register is taken: %s', async (uri) => {
    const { status, body } = await post(open.origin, { ...NATIVE, redirect_uris: [uri] })
    expect([status, body?.redirect_uris]).toEqual([201, [uri]])
  })
})

describe('bodies', () => {
  const send = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>) =>
    fetch(`${open.origin}/oauth/register`, { method: 'POST', body, headers })

  it.each([
    ['a form', 'redirect_uris=https://client.example/cb', 'application/x-www-form-urlencoded'],
    ['no type', JSON.stringify(WEB), 'text/plain'],
    ['a type that only resembles JSON', JSON.stringify(WEB), 'application/jsonp'],
    ['what is no JSON', '{"redirect_uris":', 'application/json'],
    ['nothing', '', 'application/json'],
    ['what is no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'application/json'],
    ['JSON nested as deep as it gets', '['.repeat(30_000) + ']'.repeat(30_000), 'application/json'],
    ['objects so deep', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, 'application/json'],
  ])('7591-03 %s is 400', async (_, body, type) => {
    const response = await send(body, { 'Content-Type': type })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: expect.stringMatching(/^invalid_/) })
  })

  it('7591-03 application/json with a charset is JSON', async () => {
    const type = 'application/json; charset=utf-8'
    expect((await send(JSON.stringify(WEB), { 'Content-Type': type })).status).toBe(201)
  })

  it('CVE-2026-111497 what is compressed is 415', async () => {
    const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }
    expect((await send('x', headers)).status).toBe(415)
  })

  it('A35 what is larger than limits.formBody is 413', async () => {
    const large = JSON.stringify({ ...WEB, client_name: 'x'.repeat(70_000) })
    expect((await send(large, { 'Content-Type': 'application/json' })).status).toBe(413)
  })

  it('§3.1 other methods are 405', async () => {
    const { status, headers } = await fetch(`${open.origin}/oauth/register`)
    expect([status, headers.get('Allow')]).toEqual([405, 'POST, OPTIONS'])
  })

  it('whatever is sent, the answer is 201 or 400', async () => {
    const { origin } = await start({
      registration: 'open',
      limits: {
        registrations: { points: 10_000, duration: 60, total: 10_000 },
        registeredClients: 10_000,
      },
    })
    const names = [
      ...['redirect_uris', 'grant_types', 'response_types', 'token_endpoint_auth_method', 'scope'],
      ...['client_name', 'client_uri', 'contacts', 'jwks', 'jwks_uri', 'software_statement'],
    ]
    const uri = fc.oneof(fc.constant('https://client.example/cb'), fc.webUrl(), fc.string())
    const value = fc.oneof(fc.jsonValue(), fc.array(uri, { maxLength: 3 }), uri)
    const document = fc.dictionary(fc.constantFrom(...names, '__proto__', 'constructor'), value)
    await fc.assert(
      fc.asyncProperty(fc.oneof(document, fc.jsonValue()), async (body) => {
        expect([201, 400]).toContain((await post(origin, JSON.stringify(body))).status)
      }),
      { numRuns: 300 },
    )
  })
})

describe('7591-05 bounds', () => {
  it('A35 so much of each: what is registered has at most 16 KiB', async () => {
    const redirect_uris = (count: number) =>
      Array.from({ length: count }, (_, n) => `https://c.example/${n}${'x'.repeat(2000)}`)
    expect((await post(open.origin, { redirect_uris: redirect_uris(7) })).status).toBe(201)
    const { status, body } = await post(open.origin, { redirect_uris: redirect_uris(9) })
    expect([status, body?.error]).toEqual([400, 'invalid_client_metadata'])
  })

  const limited = (limits: Settings['limits'], clock?: MovableClock) =>
    start({ registration: 'open', ...(limits && { limits }) }, clock)

  it('so many from one address, and 429 with Retry-After', async () => {
    const { origin } = await limited({ registrations: { points: 2, duration: 60, total: 100 } })
    await registered(origin, WEB)
    await registered(origin, WEB)
    // What is refused for what it says does not count.
    expect((await post(origin, {})).status).toBe(400)
    const { status, headers, body } = await post(origin, WEB)
    expect([status, body?.error]).toEqual([429, 'temporarily_unavailable'])
    expect(headers.get('Retry-After')).toMatch(/^\d+$/)
  })

  it('so many from all addresses together', async () => {
    const { origin } = await start({
      registration: 'open',
      trustedProxies: ['127.0.0.1'],
      limits: { registrations: { points: 2, duration: 60, total: 3 } },
    })
    const from = async (address: string) =>
      (await post(origin, WEB, { 'X-Forwarded-For': address })).status
    const statuses = [await from('192.0.2.1'), await from('192.0.2.2'), await from('192.0.2.3')]
    expect([...statuses, await from('192.0.2.4')]).toEqual([201, 201, 201, 429])
  })

  it('A35 so many in the store at a time, and 503 for the next, until some have expired', async () => {
    const clock = movableClock()
    const { origin } = await limited({ registeredClients: 3 }, clock)
    for (let left = 3; left > 0; left -= 1) await registered(origin, WEB)
    const full = await post(origin, WEB)
    expect([full.status, full.headers.get('Retry-After')]).toEqual([503, '3600'])
    clock.move(86_401)
    expect((await post(origin, WEB)).status).toBe(201)
  })

  it('one that was never given a token is gone after a day', async () => {
    const clock = movableClock()
    const { origin, stores } = await limited({}, clock)
    const { client_id } = await registered(origin, WEB)
    clock.move(86_399)
    expect(await stores.clients.find(client_id)).toMatchObject({ client_id })
    clock.move(2)
    expect(await stores.clients.find(client_id)).toBeUndefined()
    await stores.store.purge(1000)
    expect((await stores.store.list('clients')).rows).toEqual([])
  })
})

describe('trust', () => {
  const REDIRECT = 'https://client.example/cb'

  it('A18 whoever registered itself is asked about each time, and one of an operator once', async () => {
    const { origin, stores } = await start({ registration: 'open' })
    const own = await registered(origin, { redirect_uris: [REDIRECT] })
    const secrets = [{ digest: digest('payroll-secret') }]
    await stores.clients.create({
      ...{ client_id: 'payroll', redirect_uris: [REDIRECT], grant_types: ['authorization_code'] },
      ...{ require_pkce: true, introspect: false, tokens: {} },
      ...{ source: 'operator', created: 0, secrets },
    })
    const ada = createPerson('ada', 'ada-password')
    const askedAgain = async (client_id: string, secret = '') => {
      const client = createClient(origin, client_id, { secret, redirect_uri: REDIRECT })
      const allowed = await client.redeem(await ada.authorize(client.authorizationUrl()))
      expect(allowed.status).toBe(200)
      const next = await ada.settle(await ada.browser.open(client.authorizationUrl().href))
      return next.body.includes('name="decision"')
    }
    expect(await askedAgain(own.client_id, own.client_secret)).toBe(true)
    expect(await askedAgain('payroll', 'payroll-secret')).toBe(false)
  })

  it('a person whose tool was forgotten is told to add it anew', async () => {
    const page = await openBrowser().open(
      `${open.origin}/oauth/authorize?client_id=AAAAAAAAAAAAAAAAAAAAAA&redirect_uri=${REDIRECT}`,
    )
    expect([page.status, page.location]).toEqual([400, undefined])
    expect(page.body).toContain('add it anew')
  })
})
