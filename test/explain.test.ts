import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Explanation } from '../src/gateway/explanation.ts'
import { createClient } from './support/client.ts'
import { createPerson } from './support/person.ts'
import { freePort, type Portcullis, startPortcullis, until } from './support/portcullis.ts'
import { exchange } from './support/raw-client.ts'
import { type MovableClock, movableClock } from './support/stores.ts'

const configuration = (upstream: number, dead: number) => `
demo: true
log: { access: true }
scopes: { orders.read: See orders, orders.write: Change orders }
upstreams:
  orders: http://127.0.0.1:${upstream}
  gone: { targets: [http://127.0.0.1:${dead}], eject: { failures: 1, pause: 60s } }
routes:
  - { path: /orders/*, methods: [GET, HEAD], upstream: orders, scope: orders.read }
  - { path: /orders/*, methods: [POST], upstream: orders, scope: orders.write }
  - { path: /orders/archive/*, upstream: orders, websocket: false }
  - { path: /either, upstream: orders, scope: { any: orders.write orders.read } }
  - { path: /gone, upstream: gone, access: public }
  - { path: /status, upstream: orders, access: public }
  - { path: /v1/orders/*, upstream: orders, access: public, stripPrefix: /v1 }
  - { path: /files/*, host: files.example, upstream: orders, access: public }
  - path: /pages/*
    upstream: orders
    cors: { origins: [https://app.example] }
clients:
  - { client_id: shop, client_secret: shop-secret-of-32-characters-or-so, redirect_uris: ['https://app.example/callback'], grant_types: [authorization_code, refresh_token, client_credentials] }
accounts:
  - { username: ada, password: ada-password }
`

/** A request as a person would describe it. `token` names one of those that the test has made. */
type Case = {
  readonly method?: string
  readonly url: string
  readonly headers?: readonly [string, string][]
  readonly token?: keyof Tokens
}

type Tokens = Readonly<
  Record<
    | 'good'
    | 'reader'
    | 'narrow'
    | 'expired'
    | 'revoked'
    | 'ended'
    | 'unknown'
    | 'foreign'
    | 'malformed'
    | 'spaced',
    string
  >
>

let running: Portcullis
let upstream: Server
let clock: MovableClock
let tokens: Tokens
let admin: string

const shop = () =>
  createClient(running.origin, 'shop', { secret: 'shop-secret-of-32-characters-or-so' })

const own = async (fields: Record<string, string> = {}): Promise<string> => {
  const { body } = await shop().post('token', { grant_type: 'client_credentials', ...fields })
  return String(body.access_token)
}

const authorized = async () => {
  const client = shop()
  const callback = await createPerson('ada', 'ada-password').authorize(client.authorizationUrl())
  const { body } = await client.redeem(callback)
  return { access_token: String(body.access_token), refresh_token: String(body.refresh_token) }
}

const ask = async ({ method = 'GET', url, headers = [], token }: Case): Promise<Explanation> => {
  const response = await fetch(`${running.admin}/api/v1/explain`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${admin}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ method, url, headers, ...(token && { token: tokens[token] }) }),
  })
  if (response.status !== 200) throw new Error(await response.text())
  return (await response.json()) as Explanation
}

/** The same request, sent. */
const send = async ({ method = 'GET', url, headers = [], token }: Case) => {
  const has = (wanted: string) => headers.some(([name]) => name.toLowerCase() === wanted)
  const fields = [
    ...(has('host') ? [] : [`Host: 127.0.0.1:${running.port}`]),
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(token ? [`Authorization: Bearer ${tokens[token]}`] : []),
  ]
  return exchange(running.port, `${[`${method} ${url} HTTP/1.1`, ...fields].join('\r\n')}\r\n\r\n`)
}

const logLineOf = async (id: string | undefined) => {
  const line = () =>
    running.logged.find(({ event, fields }) => event === 'request' && fields.request_id === id)
  await until(() => line() !== undefined)
  return line()?.fields ?? {}
}

