import { brotliCompressSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { basic, createClient, postForm } from './support/client.ts'
import { startGateway, storeDown } from './support/gateway.ts'
import { createPerson } from './support/person.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'
import { answered, answersIn, bearer, exchange, message } from './support/raw-client.ts'
import { openRaw, type RawSocket, until } from './support/raw-sockets.ts'
import { ok, type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

// What was found wrong with the parts that a gateway like this is usually made of, each against the whole program.

let upstream: RecordingUpstream
let broken: RecordingUpstream
let breakage: (connection: RawSocket) => void = () => {}
let portcullis: Portcullis
let token = ''
let reached = 0

beforeAll(async () => {
  upstream = await startRecordingUpstream(({ line }) => ok(line))
  broken = await startRecordingUpstream((_, connection) => {
    breakage(connection)
    return undefined
  })
  portcullis = await startPortcullis(`
demo: true
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams:
  orders: ${upstream.origin}
  broken: ${broken.origin}
routes:
  - { path: /orders/*, upstream: orders, scope: orders.read }
  - { path: /admin/*, upstream: orders, scope: orders.write }
  - { path: /public/*, upstream: orders, access: public }
  - { path: /broken/*, upstream: broken, access: public }
clients:
  - client_id: machine
    client_secret: machine-secret
    grant_types: [client_credentials]
    scope: orders.read
  - client_id: web
    client_secret: web-secret
    redirect_uris: [https://app.example/callback]
accounts: [{ username: ada, password: ada-password }]
`)
  const { body } = await postForm(
    `${portcullis.origin}/oauth/token`,
    { grant_type: 'client_credentials' },
    basic('machine', 'machine-secret'),
  )
  token = String(body.access_token)
})
afterAll(async () => {
  await portcullis.stop()
  await broken.close()
  await upstream.close()
})
beforeEach(() => {
  reached = upstream.requests.length
})

const ask = (line: string, fields: readonly string[] = [], body = '') =>
  exchange(portcullis.port, message(line, fields, body))

const arrived = () => upstream.requests.slice(reached)

const alive = async () => {
  expect((await ask('GET /orders/alive', [bearer(token)])).status).toBe(200)
}

const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

describe('F1 the path is not rewritten after it was authorised', () => {
  it.each([
    '/public/%2e%2e/admin',
    '/public/../admin',
    '/public/..\\admin',
    '/public/.%2e/admin',
    '/public#/../admin',
    'http://x/public/../admin',
  ])('%s reaches nobody', async (target) => {
    expect((await ask(`GET ${target}`)).status).toBe(400)
    expect((await ask(`GET ${target}`, HANDSHAKE)).status).toBe(400)
    expect(arrived()).toEqual([])
  })

  it('what passes arrives byte for byte', async () => {
    await ask('GET /public/a%20b/%C3%A9?x=/../%2e')
    expect(arrived().map(({ line }) => line)).toEqual([
      'GET /public/a%20b/%C3%A9?x=/../%2e HTTP/1.1',
    ])
  })
})

it('F2 Expect does not switch off what is done to the fields', async () => {
  const fields = [
    bearer(token),
    'Expect: 100-continue',
    'X-Auth-Subject: root',
    'Content-Length: 2',
  ]
  expect((await ask('GET /orders/1', fields, 'hi')).status).toBe(200)
  const [request] = arrived()
  expect(request?.values('Expect')).toEqual([])
  expect(request?.values('Authorization')).toEqual([])
  expect(request?.values('X-Auth-Subject')).toEqual(['client:machine'])
})

it('F2 Expect at our own endpoints: the form is asked for once its type is right (RFC 9110 §10.1.1)', async () => {
  const form = 'grant_type=client_credentials'
  const head = (type: string) =>
    message('POST /oauth/token', [
      `Authorization: Basic ${btoa('machine:machine-secret')}`,
      `Content-Type: ${type}`,
      'Expect: 100-continue',
      `Content-Length: ${form.length}`,
    ])
  const client = await openRaw(portcullis.port)
  client.send(head('application/x-www-form-urlencoded'))
  await until('100', () => client.received() === 'HTTP/1.1 100 Continue\r\n\r\n')
  client.send(form)
  await until('the answer', () => client.received().includes('HTTP/1.1 200 OK'))
  client.socket.destroy()
  const other = await openRaw(portcullis.port)
  other.send(head('application/json'))
  await until('the refusal', () => other.received().startsWith('HTTP/1.1 400 '))
  other.socket.destroy()
})

it('F3 Expect with an upgrade does not end the process', async () => {
  const answer = await ask('GET /orders/live', [
    bearer(token),
    'Expect: 100-continue',
    ...HANDSHAKE,
  ])
  expect(answer.status).toBeGreaterThanOrEqual(200)
  await alive()
})

it.each(['/\\[', '/[', 'http://[', '//[', '/%', '/\\\\', 'http://[::1', '/%E0%A4%A'])(
  'F4 a target that no URL parser takes does not end the process: %s',
  async (target) => {
    expect((await ask(`GET ${target}`)).status).toBe(400)
    expect((await ask(`GET ${target}`, HANDSHAKE)).status).toBe(400)
    await alive()
  },
)

it.each(['DELETE', 'OPTIONS', 'GET', 'HEAD', 'PUT'])(
  'F5 a chunked body of %s is no second request',
  async (method) => {
    const inside = 'GET /admin HTTP/1.1\r\nHost: x\r\nX-User: root\r\n\r\n'
    const chunks = `${inside.length.toString(16)}\r\n${inside}\r\n0\r\n\r\n`
    await ask(`${method} /orders/1`, [bearer(token), 'Transfer-Encoding: chunked'], chunks)
    await alive()
    expect(arrived().map(({ line }) => line)).toEqual([
      `${method} /orders/1 HTTP/1.1`,
      'GET /orders/alive HTTP/1.1',
    ])
    expect(arrived()[0]?.body).toBe(chunks)
  },
)

it.each([
  ['a control byte in the reason', 'HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nok'],
  ['status 099', 'HTTP/1.1 099 Low\r\nContent-Length: 2\r\n\r\nok'],
  ['status 999', 'HTTP/1.1 999 High\r\nContent-Length: 2\r\n\r\nok'],
  ['Trailer with Content-Length', 'HTTP/1.1 200 OK\r\nTrailer: X\r\nContent-Length: 2\r\n\r\nok'],
])('F6 an upstream with %s does not end the process', async (_, bytes) => {
  breakage = (connection) => connection.send(bytes)
  const answer = await ask('GET /broken/x')
  expect([200, 502]).toContain(answer.status)
  expect(answer.head).toMatch(/^HTTP\/1\.1 (200 OK|502 Bad Gateway)\r\n/)
  await alive()
})

describe('F7 an upstream that goes does not leave the client waiting', () => {
  it.each([
    ['a length', 'Content-Length: 10\r\n\r\nhello'],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
  ])('in a body with %s', async (_, rest) => {
    breakage = ({ socket }) => socket.end(`HTTP/1.1 200 OK\r\n${rest}`)
    const client = await openRaw(portcullis.port)
    client.send(message('GET /broken/x'))
    await until('the cut', () => client.state() !== 'open')
    expect(client.received()).not.toMatch(/0\r\n\r\n$/)
    expect(answersIn(client.received())).toEqual([])
    client.socket.destroy()
  })

  it('with 101 that nobody asked for', async () => {
    breakage = (connection) =>
      connection.send(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
      )
    expect((await ask('GET /broken/x')).status).toBe(502)
  })

  it('nor does a WebSocket client that goes leave the upstream waiting', async () => {
    breakage = () => {}
    const before = broken.requests.length
    const client = await openRaw(portcullis.port)
    client.send(message('GET /broken/live', HANDSHAKE))
    await until('the handshake', () => broken.requests.length > before)
    client.socket.destroy()
    await until('the end', () => broken.connections.at(-1)?.state() !== 'open')
  })
})

it('F8 fields of one connection do not cross, nor those that it names', async () => {
  await ask('GET /orders/1', [
    bearer(token),
    'Connection: keep-alive, X-Named, X-Auth-Subject',
    'X-Named: 1',
    'Proxy-Authorization: Basic x',
    'TE: trailers',
    'Keep-Alive: timeout=1',
    'HTTP2-Settings: x',
    'X_User: root',
  ])
  const [request] = arrived()
  expect(request?.head).not.toMatch(/^(x-named|proxy-|te|keep-alive|http2-settings|x_user):/im)
  expect(request?.values('Connection')).toEqual(['keep-alive'])
  expect(request?.values('X-Auth-Subject')).toEqual(['client:machine'])
})

it('F9 nothing that a stranger sent is decompressed: 415', async () => {
  const body = brotliCompressSync('grant_type=client_credentials').toString('latin1')
  const answer = await ask(
    'POST /oauth/token',
    [
      'Content-Type: application/x-www-form-urlencoded',
      'Content-Encoding: br',
      `Content-Length: ${body.length}`,
    ],
    body,
  )
  expect(answer.status).toBe(415)
})

it('F10 a store that does not answer is 503, neither an unknown token nor a good one', async () => {
  const gateway = await startGateway({
    upstreams: { orders: upstream.origin },
    routes: [{ path: '/orders/*' }],
  })
  const down = bearer(gateway.answerFor(storeDown()))
  expect((await exchange(gateway.port, message('GET /orders/1', [down]))).status).toBe(503)
  expect(arrived()).toEqual([])
  await gateway.close()
})

it('F11 of twenty who redeem one code at once, one gets a token', async () => {
  const client = createClient(portcullis.origin, 'web', { secret: 'web-secret' })
  const callback = await createPerson('ada', 'ada-password').authorize(client.authorizationUrl())
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.redeem(callback)))
  const statuses = answers.map(({ status }) => status).toSorted()
  expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 400)])
})

