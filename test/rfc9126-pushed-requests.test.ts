import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Stores } from '../src/store/open.ts'
import { digest } from '../src/store/secrets.ts'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { basic, createClient, postForm } from './support/client.ts'
import { createPerson, openBrowser } from './support/person.ts'
import { failing } from './support/unreachable-store.ts'

const CALLBACK = 'https://app.example/callback'
const QUOTES = '"'.repeat(4096)
const URN = 'urn:ietf:params:oauth:request_uri:'

let server: RunningAuthorizationServer
let now = 1_800_000_000
let down = false

const web = () => createClient(server.origin, 'web', { secret: 'web-secret' })
const native = () =>
  createClient(server.origin, 'native', { redirect_uri: 'http://127.0.0.1:51004/callback' })
const pushedValue = (request_uri: unknown) => String(request_uri).slice(URN.length)
const isPage = (answer: { status: number; location: string | undefined; body: string }) => {
  expect([answer.status, answer.location]).toEqual([400, undefined])
  expect(answer.body).toContain('<html')
}

beforeAll(async () => {
  server = await startAuthorizationServer(
    {
      trustedProxies: ['127.0.0.1'],
      clients: [
        { client_id: 'web', client_secret: 'web-secret' },
        { client_id: 'other', client_secret: 'other-secret' },
        { client_id: 'two', client_secret: 'x', redirect_uris: [CALLBACK, `${CALLBACK}2`] },
        { client_id: 'native', redirect_uris: ['http://127.0.0.1/callback'] },
        {
          client_id: 'local',
          client_secret: 'x',
          redirect_uris: ['http://127.0.0.1:3000/callback'],
        },
        {
          client_id: 'strict',
          client_secret: 'x',
          require_pushed_authorization_requests: true,
        },
        { client_id: 'machine', client_secret: 'x', grant_types: ['client_credentials'] },
      ],
    },
    {
      clock: () => now,
      through: (stores: Stores) => failing(stores, () => down),
    },
  )
})
afterAll(() => server.stop())

