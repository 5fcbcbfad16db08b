import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startGateway } from './support/gateway.ts'
import { type Portcullis, spawnPortcullis, startPortcullis } from './support/portcullis.ts'
import { answered, answersIn, bearer, dechunk, exchange, message } from './support/raw-client.ts'
import { openRaw, until } from './support/raw-sockets.ts'
import {
  ok,
  type RecordedRequest,
  type RecordingUpstream,
  startRecordingUpstream,
} from './support/recording-upstream.ts'
import { startStreamingUpstream } from './support/streaming-upstream.ts'

// Rows of the table of attacks on reverse proxies, against the whole program, with every vector that they name. What other
// files hold us to row by row is not said again here.

let upstream: RecordingUpstream
let stranger: RecordingUpstream
let gateway: Portcullis
let token: string
let answer: (request: RecordedRequest) => string = () => ok()
let before = 0

const YAML = (target: string) => `
scopes: { orders.read: See, orders.write: Change }
upstreams: { orders: '${target}', based: '${target}/base' }
routes:
  - { path: /admin, upstream: orders, scope: orders.write }
  - { path: /private/*, upstream: orders, scope: orders.read }
  - { path: /orders/*, upstream: orders, scope: orders.read, methods: [GET, HEAD, POST, DELETE] }
  - { path: /public/*, upstream: orders, access: public }
  - { path: /api/*, upstream: orders, access: public, stripPrefix: /api }
  - { path: '/t/:id', upstream: orders, access: public, rewrite: '/tenants/:id/data' }
  - { path: /based/*, upstream: based, access: public, stripPrefix: /based }
  - { path: /*, host: api.example.com, upstream: orders, access: public }
clients:
  - { client_id: robot, client_secret: a secret of robots, grant_types: [client_credentials], scope: orders.read }
accounts: []
`

beforeAll(async () => {
  upstream = await startRecordingUpstream((request) => answer(request))
  stranger = await startRecordingUpstream()
  gateway = await startPortcullis(YAML(upstream.origin))
  token = await issue(gateway.origin)
})
afterAll(async () => {
  await gateway?.stop()
  await upstream?.close()
  await stranger?.close()
})
beforeEach(() => {
  answer = () => ok()
  before = upstream.requests.length
})

