import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type OrdersApi, startOrdersApi } from '../src/demo/orders-api.ts'
import { openRaw, until } from './support/raw-sockets.ts'

let api: OrdersApi
const lines: string[] = []

beforeEach(async () => {
  lines.length = 0
  api = await startOrdersApi({ changeEvery: 0, log: (line) => lines.push(line) })
})
afterEach(() => api.close())

/** All that some answer of the API has. */
type Answer = {
  orders: {
    id: string
    status: string
    created_at: string
    total: number
    customer: { name: string }
    items: { quantity: number; unit_price: number }[]
  }[]
  total: number
  id: string
  status: string
  message: string
  requested_by: { subject: string | null }
}

const read = async (response: Response): Promise<Answer> => JSON.parse(await response.text())

const get = async (path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`${api.origin}${path}`, { headers })
  return { status: response.status, body: await read(response) }
}

const send = (method: string, path: string, body: unknown, type = 'application/json') =>
  fetch(`${api.origin}${path}`, {
    method,
    headers: { 'Content-Type': type },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

const ORDER = {
  customer: { name: 'Grace Hopper', city: 'New York' },
  items: [{ sku: 'BNS-110', name: 'Espresso beans, 1 kg', quantity: 3, unit_price: 27.5 }],
}

describe('orders', () => {
  it('lists a dozen of them, newest first, with all that an order has', async () => {
    const { status, body } = await get('/orders')
    expect(status).toBe(200)
    expect(body).toMatchObject({ total: 12, limit: 20, offset: 0 })
    expect(body.orders).toHaveLength(12)
    const times = body.orders.map((order) => order.created_at)
    expect(times).toEqual(times.toSorted().reverse())
    for (const order of body.orders) {
      const sum = order.items.reduce((total, item) => total + item.quantity * item.unit_price, 0)
      expect(order.total).toBeCloseTo(sum, 2)
      expect(order.customer.name).not.toBe('')
    }
  })

  it('lists by status and in pages', async () => {
    const shipped = (await get('/orders?status=shipped')).body
    expect(shipped.orders.map((order) => order.status)).toEqual(['shipped', 'shipped', 'shipped'])
    const all = (await get('/orders')).body.orders
    expect((await get('/orders?limit=5&offset=10')).body.orders).toEqual(all.slice(10))
  })

  it.each(['status=lost', 'limit=0', 'limit=101', 'limit=x', 'offset=-1', 'offset=1e3'])(
    'refuses ?%s with 400',
    async (query) => {
      expect((await get(`/orders?${query}`)).status).toBe(400)
    },
  )

  it('places, shows, moves and removes one', async () => {
    const placed = await send('POST', '/orders', ORDER)
    expect(placed.status).toBe(201)
    const path = placed.headers.get('location') ?? ''
    expect(path).toMatch(/^\/orders\/ord_\d+$/)
    expect(await read(placed)).toMatchObject({ ...ORDER, status: 'placed', total: 82.5 })
    expect((await get(path)).body).toMatchObject({ ...ORDER, status: 'placed' })
    expect((await send('PATCH', path, { status: 'paid' })).status).toBe(200)
    expect((await get(path)).body.status).toBe('paid')
    const back = await send('PATCH', path, { status: 'placed' })
    expect([back.status, (await read(back)).message]).toEqual([
      409,
      'From paid an order becomes packed or cancelled',
    ])
    expect((await fetch(`${api.origin}${path}`, { method: 'DELETE' })).status).toBe(204)
    expect((await get(path)).status).toBe(404)
  })

  it.each([
    ['not JSON', '{', 'application/json', 400],
    ['another type', 'a=b', 'application/x-www-form-urlencoded', 415],
    ['too much', `"${'x'.repeat(70_000)}"`, 'application/json', 413],
    ['a list', [], 'application/json', 422],
    ['null', 'null', 'application/json', 422],
    ['no customer', { items: ORDER.items }, 'application/json', 422],
    ['no items', { ...ORDER, items: [] }, 'application/json', 422],
    ['an item that is none', { ...ORDER, items: [{ sku: 'x' }] }, 'application/json', 422],
    [
      'half a thing',
      { ...ORDER, items: [{ sku: 'x', name: 'y', quantity: 0.5, unit_price: 1 }] },
      'application/json',
      422,
    ],
  ])('refuses to place %s', async (_, body, type, status) => {
    expect((await send('POST', '/orders', body, type)).status).toBe(status)
    expect((await get('/orders')).body.total).toBe(12)
  })

  it('keeps at most 500, dropping the oldest', async () => {
    const [oldest] = (await get('/orders')).body.orders.slice(-1)
    for (let count = 0; count < 495; count += 1) await send('POST', '/orders', ORDER)
    expect((await get('/orders')).body.total).toBe(500)
    expect((await get(`/orders/${oldest?.id}`)).status).toBe(404)
  })

  it('says what there is not, and what may be done where', async () => {
    for (const path of [
      '/',
      '/orders/',
      '/orders/ord_1',
      '/orders/__proto__',
      '/orders/:id',
      '/orders/ord_1041/x',
    ]) {
      expect([path, (await get(path)).status]).toEqual([path, 404])
    }
    const wrong = await fetch(`${api.origin}/orders`, { method: 'DELETE' })
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, POST'])
    expect((await get('/orders/live')).status).toBe(426)
    const head = await fetch(`${api.origin}/orders`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })
})

describe('who asks', () => {
  const told = {
    'X-Auth-Subject': 'ada',
    'X-Auth-Client-Id': 'demo',
    'X-Auth-Scope': 'orders.read',
    'X-Request-Id': 'r1',
  }
  const shown = { subject: 'ada', client_id: 'demo', scope: 'orders.read', request_id: 'r1' }

  it('is in every answer, as the gateway tells it', async () => {
    for (const path of ['/orders', '/orders/ord_1041', '/orders/none', '/status']) {
      expect((await get(path, told)).body.requested_by).toEqual(shown)
    }
    expect((await get('/orders')).body.requested_by.subject).toBeNull()
  })

  it('is in the line that each request leaves, without its query and without control bytes', async () => {
    await get('/orders?secret=1', told)
    await get('/status', { 'X-Auth-Subject': '\x9b31mred' })
    await until('both lines', () => lines.length === 2)
    expect(lines).toEqual([
      'GET /orders 200 for ada by demo r1',
      'GET /status 200 for ?31mred by nothing',
    ])
  })

  it('/status and /healthz are for anybody', async () => {
    expect((await get('/status')).body).toMatchObject({ service: 'orders', orders: 12 })
    expect((await get('/healthz')).status).toBe(200)
  })
})

describe('the feed of changes', () => {
  const listen = async (headers = '') => {
    const raw = await openRaw(api.port)
    raw.send(`GET /orders/events HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)
    await until('the welcome', () => raw.received().includes('event: welcome'))
    return raw
  }

  it('tells of each change with its id, over SSE and WebSocket alike', async () => {
    const raw = await listen('X-Auth-Subject: ada\r\n')
    expect(raw.received()).toContain('Content-Type: text/event-stream')
    expect(raw.received()).toContain('retry: 3000')
    expect(raw.received()).toContain('"subject":"ada"')
    const ws = new WebSocket(`${api.origin}/orders/live`)
    const heard: { type: string; id?: number; order?: { id: string } }[] = []
    ws.on('message', (data: Buffer) => heard.push(JSON.parse(String(data))))
    await once(ws, 'open')
    const { id } = await read(await send('POST', '/orders', ORDER))
    await send('PATCH', `/orders/${id}`, { status: 'paid' })
    await fetch(`${api.origin}/orders/${id}`, { method: 'DELETE' })
    await until('all changes', () => heard.length === 4 && raw.received().includes('order.deleted'))
    expect(heard.map(({ type }) => type)).toEqual([
      'welcome',
      'order.created',
      'order.updated',
      'order.deleted',
    ])
    for (const { type, id: number } of heard.slice(1)) {
      expect(raw.received()).toContain(`id: ${number}\nevent: ${type}\ndata: {"id":"${id}"`)
    }
    ws.close()
    raw.socket.destroy()
  })

  it('goes on after Last-Event-ID', async () => {
    const raw = await listen('Last-Event-ID: 10\r\n')
    await until('what was missed', () => raw.received().includes('id: 12\n'))
    expect(raw.received()).toContain('id: 11\n')
    expect(raw.received()).not.toContain('id: 10\n')
    raw.socket.destroy()
  })

  it('beats, and lives by itself', async () => {
    const lively = await startOrdersApi({ changeEvery: 0.02, heartbeat: 0.02 })
    const raw = await openRaw(lively.port)
    raw.send('GET /orders/events HTTP/1.1\r\nHost: x\r\n\r\n')
    const ws = new WebSocket(`${lively.origin}/orders/live`)
    let pings = 0
    ws.on('ping', () => {
      pings += 1
    })
    await until('life', () =>
      [': still here', 'order.created', 'order.updated'].every((sign) =>
        raw.received().includes(sign),
      ),
    )
    await until('a ping', () => pings > 0)
    const closed = once(ws, 'close')
    await lively.close()
    expect((await closed)[0]).toBe(1001)
    await until('the end of the feed', () => raw.state() !== 'open')
    expect(raw.received().endsWith('0\r\n\r\n')).toBe(true)
  })

  it('answers a text message', async () => {
    const ws = new WebSocket(`${api.origin}/orders/live`, { headers: { 'X-Auth-Subject': 'ada' } })
    const heard: { type: string; you_said?: string; requested_by: { subject: string } }[] = []
    ws.on('message', (data: Buffer) => heard.push(JSON.parse(String(data))))
    await once(ws, 'open')
    ws.send('is my coffee on its way? ☕')
    ws.send('x'.repeat(60_000))
    await until('answers', () => heard.length === 3)
    expect(heard[1]).toMatchObject({
      type: 'answer',
      you_said: 'is my coffee on its way? ☕',
      requested_by: { subject: 'ada' },
    })
    expect(heard[2]?.you_said).toHaveLength(60_000)
    ws.ping('hello')
    expect(String((await once(ws, 'pong'))[0])).toBe('hello')
    ws.close(1000)
    await once(ws, 'close')
  })

  it.each([
    ['RFC 6455 §5.1 a frame without a mask', '\x81\x02hi', 1002],
    ['§5.2 a reserved bit', '\xc1\x80\0\0\0\0', 1002],
    ['§5.2 an unknown opcode', '\x83\x80\0\0\0\0', 1002],
    ['§5.4 a continuation of nothing', '\x80\x80\0\0\0\0', 1002],
    ['§5.4 a new message in the middle of one', '\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b', 1002],
    ['§5.5 a ping in parts', '\x09\x80\0\0\0\0', 1002],
    ['§5.6 binary', '\x82\x81\0\0\0\0a', 1003],
    ['§8.1 text that is no UTF-8', '\x81\x81\0\0\0\0\xff', 1007],
    ['a message that is too long', '\x81\xff\0\0\0\0\0\x10\0\0\0\0\0\0', 1009],
    ['§5.5.1 a close', '\x88\x80\0\0\0\0', 1000],
  ])('closes after %s', async (_, frames, code) => {
    const raw = await openRaw(api.port)
    raw.send(
      'GET /orders/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    await until('the welcome', () => raw.received().includes('welcome'))
    raw.send(frames)
    await until('the end', () => raw.state() !== 'open')
    expect(raw.bytes().subarray(-4)).toEqual(Buffer.from([0x88, 2, code >> 8, code & 0xff]))
    raw.socket.destroy()
  })

  it('messages in parts, byte by byte, are put together', async () => {
    const raw = await openRaw(api.port)
    raw.send(
      'GET /orders/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    await until('the welcome', () => raw.received().includes('welcome'))
    raw.socket.setNoDelay(true)
    for (const byte of '\x01\x82\0\0\0\0he\x89\x80\0\0\0\0\x80\x83\0\0\0\0llo') raw.send(byte)
    await until('the answer', () => raw.received().includes('"you_said":"hello"'))
    raw.socket.destroy()
  })
})

describe('the export', () => {
  it('has as many rows as are asked for, as CSV or NDJSON', async () => {
    const csv = await (await fetch(`${api.origin}/orders/export?rows=1000`)).text()
    expect(csv.trimEnd().split('\n')).toHaveLength(1001)
    const json = await (await fetch(`${api.origin}/orders/export?rows=1000&format=ndjson`)).text()
    const rows = json.trimEnd().split('\n')
    expect(rows).toHaveLength(1000)
    expect(JSON.parse(rows[999] ?? '')).toMatchObject({ id: 'arc_1000' })
    expect((await fetch(`${api.origin}/orders/export?rows=-1`)).status).toBe(400)
    expect((await fetch(`${api.origin}/orders/export?format=xls`)).status).toBe(400)
  })

  it('is about 50 MB, and waits for whoever reads it', async () => {
    const raw = await openRaw(api.port)
    raw.send('GET /orders/export HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await until('a beginning', () => raw.bytes().length > 0)
    raw.socket.pause()
    const held = raw.bytes().length
    expect(held).toBeLessThan(40_000_000)
    raw.socket.resume()
    await until('the end', () => raw.state() !== 'open', 15)
    expect(raw.bytes().length).toBeGreaterThan(45_000_000)
    expect(raw.bytes().length).toBeLessThan(55_000_000)
    raw.socket.destroy()
  })

  it('a reader who leaves ends it', async () => {
    const raw = await openRaw(api.port)
    raw.send('GET /orders/export HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('a beginning', () => raw.bytes().length > 0)
    raw.socket.destroy()
    await until('the line', () => lines.length === 1)
  })
})

describe('the process', () => {
  const file = fileURLToPath(new URL('../src/demo/orders-api.ts', import.meta.url))
  const start = async (stdio: 'pipe' | 'ignore' | 'ipc') => {
    const child = spawn(process.execPath, [file, '--port', '0'], {
      stdio: [
        stdio === 'pipe' ? 'pipe' : 'ignore',
        'pipe',
        'inherit',
        ...(stdio === 'ipc' ? ['ipc' as const] : []),
      ],
    })
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk
    })
    await until('its line', () => /listening on http:\/\/127\.0\.0\.1:\d+\n/.test(output))
    const port = Number(/:(\d+)\n/.exec(output)?.[1])
    return { child, port }
  }
  const ended = (child: ChildProcess) => once(child, 'exit')

  it.each([
    ['its standard input is closed', 'pipe', (child: ChildProcess) => child.stdin?.end()],
    ['its channel is closed', 'ipc', (child: ChildProcess) => child.disconnect()],
    ['it is told to (SIGTERM)', 'ignore', (child: ChildProcess) => child.kill('SIGTERM')],
    ['it is interrupted', 'pipe', (child: ChildProcess) => child.kill('SIGINT')],
  ] as const)('ends cleanly when %s, with streams open', async (_, stdio, end) => {
    const { child, port } = await start(stdio)
    const feed = connect(port, '127.0.0.1')
    feed.write('GET /orders/events HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(feed, 'data')
    const over = ended(child)
    end(child)
    expect(await over).toEqual([0, null])
    feed.destroy()
  })

  it('says so when it cannot listen, and ends', async () => {
    const child = spawn(process.execPath, [file, '--port', String(api.port)], { stdio: 'pipe' })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk
    })
    expect(await ended(child)).toEqual([1, null])
    expect(said).toContain('EADDRINUSE')
    expect(said).not.toContain('    at ')
  })
})