beforeAll(async () => {
  upstream = createServer((_, res) => res.end('served'))
  const [port, dead] = await Promise.all([freePort(), freePort()])
  await new Promise<void>((resolve) => upstream.listen(port, '127.0.0.1', resolve))
  clock = movableClock()
  running = await startPortcullis(configuration(port, dead), { clock })
  const kept = join(running.folder, 'data/portcullis.db.admin-token')
  admin = (await readFile(kept, 'utf8')).trim()
  const unknown = await own()
  clock.move(7200)
  const expired = await own()
  clock.move(660)
  const [revoked, ended] = [await own(), await authorized()]
  await shop().post('revoke', { token: revoked })
  await shop().post('revoke', { token: ended.refresh_token })
  tokens = {
    good: await own(),
    reader: await own({ scope: 'orders.read' }),
    narrow: await own({ resource: `${running.origin}/either` }),
    expired,
    revoked,
    ended: ended.access_token,
    unknown,
    foreign: `pc_at_${'A'.repeat(64)}`,
    malformed: 'nonsense',
    spaced: 'a b',
  }
})
afterAll(async () => {
  await running.stop()
  upstream.close()
})

/** What the token's verdict, the status and the word of the refusal are; no status: the upstream answers. */
type Row = [situation: string, request: Case, verdict: string, status?: number, refusal?: string]

const ROWS: readonly Row[] = [
  ['a good token', { url: '/orders/1', token: 'good' }, 'good'],
  ['a good token of one scope of two', { url: '/either', token: 'reader' }, 'good'],
  ['a token for this resource', { url: '/either', token: 'narrow' }, 'good'],
  ['no token', { url: '/orders/1' }, 'no_token', 401, 'no_token'],
  [
    'another scheme',
    { url: '/orders/1', headers: [['Authorization', 'Basic eDp5']] },
    'no_token',
    401,
    'no_token',
  ],
  [
    'a Bearer without a token',
    { url: '/orders/1', headers: [['Authorization', 'Bearer a b']] },
    'invalid_request',
    400,
    'invalid_request',
  ],
  ['a malformed token', { url: '/orders/1', token: 'malformed' }, 'malformed', 401, 'malformed'],
  [
    'what can be no token',
    { url: '/orders/1', token: 'spaced' },
    'invalid_request',
    400,
    'invalid_request',
  ],
  ['a foreign token', { url: '/orders/1', token: 'foreign' }, 'foreign', 401, 'foreign'],
  ['a token long gone', { url: '/orders/1', token: 'unknown' }, 'unknown', 401, 'unknown'],
  ['an expired token', { url: '/orders/1', token: 'expired' }, 'expired', 401, 'expired'],
  ['a revoked token', { url: '/orders/1', token: 'revoked' }, 'revoked', 401, 'revoked'],
  [
    'a token of a grant that ended',
    { url: '/orders/1', token: 'ended' },
    'revoked',
    401,
    'revoked',
  ],
  ['a token for another', { url: '/orders/1', token: 'narrow' }, 'audience', 401, 'audience'],
  [
    'a token without the scope',
    { method: 'POST', url: '/orders', token: 'reader' },
    'insufficient_scope',
    403,
    'insufficient_scope',
  ],
  ['a public route', { url: '/status', token: 'expired' }, 'not_asked'],
  ['a path with dots', { url: '/orders/../x', token: 'good' }, 'not_asked', 400, 'target.path'],
  ['a query with a quote', { url: '/orders?"', token: 'good' }, 'not_asked', 400, 'target.query'],
  ['an encoded slash', { url: '/orders/a%2Fb', token: 'good' }, 'not_asked', 400, 'target.path'],
  ['a method that no route has', { method: 'PUT', url: '/orders/1' }, 'not_asked', 405, 'method'],
  ['TRACE', { method: 'TRACE', url: '/orders/1' }, 'not_asked', 405, 'method'],
  ['a loop', { url: '/status', headers: [['Via', '1.1 ISSUER']] }, 'not_asked', 508, 'loop'],
  [
    'a Host that is none',
    { url: '/status', headers: [['Host', 'a b']] },
    'not_asked',
    400,
    'head.host',
  ],
  [
    'a WebSocket where none passes',
    {
      url: '/orders/archive/1',
      token: 'good',
      headers: [
        ['Connection', 'Upgrade'],
        ['Upgrade', 'websocket'],
      ],
    },
    'not_asked',
    400,
    'websocket',
  ],
]

