import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { createPerson, openBrowser, type Person } from './support/person.ts'

const CALLBACK = 'https://app.example/callback'

describe('the authorization request', () => {
  let server: RunningAuthorizationServer
  let ada: Person
  const url = (parameters: Record<string, string | undefined> = {}) =>
    createClient(server.origin, 'web').authorizationUrl(parameters)
  /** The parameters that a request without a person is answered with, at the client. */
  const answered = async (address: URL | string) => {
    const { status, location } = await openBrowser().open(String(address))
    expect([status, location?.slice(0, CALLBACK.length + 1)]).toEqual([303, `${CALLBACK}?`])
    return new URL(location ?? '').searchParams
  }

  beforeAll(async () => {
    server = await startAuthorizationServer({
      clients: [
        { client_id: 'web', client_secret: 'web-secret' },
        { client_id: 'reader', client_secret: 'x', scope: 'orders.read' },
        { client_id: 'machine', client_secret: 'x', grant_types: ['client_credentials'] },
        { client_id: 'two', client_secret: 'x', redirect_uris: [CALLBACK, `${CALLBACK}2`] },
        { client_id: 'query', client_secret: 'x', redirect_uris: [`${CALLBACK}?a=b%20c`] },
        { client_id: 'native', redirect_uris: ['com.example.app:/callback'] },
        { client_id: 'local', client_secret: 'x', redirect_uris: ['http://localhost:3000/cb'] },
      ],
    })
    ada = createPerson('ada', 'ada-password')
    await ada.authorize(url())
  })
  afterAll(() => server.stop())

  it.each<[string, Record<string, string | undefined>]>([
    ['no client_id', { client_id: undefined }],
    ['an unknown client_id', { client_id: 'nobody' }],
    ['a client_id with markup', { client_id: '"><script>alert(1)</script>' }],
    ['a client_id of 10 KiB', { client_id: 'x'.repeat(10_000) }],
    ['a redirect_uri that is not registered', { redirect_uri: 'https://evil.example/callback' }],
    ['a redirect_uri with a fragment', { redirect_uri: `${CALLBACK}#x` }],
    ['a redirect_uri that is no URI', { redirect_uri: 'callback' }],
    ['no redirect_uri where two are registered', { client_id: 'two', redirect_uri: undefined }],
    ['a redirect_uri that is a script', { redirect_uri: 'javascript:alert(1)' }],
  ])('6749-20 %s is a page, and nobody is sent anywhere', async (_, parameters) => {
    const { status, headers, body } = await openBrowser().open(String(url(parameters)))
    expect(status).toBe(400)
    expect(headers.get('Content-Type')).toMatch(/^text\/html/)
    expect(headers.has('Location')).toBe(false)
    expect(headers.has('Set-Cookie')).toBe(false)
    expect(body).not.toContain('<script')
  })

  it.each([
    ['web', `${CALLBACK}/`, ['trailing slash'], CALLBACK],
    ['web', `${CALLBACK}?code=secret`, ['query'], CALLBACK],
    ['web', `${CALLBACK}#x`, ['fragment'], CALLBACK],
    ['web', 'https://app.example:443/callback', ['spelling'], CALLBACK],
    ['web', 'http://app.example/callback', ['scheme'], CALLBACK],
    ['web', 'https://other.example/callback', ['host'], CALLBACK],
    ['two', `${CALLBACK}2/`, ['trailing slash'], `${CALLBACK}2`],
    ['local', 'http://localhost:3001/cb', ['port'], 'http://localhost:3000/cb'],
    ['local', 'http://127.0.0.1:3000/cb', ['loopback name'], 'http://localhost:3000/cb'],
    ['local', 'http://ada:pw@localhost:3000/cb', ['userinfo'], 'http://localhost:3000/cb'],
  ])(
    '6749-20 the log says how a redirect_uri of %s differs from the nearest: %s, %j',
    async (client_id, redirect_uri, differs, nearest) => {
      const { body } = await openBrowser().open(String(url({ client_id, redirect_uri })))
      const { fields } =
        server.logged.findLast(({ event }) => event === 'authorization.refused') ?? {}
      expect(fields).toMatchObject({ client_id, reason: 'redirect_uri', differs, nearest })
      expect(body).toContain(String(fields?.request_id))
      expect(body).not.toContain(nearest)
      expect(JSON.stringify(fields)).not.toMatch(/secret|pw/)
    },
  )

  it.each([
    ['client_id', 'client_id=web'],
    ['client_id', 'client_id=other'],
    ['redirect_uri', `redirect_uri=${encodeURIComponent(CALLBACK)}`],
  ])('6749-07 a repeated %s is a page', async (_, again) => {
    const { status, location } = await openBrowser().open(`${url()}&${again}`)
    expect([status, location]).toEqual([400, undefined])
  })

  it.each([
    ['state', false],
    ['scope', true],
    ['response_type', true],
    ['code_challenge', true],
    ['nonce', true],
  ])('6749-07 a repeated %s is told to the client', async (name, stateIsEchoed) => {
    const parameters = await answered(`${url()}&${name}=a&${name}=a`)
    expect(parameters.get('error')).toBe('invalid_request')
    expect(parameters.has('state')).toBe(stateIsEchoed)
  })

  it.each([
    ['state=%zz', false],
    ['state=a%00b', false],
    ['foo=%ff', true],
    ['%zz=1', true],
  ])('6749-09 %s in the query is told to the client', async (parameter, stateIsEchoed) => {
    const without = parameter.startsWith('state') ? { state: undefined } : {}
    const parameters = await answered(`${url(without)}&${parameter}`)
    expect(parameters.get('error')).toBe('invalid_request')
    expect(parameters.has('state')).toBe(stateIsEchoed)
  })

  it('6749-10 more than 100 parameters are a page', async () => {
    const many = Array.from({ length: 100 }, (_, n) => `&p${n}=1`).join('')
    expect((await openBrowser().open(`${url()}${many}`)).status).toBe(400)
  })

  it('6749-21 a missing response_type is invalid_request', async () => {
    const parameters = await answered(url({ response_type: undefined }))
    expect(parameters.get('error')).toBe('invalid_request')
  })

  it.each(['token', 'id_token', 'code token', 'code id_token', 'none', 'CODE', 'code '])(
    '6749-21, 6749-68 response_type=%s is unsupported_response_type',
    async (response_type) => {
      const parameters = await answered(url({ response_type }))
      expect(parameters.get('error')).toBe('unsupported_response_type')
    },
  )

  it.each<[string, Record<string, string | undefined>, string]>([
    ['6749-22 a client without the grant type', { client_id: 'machine' }, 'unauthorized_client'],
    ['6749-22 an unknown scope', { scope: 'orders.read admin' }, 'invalid_scope'],
    ['6749-22 a scope in another case', { scope: 'Orders.Read' }, 'invalid_scope'],
    ['6749-22 a scope with a quote', { scope: '"' }, 'invalid_scope'],
    ['6749-22 a scope with a backslash', { scope: '\\' }, 'invalid_scope'],
    ['6749-22 a scope with é', { scope: 'é' }, 'invalid_scope'],
    ['6749-22 a scope with markup', { scope: '<script>' }, 'invalid_scope'],
    ['6749-22 a scope with a no-break space', { scope: 'orders.read\u00a0x' }, 'invalid_scope'],
    ['6749-22 scopes with a comma', { scope: 'orders.read,orders.write' }, 'invalid_scope'],
    ['6749-22 ten thousand scopes', { scope: 'a '.repeat(5000) }, 'invalid_scope'],
    [
      '6749-22 a scope not of this client',
      { client_id: 'reader', scope: 'orders.write' },
      'invalid_scope',
    ],
    ['6749-22 a scope with a line break', { scope: 'orders.read\r\nX: y' }, 'invalid_request'],
    ['6749-22 a scope with a tab', { scope: 'orders.read\torders.write' }, 'invalid_request'],
    ['6749-24 a state of more than 4 KiB', { state: 'é'.repeat(2049) }, 'invalid_request'],
    ['9101-01 a request object', { request: 'eyJ' }, 'request_not_supported'],
    [
      '9101-01 a request_uri',
      { request_uri: 'https://app.example/r' },
      'request_uri_not_supported',
    ],
    [
      'what a client says of itself (registration)',
      { registration: '{}' },
      'registration_not_supported',
    ],
    ['A40 response_mode=fragment', { response_mode: 'fragment' }, 'invalid_request'],
    ['A40 response_mode=form_post', { response_mode: 'form_post' }, 'invalid_request'],
    ['A40 response_mode=query.jwt', { response_mode: 'query.jwt' }, 'invalid_request'],
    ['A40 response_mode=web_message', { response_mode: 'web_message' }, 'invalid_request'],
    [
      '8707-01 a resource that is not here',
      { resource: 'https://evil.example/' },
      'invalid_target',
    ],
    ['8707-01 a resource that is not absolute', { resource: '/orders' }, 'invalid_target'],
    ['8707-01 the gateway as a whole', { resource: 'ORIGIN' }, 'invalid_target'],
    ['8707-01 a resource with a fragment', { resource: 'ORIGIN/orders#x' }, 'invalid_target'],
    ['A41 prompt=none and login', { prompt: 'none login' }, 'invalid_request'],
    ['A41 max_age that is no number', { max_age: '1e3' }, 'invalid_request'],
  ])('%s is told to the client', async (_, parameters, error) => {
    const resource = parameters.resource?.replace('ORIGIN', server.origin)
    const all = await answered(url({ ...parameters, ...(resource && { resource }) }))
    expect(all.get('error')).toBe(error)
  })

  it('6749-23, 9207-2 every answer has state and issuer once, and a description in the allowed characters', async () => {
    const refused = [
      await answered(url({ scope: '"<script>é' })),
      await answered(url({ response_type: 'token' })),
      await answered(url({ prompt: 'none' })),
      (await ada.authorize(url({ prompt: 'consent' }), { decision: 'deny' })).searchParams,
    ]
    expect(refused.map((parameters) => parameters.get('error'))).toEqual([
      'invalid_scope',
      'unsupported_response_type',
      'login_required',
      'access_denied',
    ])
    for (const parameters of refused) {
      expect(parameters.getAll('state')).toEqual(['state-of-the-client'])
      expect(parameters.getAll('iss')).toEqual([server.origin])
      expect(parameters.get('error_description')).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
    }
    const granted = (await ada.authorize(url())).searchParams
    expect(granted.getAll('iss')).toEqual([server.origin])
    expect([...granted.keys()]).toEqual(['code', 'state', 'iss'])
  })

  it('6749-24 state comes back exactly as it was', async () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 400 })
    const printable = text.filter((state) => !/[\p{Cc}]/u.test(state))
    const awkward = fc.constantFrom(
      '&=#+% ?/',
      '%26',
      '+',
      'a&code=b',
      'x'.repeat(2048),
      'é'.repeat(2048),
    )
    await fc.assert(
      fc.asyncProperty(fc.oneof(printable, awkward), async (state) => {
        const failed = await answered(url({ state, response_type: 'token' }))
        expect(failed.getAll('state')).toEqual([state])
        const callback = await ada.authorize(url({ state }))
        expect(callback.searchParams.getAll('state')).toEqual([state])
      }),
      { numRuns: 40 },
    )
  })

  it('6749-25, 6749-27 the answer goes to the registered string, with its own query first', async () => {
    const redirect_uri = `${CALLBACK}?a=b%20c`
    const { location } = await openBrowser().open(
      String(url({ client_id: 'query', redirect_uri, response_type: 'token' })),
    )
    expect(location?.startsWith(`${redirect_uri}&error=`)).toBe(true)
    const response = await fetch(
      url({ client_id: 'native', redirect_uri: 'com.example.app:/callback', response_type: 'x' }),
      { redirect: 'manual' },
    )
    expect(response.headers.get('Location')).toMatch(/^com\.example\.app:\/callback\?error=/)
  })

  it('6749-26 redirects are 303, not stored, and tell no referrer', async () => {
    const answers = [
      await openBrowser().open(String(url())),
      await openBrowser().open(String(url({ response_type: 'token' }))),
      await ada.browser.open(String(url())),
    ]
    for (const { status, headers } of answers) {
      expect(status).toBe(303)
      expect(headers.get('Cache-Control')).toBe('no-store')
      expect(headers.get('Referrer-Policy')).toBe('no-referrer')
    }
  })

  it('A41 prompt=none shows no page', async () => {
    const known = await ada.browser.open(String(url({ prompt: 'none' })))
    expect(new URL(known.location ?? '').searchParams.has('code')).toBe(true)
    const more = await openBrowser().open(String(url({ prompt: 'none' })))
    expect(new URL(more.location ?? '').searchParams.get('error')).toBe('login_required')
    const native = url({
      client_id: 'native',
      redirect_uri: 'com.example.app:/callback',
      prompt: 'none',
    })
    const unasked = await ada.browser.open(String(native))
    expect(new URL(unasked.location ?? '').searchParams.get('error')).toBe('consent_required')
  })

  it.each([{ prompt: 'login' }, { max_age: '0' }, { prompt: 'select_account' }])(
    'A41 %o asks for the password again, once',
    async (parameters) => {
      const asked = await ada.settle(await ada.browser.open(String(url(parameters))))
      expect(asked.body).toContain('type="password"')
      const callback = await ada.goOn(await ada.signIn(asked))
      expect(callback.searchParams.has('code')).toBe(true)
    },
  )

  it('A41 a sign-in that is recent enough for max_age counts', async () => {
    const { location } = await ada.browser.open(String(url({ max_age: '3600' })))
    expect(new URL(location ?? '').searchParams.has('code')).toBe(true)
  })

  it('A41 an abandoned prompt=login leaves the session as it was', async () => {
    await ada.settle(await ada.browser.open(String(url({ prompt: 'login' }))))
    const { location } = await ada.browser.open(String(url()))
    expect(new URL(location ?? '').searchParams.has('code')).toBe(true)
  })

  it('A17 login_hint fills the form, escaped', async () => {
    const known = createPerson('ada', 'ada-password')
    const page = await known.settle(await known.browser.open(String(url({ login_hint: 'ada' }))))
    expect(page.body).toMatch(/<input[^>]*name="username"[^>]*value="ada"/)
    const stranger = createPerson('bob', 'bob-password')
    const asked = await stranger.settle(
      await stranger.browser.open(String(url({ login_hint: '"><img src=x onerror=alert(1)>' }))),
    )
    expect(asked.status).toBe(200)
    expect(asked.body).not.toContain('<img')
    expect(asked.body).toContain('onerror=alert(1)&#62;')
  })

  it('8707-02 resources are taken in any case of scheme and host, and with a slash at the end', async () => {
    const resource = `${server.origin.toUpperCase()}/orders/`
    const web = createClient(server.origin, 'web', { secret: 'web-secret' })
    const address = web.authorizationUrl({ resource })
    address.searchParams.append('resource', `${server.origin}/billing`)
    const tokens = await web.redeem(await ada.authorize(address))
    const { body } = await web.post('introspect', { token: String(tokens.body.access_token) })
    expect(body.aud).toEqual([`${server.origin}/orders`, `${server.origin}/billing`])
  })
})
