import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { WebSocketSettings } from '../src/config/config.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { openRaw, type RawSocket, startRawServer, until } from './support/raw-sockets.ts'
import { type FieldsGiven, handshake, statusOf, switching } from './support/websocket-handshake.ts'

let recorder: Awaited<ReturnType<typeof startRawServer>>
let gateway: TestGateway
let echo: WebSocketServer
/** What the upstream answers with. */
let answer: FieldsGiven = {}
const opened: RawSocket[] = []

const SOCKETS: Readonly<Record<string, Partial<WebSocketSettings>>> = {
  '/header': {},
  '/protocol': { token: 'protocol' },
  '/own': { origins: ['https://app.example', 'http://localhost:5173'] },
  '/both': { token: 'protocol', origins: ['https://app.example'] },
  '/echo/idle': { idle: 0.15 },
  '/echo/lifetime': { lifetime: 0.3 },
  '/echo/any': { token: 'protocol' },
}

beforeAll(async () => {
  recorder = await startRawServer((side) => side.send(switching(answer)))
  echo = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => false })
  echo.on('connection', (peer) => peer.on('message', (data) => peer.send(data)))
  await once(echo, 'listening')
  const address = echo.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  gateway = await startGateway({
    upstreams: {
      recorder: `http://127.0.0.1:${recorder.port}`,
      echo: `http://127.0.0.1:${port}`,
    },
    routes: [
      { path: '/public', access: 'public' },
      { path: '/plain', websocket: false },
      ...Object.entries(SOCKETS).map(([path, rules]) => ({
        path,
        upstream: path.startsWith('/echo') ? 'echo' : 'recorder',
        websocket: { token: 'header' as const, ...rules },
      })),
    ],
  })
})
afterEach(() => {
  answer = {}
  for (const { socket } of opened.splice(0)) socket.destroy()
  for (const { socket } of recorder.connections.splice(0)) socket.destroy()
})
afterAll(async () => {
  await gateway.close()
  await recorder.close()
  echo.close()
})

/** Sends a handshake and waits for the head of an answer. */
const knock = async (path: string, fields: FieldsGiven) => {
  const client = await openRaw(gateway.port)
  opened.push(client)
  client.send(handshake(fields, `GET ${path} HTTP/1.1`))
  await until('an answer', () => client.received().includes('\r\n\r\n'))
  return {
    status: statusOf(client.received()),
    head: client.received().split('\r\n\r\n')[0] ?? '',
    /** What the upstream was asked. */
    asked: () => recorder.connections[0]?.received() ?? '',
  }
}

const fieldOf = (head: string, name: string): string | undefined =>
  new RegExp(`\r\n${name}: (.*)(?:\r\n|$)`, 'i').exec(head)?.[1]

const PROTOCOL = 'Sec-WebSocket-Protocol'