const filledIn = (request: Case): Case => ({
  ...request,
  headers: (request.headers ?? []).map(([name, value]) => [
    name,
    value.replace('ISSUER', `127.0.0.1:${running.port}`),
  ]),
})

describe('explain says what the gateway does', () => {
  it.each(ROWS)('F7 %s', async (_, given, verdict, status, refusal) => {
    const request = filledIn(given)
    const said = await ask(request)
    expect(said.token.verdict).toBe(verdict)
    expect([said.outcome.status, said.outcome.refusal]).toEqual([status, refusal])

    const answer = await send(request)
    expect(answer.status).toBe(status ?? 200)
    expect(answer.values('WWW-Authenticate')).toEqual([said.outcome.challenge ?? []].flat())
    const line = await logLineOf(answer.values('X-Request-Id')[0])
    expect([line.status, line.refusal]).toEqual([status ?? 200, refusal])
  })

  it('F7 no route: 404, and what is ours', async () => {
    expect((await ask({ url: '/nowhere' })).outcome).toMatchObject({ by: 'gateway', status: 404 })
    expect((await send({ url: '/nowhere' })).status).toBe(404)
    expect((await ask({ url: '/oauth/token' })).outcome).toEqual({ by: 'ourselves' })
  })

  it('F7 a preflight is answered without a token', async () => {
    const headers: [string, string][] = [
      ['Origin', 'https://app.example'],
      ['Access-Control-Request-Method', 'GET'],
    ]
    const request: Case = { method: 'OPTIONS', url: '/pages/1', headers }
    const said = await ask(request)
    expect(said).toMatchObject({ route: { path: '/pages/*' }, outcome: { status: 204 } })
    expect((await send(request)).status).toBe(204)
  })
})

describe('explain says why', () => {
  it('the route, the runners-up and what each lacks', async () => {
    const { route, others } = await ask({ url: '/orders/archive/1', token: 'good' })
    expect(route).toMatchObject({ path: '/orders/archive/*', upstream: 'orders' })
    expect(others.map(({ path, why }) => `${path} ${why}`)).toEqual([
      '/orders/* precedence',
      '/orders/* method',
    ])
    const wrongHost = await ask({ url: '/files/1' })
    expect(wrongHost.route).toBeUndefined()
    expect(wrongHost.others).toMatchObject([
      { path: '/files/*', host: 'files.example', why: 'host' },
    ])
    const host: [string, string] = ['Host', 'files.example']
    expect((await ask({ url: '/files/1', headers: [host] })).route).toMatchObject({
      path: '/files/*',
    })
    expect((await ask({ url: 'http://files.example/files/1' })).route).toMatchObject({
      path: '/files/*',
    })
    expect((await ask({ url: '/status/' })).others).toMatchObject([
      { path: '/status', why: 'path' },
    ])
    expect((await ask({ method: 'PUT', url: '/orders/1' })).others).toMatchObject([
      { why: 'method', methods: ['GET', 'HEAD'] },
      { why: 'method', methods: ['POST'] },
      { why: 'path', path: '/orders/archive/*' },
    ])
  })

  it('the path as it goes upstream, the target and its health', async () => {
    const said = await ask({ url: '/v1/orders/1?q=%2e' })
    expect(said).toMatchObject({
      target: { path: '/v1/orders/1', query: '?q=%2e' },
      rewritten: '/orders/1?q=%2e',
      upstream: { name: 'orders', targets: [{ state: 'well' }] },
      outcome: { by: 'upstream' },
    })
    expect(said.upstream?.chosen).toBe(said.upstream?.targets[0]?.target)
  })

  it('that a target is left out, once it is', async () => {
    expect((await ask({ url: '/gone' })).upstream).toMatchObject({ targets: [{ state: 'well' }] })
    expect((await send({ url: '/gone' })).status).toBe(502)
    expect((await ask({ url: '/gone' })).upstream).toMatchObject({
      targets: [{ state: 'ejected' }],
    })
  })

  it('whose a token is, since when it has expired, what ended and why, which scopes are missing', async () => {
    const owner = { client_id: 'shop', sub: 'client:shop' }
    const explained = async (request: Case) => (await ask(request)).token
    expect(await explained({ url: '/orders', token: 'good' })).toMatchObject({
      ...owner,
      state: 'good',
      scope: ['orders.read', 'orders.write'],
      needs: { mode: 'all', scopes: ['orders.read'] },
    })
    const expired = await explained({ url: '/orders', token: 'expired' })
    expect(expired).toMatchObject({ ...owner, state: 'expired' })
    expect(expired.expired_for).toBeGreaterThanOrEqual(59)
    expect(await explained({ url: '/orders', token: 'revoked' })).toMatchObject({
      ...owner,
      ended: { what: 'token', at: expect.any(Number) },
    })
    expect(await explained({ url: '/orders', token: 'ended' })).toMatchObject({
      client_id: 'shop',
      sub: 'ada',
      ended: { what: 'grant', reason: 'revoked by its client', at: expect.any(Number) },
    })
    expect(await explained({ method: 'POST', url: '/orders', token: 'reader' })).toMatchObject({
      missing: ['orders.write'],
      state: 'good',
    })
    expect(await explained({ url: '/orders', token: 'narrow' })).toMatchObject({
      audience: [`${running.origin}/either`],
      needs: { resource: `${running.origin}/orders` },
    })
    expect(await explained({ url: '/status', token: 'expired' })).toMatchObject({
      verdict: 'not_asked',
      state: 'expired',
    })
  })

  it('what happens to the fields, and no value of a secret', async () => {
    const said = await ask({
      url: '/orders/1',
      token: 'good',
      headers: [
        ['Cookie', 'theirs=hush; pc_session=hush'],
        ['X-Auth-Subject', 'root'],
        ['X-Api-Key', 'hush'],
        ['Connection', 'close, X-Hop'],
        ['X-Hop', 'hush'],
      ],
    })
    expect(said.fields?.removed).toEqual(
      expect.arrayContaining(['Authorization', 'X-Auth-Subject', 'Connection', 'X-Hop']),
    )
    expect(said.fields?.cut).toEqual(['Cookie'])
    expect(said.fields?.set).toEqual(
      expect.arrayContaining([
        { name: 'X-Auth-Subject', value: 'client:shop' },
        { name: 'X-Auth-Client-Id', value: 'shop' },
      ]),
    )
    const text = JSON.stringify(said)
    expect(text).not.toContain('hush')
    expect(text).not.toContain(tokens.good)
  })
})

