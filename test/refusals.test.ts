import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AdminClient, createAdminClient, madeToken } from './support/admin.ts'
import { createClient } from './support/client.ts'
import { runCommand } from './support/command-line.ts'
import { openConsole } from './support/console.ts'
import { createPerson, openBrowser } from './support/person.ts'
import { freePort, type Portcullis, startPortcullis, until } from './support/portcullis.ts'
import { exchange } from './support/raw-client.ts'
import { type MovableClock, movableClock } from './support/stores.ts'

const SECRET = 'a-secret-of-the-shop-32-characters'
const configuration = (upstream: number, dead: number) => `
demo: true
log: { access: true }
scopes: { a: See a, b: See b }
upstreams:
  api: http://127.0.0.1:${upstream}
  gone: http://127.0.0.1:${dead}
routes:
  - { path: /a/*, methods: [GET], upstream: api, scope: a }
  - { path: /b/*, upstream: api, scope: b }
  - { path: /gone/*, upstream: gone, access: public }
  - { path: /open/*, upstream: api, access: public }
limits: { passwords: { points: 2, duration: 60s } }
clients:
  - client_id: shop
    client_secret: ${SECRET}
    redirect_uris: ['https://app.example/callback']
    grant_types: [authorization_code, client_credentials]
    scope: a
accounts:
  - { username: vera, password: vera, admin: viewer }
  - { username: ada, password: ada-password }
`

let upstream: Server
let running: Portcullis
let admin: AdminClient
let token: string
let clock: MovableClock

