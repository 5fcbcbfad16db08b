import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { bearer, exchange, message, type RawAnswer } from './support/raw-client.ts'
import { openRaw, until } from './support/raw-sockets.ts'
import { type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

const APP = 'https://app.example.com'
const LOCAL = 'http://localhost:5173'
const EVIL = 'https://evil.example'

/** What an upstream says that knows nothing of the gateway. */
const CARELESS = [
  'Access-Control-Allow-Origin: *',
  'access-control-allow-credentials: true',
  'ACCESS-CONTROL-EXPOSE-HEADERS: Set-Cookie',
  'Access-Control-Allow-Private-Network: true',
  'Timing-Allow-Origin: *',
  'Vary: Accept-Encoding',
]

let upstream: RecordingUpstream
let gateway: TestGateway
let reached = 0

beforeAll(async () => {
  upstream = await startRecordingUpstream(({ line }) => {
    if (line.includes('/broken')) return 'no answer\r\n\r\n'
    const vary = line.includes('/varied') ? ['Vary: Origin, Cookie'] : []
    const fields = [...CARELESS, ...vary, 'Content-Length: 2']
    return `HTTP/1.1 200 OK\r\n${fields.join('\r\n')}\r\n\r\nok`
  })
  gateway = await startGateway({
    upstreams: { one: upstream.origin },
    routes: [
      { path: '/listed/*', cors: { origins: [APP, LOCAL], credentials: false, maxAge: 600 } },
      {
        path: '/cookies/*',
        access: 'public',
        methods: ['GET', 'POST'],
        cors: { origins: [APP], credentials: true, maxAge: 0, expose: ['ETag', 'X-Request-Id'] },
      },
      {
        path: '/open/:id',
        access: 'public',
        cors: { origins: '*', credentials: false, maxAge: 60, headers: ['X-A'], methods: ['GET'] },
      },
      {
        path: '/mixed/*',
        methods: ['GET'],
        cors: { origins: '*', credentials: false, maxAge: 5, headers: ['If-Match', 'X-B'] },
      },
      { path: '/mixed/*', methods: ['PUT', 'OPTIONS'] },
      { path: '/plain/*', access: 'public' },
      { path: '/token/*' },
      {
        path: '/small/*',
        access: 'public',
        maxBody: 1,
        cors: { origins: [APP], credentials: false, maxAge: 5 },
      },
      {
        path: '/optional/*',
        access: 'optional',
        cors: { origins: [APP], credentials: false, maxAge: 5 },
      },
      {
        path: '/hosted/*',
        host: '*.example.com',
        cors: { origins: '*', credentials: false, maxAge: 5 },
      },
    ],
  })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})
beforeEach(() => {
  reached = upstream.requests.length
})

const send = (line: string, fields: readonly string[] = [], body = '') =>
  exchange(gateway.port, message(line, fields, body))
const preflight = (path: string, origin: string, method: string, fields: readonly string[] = []) =>
  send(`OPTIONS ${path}`, [
    `Origin: ${origin}`,
    `Access-Control-Request-Method: ${method}`,
    ...fields,
  ])

/** Fields of CORS, by their names in small letters. */
const corsOf = ({ head }: RawAnswer): Record<string, string> =>
  Object.fromEntries(
    [...head.matchAll(/^(access-control-[a-z-]+): *(.*?)\r?$/gim)].map(
      ([, name = '', value = '']) => [name.toLowerCase(), value],
    ),
  )
const listOf = (text: string | undefined) => text?.split(', ').toSorted()
const varyOf = (answer: RawAnswer) => listOf(answer.values('Vary').join(', '))
const notForwarded = () => expect(upstream.requests.length).toBe(reached)

describe('preflights', () => {
  it('6750-13 are answered by the gateway, without a token, on routes that ask for one', async () => {
    const answer = await preflight('/listed/x', APP, 'PUT', [
      'Access-Control-Request-Headers: authorization,content-type',
    ])
    expect(answer.status).toBe(204)
    expect(corsOf(answer)).toEqual({
      'access-control-allow-origin': APP,
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, QUERY',
      'access-control-allow-headers': 'authorization,content-type',
      'access-control-max-age': '600',
    })
    expect(varyOf(answer)).toEqual([
      'Access-Control-Request-Headers',
      'Access-Control-Request-Method',
      'Origin',
    ])
    expect(answer.values('X-Request-Id')[0]).toMatch(/./)
    expect(answer.values('Content-Length')).toEqual([])
    expect(answer.values('WWW-Authenticate')).toEqual([])
    notForwarded()
  })

  it('the line in the log names the route', async () => {
    const answer = await preflight('/open/7', EVIL, 'GET')
    const [id] = answer.values('X-Request-Id')
    await until('its line', () => gateway.exchanges.some((each) => each.id === id))
    expect(gateway.exchanges.find((each) => each.id === id)).toMatchObject({
      route: '/open/:id',
      status: 204,
      method: 'OPTIONS',
    })
  })

  it('allow the methods of the route, and HEAD with GET', async () => {
    const answer = await preflight('/cookies/x', APP, 'POST')
    expect(corsOf(answer)['access-control-allow-methods']).toBe('GET, HEAD, POST')
    expect(corsOf(answer)['access-control-max-age']).toBe('0')
  })

  it('credentials are for listed origins, and never with *', async () => {
    expect(corsOf(await preflight('/cookies/x', APP, 'GET'))).toMatchObject({
      'access-control-allow-origin': APP,
      'access-control-allow-credentials': 'true',
    })
    for (const path of ['/open/7', '/mixed/x', '/listed/x']) {
      const fields = corsOf(await preflight(path, APP, 'GET'))
      expect(fields['access-control-allow-credentials'], path).toBeUndefined()
    }
  })

  it('* is * and not the origin', async () => {
    const fields = corsOf(await preflight('/open/7', EVIL, 'GET'))
    expect(fields['access-control-allow-origin']).toBe('*')
    expect(fields['access-control-allow-methods']).toBe('GET, HEAD')
  })

  it('allow the fields that the configuration names, and Authorization where tokens are taken', async () => {
    const wanted = ['Access-Control-Request-Headers: x-evil']
    const open = corsOf(await preflight('/open/7', APP, 'GET', wanted))
    expect(open['access-control-allow-headers']).toBe('X-A')
    const mixed = corsOf(await preflight('/mixed/x', APP, 'GET', wanted))
    expect(listOf(mixed['access-control-allow-headers'])).toEqual([
      'Authorization',
      'If-Match',
      'X-B',
    ])
  })

  it.each(['a b', 'x,,y', 'x"', 'x: y', 'é'])(
    'P23 what are no field names is not sent back: %s',
    async (wanted) => {
      const fields = [`Access-Control-Request-Headers: ${wanted}`]
      const answer = await preflight('/listed/x', APP, 'GET', fields)
      expect(corsOf(answer)['access-control-allow-headers']).toBeUndefined()
    },
  )

  it.each([
    EVIL,
    'null',
    'https://app.example.com.evil',
    'https://app.example.com:444',
    'http://app.example.com',
    'https://APP.example.com',
    'https://app.example.com/',
    `${APP} ${EVIL}`,
    `${APP}, ${APP}`,
    '*',
  ])('origins are compared whole: %s is not let in', async (origin) => {
    for (const path of ['/listed/x', '/cookies/x']) {
      const answer = await preflight(path, origin, 'GET')
      expect(answer.status, path).toBe(403)
      expect(corsOf(answer)).toEqual({})
      expect(varyOf(answer)).toContain('Origin')
    }
    notForwarded()
  })

  it('go by the route of the method that they ask for', async () => {
    expect((await preflight('/mixed/x', APP, 'GET')).status).toBe(204)
    expect((await preflight('/mixed/x', APP, 'HEAD')).status).toBe(204)
    // That of PUT leaves CORS to the upstream, which is asked with a token only.
    expect((await preflight('/mixed/x', APP, 'PUT')).status).toBe(401)
    notForwarded()
    const token = bearer(gateway.token())
    expect((await preflight('/mixed/x', APP, 'PUT', [token])).status).toBe(200)
    expect(upstream.requests.length).toBe(reached + 1)
    // No route has DELETE; OPTIONS itself has one.
    expect((await preflight('/mixed/x', APP, 'DELETE')).status).toBe(401)
    expect((await preflight('/cookies/x', APP, 'DELETE')).status).toBe(405)
  })

  it('go by the host, as every request', async () => {
    const host = ['Host: a.example.com']
    expect((await preflight('/hosted/x', APP, 'GET', host)).status).toBe(204)
    expect((await preflight('/hosted/x', APP, 'GET')).body).toBe('koa\n')
  })

  it.each(['/listed/../x', '/listed/%2e%2e/x', '/listed/a%2Fb', '/listed//x'])(
    'P7 a target that would be refused is refused: %s',
    async (target) => {
      expect((await preflight(target, APP, 'GET')).status).toBe(400)
    },
  )

  it('with a body are answered, and the connection closed when it does not come', async () => {
    const client = await openRaw(gateway.port)
    const fields = [`Origin: ${APP}`, 'Access-Control-Request-Method: GET', 'Content-Length: 5']
    client.send(message('OPTIONS /listed/x', fields))
    await until('the end', () => client.state() !== 'open')
    expect(client.received()).toMatch(/^HTTP\/1.1 204 /)
    expect(client.received()).toMatch(/\r\nConnection: close\r\n/i)
    client.socket.destroy()
    notForwarded()
  })

  it('on a connection that goes on', async () => {
    const client = await openRaw(gateway.port)
    const fields = [`Origin: ${APP}`, 'Access-Control-Request-Method: GET']
    client.send(message('OPTIONS /listed/x', fields) + message('GET /open/7'))
    await until('both', () => client.received().match(/HTTP\/1.1 (204|200)/g)?.length === 2)
    client.socket.destroy()
  })
})

describe('6750-15 a plain OPTIONS is an ordinary request', () => {
  it.each([
    ['without Access-Control-Request-Method', [`Origin: ${APP}`]],
    ['without Origin', ['Access-Control-Request-Method: GET']],
    ['alone', []],
  ])('%s', async (_, fields) => {
    expect((await send('OPTIONS /listed/x', fields)).status).toBe(401)
    notForwarded()
    expect((await send('OPTIONS /listed/x', [...fields, bearer(gateway.token())])).status).toBe(200)
    expect(upstream.requests.at(-1)?.line).toBe('OPTIONS /listed/x HTTP/1.1')
    expect((await send('OPTIONS /cookies/x', fields)).status).toBe(405)
  })

  it('Access-Control-Request-Method makes no preflight of another method', async () => {
    const fields = [`Origin: ${APP}`, 'Access-Control-Request-Method: GET']
    for (const method of ['GET', 'POST', 'DELETE'])
      expect((await send(`${method} /listed/x`, fields)).status).toBe(401)
    notForwarded()
  })

  it('an upgrade is none', async () => {
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket']
    expect((await preflight('/listed/x', APP, 'GET', upgrade)).status).toBe(401)
    notForwarded()
  })
})

describe('answers', () => {
  const exposed = (more: readonly string[] = []) =>
    [...['Retry-After', 'WWW-Authenticate', 'X-Request-Id'], ...more].toSorted()

  it('what the upstream says of CORS is replaced', async () => {
    const answer = await send('GET /listed/x', [`Origin: ${APP}`, bearer(gateway.token())])
    const { 'access-control-expose-headers': names, ...fields } = corsOf(answer)
    expect(answer.status).toBe(200)
    expect(fields).toEqual({ 'access-control-allow-origin': APP })
    expect(listOf(names)).toEqual(exposed())
    expect(varyOf(answer)).toEqual(['Accept-Encoding', 'Origin'])
    expect(answer.values('Timing-Allow-Origin')).toEqual(['*'])
  })

  it('with credentials, and what the configuration exposes', async () => {
    const answer = await send('GET /cookies/x', [`Origin: ${APP}`])
    const { 'access-control-expose-headers': names, ...fields } = corsOf(answer)
    expect(fields).toEqual({
      'access-control-allow-origin': APP,
      'access-control-allow-credentials': 'true',
    })
    expect(listOf(names)).toEqual(exposed(['ETag']))
  })

  it.each([`Origin: ${EVIL}`, 'Origin: null', 'X-No: origin'])(
    'are given to others, and not to their pages: %s',
    async (field) => {
      for (const path of ['/cookies/x', '/cookies/varied']) {
        const answer = await send(`GET ${path}`, [field])
        expect(answer.status).toBe(200)
        expect(corsOf(answer)).toEqual({})
        expect(varyOf(answer)?.filter((name) => name === 'Origin')).toEqual(['Origin'])
      }
    },
  )

  it('* is the same for all', async () => {
    const answers = [
      await send('GET /open/7', [`Origin: ${APP}`]),
      await send('GET /open/7', [`Origin: ${EVIL}`]),
      await send('GET /open/7'),
    ]
    for (const answer of answers) {
      const { 'access-control-expose-headers': _, ...fields } = corsOf(answer)
      expect(fields).toEqual({ 'access-control-allow-origin': '*' })
      expect(varyOf(answer)).toEqual(['Accept-Encoding'])
    }
  })

  it('the Origin goes on to the upstream', async () => {
    await send('GET /open/7', [`Origin: ${EVIL}`])
    expect(upstream.requests.at(-1)?.values('Origin')).toEqual([EVIL])
  })

  it('P28 on routes without cors they are the upstream’s', async () => {
    const answer = await send('GET /plain/x', [`Origin: ${EVIL}`])
    expect(corsOf(answer)).toEqual({
      'access-control-allow-origin': '*',
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'Set-Cookie',
      'access-control-allow-private-network': 'true',
    })
    expect(varyOf(answer)).toEqual(['Accept-Encoding'])
    expect((await preflight('/plain/x', EVIL, 'GET')).status).toBe(200)
    expect(upstream.requests.at(-1)?.line).toBe('OPTIONS /plain/x HTTP/1.1')
    expect((await preflight('/token/x', EVIL, 'GET')).status).toBe(401)
  })

  it.each<[string, string, number, () => readonly string[], string?]>([
    ['no token', 'GET /listed/x', 401, () => []],
    ['a bad token', 'GET /listed/x', 401, () => [bearer('x')]],
    ['a token that cannot be read', 'GET /listed/x', 400, () => ['Authorization: Bearer']],
    ['a bad token where it is optional', 'GET /optional/x', 401, () => [bearer('x')]],
    ['a body that is too large', 'POST /small/x', 413, () => ['Content-Length: 2'], 'xx'],
    [
      'chunks that are too many',
      'POST /small/x',
      413,
      () => ['Transfer-Encoding: chunked'],
      '2\r\nxx\r\n0\r\n\r\n',
    ],
    ['an upstream that fails', 'GET /small/broken', 502, () => []],
  ])('6750-13 a page may read why it was refused: %s', async (_, line, status, fields, body) => {
    const answer = await send(line, [`Origin: ${APP}`, ...fields()], body)
    const { 'access-control-expose-headers': names, ...rest } = corsOf(answer)
    expect(answer.status).toBe(status)
    expect(rest).toEqual({ 'access-control-allow-origin': APP })
    expect(listOf(names)).toEqual(exposed())
    expect(varyOf(answer)).toEqual(['Origin'])
    const stranger = await send(line, [`Origin: ${EVIL}`, ...fields()], body)
    expect(stranger.status).toBe(status)
    expect(corsOf(stranger)).toEqual({})
    expect(varyOf(stranger)).toEqual(['Origin'])
  })

  it('of optional routes vary with both', async () => {
    const answer = await send('GET /optional/x', [`Origin: ${APP}`])
    expect(varyOf(answer)).toEqual(['Accept-Encoding', 'Authorization', 'Origin'])
  })
})
