import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type OrdersApi, startOrdersApi } from '../src/demo/orders-api.ts'
import { freePort, type Portcullis, startPortcullis } from './support/portcullis.ts'
import { openRaw, type RawSocket, startRawServer, until } from './support/raw-sockets.ts'
import { type FieldsGiven, handshake, statusOf, switching } from './support/websocket-handshake.ts'

let api: OrdersApi
let recorder: Awaited<ReturnType<typeof startRawServer>>
let program: Portcullis
let now = 1_790_000_000
let served = switching()
const opened: RawSocket[] = []

const settings = (ports: { orders: number; recorder: number; dead: number; dying: number }) => `
scopes: { orders.read: See, orders.write: Change }
upstreams:
  orders: http://127.0.0.1:${ports.orders}
  recorder: http://127.0.0.1:${ports.recorder}/base
  half: { targets: ['http://127.0.0.1:${ports.dead}', 'http://127.0.0.1:${ports.recorder}'] }
  none: { targets: ['http://127.0.0.1:${ports.dead}', 'http://127.0.0.1:${ports.dying}'] }
routes:
  - { path: /orders/*, methods: [GET], upstream: orders, scope: orders.read }
  - { path: /orders/live, methods: [GET], upstream: orders, scope: orders.write }
  - { path: /live/*, methods: [GET], upstream: recorder, scope: orders.read }
  - { path: /public, upstream: recorder, access: public }
  - { path: /plain, upstream: recorder, scope: orders.read, websocket: false }
  - { path: /half, upstream: half, scope: orders.read }
  - { path: /none, upstream: none, scope: orders.read }
clients:
  - client_id: robot
    client_secret: robot-secret
    grant_types: [client_credentials]
    scope: orders.read orders.write
`

beforeAll(async () => {
  api = await startOrdersApi({ changeEvery: 0 })
  recorder = await startRawServer((side) => side.send(served))
  const [dead, dying] = await Promise.all([freePort(), freePort()])
  program = await startPortcullis(
    settings({ orders: api.port, recorder: recorder.port, dead, dying }),
    { clock: () => now },
  )
})
afterEach(() => {
  served = switching()
  for (const { socket } of opened.splice(0)) socket.destroy()
  for (const { socket } of recorder.connections.splice(0)) socket.destroy()
})
afterAll(async () => {
  await program.stop()
  await Promise.all([api.close(), recorder.close()])
})