const issue = async (origin: string): Promise<string> => {
  const given = await fetch(`${origin}/oauth/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa('robot:a secret of robots')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  const { access_token }: { access_token: string } = JSON.parse(await given.text())
  return access_token
}

const ask = (line: string, fields: readonly string[] = [], body = '') =>
  exchange(gateway.port, message(line, fields, body))
const seen = () => upstream.requests.slice(before)
const last = () => seen().at(-1) ?? { head: '', body: '', line: '', values: () => [] }

/** Sends bytes, with an innocent request right behind them; gives what came until the connection ended. */
const attack = async (bytes: string) => {
  const client = await openRaw(gateway.port)
  client.send(`${bytes}${message('GET /public/victim')}`)
  await until('the end', () => client.state() !== 'open')
  client.socket.destroy()
  return client.received()
}

const post = (fields: readonly string[], body: string) => message('POST /public/x', fields, body)
const CHUNKED = 'Transfer-Encoding: chunked'

describe('§3.1 what no parser may read in two ways', () => {
  it.each([
    ['CL and TE', post(['Content-Length: 5', CHUNKED], '0\r\n\r\n')],
    ['TE and CL', post([CHUNKED, 'Content-Length: 5'], '0\r\n\r\n')],
    ['the same length twice', post(['Content-Length: 1', 'Content-Length: 1'], 'a')],
    ['two lengths', post(['Content-Length: 1', 'Content-Length: 2'], 'ab')],
    ['CL: 1, 1', post(['Content-Length: 1, 1'], 'a')],
    ['CL: +1', post(['Content-Length: +1'], 'a')],
    ['CL: 0x1', post(['Content-Length: 0x1'], 'a')],
    ['an empty length', post(['Content-Length: '], 'a')],
    ['a length that overflows', post(['Content-Length: 18446744073709551617'], 'a')],
    ['a space before the colon', post(['Transfer-Encoding : chunked'], '0\r\n\r\n')],
    ['chunked, identity', post(['Transfer-Encoding: chunked, identity'], '0\r\n\r\n')],
    ['chunked, chunked', post(['Transfer-Encoding: chunked, chunked'], '0\r\n\r\n')],
    ['quoted', post(['Transfer-Encoding: "chunked"'], '0\r\n\r\n')],
    ['two TE lines', post([CHUNKED, CHUNKED], '0\r\n\r\n')],
    ['VT before the value', post(['Transfer-Encoding: \vchunked'], '0\r\n\r\n')],
    ['a folded TE', post(['Transfer-Encoding:', '\tchunked'], '0\r\n\r\n')],
    ['a folded field anywhere', message('GET /public/x', ['X: a', ' b'])],
    ['a leading space on the first field', 'GET /public/x HTTP/1.1\r\n Host: gw\r\n\r\n'],
    ['a bare LF in the start line', 'GET /public/x HTTP/1.1\nHost: gw\r\n\r\n'],
    ['a bare LF at the end of a field', 'GET /public/x HTTP/1.1\r\nHost: gw\nX: y\r\n\r\n'],
    ['a bare LF at the end of a chunk size', post([CHUNKED], '1\na\r\n0\r\n\r\n')],
    ['a bare LF behind chunk data', post([CHUNKED], '1\r\na\n0\r\n\r\n')],
    ['a bare LF in a chunk extension', post([CHUNKED], '1;x\ny\r\na\r\n0\r\n\r\n')],
    ['a bare CR', message('GET /public/x', ['X: a\rY: b'])],
    ['CR CR LF', 'GET /public/x HTTP/1.1\r\nHost: gw\r\r\n\r\n'],
    ['a chunk size with a space', post([CHUNKED], '1 1\r\na\r\n0\r\n\r\n')],
    ['a chunk size in 0x', post([CHUNKED], '0x1\r\na\r\n0\r\n\r\n')],
    ['a chunk size with _', post([CHUNKED], '1_0\r\na\r\n0\r\n\r\n')],
    ['a chunk size with -', post([CHUNKED], '-1\r\na\r\n0\r\n\r\n')],
    ['a chunk size that overflows', post([CHUNKED], 'fffffffffffffffff\r\na\r\n0\r\n\r\n')],
    ['NUL in a value', message('GET /public/x', ['X: a\0b'])],
    ['a control in a value', message('GET /public/x', ['X: a\x01b'])],
    ['DEL in a value', message('GET /public/x', ['X: a\x7fb'])],
    ['a space in a name', message('GET /public/x', ['X Y: 1'])],
    ['an empty name', message('GET /public/x', [': 1'])],
    ['a name beyond ASCII', message('GET /public/x', ['X\xe9: 1'])],
    ['a line without a colon', message('GET /public/x', ['nonsense'])],
    ['no Host', 'GET /public/x HTTP/1.1\r\nX: y\r\n\r\n'],
    ['a target without a slash', message('GET admin')],
    ['a target @evil/', message('GET @evil/')],
    ['a target ?a', message('GET ?a')],
    ['P9 authority-form', message('GET gw:80')],
    ['P9 an opaque URI', message('GET foo:/x')],
    ['P9 another scheme', message('GET foo://h/admin')],
    ['P9 an origin that is not ours', message('GET http://evil/admin')],
    ['P9 our own origin', message('GET http://gw.example/public/x')],
    ['P9 an origin cut short', message('GET http://[')],
    ['P9 GET *', message('GET *')],
    ['P9 OPTIONS *', message('OPTIONS *')],
    ['a tab in the target', message('GET /public/a\tb')],
    ['a control in the target', message('GET /public/a\x01b')],
    ['NUL in the target', message('GET /public/a\0b')],
    ['DEL in the target', message('GET /public/a\x7fb')],
    ['a space in the target', message('GET /public/a b')],
    ['P8 a target beyond ASCII', message('GET /\xef\xbd\x81dmin')],
    ['HTTP/1.2', 'GET /public/x HTTP/1.2\r\nHost: gw\r\n\r\n'],
    ['a version in lower case', 'GET /public/x http/1.1\r\nHost: gw\r\n\r\n'],
    ['a method in lower case', message('get /public/x')],
    ['a method that nobody knows', message('SMUGGLE /public/x')],
    ['P6 the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['two Hosts', 'GET /public/x HTTP/1.1\r\nHost: gw\r\nHost: api.example.com\r\n\r\n'],
    [
      'two Content-Types',
      post(['Content-Type: a/b', 'Content-Type: c/d', 'Content-Length: 0'], ''),
    ],
  ])('P1 %s: 400, the connection is closed, nothing reaches the upstream', async (_, bytes) => {
    const received = await attack(bytes)
    expect(received).toMatch(/^HTTP\/1\.1 400 [\s\S]*\r\nConnection: close\r\n/)
    expect(received.match(/HTTP\/1\.1 \d/g)).toHaveLength(1)
    expect(JSON.parse(received.split('\r\n\r\n')[1] ?? '')).toMatchObject({
      error: 'invalid_request',
    })
    // A body that turns bad in the middle may have been begun, framed by us; it is never whole.
    expect(seen()).toEqual([])
    expect((await ask('GET /public/next')).status).toBe(200)
    expect(seen().map(({ line }) => line)).toEqual(['GET /public/next HTTP/1.1'])
  })

  it.each<[string, string, number]>([
    ['P22 a field of 17 KiB', message('GET /public/x', [`X: ${'a'.repeat(17_408)}`]), 431],
    [
      'P22 2 100 fields',
      message(
        'GET /public/x',
        Array.from({ length: 2_100 }, () => 'X: 1'),
      ),
      431,
    ],
    [
      'P22 200 Cookie fields',
      message(
        'GET /public/x',
        Array.from({ length: 200 }, (_, at) => `Cookie: c${at}=1`),
      ),
      431,
    ],
    ['P22 a target of 16 KiB', message(`GET /public/${'a'.repeat(16_384)}`), 431],
    [
      'chunk extensions of 17 KiB',
      post([CHUNKED], `1;${'x'.repeat(17_408)}\r\na\r\n0\r\n\r\n`),
      413,
    ],
    ['another expectation', message('GET /public/x', ['Expect: 200-ok']), 417],
    ['P1 TE: identity', post(['Transfer-Encoding: identity'], ''), 501],
    ['P1 TE: xchunked', post(['Transfer-Encoding: xchunked'], '0\r\n\r\n'), 501],
    ['P1 TE: gzip, chunked', post(['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'), 501],
    ['HTTP/2.0 on this connection', 'GET /public/x HTTP/2.0\r\nHost: gw\r\n\r\n', 505],
    ['P1 HTTP/1.0 with chunks', `POST /public/x HTTP/1.0\r\n${CHUNKED}\r\n\r\n0\r\n\r\n`, 400],
    ['P19 TRACE', message('TRACE /public/x'), 405],
    ['P19 CONNECT', message('CONNECT gw:80'), 405],
  ])('%s is answered as it should be, and the end', async (_, bytes, status) => {
    const received = await attack(bytes)
    expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*\r\nConnection: close\r\n`))
    expect(received.match(/HTTP\/1\.1 \d/g)).toHaveLength(1)
    expect(seen()).toEqual([])
  })

  it('HTTP/0.9 gets no page of anybody', async () => {
    const client = await openRaw(gateway.port)
    client.send('GET /public/x\r\n\r\n')
    await until('the end', () => client.state() !== 'open')
    expect(client.received()).toMatch(/^(?:HTTP\/1\.1 (?:400|505) |$)/)
    expect(seen()).toEqual([])
    client.socket.destroy()
  })

  it('P22 two hundred cookies in one field pass', async () => {
    const cookies = Array.from({ length: 200 }, (_, at) => `c${at}=${at}`).join('; ')
    expect((await ask('GET /public/x', [`Cookie: ${cookies}`])).status).toBe(200)
    expect(last().values('Cookie')).toEqual([cookies])
  })

  it('obs-text in a field passes byte for byte', async () => {
    expect((await ask('GET /public/x', ['X-Name: caf\xe9 \xff'])).status).toBe(200)
    expect(last().values('X-Name')).toEqual(['caf\xe9 \xff'])
  })
})