it('F12 nothing that a request says of the host becomes ours', async () => {
  const metadata = '/.well-known/oauth-authorization-server'
  const bad = await ask(`GET ${metadata}`, ['Host: gw.example:fake@evil.com'])
  expect(bad.status).toBe(400)
  const other = await ask(`GET ${metadata}`, ['Host: evil.com', 'X-Forwarded-Host: evil.com'])
  expect(JSON.parse(other.body).issuer).toBe(portcullis.origin)
  const challenge = await ask('GET /orders/1', ['Host: evil.com', 'X-Forwarded-Host: evil.com'])
  expect(challenge.head).not.toContain('evil.com')
  expect(challenge.head).toContain(`resource_metadata="${portcullis.origin}/`)
})

describe('F13 an upgrade is checked like any request', () => {
  it.each([
    ['without a token', [], 401],
    ['with a bad token', ['Authorization: Bearer nothing'], 401],
    ['with two tokens', ['Authorization: Bearer a', 'Authorization: Bearer b'], 400],
  ])('%s', async (_, fields, status) => {
    expect((await ask('GET /orders/live', [...fields, ...HANDSHAKE])).status).toBe(status)
    expect(arrived()).toEqual([])
  })

  it('with a token that lacks the scope', async () => {
    expect((await ask('GET /admin/live', [bearer(token), ...HANDSHAKE])).status).toBe(403)
    expect(arrived()).toEqual([])
  })

  it('to a path that nobody serves', async () => {
    expect((await ask('GET /nowhere', HANDSHAKE)).status).toBe(404)
    expect((await ask('GET /oauth/token', HANDSHAKE)).status).toBe(404)
  })

  it.each(['h2c', 'foo', 'TLS/1.0'])(
    'Upgrade: %s is no upgrade but a plain request',
    async (to) => {
      const fields = ['Connection: Upgrade', `Upgrade: ${to}`]
      expect((await ask('GET /orders/1', fields)).status).toBe(401)
      expect((await ask('GET /orders/1', [bearer(token), ...fields])).status).toBe(200)
      expect(arrived()[0]?.head).not.toMatch(/^upgrade:/im)
    },
  )
})