describe('the log line of a denial', () => {
  const denied = async (request: Case) => {
    const answer = await send(request)
    return { answer, line: await logLineOf(answer.values('X-Request-Id')[0]) }
  }

  it('says whose token it was and what is wrong with it, under the id that the client saw', async () => {
    const owner = { client_id: 'shop', sub: 'client:shop', route: '/orders/*' }
    const expired = await denied({ url: '/orders', token: 'expired' })
    expect(expired.line).toMatchObject({ ...owner, refusal: 'expired' })
    expect(expired.line.expired_for).toBeGreaterThanOrEqual(59)
    const narrow = await denied({ method: 'POST', url: '/orders', token: 'reader' })
    expect(narrow.line).toMatchObject({ ...owner, missing_scope: 'orders.write' })
    expect((await denied({ url: '/orders', token: 'revoked' })).line).toMatchObject({
      ended: 'token',
    })
    expect((await denied({ url: '/orders', token: 'ended' })).line).toMatchObject({
      refusal: 'revoked',
      ended: expect.stringMatching(/^grant/),
    })
  })

  it('6750-§3.1 tells the client no more than before', async () => {
    const bodies = await Promise.all(
      (['expired', 'revoked', 'ended', 'unknown', 'foreign', 'malformed', 'narrow'] as const).map(
        async (token) => {
          const { answer } = await denied({ url: '/orders', token })
          const { request_id: _, ...body } = JSON.parse(answer.body)
          return JSON.stringify([answer.status, answer.values('WWW-Authenticate'), body])
        },
      ),
    )
    expect(new Set(bodies).size).toBe(1)
  })

  it('nothing that was logged holds a token', () => {
    const text = JSON.stringify(running.logged)
    for (const token of Object.values(tokens)) expect(text).not.toContain(token)
    expect(text).not.toContain(admin)
  })
})