describe('a token among the subprotocols, for pages that cannot set a header', () => {
  it.each<[string, string, string | undefined, string | undefined]>([
    ['as a pair', 'bearer, TOKEN', undefined, 'bearer'],
    ['as a pair, in any case and spacing', 'Bearer ,TOKEN', undefined, 'Bearer'],
    [
      'as a pair before others',
      'bearer, TOKEN, orders.v1, orders.v2',
      'orders.v1, orders.v2',
      'bearer',
    ],
    ['as a pair behind others', 'orders.v1, bearer, TOKEN', 'orders.v1', 'bearer'],
    ['as one name', 'bearer.TOKEN', undefined, undefined],
    ['as one name beside others', 'orders.v1, bearer.TOKEN', 'orders.v1', undefined],
    ['as one name, and bearer to choose', 'bearer, bearer.TOKEN', undefined, 'bearer'],
    ['as one name, and bearer anywhere', 'bearer.TOKEN, orders.v1, bearer', 'orders.v1', 'bearer'],
  ])('%s: it opens the route, and goes nowhere', async (_, offer, forwarded, chosen) => {
    const token = gateway.token()
    const { status, head, asked } = await knock('/protocol', {
      [PROTOCOL]: offer.replace('TOKEN', token),
    })
    expect(status).toBe(101)
    expect(fieldOf(asked(), PROTOCOL)).toBe(forwarded)
    expect(fieldOf(asked(), 'X-Auth-Subject')).toBe('ada')
    // §4.1: nothing that was not offered; the Fetch of browsers: something, if anything was offered.
    expect(fieldOf(head, PROTOCOL)).toBe(chosen)
    expect(`${head}${asked()}${JSON.stringify(gateway.logged)}`).not.toContain(token)
    expect(JSON.stringify(gateway.exchanges)).not.toContain(token)
  })

  it('§4.2.2 what the upstream chose stands', async () => {
    answer = { [PROTOCOL]: 'orders.v1' }
    const { head } = await knock('/protocol', {
      [PROTOCOL]: `bearer, ${gateway.token()}, orders.v1`,
    })
    expect(head.match(/sec-websocket-protocol/gi)).toHaveLength(1)
    expect(fieldOf(head, PROTOCOL)).toBe('orders.v1')
  })

  it('over several fields, as one list (§11.3.4)', async () => {
    const { status, head, asked } = await knock('/protocol', {
      [PROTOCOL]: `orders.v1\r\n${PROTOCOL}: bearer\r\n${PROTOCOL}: ${gateway.token()}`,
    })
    expect(status).toBe(101)
    expect(fieldOf(asked(), PROTOCOL)).toBe('orders.v1')
    expect(fieldOf(head, PROTOCOL)).toBe('bearer')
  })

  it('a bad one is 401, no token at all as well', async () => {
    for (const offer of ['bearer, nonsense', 'bearer.nonsense', 'orders.v1', 'bearers.x']) {
      const { status } = await knock('/protocol', { [PROTOCOL]: offer })
      expect(status).toBe(401)
    }
    expect((await knock('/protocol', {})).status).toBe(401)
    expect(recorder.connections).toHaveLength(0)
  })

  it('RFC 6750 §2 two tokens, or two ways: 400', async () => {
    const token = gateway.token()
    for (const fields of [
      { [PROTOCOL]: `bearer.${token}, bearer.${token}` },
      { [PROTOCOL]: `bearer, ${token}`, Authorization: `Bearer ${token}` },
      { [PROTOCOL]: 'bearer' },
      { [PROTOCOL]: 'orders.v1, bearer' },
    ]) {
      expect((await knock('/protocol', fields)).status).toBe(400)
    }
    expect(recorder.connections).toHaveLength(0)
  })

  it('Authorization alone does, too, and what a browser adds of its own does not disturb', async () => {
    const token = gateway.token()
    expect((await knock('/protocol', { Authorization: `Bearer ${token}` })).status).toBe(101)
    const basic = { [PROTOCOL]: `bearer, ${token}`, Authorization: 'Basic YTpi' }
    expect((await knock('/protocol', basic)).status).toBe(101)
  })

  it('where the route does not take it, it is a name like any other', async () => {
    const token = gateway.token()
    const offer = { [PROTOCOL]: `bearer, ${token}` }
    expect((await knock('/header', offer)).status).toBe(401)
    expect(recorder.connections).toHaveLength(0)
  })

  it('it never reaches an upstream with a request that is no upgrade', async () => {
    const client = await openRaw(gateway.port)
    opened.push(client)
    client.send(
      `GET /protocol HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer ${gateway.token()}\r\n${PROTOCOL}: bearer, secret\r\n\r\n`,
    )
    await until('the upstream is asked', () => recorder.connections.length === 1)
    expect(recorder.connections[0]?.received()).not.toMatch(/secret|sec-websocket/i)
  })

  it.each([
    ['the pair', (token: string) => ['bearer', token]],
    ['bearer and bearer.TOKEN', (token: string) => ['bearer', `bearer.${token}`]],
  ])(
    'a client that fails without a subprotocol, as browsers do, is content: %s',
    async (_, offer) => {
      const ws = new WebSocket(`ws://127.0.0.1:${gateway.port}/echo/any`, offer(gateway.token()))
      await once(ws, 'open')
      expect(ws.protocol).toBe('bearer')
      ws.send('hello')
      expect(String((await once(ws, 'message'))[0])).toBe('hello')
      ws.terminate()
    },
  )
})