describe('F14 what Node lets through is refused here', () => {
  it.each([
    [
      'two Authorizations',
      'GET /orders/1',
      ['Authorization: Bearer a', 'Authorization: Bearer b'],
      400,
    ],
    ['two Hosts', 'GET /public/1', ['Host: a', 'Host: b'], 400],
    ['two Content-Types', 'POST /public/1', ['Content-Type: a/b', 'Content-Type: c/d'], 400],
    ['an absolute target', 'GET http://evil/public/1', [], 400],
    ['an absolute target of another kind', 'GET ftp://x/y', [], 400],
    ['an asterisk', 'GET *', [], 400],
    ['a backslash', 'GET /public\\1', [], 400],
    ['a brace', 'GET /public/{1}', [], 400],
    ['a fragment', 'GET /public/1#2', [], 400],
    ['TRACE', 'TRACE /public/1', [], 405],
    ['two codings', 'POST /public/1', ['Transfer-Encoding: gzip, chunked'], 501],
  ])('%s', async (_, line, fields, status) => {
    expect((await ask(line, fields, '0\r\n\r\n')).status).toBe(status)
    expect(arrived()).toEqual([])
  })

  it.each([
    ['HTTP/2.0 on this connection', 'GET /public/1 HTTP/2.0\r\nHost: gw\r\n\r\n', 505],
    [
      'chunked in HTTP/1.0',
      'POST /public/1 HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
  ])('%s', async (_, bytes, status) => {
    expect((await exchange(portcullis.port, bytes)).status).toBe(status)
    expect(arrived()).toEqual([])
  })

  it('a trailer named Authorization is no credential', async () => {
    const body = `0\r\n${bearer(token)}\r\n\r\n`
    expect((await ask('POST /orders/1', ['Transfer-Encoding: chunked'], body)).status).toBe(401)
    expect(arrived()).toEqual([])
  })
})

describe('F15 forms are read flat', () => {
  const post = async (body: string) => {
    const client = await openRaw(portcullis.port)
    const type = 'Content-Type: application/x-www-form-urlencoded'
    const who = `Authorization: ${basic('machine', 'machine-secret').Authorization}`
    client.send(message('POST /oauth/token', [type, who, `Content-Length: ${body.length}`], body))
    await answered(client, 1, 'POST')
    client.socket.destroy()
    return answersIn(client.received())[0]
  }

  it.each([
    ['a repeated parameter', 'grant_type=client_credentials&grant_type=client_credentials'],
    ['brackets', 'grant_type[]=client_credentials'],
    ['an operator', 'grant_type[$ne]=x'],
    ['a dot', 'grant.type=client_credentials'],
    ['a thousand parameters', `${'a=1&'.repeat(1001)}grant_type=client_credentials`],
  ])('%s is 400', async (_, body) => {
    const answer = await post(body)
    expect(answer?.status).toBe(400)
    expect(JSON.parse(answer?.body ?? '').error).toBe('invalid_request')
  })

  it('names that objects have mean nothing', async () => {
    const names = '__proto__=1&constructor=2&a[b]=c&toString=3'
    expect((await post(`grant_type=client_credentials&${names}`))?.status).toBe(200)
  })
})