beforeAll(async () => {
  upstream = createServer((req, res) => {
    if (req.url?.endsWith('/broken')) req.socket.end('no HTTP\r\n\r\n')
    else res.writeHead(403).end('refused by the upstream')
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  const { port } = upstream.address() as AddressInfo
  clock = movableClock()
  running = await startPortcullis(configuration(port, await freePort()), { clock })
  token = await madeToken(running.folder)
  admin = await createAdminClient(running.admin, token)
})
afterAll(async () => {
  await running.stop()
  upstream.close()
})

const shop = () => createClient(running.origin, 'shop', { secret: SECRET })
const ownToken = async (): Promise<string> =>
  String((await shop().post('token', { grant_type: 'client_credentials' })).body.access_token)

/** Sends bytes; resolves to the id of the request. */
const send = async (line: string, fields: readonly string[] = [], body = ''): Promise<string> => {
  const head = [line, `Host: 127.0.0.1:${running.port}`, ...fields].join('\r\n')
  const answer = await exchange(running.port, `${head}\r\n\r\n${body}`)
  return answer.values('X-Request-Id')[0] ?? ''
}
const get = (target: string, bearer?: string, ...fields: string[]): Promise<string> =>
  send(`GET ${target} HTTP/1.1`, [
    ...(bearer === undefined ? [] : [`Authorization: Bearer ${bearer}`]),
    ...fields,
  ])
const post = (path: string, form: Readonly<Record<string, string>>): Promise<string> => {
  const body = String(new URLSearchParams(form))
  const type = 'Content-Type: application/x-www-form-urlencoded'
  return send(`POST ${path} HTTP/1.1`, [type, `Content-Length: ${body.length}`], body)
}

const HANDSHAKE = [
  ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

const lookUp = async (query: string) => (await admin.token('GET', `/api/v1/refusals${query}`)).body

/** What is remembered of a request, when it is over. */
const remembered = async (request_id: string) => {
  let items: readonly Record<string, unknown>[] = []
  await until(async () => {
    items = (await lookUp(`?request_id=${request_id}`)).items
    return items.length > 0
  })
  expect(items).toHaveLength(1)
  return items[0] ?? {}
}

const lineOf = (request_id: string) =>
  running.logged.find(
    ({ event, fields }) => event === 'request' && fields.request_id === request_id,
  )?.fields

const SOMETHING = expect.stringMatching(/./)

type Row = readonly [
  what: string,
  request: () => Promise<string>,
  known: Readonly<Record<string, unknown>>,
]

const authorize = (more: Readonly<Record<string, string | undefined>>) =>
  get(`/oauth/authorize${shop().authorizationUrl({ scope: 'a', ...more }).search}`)

const ROWS: readonly Row[] = [
  ['no token', () => get('/a/1'), { status: 401, route: '/a/*', refusal: 'no_token' }],
  ['no token of ours', () => get('/a/1', 'nonsense'), { status: 401, refusal: 'malformed' }],
  [
    'another gateway’s token',
    () => get('/a/1', `pc_at_${'A'.repeat(64)}`),
    { status: 401, refusal: 'foreign' },
  ],
  [
    'a revoked token',
    async () => {
      const revoked = await ownToken()
      await shop().post('revoke', { token: revoked })
      return get('/a/1', revoked)
    },
    { status: 401, refusal: 'revoked', client_id: 'shop', ended: expect.any(String) },
  ],
  [
    'a token without the scope',
    async () => get('/b/1', await ownToken()),
    { ...{ status: 403, refusal: 'insufficient_scope', missing_scope: 'b' }, client_id: 'shop' },
  ],
  ['a method that no route has', () => send('POST /a/1 HTTP/1.1'), { status: 405, method: 'POST' }],
  [
    'a target that is not canonical',
    () => get('/a/../b'),
    { status: 400, refusal: 'target.path', path: '/a/../b' },
  ],
  ['no route', () => get('/nowhere'), { status: 404, refusal: 'not_found', path: '/nowhere' }],
  [
    'an upstream that is away',
    () => get('/gone/1'),
    {
      ...{ status: 502, error: 'upstream.refused' },
      route: '/gone/*',
    },
  ],
  [
    'an upstream that speaks no HTTP: what it gave is told to operators',
    () => get('/open/broken'),
    { status: 502, error: 'upstream.malformed', reason: expect.stringContaining('127.0.0.1') },
  ],
  [
    'a WebSocket without a token',
    () => get('/a/1', undefined, ...HANDSHAKE),
    { status: 401, refusal: 'no_token', route: '/a/*' },
  ],
  [
    'a WebSocket whose upstream is away',
    () => get('/gone/1', undefined, ...HANDSHAKE),
    { status: 502, error: 'upstream.refused', route: '/gone/*' },
  ],
  ['what is no HTTP', () => send('GET / HTTP/1.1 x'), { method: '', path: '', status: 400 }],
  [
    'a client that is unknown',
    () => post('/oauth/token', { grant_type: 'client_credentials', client_id: 'x' }),
    { status: 401, refusal: 'invalid_client', reason: 'unknown' },
  ],
  [
    'a client with another secret',
    () =>
      post('/oauth/token', {
        ...{ grant_type: 'client_credentials', client_id: 'shop', client_secret: 'wrong' },
      }),
    { status: 401, refusal: 'invalid_client', client_id: 'shop', reason: 'another secret' },
  ],
  [
    'a code that is none',
    () =>
      post('/oauth/token', {
        ...{ grant_type: 'authorization_code', client_id: 'shop', client_secret: SECRET },
        ...{ code: 'none', redirect_uri: 'https://app.example/callback' },
      }),
    { ...{ status: 400, refusal: 'invalid_grant' }, client_id: 'shop', description: SOMETHING },
  ],
  [
    'a redirect URI that is not registered: on a page',
    () => authorize({ redirect_uri: 'https://evil.example/' }),
    { ...{ status: 400, refusal: 'invalid_request' }, client_id: 'shop', path: '/oauth/authorize' },
  ],
  [
    'a scope that the client may not have: in a redirect',
    () => authorize({ scope: 'nothing' }),
    { status: 303, refusal: 'invalid_scope', client_id: 'shop', description: SOMETHING },
  ],
]

describe('why was this refused? is answered by the id of a request', () => {
  it.each(ROWS)('%s: as the log has it', async (_, request, known) => {
    const id = await request()
    const refused = await remembered(id)
    expect(refused).toMatchObject({ request_id: id, ...known })
    const { at, ...rest } = refused
    expect(rest).toEqual(lineOf(id))
    expect(at).toBeCloseTo(clock(), 0)
  })

  it('what passes is not there, nor is what an upstream refuses', async () => {
    const id = await get('/open/1')
    await until(() => lineOf(id) !== undefined)
    expect(lineOf(id)?.status).toBe(403)
    expect(await lookUp(`?request_id=${id}`)).toEqual({ items: [] })
  })

  it('a wrong password, and too many of them', async () => {
    const person = createPerson('ada', 'wrong')
    const page = await person.settle(
      await person.browser.open(String(shop().authorizationUrl({ scope: 'a' }))),
    )
    const idOf = (answer: { readonly headers: Headers }) => answer.headers.get('x-request-id') ?? ''
    const answers = []
    for (let count = 0; count < 3; count += 1) answers.push(await person.signIn(page))
    const [first, , third] = answers
    if (first === undefined || third === undefined) throw new Error('there was no answer')
    expect(await remembered(idOf(first))).toMatchObject({
      ...{ status: 401, refusal: 'login.failed', path: '/oauth/login', client_id: 'shop' },
    })
    expect(await remembered(idOf(third))).toMatchObject({
      ...{ status: 429, refusal: 'temporarily_unavailable' },
      description: expect.stringContaining('too many failed attempts'),
    })
    // The trail knows whose password it was.
    await until(async () => {
      const { items } = (await admin.token('GET', `/api/v1/audit?request_id=${idOf(first)}`)).body
      return items.length === 1 && items[0].event === 'login.failed'
    })
  })

  it('by client, person, route and status, newest first, in pages', async () => {
    const good = await ownToken()
    const newest: string[] = []
    for (const target of ['/b/1', '/b/2', '/b/3']) newest.unshift(await get(target, good))
    for (const id of newest) await remembered(id)
    const idsOf = async (query: string) =>
      (await lookUp(query)).items.map((one: { request_id: string }) => one.request_id)
    expect((await idsOf('?client_id=shop&status=403')).slice(0, 3)).toEqual(newest)
    expect((await idsOf('?sub=client:shop&route=/b/*')).slice(0, 3)).toEqual(newest)
    expect(await idsOf('?client_id=nobody')).toEqual([])
    const first = await lookUp('?client_id=shop&status=403&limit=2')
    expect(first.items).toHaveLength(2)
    const cursor = encodeURIComponent(first.next)
    expect((await idsOf(`?client_id=shop&status=403&limit=2&cursor=${cursor}`))[0]).toBe(newest[2])
  })

  it.each(['request_id=a%20b', 'status=one', 'cursor=1', 'limit=0', 'token=x', 'client_id='])(
    '%s is no question',
    async (query) => {
      expect((await admin.token('GET', `/api/v1/refusals?${query}`)).status).toBe(400)
    },
  )

  it('every role may look, and nobody without one', async () => {
    expect((await admin.nobody('GET', '/api/v1/refusals')).status).toBe(401)
    const viewer = await admin.as('vera', 'vera')
    expect((await viewer('GET', '/api/v1/refusals')).status).toBe(200)
  })

  it('no token, secret, query, fragment or password is kept', async () => {
    const [revoked, narrow] = [await ownToken(), await ownToken()]
    await shop().post('revoke', { token: revoked })
    const hidden = [
      revoked,
      narrow,
      'hidden-in-a-query',
      'hidden-in-a-fragment',
      'hidden-in-a-host',
    ]
    const ids = [
      await get(`/a/1?access_token=${revoked}`, revoked),
      await get(`/b/1?x=${hidden[2]}`, narrow),
      await get(`/b/1#${hidden[3]}`),
      await get(`http://user:${hidden[4]}@127.0.0.1/a/1`),
      await post('/oauth/token', {
        grant_type: 'x',
        client_id: 'shop',
        client_secret: hidden[2] ?? '',
      }),
      await post('/oauth/token', {
        ...{ grant_type: 'authorization_code', client_id: hidden[3] ?? '', client_secret: SECRET },
      }),
      await get('/a/1', hidden[4]),
    ]
    for (const id of ids) await remembered(id)
    const { text } = await admin.token('GET', '/api/v1/refusals?limit=500')
    for (const secret of [...hidden, SECRET, token]) expect(text).not.toContain(secret)
    const log = JSON.stringify(running.logged.filter(({ event }) => event === 'request'))
    for (const secret of [...hidden, SECRET]) expect(log).not.toContain(secret)
  })

  it('a flood of strangers leaves what a known client was refused', async () => {
    const id = await get('/b/1', await ownToken())
    await remembered(id)
    let left = 1200
    const ask = async (): Promise<void> => {
      while (left > 0) {
        left -= 1
        await (await fetch(`${running.origin}/a/flood`)).arrayBuffer()
      }
    }
    await Promise.all(Array.from({ length: 20 }, ask))
    expect(await remembered(id)).toMatchObject({ refusal: 'insufficient_scope' })
    const { items } = await lookUp('?route=/a/*&status=401&limit=500')
    expect(items.length).toBeLessThanOrEqual(300)
  }, 60_000)

  it('the longest path is cut', async () => {
    const { path } = await remembered(await get(`/a/${'x'.repeat(12_000)}`))
    expect(path).toBe(`/a/${'x'.repeat(1021)}…`)
  })
})

describe('portcullis explain --request', () => {
  const run = (...argv: string[]) =>
    runCommand(['explain', '--admin', running.admin, ...argv], {
      env: { PORTCULLIS_ADMIN_TOKEN: token },
    })

  it('tells it to a person, and what to ask next', async () => {
    const id = await get("/b/it's", await ownToken())
    await remembered(id)
    const { code, output, errors } = await run('--request', id)
    expect([code, errors]).toEqual([0, ''])
    expect(output).toContain(`request        ${id} at `)
    expect(output).toMatch(/^answer {9}403 insufficient_scope$/m)
    expect(output).toMatch(/^client_id {6}shop$/m)
    expect(output).toMatch(/^missing_scope {2}b$/m)
    expect(output).toContain(`portcullis explain GET '/b/it'\\''s' --token -`)
  })

  it('--json prints what the API has', async () => {
    const id = await get('/a/1')
    const refused = await remembered(id)
    const { code, output } = await run('--request', id, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(output)).toEqual(refused)
  })

  it('says where else to look for one that is not remembered', async () => {
    const { code, output, errors } = await run('--request', 'no-such-id', '--json')
    expect(code).toBe(1)
    expect(errors).toContain('no refusal of the request no-such-id is remembered')
    expect(errors).toContain('"request_id":"no-such-id"')
    expect(errors).toContain('portcullis audit --request no-such-id')
    expect(JSON.parse(output)).toEqual({ error: expect.stringContaining('no-such-id') })
  })

  it.each([
    [['--request', 'a b']],
    [['--request', 'x', 'GET', '/a']],
    [['--request', 'x', '--token', '-']],
    [[]],
    [['GET']],
  ])('%j is no question', async (argv) => {
    const { code, errors } = await run(...argv)
    expect(code).toBe(2)
    expect(errors).toMatch(/^portcullis explain: /)
  })

  it('portcullis audit --request finds what happened in it', async () => {
    const id = await post('/oauth/token', {
      ...{ grant_type: 'client_credentials', client_id: 'shop', client_secret: 'wrong' },
    })
    await until(async () => {
      const { output } = await runCommand(
        ['audit', '--admin', running.admin, '--request', id, '--json'],
        { env: { PORTCULLIS_ADMIN_TOKEN: token } },
      )
      return JSON.parse(output).items?.[0]?.event === 'client.authentication_failed'
    })
  })
})

describe('the page Refusals of the console', () => {
  it('finds one by its id, and leads to explain, filled in', async () => {
    const console = await openConsole(running.admin, 'vera')
    const id = await get('/b/1?secret=hidden', await ownToken())
    await remembered(id)
    const page = (await console.open(`/refusals?request_id=${id}`)).body
    expect(page).toContain(id)
    expect(page).toContain('insufficient_scope')
    expect(page).toContain('href="/clients/shop"')
    const link = /href="(\/routes\?[^"]*)"/.exec(page)?.[1]?.replaceAll('&#38;', '&')
    expect(link).toBe('/routes?method=GET&url=%2Fb%2F1#explain')
    const routes = (await console.open(link ?? '')).body
    expect(routes).toMatch(/id="method"[^>]*value="GET"/)
    expect(routes).toMatch(/id="url"[^>]*value="\/b\/1"/)
  })

  it('says where else to look, and what is wrong with a question', async () => {
    const console = await openConsole(running.admin, 'vera')
    expect((await console.open('/refusals?request_id=none')).body).toContain(
      'Look for it in the log',
    )
    const wrong = await console.open('/refusals?status=one')
    expect(wrong.status).toBe(400)
    expect(wrong.body).toContain('role="alert"')
  })

  it('hostile values are text', async () => {
    const console = await openConsole(running.admin, 'vera')
    const id = await get('/a/"><script>alert(1)</script>')
    await remembered(id)
    const found = (await console.open(`/refusals?request_id=${id}`)).body
    expect(found).toContain('script&#62;alert(1)')
    for (const path of ['request_id', 'client_id', 'sub', 'route', 'status']) {
      const { body } = await console.open(
        `/refusals?${path}=${encodeURIComponent('"><script>alert(1)</script>\u0000')}`,
      )
      expect(body).not.toContain('<script>alert')
    }
    expect(found).not.toContain('<script>alert')
  })

  it('is for who has signed in', async () => {
    const answer = await openBrowser().open(`${running.admin}/refusals?request_id=x`)
    expect(answer.status).toBe(303)
    expect(answer.location).toContain('/sign-in?next=')
  })
})