const post = (path: string, fields: Record<string, string>) =>
  fetch(`${program.origin}/oauth/${path}`, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa('robot:robot-secret')}` },
    body: new URLSearchParams(fields),
  })

const tokenFor = async (scope = 'orders.read'): Promise<string> => {
  const answer = await post('token', { grant_type: 'client_credentials', scope })
  const body: { access_token: string } = JSON.parse(await answer.text())
  return body.access_token
}

/** Sends a handshake and waits for the head of an answer. */
const knock = async (fields: FieldsGiven, line = 'GET /live/a HTTP/1.1') => {
  const client = await openRaw(program.port)
  opened.push(client)
  client.send(handshake(fields, line))
  await until('an answer', () => client.received().includes('\r\n\r\n'))
  return client
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

const refusalOf = async (client: RawSocket) => {
  await until('the end', () => client.state() !== 'open')
  const [head = '', body = ''] = client.received().split('\r\n\r\n')
  const json: { error: string; request_id: string } = JSON.parse(body)
  expect(head).toContain(`Content-Length: ${Buffer.byteLength(body)}`)
  expect(head).toContain('Connection: close')
  expect(head).toContain(`X-Request-Id: ${json.request_id}`)
  expect(recorder.connections).toHaveLength(0)
  return { status: statusOf(head), error: json.error, head }
}

describe('P20 an upgrade needs what a request needs', () => {
  it('without a token: 401 with a challenge and no error', async () => {
    const { status, head } = await refusalOf(await knock({}))
    expect(status).toBe(401)
    expect(head).toMatch(/WWW-Authenticate: Bearer .*scope="orders\.read"/)
    expect(head).not.toContain('error=')
  })

  it.each<[string, FieldsGiven, string?]>([
    ['in Sec-WebSocket-Protocol', { 'Sec-WebSocket-Protocol': 'bearer, TOKEN' }],
    ['in the query', {}, 'GET /live/a?access_token=TOKEN HTTP/1.1'],
    ['in a cookie', { Cookie: 'access_token=TOKEN; Authorization=TOKEN' }],
    ['in another field', { 'X-Authorization': 'Bearer TOKEN' }],
    ['of another scheme', { Authorization: 'Basic TOKEN' }],
  ])('a token %s is none: 401', async (_, fields, line = 'GET /live/a HTTP/1.1') => {
    const token = await tokenFor()
    const put = (text: string) => text.replaceAll('TOKEN', token)
    const given = Object.entries(fields).map(([name, value]) => [name, put(value ?? '')])
    const client = await knock(Object.fromEntries(given), put(line))
    expect((await refusalOf(client)).status).toBe(401)
  })

  it('unknown, foreign, expired and revoked tokens: 401 invalid_token', async () => {
    const expired = await tokenFor()
    now += 3600
    const revoked = await tokenFor()
    await post('revoke', { token: revoked })
    for (const token of [expired, revoked, `${revoked.slice(0, -1)}A`, 'x', 'pc_at_x']) {
      const { status, head } = await refusalOf(await knock(bearer(token)))
      expect(status).toBe(401)
      expect(head).toContain('error="invalid_token"')
    }
  })

  it('a token without the scope: 403', async () => {
    const client = await knock(bearer(await tokenFor()), 'GET /orders/live HTTP/1.1')
    const { status, head } = await refusalOf(client)
    expect(status).toBe(403)
    expect(head).toContain('error="insufficient_scope"')
    expect(head).toContain('scope="orders.write"')
  })

  it('two Authorization fields, or a malformed one: 400', async () => {
    const token = await tokenFor()
    for (const value of [
      `Bearer ${token}\r\nAuthorization: Bearer ${token}`,
      `Bearer ${token},x`,
    ]) {
      expect((await refusalOf(await knock({ Authorization: value }))).status).toBe(400)
    }
  })

  it.each([
    '/live/../live/a',
    '/live/%2e%2e/live/a',
    '/public/../live/a',
    '/live/.%2E/a',
    '/live\\a',
    '//live/a',
    '/live//a',
    '/live/%2fa',
    '/live/%00',
    '/live/a;b/../c',
    '/live/a#b',
    '/[',
    '/\\[',
    'http://[',
    'http://gateway/live/a',
    'ftp://gateway/live/a',
  ])('P7 P8 P9 F4 the target %s: 400, with a token or without', async (target) => {
    for (const fields of [{}, bearer(await tokenFor())]) {
      const client = await knock(fields, `GET ${target} HTTP/1.1`)
      expect((await refusalOf(client)).status).toBe(400)
    }
  })

  it('what no route names, and what is ours: 404', async () => {
    const token = await tokenFor()
    for (const path of [
      '/nothing',
      '/LIVE/a',
      '/oauth/token',
      '/.well-known/oauth-authorization-server',
    ]) {
      const client = await knock(bearer(token), `GET ${path} HTTP/1.1`)
      expect((await refusalOf(client)).status).toBe(404)
    }
  })

  it('F13 another method is not upgraded', async () => {
    const token = await tokenFor()
    const client = await knock(bearer(token), 'POST /live/a HTTP/1.1')
    expect((await refusalOf(client)).status).toBe(405)
    const open = await knock({ 'Content-Length': '0' }, 'POST /public HTTP/1.1')
    expect((await refusalOf(open)).status).toBe(400)
  })

  it('F13 another protocol is an ordinary request, with an ordinary token', async () => {
    const line = 'GET /orders/live HTTP/1.1'
    const stranger = await knock({ Upgrade: 'h2c', Connection: 'close, Upgrade' }, line)
    expect(statusOf(stranger.received())).toBe(401)
    const token = await tokenFor('orders.write')
    const known = await knock(
      { ...bearer(token), Upgrade: 'h2c', Connection: 'close, Upgrade' },
      line,
    )
    expect(statusOf(known.received())).toBe(426)
  })

  it('a route that takes no WebSocket: 400', async () => {
    const client = await knock(bearer(await tokenFor()), 'GET /plain HTTP/1.1')
    expect((await refusalOf(client)).status).toBe(400)
  })

  it('P4 a second request behind the handshake reaches nobody', async () => {
    const client = await openRaw(program.port)
    opened.push(client)
    client.send(
      `${handshake(bearer(await tokenFor()), 'GET /live/a HTTP/1.1')}GET /x HTTP/1.1\r\n\r\n`,
    )
    expect((await refusalOf(client)).status).toBe(400)
  })
})

describe('P20 what the upstream learns', () => {
  const seen = async () => {
    await until('the upstream is asked', () => recorder.connections.length === 1)
    return recorder.connections[0]?.received() ?? ''
  }

  it('P15 who it is, and nothing that the client says of itself', async () => {
    const token = await tokenFor()
    const client = await knock(
      {
        ...bearer(token),
        Expect: '100-continue',
        'X-Auth-Subject': 'root',
        x_auth_subject: 'root',
        'X-Forwarded-For': '1.2.3.4',
        'X-Request-Id': 'mine',
        'Proxy-Authorization': 'Basic x',
        Cookie: 'pc_session=secret; theme=dark',
      },
      'GET /live/a?b=%20c HTTP/1.1',
    )
    expect(statusOf(client.received())).toBe(101)
    const request = await seen()
    expect(request).toMatch(/^GET \/base\/live\/a\?b=%20c HTTP\/1\.1\r\n/)
    expect(request).toContain('\r\nX-Auth-Subject: client:robot\r\n')
    expect(request).toContain('\r\nX-Auth-Client-Id: robot\r\n')
    expect(request).toContain('\r\nX-Auth-Scope: orders.read\r\n')
    expect(request).toMatch(/\r\nX-Forwarded-For: 127\.0\.0\.1\r\n/)
    expect(request).toMatch(/\r\nCookie: theme=dark\r\n/i)
    expect(request).not.toMatch(/root|1\.2\.3\.4|mine|expect|proxy-auth|authorization/i)
    expect(request).not.toContain(token)
    const id = /\r\nX-Request-Id: (\S+)\r\n/i.exec(request)?.[1]
    expect(client.received()).toContain(`\r\nX-Request-Id: ${id}\r\n`)
  })

  it('P15 on a public route nobody, whatever the client says', async () => {
    await knock({ 'X-Auth-Subject': 'root', 'X.Auth.Subject': 'root' }, 'GET /public HTTP/1.1')
    expect(await seen()).not.toMatch(/root|x-auth/i)
  })

  it('P30 a target that is gone is no loss while there is another; with none it is 502 at once', async () => {
    const fields = bearer(await tokenFor())
    for (let count = 0; count < 4; count += 1) {
      const client = await knock(fields, 'GET /half HTTP/1.1')
      expect(statusOf(client.received())).toBe(101)
    }
    const refused = await knock(fields, 'GET /none HTTP/1.1')
    expect(statusOf(refused.received())).toBe(502)
  })
})

describe('P14 P26 what the client learns', () => {
  it.each([
    ['101', switching({ 'Set-Cookie': 'a=1\r\nSet-Cookie: pc_session=evil\r\nSet-Cookie: b=2' })],
    [
      '403',
      'HTTP/1.1 403 No\r\nSet-Cookie: a=1\r\nSet-Cookie: pc_session=evil\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n',
    ],
  ])('of several fields by one name in a %s: each with its name', async (status, given) => {
    served = given
    const client = await knock({}, 'GET /public HTTP/1.1')
    const [head = ''] = client.received().split('\r\n\r\n')
    expect(statusOf(head)).toBe(Number(status))
    const cookies = head.split('\r\n').filter((line) => /^set-cookie:/i.test(line))
    expect(cookies).toEqual(['Set-Cookie: a=1', 'Set-Cookie: b=2'])
    expect(head).toMatch(/\r\nX-Request-Id: [0-9a-f-]{36}(\r\n|$)/)
  })

  it('P25 a status that does not exist is 502', async () => {
    served = 'HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n'
    const client = await knock({}, 'GET /public HTTP/1.1')
    expect(statusOf(client.received())).toBe(502)
  })
})

describe('P20 a tunnel lives as long as what opened it', () => {
  const openWs = async (token: string) => {
    const ws = new WebSocket(`${program.origin}/orders/live`, { headers: bearer(token) })
    ws.on('error', () => {})
    const welcome = once(ws, 'message')
    await once(ws, 'open')
    expect(JSON.parse(String((await welcome)[0]))).toMatchObject({
      requested_by: { subject: 'client:robot', client_id: 'robot', scope: 'orders.write' },
    })
    return ws
  }

  it('a revoked token ends its tunnels with 4401 and no others', async () => {
    const [first, second] = await Promise.all([tokenFor('orders.write'), tokenFor('orders.write')])
    const ended = await openWs(first)
    const going = await openWs(second)
    const closed = once(ended, 'close')
    expect((await post('revoke', { token: first })).status).toBe(200)
    expect((await closed)[0]).toBe(4401)
    going.send('still there?')
    expect(JSON.parse(String((await once(going, 'message'))[0]))).toMatchObject({
      you_said: 'still there?',
    })
    going.close()
    await once(going, 'close')
  })

  it('mere expiry leaves it, and the log tells of it once, at its end', async () => {
    const ws = await openWs(await tokenFor('orders.write'))
    now += 3600
    ws.send('late')
    expect(JSON.parse(String((await once(ws, 'message'))[0]))).toMatchObject({ you_said: 'late' })
    const lines = () => program.logged.filter(({ fields }) => fields.status === 101).length
    const before = lines()
    ws.close()
    await once(ws, 'close')
    await until('a line', () => lines() === before + 1)
  })

  it('stopping the gateway ends it with 1012', async () => {
    const ws = await openWs(await tokenFor('orders.write'))
    const closed = once(ws, 'close')
    await program.server.stop({ idle: 0, limit: 0.2 })
    expect((await closed)[0]).toBe(1012)
  })
})