describe('P20 §10.2 the origin of the page that opens it', () => {
  it.each<[string, string | undefined, number]>([
    ['/own', 'https://app.example', 101],
    ['/own', 'http://localhost:5173', 101],
    ['/own', undefined, 101],
    ['/own', 'https://evil.example', 403],
    ['/own', 'https://app.example.evil', 403],
    ['/own', 'http://app.example', 403],
    ['/own', 'https://app.example:8443', 403],
    ['/own', 'https://app.example, https://evil.example', 403],
    ['/own', 'null', 403],
    ['/own', '', 403],
    ['/header', 'https://evil.example', 101],
    ['/public', 'https://evil.example', 101],
    ['/both', 'https://app.example', 101],
    ['/both', 'https://evil.example', 403],
  ])('%s from %s: %i', async (path, origin, status) => {
    const found = await knock(path, { Origin: origin, Authorization: `Bearer ${gateway.token()}` })
    expect(found.status).toBe(status)
    expect(recorder.connections).toHaveLength(status === 101 ? 1 : 0)
    if (status !== 403) return
    expect(found.head).toContain('Connection: close')
    await until('a line', () => gateway.exchanges.at(-1)?.refusal === 'origin')
  })

  it('comes before the token: a stranger learns nothing of it', async () => {
    const { status, head } = await knock('/own', { Origin: 'https://evil.example' })
    expect(status).toBe(403)
    expect(head).not.toMatch(/www-authenticate/i)
  })
})

describe('limits', () => {
  const openWs = async (path: string) => {
    const ws = new WebSocket(`ws://127.0.0.1:${gateway.port}${path}`, {
      headers: { Authorization: `Bearer ${gateway.token()}` },
    })
    ws.on('error', () => {})
    await once(ws, 'open')
    return ws
  }
  const reasons = () =>
    gateway.streams.over().map(({ labels, value }) => `${labels.kind} ${labels.reason} ${value}`)
  const open = () => gateway.streams.open().find(({ labels }) => labels.kind === 'websocket')?.value

  it('without a byte for `idle` it is closed with 1001 and a reason', async () => {
    const ws = await openWs('/echo/idle')
    const [code, reason] = await once(ws, 'close')
    expect(code).toBe(1001)
    expect(String(reason)).toBe('idle for too long')
    await until('a line', () => gateway.exchanges.at(-1)?.error === 'idle')
    expect(reasons()).toContain('websocket idle 1')
  })

  it('after `lifetime` it is closed with 1001 and a reason, however busy', async () => {
    const ws = await openWs('/echo/lifetime')
    const timer = setInterval(() => ws.send('still here'), 5)
    const [code, reason] = await once(ws, 'close')
    clearInterval(timer)
    expect(code).toBe(1001)
    expect(String(reason)).toBe('open for as long as it may be')
    await until('a line', () => gateway.exchanges.at(-1)?.error === 'lifetime')
    expect(reasons()).toContain('websocket lifetime 1')
  })

  it('a handshake that is not answered within `timeout` of the route is 504', async () => {
    const silent = await startRawServer(() => {})
    const slow = await startGateway({
      upstreams: { silent: `http://127.0.0.1:${silent.port}` },
      routes: [{ path: '/slow', access: 'public', timeout: 0.05 }],
    })
    const client = await openRaw(slow.port)
    client.send(handshake({}, 'GET /slow HTTP/1.1'))
    await until('an answer', () => client.received().includes('\r\n\r\n'))
    expect(statusOf(client.received())).toBe(504)
    client.socket.destroy()
    await slow.close()
    await silent.close()
  })

  it('they are counted while they are open, and by who left', async () => {
    await until('none', () => open() === 0)
    const [first, second] = await Promise.all([openWs('/echo/any'), openWs('/echo/any')])
    expect(open()).toBe(2)
    first.close(1000)
    await until('one', () => open() === 1)
    expect(reasons().some((line) => line.startsWith('websocket client'))).toBe(true)
    const before = reasons().find((line) => line.startsWith('websocket upstream'))
    for (const peer of echo.clients) peer.close(1000)
    await once(second, 'close')
    await until('none', () => open() === 0)
    expect(reasons().find((line) => line.startsWith('websocket upstream'))).not.toBe(before)
  })
})