describe('P2 a body that looks like a request', () => {
  const SMUGGLED = 'GET /admin HTTP/1.1\r\nHost: x\r\nX-User: root\r\n\r\n'
  const chunks = `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`
  const methods = ['DELETE', 'OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'PROPFIND']

  it.each(
    methods.flatMap(
      (method) =>
        [
          [method, 'keep-alive'],
          [method, 'close'],
        ] as const,
    ),
  )(
    '%s, Connection: %s: stays one body, and the next request is the next',
    async (method, connection) => {
      answer = ({ line }) =>
        line.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n' : ok()
      await ask(`${method} /public/d`, [`Connection: ${connection}`, CHUNKED], chunks)
      await ask('GET /public/after')
      expect(seen().map(({ line }) => line)).toEqual([
        `${method} /public/d HTTP/1.1`,
        'GET /public/after HTTP/1.1',
      ])
      expect(seen()[0]?.values('Transfer-Encoding')).toEqual(['chunked'])
      expect(seen()[0]?.values('Content-Length')).toEqual([])
      expect(dechunk(seen()[0]?.body ?? '')?.text).toBe(SMUGGLED)
    },
  )
})

describe('P8 P10 another way to write what is guarded', () => {
  it.each([
    '//admin',
    '/admin/',
    '/admin//',
    '/ADMIN',
    '/Admin',
    '/admin.',
    '/admin;x=1',
    '/admin%20',
    '/admin%09',
    '/admin%00',
    '/admin%23',
    '/admin?',
    '/admin.json',
    '/%61dmin',
    '/%EF%BD%81dmin',
    '/admin%2f',
    '/admin%5c',
    '/private?x=/public',
    '/private?.js',
    '/private/x?/public/',
    '/private#/public',
    '/public/../admin',
    '/public/%2e%2e/admin',
    '/public/.%2e/',
    '/public/%2E./admin',
    '/public/..;/admin',
    '/api../admin',
    '/public/..%2fadmin',
    '/public/%252e%252e/admin',
    '/public/..%5cadmin',
    '/public/..\\admin',
    '/public//../admin',
    '/public/./../admin',
    '/..',
    '/%2e%2e',
  ])('P7 %s opens nothing without a token', async (target) => {
    for (const fields of [[], [bearer('x')]]) {
      const { status } = await ask(`GET ${target}`, fields)
      expect([400, 401, 404]).toContain(status)
    }
    expect(seen()).toEqual([])
  })
})

describe('P11 P12 what a request can make of the path upstream', () => {
  it.each([
    ['/t/a%3Fx', 'GET /tenants/a%3Fx/data HTTP/1.1'],
    ['/t/a%23', 'GET /tenants/a%23/data HTTP/1.1'],
    ['/t/a%20b', 'GET /tenants/a%20b/data HTTP/1.1'],
    ['/t/a?x=/../y', 'GET /tenants/a/data?x=/../y HTTP/1.1'],
    ['/based/x', 'GET /base/x HTTP/1.1'],
    ['/based', 'GET /base/ HTTP/1.1'],
  ])('%s: a segment and nothing else, and what follows is always there', async (target, line) => {
    expect((await ask(`GET ${target}`)).status).toBe(200)
    expect(last().line).toBe(line)
    expect(last().values('Host')).toEqual([`127.0.0.1:${upstream.port}`])
  })

  it.each([
    '/t/a%2F..%2Fadmin',
    '/t/a%2fb',
    '/t/..',
    '/t/%2e%2e',
    '/t/a%00',
    '/t/a%zz',
    '/t/a%5cb',
    '/t/a%252fb',
    '/t/',
    '/based/../x',
    '/based//evil/x',
    '/based/\\evil',
    '/based/%2e%2e/x',
    '/based/..%2fx',
    '/based//evil.example/x',
  ])('%s goes nowhere', async (target) => {
    expect([400, 404]).toContain((await ask(`GET ${target}`)).status)
    expect(seen()).toEqual([])
  })
})

describe('P13 P15 what is said of the connection and of who it is', () => {
  it.each([
    'X-User',
    'Authorization',
    'Cookie',
    'X-Forwarded-For',
    'Content-Length',
    'Host',
    'Transfer-Encoding',
  ])(
    'P13 Connection: close, %s takes nothing of ours away, and no frame off the body',
    async (name) => {
      await ask(
        'POST /orders/1',
        [bearer(token), `Connection: close, ${name}`, 'X-User: root', 'Content-Length: 5'],
        'hello',
      )
      expect(seen()).toHaveLength(1)
      expect(last().body).toBe('hello')
      expect(last().values('Content-Length')).toEqual(['5'])
      expect(last().values('X-Auth-Client-Id')).toEqual(['robot'])
      expect(last().values('X-Forwarded-For')).toEqual(['127.0.0.1'])
      expect(last().values('Host')).toEqual([`127.0.0.1:${upstream.port}`])
      expect(last().values('Authorization')).toEqual([])
      expect(last().values('X-User')).toEqual(name === 'X-User' ? [] : ['root'])
    },
  )

  it.each(['X-Auth-Subject', 'X-Auth-Client-Id', 'X-Auth-Scope', 'X-Request-Id'])(
    'P15 %s with a space before its colon is 400',
    async (name) => {
      expect(await attack(message('GET /public/x', [`${name} : root`]))).toMatch(/^HTTP\/1\.1 400 /)
      expect(seen()).toEqual([])
    },
  )
})

describe('P16 P17 P19 P33 hints of the client decide nothing', () => {
  const HINTS = [
    'User-Agent: GoogleHC/1.0',
    'User-Agent: kube-probe/1.30',
    'User-Agent: ELB-HealthChecker/2.0',
    'X-Forwarded-Uri: /public/x',
    'X-Forwarded-Path: /public/x',
    'X-Original-URL: /public/x',
    'X-Rewrite-URL: /public/x',
    'X-Envoy-Original-Path: /public/x',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Method: OPTIONS',
    'X-HTTP-Method-Override: OPTIONS',
    'X-Forwarded-Host: api.example.com',
    'Forwarded: host=api.example.com;for=127.0.0.1',
    'X-Real-IP: 127.0.0.1',
    'X-Forwarded-For: 127.0.0.1',
    'X-Auth-Subject: ada',
    'Referer: http://127.0.0.1/public/',
    'Origin: http://127.0.0.1',
    'Access-Control-Request-Method: GET',
    'X-Custom-IP-Authorization: 127.0.0.1',
    'Via: 1.1 trusted',
  ]

  it.each(HINTS)('P17 %s opens no route', async (hint) => {
    expect((await ask('GET /admin', [hint])).status).toBe(401)
    expect((await ask('GET /nowhere', [hint])).status).toBe(404)
    expect((await ask('GET /admin', [bearer(token), hint])).status).toBe(403)
    expect(seen()).toEqual([])
  })

  it.each(['GET /orders/1?_method=DELETE', 'GET /orders/1?_method=PUT&x-http-method-override=PUT'])(
    'P19 %s is a GET',
    async (line) => {
      expect((await ask(line, [bearer(token)])).status).toBe(200)
      expect(last().line).toBe(`${line} HTTP/1.1`)
    },
  )

  it.each([
    'X-HTTP-Method-Override',
    'X-HTTP-Method',
    'X-Method-Override',
    'X-Original-Method',
    'X-Forwarded-Method',
    'x_http_method_override',
  ])('P19 %s does not reach the upstream', async (name) => {
    expect((await ask('GET /orders/1', [bearer(token), `${name}: DELETE`])).status).toBe(200)
    expect(last().head).not.toMatch(/DELETE|method/i)
  })

  it('P33 where a request goes is the configuration’s to say, whatever the request names', async () => {
    const place = `127.0.0.1:${stranger.port}`
    for (const fields of [
      [`Host: ${place}`],
      [`X-Forwarded-Host: ${place}`],
      [`Forwarded: host=${place}`],
      [`X-Upstream: http://${place}`],
      [`X-Original-URL: http://${place}/`],
      [`X-Forwarded-Server: ${place}`],
      [`X-Real-Host: ${place}`],
    ])
      expect((await ask('GET /public/x', fields)).status).toBe(200)
    for (const target of [
      `/public/http://${place}/`,
      `/public/@${place}/`,
      `//${place}/public/x`,
      `http://${place}/public/x`,
      `/t/${place}`,
      `/api/@${place}`,
    ])
      await ask(`GET ${target}`)
    expect(stranger.requests).toEqual([])
    expect(stranger.connections).toEqual([])
    for (const request of seen())
      expect(request.values('Host')).toEqual([`127.0.0.1:${upstream.port}`])
  })
})

describe('P23 P26 P27 P28 what comes back', () => {
  it.each([
    ['P27', 'Location: //internal/x'],
    ['P27', 'Location: http://127.0.0.1:9000/internal'],
    ['P27', 'Refresh: 0; url=http://127.0.0.1:9000/'],
    ['P26', 'Set-Cookie: a=1; Domain=example.com'],
    ['P28', 'WWW-Authenticate: Basic realm="theirs"'],
    ['P28', 'Access-Control-Allow-Origin: *'],
    ['P28', 'Clear-Site-Data: "cache"'],
    ['P28', 'Service-Worker-Allowed: /'],
    ['P28', 'Alt-Svc: h3=":443"'],
    ['P28', 'Strict-Transport-Security: max-age=1'],
    ['P28', 'X-Accel-Buffering: no'],
    ['P28', 'X-Sendfile: /x'],
  ])('%s %s is the upstream’s to say, once, and nothing is followed', async (_, field) => {
    answer = () => ok('ok', `${field}\r\n`)
    const found = await ask('GET /public/x')
    const [name = '', value = ''] = field.split(/: (.*)/s)
    expect(found.status).toBe(200)
    expect(found.values(name)).toEqual([value])
    expect(seen()).toHaveLength(1)
    expect(stranger.requests).toEqual([])
  })

  it.each([
    '__Host-pc_session=evil; Secure; Path=/',
    'pc_session=evil',
    '__Host-pc_browser=evil',
    '__Secure-x=1; pc_session=evil',
  ])('P26 a cookie by a name of ours does not pass: %s', async (cookie) => {
    answer = () => ok('ok', `Set-Cookie: ${cookie}\r\n`)
    const kept = cookie.startsWith('__Secure-x') ? [cookie] : []
    expect((await ask('GET /public/x')).values('Set-Cookie')).toEqual(kept)
  })

  it('P23 what came encoded in a request ends no line of an answer of ours', async () => {
    const injected = '%0d%0aSet-Cookie:%20evil=1%0d%0a%0d%0aHTTP/1.1%20200%20OK'
    for (const target of [
      `/public/${injected}`,
      `/${injected}`,
      `/orders/1?${injected}`,
      `/oauth/authorize?client_id=${injected}`,
      `/oauth/authorize?client_id=robot&redirect_uri=${injected}&state=${injected}`,
      `/oauth/login?${injected}`,
      `/.well-known/oauth-protected-resource/${injected}`,
      `/.well-known/oauth-protected-resource/orders?${injected}`,
    ]) {
      const found = await ask(`GET ${target}`)
      expect(found.bytes.match(/HTTP\/1\.1 /g), target).toHaveLength(1)
      expect(found.head, target).not.toMatch(/\r\nSet-Cookie: evil/i)
    }
  })
})

describe('P35 caches in front', () => {
  it.each([
    ['GET /orders/1', 401],
    ['GET /nowhere', 404],
    ['GET /public/../x', 400],
    ['PUT /orders/1', 405],
    ['TRACE /x', 405],
  ])('%s: %i may not be kept', async (line, status) => {
    const found = await ask(line)
    expect(found.status).toBe(status)
    expect(found.values('Cache-Control').join()).toMatch(/no-store/)
  })

  it('403 neither', async () => {
    const found = await ask('GET /admin', [bearer(token)])
    expect(found.status).toBe(403)
    expect(found.values('Cache-Control')).toEqual(['private, no-store'])
  })

  it.each([
    '/orders/account/x.css',
    '/orders/account.js',
    '/orders/1/%3Bx.css',
    '/orders/index.html',
  ])('an answer to a token is private, whatever %s looks like', async (path) => {
    const found = await ask(`GET ${path}`, [bearer(token)])
    expect(found.values('Cache-Control')).toEqual(['private'])
  })
})

describe('P36 no parser of ours touches what is forwarded', () => {
  it.each([
    'application/x-www-form-urlencoded',
    'application/json',
    'multipart/form-data; boundary=x',
    'text/plain',
  ])('five MiB of %s arrive as they are sent, and before they are all there', async (type) => {
    const body = Buffer.from('a=%zz&b[$ne]={"x'.repeat(SIZE / 16))
    const hash = createHash('sha256')
    let arrived = 0
    let given: string | undefined
    const target = await startStreamingUpstream((req, res) => {
      given = req.headers['content-type']
      req.on('data', (bytes: Buffer) => {
        arrived += bytes.length
        hash.update(bytes)
      })
      req.on('end', () => res.end('all'))
    })
    const plane = await startGateway({
      upstreams: { orders: target.origin },
      routes: [{ path: '/orders/*' }],
    })
    const client = await openRaw(plane.port)
    const fields = [`Content-Type: ${type}`, `Content-Length: ${SIZE}`]
    client.send(message('POST /orders/1', [bearer(plane.token()), ...fields]))
    client.send(body.subarray(0, SIZE / 2))
    await until('the first half', () => arrived === SIZE / 2)
    client.send(body.subarray(SIZE / 2))
    await answered(client, 1)
    expect(answersIn(client.received())[0]?.status).toBe(200)
    expect([arrived, given]).toEqual([SIZE, type])
    expect(hash.digest('hex')).toBe(createHash('sha256').update(body).digest('hex'))
    client.socket.destroy()
    await plane.close()
    await target.close()
  })
})

const SIZE = 5 * 1024 * 1024

describe('P37 P39 what our own answers tell', () => {
  it.each([
    ['GET /public/../x', 400],
    ['GET /orders/1', 401],
    ['GET /nowhere', 404],
    ['PATCH /orders/1', 405],
    ['TRACE /', 405],
    ['GET /oauth/nowhere', 404],
    ['GET /oauth/token', 405],
    ['GET /oauth/authorize', 400],
    ['GET /oauth/authorize?client_id=%00', 400],
  ])('P37 %s: %i with an id, and nothing of the inside', async (line, status) => {
    for (const accept of ['*/*', 'application/json', 'text/html']) {
      const found = await ask(line, [`Accept: ${accept}`])
      expect(found.status).toBe(status)
      const [id = 'none'] = found.values('X-Request-Id')
      expect(found.body).toContain(id)
      expect(`${found.head}${found.body}`).not.toMatch(
        /node_modules|\.ts:|at async|koa|node\/|portcullis\/\d|x-powered-by|\r\nserver:/i,
      )
    }
  })

  it('P39 what we say is never compressed, as it may hold a secret beside what a stranger chose', async () => {
    for (const path of [
      '/oauth/login?x=y',
      '/oauth/authorize?client_id=x',
      '/orders/1',
      '/nowhere',
      '/.well-known/oauth-authorization-server',
    ]) {
      const found = await ask(`GET ${path}`, [
        'Accept-Encoding: gzip, br, zstd, deflate',
        'Accept: text/html',
      ])
      expect(found.values('Content-Encoding'), path).toEqual([])
      expect(found.values('Transfer-Encoding').join(), path).not.toMatch(/gzip/)
    }
  })
})

describe('P38 the log', () => {
  it('is one line of JSON each, whatever comes', async () => {
    const program = await spawnPortcullis(YAML(upstream.origin))
    const sent = [
      message('GET /public/x%0a%7B%22level%22:%22audit%22%7D'),
      message('GET /public/%22%7D'),
      message('GET /public/a"b'),
      message('GET /nowhere', ['User-Agent: x"}\t{"level":"audit"', 'X-Forwarded-For: "\x1b[31m"']),
      message("GET /public/'$(x)'?\x1b[2J"),
      message('GET /public/%1b[31mred'),
      message(
        'POST /oauth/token',
        ['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 46'],
        'client_id=%0a%22%7D%1b[31m&grant_type=%0d%0a%22',
      ),
      message('GET /orders/1', [bearer('x"}\n{')]),
      'NONSENSE"}\n{"level":"audit"}\r\n\r\n',
      message('GET /oauth/authorize?client_id=%0a%22%7D%1b&redirect_uri=%0a%22&scope=%22%0a%7D'),
    ]
    for (const bytes of sent) await exchange(program.port, bytes)
    const lines = () => program.output().trimEnd().split('\n')
    await until(
      'a line each',
      () => lines().filter((line) => line.includes('"event":"request"')).length >= sent.length,
    )
    for (const line of lines()) {
      const parsed: Record<string, unknown> = JSON.parse(line)
      expect(Object.keys(parsed).slice(0, 3)).toEqual(['level', 'time', 'event'])
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it is about them
      expect(line).not.toMatch(/[\x00-\x1f\x7f]/)
      if (parsed.level === 'audit') expect(parsed.event).toMatch(/^[a-z_]+\.[a-z_]+$/)
    }
    await program.stop()
  })
})