describe('the pushed authorization request endpoint', () => {
  it('9126-01 answers 201 with a request_uri that nobody can guess, good for a minute', async () => {
    const { status, headers, body } = await web().push()
    expect(status).toBe(201)
    expect(body).toEqual({
      request_uri: expect.stringMatching(/^urn:ietf:params:oauth:request_uri:pc_pr_[\w-]{64}$/),
      expires_in: 60,
    })
    expect(headers.get('Cache-Control')).toBe('no-store')
    expect(headers.get('Content-Type')).toMatch(/^application\/json/)
    expect((await web().push()).body.request_uri).not.toBe(body.request_uri)
  })

  it.each<[string, string, Record<string, string | undefined>, string]>([
    ['a redirect_uri that is not registered', 'web', { redirect_uri: `${CALLBACK}/` }, 'request'],
    ['none where two are registered', 'two', { redirect_uri: undefined }, 'request'],
    ['a redirect_uri that is a script', 'web', { redirect_uri: 'javascript:alert(1)' }, 'request'],
    ['no response_type', 'web', { response_type: undefined }, 'request'],
    ['response_mode=fragment', 'web', { response_mode: 'fragment' }, 'request'],
    ['no code_challenge', 'web', { code_challenge: undefined }, 'request'],
    ['code_challenge_method=plain', 'web', { code_challenge_method: 'plain' }, 'request'],
    ['an unknown prompt', 'web', { prompt: 'create' }, 'request'],
    ['prompt=none and login', 'web', { prompt: 'none login' }, 'request'],
    ['max_age that is no number', 'web', { max_age: '-1' }, 'request'],
    ['a state of more than 4 KiB', 'web', { state: 'x'.repeat(4097) }, 'request'],
    ['what is too long once sealed', 'web', { state: QUOTES, login_hint: QUOTES }, 'request'],
    ['another client_id', 'web', { client_id: 'other' }, 'client'],
    ['response_type=token', 'web', { response_type: 'token' }, 'response_type'],
    ['an unknown scope', 'web', { scope: 'admin' }, 'scope'],
    ['a resource that is not here', 'web', { resource: 'https://evil.example' }, 'target'],
    ['a client without the grant type', 'machine', {}, 'unauthorized'],
    ['a request object', 'web', { request: 'eyJ' }, 'request_not_supported'],
    ['9126-02 a request_uri', 'web', { request_uri: `${URN}x` }, 'request'],
    ['9126-02 a request_uri elsewhere', 'web', { request_uri: 'https://x.example' }, 'request'],
  ])('9126-01 refuses %s', async (_, client_id, parameters, what) => {
    const secret = client_id === 'web' ? 'web-secret' : 'x'
    const client = createClient(server.origin, client_id, { secret })
    const { status, headers, body } = await client.push(parameters)
    const error = ERRORS.get(what) ?? what
    expect([status, body.error]).toEqual([error === 'invalid_client' ? 401 : 400, error])
    expect(headers.has('Location')).toBe(false)
    expect(headers.get('Cache-Control')).toBe('no-store')
  })

  it('9126-01 what a refused redirect_uri was nearest to is in the log, and nowhere else', async () => {
    const { body } = await web().push({ redirect_uri: 'http://app.example/callback' })
    expect(JSON.stringify(body)).not.toContain(CALLBACK)
    const { fields } =
      server.logged.findLast(({ event }) => event === 'authorization.refused') ?? {}
    expect(fields).toMatchObject({ client_id: 'web', nearest: CALLBACK, differs: ['scheme'] })
  })

  it('9126-01 clients authenticate as at the token endpoint', async () => {
    const fields = Object.fromEntries(web().authorizationUrl().searchParams)
    const par = (client: Record<string, string>, headers = {}) =>
      postForm(`${server.origin}/oauth/par`, { ...fields, ...client }, headers)
    expect((await par({}, basic('web', 'web-secret'))).status).toBe(201)
    expect((await par({ client_secret: 'web-secret' })).status).toBe(201)
    const { client_id: _, ...anonymous } = fields
    const url = `${server.origin}/oauth/par`
    expect((await postForm(url, anonymous, basic('web', 'web-secret'))).status).toBe(201)
    const wrong = await par({}, basic('web', 'wrong'))
    expect([wrong.status, wrong.body.error]).toEqual([401, 'invalid_client'])
    expect(wrong.headers.get('WWW-Authenticate')).toMatch(/^Basic /)
    expect((await par({})).status).toBe(401)
    expect((await par({ client_id: 'nobody' })).status).toBe(401)
    const both = await par({ client_secret: 'web-secret' }, basic('web', 'web-secret'))
    expect([both.status, both.body.error]).toEqual([400, 'invalid_request'])
    const { status } = await postForm(`${url}?client_secret=web-secret`, fields)
    expect(status).toBe(401)
  })

  it('9126-02 a public client pushes with its client_id, at any port of its loopback address', async () => {
    const { status, body } = await native().push()
    expect([status, typeof body.request_uri]).toEqual([201, 'string'])
    const elsewhere = await native().push({ redirect_uri: 'http://localhost:51004/callback' })
    expect(elsewhere.body.error).toBe('invalid_request')
  })

  it('8252-01 a confidential client has its registered port only, pushed or not', async () => {
    const local = (port: number) =>
      createClient(server.origin, 'local', { secret: 'x' }).push({
        redirect_uri: `http://127.0.0.1:${port}/callback`,
      })
    expect((await local(3000)).status).toBe(201)
    expect((await local(3001)).body.error).toBe('invalid_request')
  })

  it('6749-07 no parameter may come twice, but resource', async () => {
    const form = `${web().authorizationUrl().searchParams}&client_secret=web-secret`
    const url = `${server.origin}/oauth/par`
    for (const name of ['state', 'scope', 'client_id', 'redirect_uri', 'nonce']) {
      const { status, body } = await postForm(url, `${form}&${name}=a&${name}=a`)
      expect([status, body.error]).toEqual([400, 'invalid_request'])
    }
    const resources = ['orders', 'billing'].map(
      (path) => `&resource=${encodeURIComponent(`${server.origin}/${path}`)}`,
    )
    expect((await postForm(url, form + resources.join(''))).status).toBe(201)
    expect((await postForm(`${url}?state=a`, form)).body.error).toBe('invalid_request')
  })

  it.each([
    ['GET', {}, 405],
    ['PUT', { body: 'a=b' }, 405],
    ['POST', { body: `state=${'x'.repeat(70_000)}` }, 413],
    ['POST', { body: '{}', headers: { 'Content-Type': 'application/json' } }, 400],
    ['POST', { body: 'a=%zz' }, 400],
  ])('9126-04 %s of %j is told by HTTP', async (method, init, status) => {
    const type = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const answer = await fetch(`${server.origin}/oauth/par`, { method, headers: type, ...init })
    const body = await answer.json()
    expect([answer.status, body]).toEqual([
      status,
      expect.objectContaining({ error: 'invalid_request' }),
    ])
    if (status === 405) expect(answer.headers.get('Allow')).toBe('POST, OPTIONS')
  })

  it('9126-01 neither the row nor the log has a secret of the client, or the request_uri', async () => {
    const { body } = await web().push({}, { 'X-Forwarded-For': '203.0.113.1' })
    const value = pushedValue(body.request_uri)
    const row = await server.stores.store.get(`pushed-request:${digest(value)}`)
    expect(row).toContain('orders.read')
    const logged = JSON.stringify(server.logged)
    expect(logged).toContain('request.pushed')
    for (const text of [String(row), logged]) {
      expect(text).not.toContain('web-secret')
      expect(text).not.toContain(value)
    }
  })
})

const ERRORS = new Map([
  ['request', 'invalid_request'],
  ['response_type', 'unsupported_response_type'],
  ['scope', 'invalid_scope'],
  ['target', 'invalid_target'],
  ['client', 'invalid_client'],
  ['unauthorized', 'unauthorized_client'],
])

describe('a pushed request in a browser', () => {
  const ada = createPerson('ada', 'ada-password')

  it('9126-03 is what was pushed, whatever else stands in the address', async () => {
    const client = web()
    const pushed = await client.push({ scope: 'orders.read', state: 'pushed &=#+% é' })
    const url = client.pushedUrl(pushed)
    for (const [name, value] of [
      ['scope', 'orders.write'],
      ['state', 'changed'],
      ['redirect_uri', 'https://evil.example/'],
      ['response_type', 'token'],
      ['code_challenge', 'x'],
      ['prompt', 'none'],
      ['request', 'eyJ'],
    ])
      url.searchParams.append(name ?? '', value ?? '')
    const callback = await ada.authorize(`${url}&state=again&%zz=1`)
    expect(callback.origin + callback.pathname).toBe(CALLBACK)
    expect([...callback.searchParams.keys()]).toEqual(['code', 'state', 'iss'])
    expect(callback.searchParams.get('state')).toBe('pushed &=#+% é')
    const { body } = await client.redeem(callback)
    expect(body.scope).toBe('orders.read')
  })

  it('9126-03 of a public client, to the port that it pushed', async () => {
    const client = native()
    const callback = await ada.authorize(client.pushedUrl(await client.push()))
    expect(callback.host).toBe('127.0.0.1:51004')
    expect((await client.redeem(callback)).status).toBe(200)
  })

  it('9126-03 is asked for by POST as well', async () => {
    const client = web()
    const { searchParams } = client.pushedUrl(await client.push())
    const answer = await ada.browser.post(
      `${server.origin}/oauth/authorize`,
      Object.fromEntries(searchParams),
    )
    expect((await ada.goOn(answer)).searchParams.has('code')).toBe(true)
  })

  it.each<[string, (pushed: string) => [client_id: string, request_uri: string]]>([
    ['of another client', (uri) => ['other', uri]],
    ['of a public client that is another', (uri) => ['native', uri]],
    ['with its tag changed', (uri) => ['web', uri.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A'))]],
    ['that nobody minted', () => ['web', `${URN}pc_pr_${'A'.repeat(64)}`]],
    ['without a value', () => ['web', URN]],
    ['that is long', () => ['web', URN + 'x'.repeat(8000)]],
    ['of a pushed request’s digest', (uri) => ['web', URN + digest(pushedValue(uri))]],
  ])('9126-03 a request_uri %s is a page', async (_, made) => {
    const { body } = await web().push()
    const [client_id, request_uri] = made(String(body.request_uri))
    const url = createClient(server.origin, client_id).pushedUrl({
      status: 201,
      headers: new Headers(),
      body: { request_uri },
    })
    const answer = await ada.browser.open(String(url))
    isPage(answer)
    const { fields } =
      server.logged.findLast(({ event }) => event === 'authorization.refused') ?? {}
    expect(fields).toMatchObject({ client_id, reason: 'request_uri' })
    const own = web().pushedUrl({ status: 201, headers: new Headers(), body })
    expect((await ada.authorize(own)).searchParams.has('code')).toBe(true)
  })

  it('9126-03 one without client_id, or twice, is answered to nobody it was not pushed for', async () => {
    const client = web()
    const pushed = await client.push()
    const url = client.pushedUrl(pushed)
    isPage(await openBrowser().open(String(url).replace('client_id=web', '')))
    isPage(await openBrowser().open(`${url}&client_id=web`))
    const twice = await openBrowser().open(`${url}&request_uri=${String(pushed.body.request_uri)}`)
    expect(new URL(twice.location ?? '').searchParams.get('error')).toBe('invalid_request')
  })

  it('9126-03 A4 other secrets are no request_uri, and it is none of theirs', async () => {
    const client = web()
    const callback = await ada.authorize(client.authorizationUrl())
    const code = callback.searchParams.get('code')
    const { body } = await client.redeem(callback)
    for (const value of [
      code,
      body.access_token,
      body.refresh_token,
      [...ada.browser.cookies][0]?.[1],
    ]) {
      const url = client.pushedUrl({
        status: 201,
        headers: new Headers(),
        body: { request_uri: `${URN}${value}` },
      })
      isPage(await ada.browser.open(String(url)))
    }
    const pushed = pushedValue((await client.push()).body.request_uri)
    const redeemed = await client.post('token', { grant_type: 'authorization_code', code: pushed })
    expect(redeemed.body.error).toBe('invalid_grant')
    expect((await client.refresh(pushed)).body.error).toBe('invalid_grant')
    expect((await client.post('introspect', { token: pushed })).body).toEqual({ active: false })
  })

  it('9126-03 is unknown once its time is over, but who opened it before has time to decide', async () => {
    const client = web()
    const url = client.pushedUrl(await client.push({ prompt: 'login consent' }))
    const bob = createPerson('bob', 'bob-password')
    const login = await bob.settle(await bob.browser.open(String(url)))
    now += 59
    expect((await bob.browser.open(String(url))).status).toBe(303)
    now += 1
    isPage(await bob.browser.open(String(url)))
    now += 1000
    const callback = await bob.goOn(await bob.signIn(login))
    expect((await client.redeem(callback)).status).toBe(200)
  })

  it('9126-03 may be reloaded, at every step, until the code is given', async () => {
    const client = web()
    const url = String(client.pushedUrl(await client.push({ prompt: 'consent' })))
    const bob = createPerson('bob', 'bob-password')
    await bob.settle(await bob.browser.open(url))
    const login = await bob.settle(await bob.browser.open(url))
    await bob.settle(await bob.browser.open(login.url))
    const consent = await bob.settle(await bob.signIn(login))
    await bob.settle(await bob.browser.open(url))
    const again = await bob.settle(await bob.browser.open(consent.url))
    const callback = await bob.goOn(await bob.decide(again))
    expect(callback.searchParams.has('code')).toBe(true)
    isPage(await bob.browser.open(url))
    const late = await bob.settle(await bob.decide(consent))
    isPage(late)
    expect((await client.redeem(callback)).status).toBe(200)
  })

  it('9126-03 is used up by a denial', async () => {
    const client = web()
    const url = client.pushedUrl(await client.push({ prompt: 'consent' }))
    const callback = await ada.authorize(url, { decision: 'deny' })
    expect(callback.searchParams.get('error')).toBe('access_denied')
    isPage(await ada.browser.open(String(url)))
  })

  it('9126-03 gives one code, however many browsers decide at once', async () => {
    const client = web()
    const url = client.pushedUrl(await client.push({ prompt: 'consent' }))
    const people = ['ada', 'bob', 'ada', 'bob'].map((name) =>
      createPerson(name, `${name}-password`),
    )
    const pages = await Promise.all(
      people.map(async (person) => {
        const login = await person.settle(await person.browser.open(String(url)))
        return person.settle(await person.signIn(login))
      }),
    )
    const answers = await Promise.all(people.map((person, n) => person.decide(pages[n] ?? fail())))
    const codes = answers.filter(({ location }) => location?.includes('code='))
    expect(codes).toHaveLength(1)
    for (const answer of answers.filter((one) => !codes.includes(one))) isPage(answer)
    expect((await client.redeem(new URL(codes[0]?.location ?? ''))).status).toBe(200)
  })

  it('9126-03 gives one code where nobody is asked, either (CVE-2026-96446)', async () => {
    await ada.authorize(web().authorizationUrl())
    const client = web()
    const url = client.pushedUrl(await client.push({ prompt: 'none' }))
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ada.browser.open(String(url))),
    )
    expect(answers.filter(({ location }) => location?.includes('code='))).toHaveLength(1)
    isPage(await ada.browser.open(String(url)))
  })

  it('9126-03 prompt=none that is refused uses nothing up', async () => {
    const client = web()
    const url = String(client.pushedUrl(await client.push({ prompt: 'none' })))
    const { location } = await openBrowser().open(url)
    expect(new URL(location ?? '').searchParams.get('error')).toBe('login_required')
    const known = await ada.browser.open(url)
    expect(new URL(known.location ?? '').searchParams.has('code')).toBe(true)
  })
})

const fail = (): never => {
  throw new Error('a page is missing')
}

describe('clients that must push', () => {
  it('9126-04 are refused what they did not push, at their redirect URI', async () => {
    const strict = createClient(server.origin, 'strict', { secret: 'x' })
    const { location } = await openBrowser().open(String(strict.authorizationUrl()))
    const { searchParams } = new URL(location ?? '')
    expect(searchParams.get('error')).toBe('invalid_request')
    expect(searchParams.get('state')).toBe('state-of-the-client')
    const ada = createPerson('ada', 'ada-password')
    const callback = await ada.authorize(strict.pushedUrl(await strict.push()))
    expect((await strict.redeem(callback)).status).toBe(200)
  })

  it('9126-04 are all, where the configuration says so, and the metadata says it', async () => {
    const all = await startAuthorizationServer({ require_pushed_authorization_requests: true })
    const metadata = await fetch(`${all.origin}/.well-known/oauth-authorization-server`)
    expect(await metadata.json()).toMatchObject({
      require_pushed_authorization_requests: true,
      pushed_authorization_request_endpoint: `${all.origin}/oauth/par`,
    })
    const client = createClient(all.origin, 'other', { secret: 'other-secret' })
    const ada = createPerson('ada', 'ada-password')
    const { location } = await ada.browser.open(String(client.authorizationUrl()))
    expect(location).toContain('error=invalid_request')
    const callback = await ada.authorize(client.pushedUrl(await client.push()))
    expect((await client.redeem(callback)).status).toBe(200)
    await all.stop()
  })
})

describe('what is pushed ends with its client', () => {
  it('A38, 9126-03 one that is removed, has another redirect URI, or a name that was given again', async () => {
    const changing = await startAuthorizationServer()
    const { config, stores, origin } = changing
    const client = createClient(origin, 'web', { secret: 'web-secret' })
    const urls = await Promise.all([client.push(), client.push(), client.push()])
    const [first = '', second = '', third = ''] = urls.map((one) => String(client.pushedUrl(one)))
    const clientsBut = (change: object) =>
      config.clients.map((one) => (one.client_id === 'web' ? { ...one, ...change } : one))
    await stores.reload({
      ...config,
      clients: clientsBut({ redirect_uris: ['https://app.example/moved'] }),
    })
    isPage(await openBrowser().open(first))
    await stores.reload({
      ...config,
      clients: config.clients.filter(({ client_id }) => client_id !== 'web'),
    })
    isPage(await openBrowser().open(second))
    await stores.reload(config)
    isPage(await openBrowser().open(third))
    expect((await openBrowser().open(String(client.pushedUrl(await client.push())))).status).toBe(
      303,
    )
    await changing.stop()
  })
})

describe('what strangers push is bounded', () => {
  const bounded = () =>
    startAuthorizationServer({
      trustedProxies: ['127.0.0.1'],
      limits: { pushedRequests: { points: 3, duration: 60, total: 7 } },
    })
  const from = (address: string) => ({ 'X-Forwarded-For': address })

  it('9126-04 by address and in total; who is refused uses up nothing of the others', async () => {
    const small = await bounded()
    const client = createClient(small.origin, 'native', {
      redirect_uri: 'http://127.0.0.1/callback',
    })
    const push = async (address: string) => (await client.push({}, from(address))).status
    const burst = await Promise.all(Array.from({ length: 9 }, () => push('203.0.113.1')))
    expect(burst.toSorted()).toEqual([201, 201, 201, 429, 429, 429, 429, 429, 429])
    // An IPv6 network is one stranger.
    const six = ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8::4'].map(push)
    expect((await Promise.all(six)).toSorted()).toEqual([201, 201, 201, 429])
    expect(await push('203.0.113.2')).toBe(201)
    const refused = await client.push({}, from('203.0.113.3'))
    expect([refused.status, refused.body.error]).toEqual([429, 'temporarily_unavailable'])
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0)
    await small.stop()
  })

  it('9126-04 a client that proves who it is has a total of its own; what is refused is not counted', async () => {
    const small = await bounded()
    const native = createClient(small.origin, 'native', {
      redirect_uri: 'http://127.0.0.1/callback',
    })
    const client = createClient(small.origin, 'web', { secret: 'web-secret' })
    for (let n = 0; n < 10; n += 1) await native.push({ scope: 'admin' })
    const statuses = await Promise.all(
      Array.from({ length: 9 }, async () => (await client.push()).status),
    )
    expect(statuses.filter((status) => status === 201)).toHaveLength(7)
    const other = createClient(small.origin, 'other', { secret: 'other-secret' })
    expect((await other.push()).status).toBe(201)
    expect((await native.push()).status).toBe(201)
    await small.stop()
  })
})

describe('while the store does not answer', () => {
  it('9126-04 nothing is pushed, nothing is opened, and nothing is used up', async () => {
    const client = web()
    const pushed = await client.push({ prompt: 'consent' })
    const ada = createPerson('ada', 'ada-password')
    const url = String(client.pushedUrl(pushed))
    const whileDown = async <Result>(step: () => Promise<Result>): Promise<Result> => {
      down = true
      return step().finally(() => {
        down = false
      })
    }
    const failed = await whileDown(() => client.push())
    expect([failed.status, failed.body.error]).toEqual([503, 'temporarily_unavailable'])
    expect(failed.headers.get('Retry-After')).toBe('1')
    const page = await whileDown(() => ada.browser.open(url))
    expect([page.status, page.location]).toEqual([503, undefined])
    const login = await ada.settle(await ada.browser.open(url))
    expect((await whileDown(() => ada.signIn(login))).status).toBe(503)
    const consent = await ada.settle(await ada.signIn(login))
    expect((await whileDown(() => ada.decide(consent))).status).toBe(503)
    expect((await whileDown(() => ada.browser.open(url))).status).toBe(503)
    const callback = await ada.goOn(await ada.decide(consent))
    expect((await client.redeem(callback)).status).toBe(200)
  })
})
