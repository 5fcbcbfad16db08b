import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { denyUpgrade, reset } from '../src/gateway/deny-upgrade.ts'
import { ENDED } from '../src/gateway/upstream-failure.ts'
import { closeFrame, createFrameTracker } from '../src/gateway/websocket-frames.ts'
import { openRaw, type RawSocket, startRawServer, until } from './support/raw-sockets.ts'
import {
  startUpgradeGateway,
  timeoutOf,
  type UpgradeGatewayOptions,
} from './support/upgrade-gateway.ts'
import { ACCEPT, handshake, KEY, statusOf, switching } from './support/websocket-handshake.ts'

const running: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.close()
})

/** A gateway before an upstream that does `serve` once it has read a request head. */
const facing = async (
  serve: (upstream: RawSocket) => void,
  options: UpgradeGatewayOptions = {},
) => {
  const upstream = await startRawServer(serve)
  const gateway = await startUpgradeGateway(upstream.port, options)
  running.push(upstream, gateway)
  return { upstream, gateway }
}

const silent = () => {}

const ask = async (port: number, bytes: string) => {
  const client = await openRaw(port)
  client.send(bytes)
  return client
}

/** Sends, waits until the gateway has closed, and gives back what it said. */
const answerTo = async (port: number, bytes: string) => {
  const client = await ask(port, bytes)
  await until('an end of the connection', () => client.state() !== 'open')
  client.socket.end()
  return client.received()
}

const leftNothing = async ({ upstream, gateway }: Awaited<ReturnType<typeof facing>>) => {
  await until('both sides are closed', () => {
    // A FIN could be half a leaving; what is sent to a socket that is really gone ends in a reset.
    for (const side of upstream.connections) {
      if (side.state() === 'ended') side.send('?')
      else side.socket.resume()
    }
    return upstream.open() === 0 && gateway.open() === 0
  })
}

describe('the opening handshake', () => {
  it('F1 P7 sends the path byte for byte as it was given', async () => {
    const paths = [
      '/orders/live?a=1&b=%20c',
      '/orders/live?',
      '/a//b///c',
      '//a',
      '/a/../b/%2e%2e/c',
      '/a?x=/../y&z=?q#',
      '/?',
      '/a;b=c/%c3%a9',
    ]
    for (const path of paths) {
      const { upstream, gateway } = await facing(silent, { target: { path } })
      await ask(gateway.port, handshake())
      await until(
        'a request',
        () => upstream.connections[0]?.received().includes('\r\n\r\n') ?? false,
      )
      expect(upstream.connections[0]?.received().split('\r\n')[0]).toBe(`GET ${path} HTTP/1.1`)
    }
  })

  it('§4.1 sends only the given fields and the handshake of the client', async () => {
    const { upstream, gateway } = await facing(silent, {
      target: {
        headers: [
          'Host',
          'orders.internal',
          'Cookie',
          'a=1',
          'Cookie',
          'b=2',
          'X-Auth-Subject',
          'ada',
          'Sec-WebSocket-Key',
          'notthis',
          'Connection',
          'keep-alive',
        ],
      },
    })
    await ask(
      gateway.port,
      handshake({
        Connection: 'keep-alive, Upgrade',
        Authorization: 'Bearer secret',
        'X-Auth-Subject': 'root',
        'Sec-WebSocket-Protocol': 'v1, v2',
        'Sec-WebSocket-Extensions': 'permessage-deflate',
      }),
    )
    await until(
      'a request',
      () => upstream.connections[0]?.received().includes('\r\n\r\n') ?? false,
    )
    expect(upstream.connections[0]?.received()).toBe(
      'GET /live HTTP/1.1\r\nHost: orders.internal\r\nCookie: a=1; b=2\r\nX-Auth-Subject: ada\r\n' +
        `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n` +
        'Sec-WebSocket-Protocol: v1, v2\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n',
    )
  })

  it('F3 an Expect field neither reaches the upstream nor ends the process', async () => {
    const { upstream, gateway } = await facing((side) => side.send(switching()))
    const client = await ask(gateway.port, handshake({ Expect: '100-continue' }))
    await until('an answer', () => client.received().includes('\r\n\r\n'))
    expect(statusOf(client.received())).toBe(101)
    expect(upstream.connections[0]?.received()).not.toMatch(/expect/i)
  })

  it('F4 targets that no URL parser takes do not throw', async () => {
    for (const target of ['/[', '/\\[', 'http://[', 'http://[/x', '//[', '/%']) {
      const { gateway } = await facing((side) => side.send(switching()), {
        target: { path: '/live' },
      })
      const client = await ask(gateway.port, handshake({}, `GET ${target} HTTP/1.1`))
      await until('an answer', () => client.received().includes('\r\n\r\n'))
      expect(statusOf(client.received())).toBe(101)
    }
  })

  it('F4 a path or field that cannot be sent is 502, not an exception', async () => {
    for (const target of [
      { path: '/a b' },
      { path: '/é\u4e2d' },
      { headers: ['X-Name', '中'] },
      { origin: 'http://[' },
    ]) {
      const { gateway } = await facing(silent, { target })
      expect(statusOf(await answerTo(gateway.port, handshake()))).toBe(502)
    }
  })

  it.each([
    ['F13 a method other than GET', handshake({}, 'PUT /live HTTP/1.1'), 400],
    ['F13 another protocol', handshake({ Upgrade: 'h2c' }), 400],
    ['F13 two protocols', handshake({ Upgrade: 'websocket, h2c' }), 400],
    ['F13 HTTP/1.0', handshake({}, 'GET /live HTTP/1.0'), 400],
    ['P4 a body by length', `${handshake({ 'Content-Length': '4' })}body`, 400],
    ['P4 an empty body', handshake({ 'Content-Length': '0' }), 400],
    [
      'P4 a chunked body',
      `${handshake({ 'Transfer-Encoding': 'chunked' })}4\r\nbody\r\n0\r\n\r\n`,
      400,
    ],
    [
      'P4 a POST with a body',
      `${handshake({ 'Content-Length': '4' }, 'POST /live HTTP/1.1')}body`,
      400,
    ],
    ['P4 bytes behind the head', `${handshake()}GET /admin HTTP/1.1\r\nHost: x\r\n\r\n`, 400],
    ['§4.2.1 no key', handshake({ 'Sec-WebSocket-Key': undefined }), 400],
    ['§4.2.1 a key that is none', handshake({ 'Sec-WebSocket-Key': 'short' }), 400],
    [
      '§4.2.1 two keys',
      handshake({ 'Sec-WebSocket-Key': `${KEY}\r\nSec-WebSocket-Key: ${KEY}` }),
      400,
    ],
    ['§4.4 another version', handshake({ 'Sec-WebSocket-Version': '8' }), 426],
    ['§4.4 no version', handshake({ 'Sec-WebSocket-Version': undefined }), 426],
  ])('%s is refused and nothing reaches the upstream', async (_, bytes, status) => {
    const sides = await facing(silent)
    const answer = await answerTo(sides.gateway.port, bytes)
    expect(statusOf(answer)).toBe(status)
    expect(answer).toContain('Connection: close')
    if (status === 426) expect(answer).toContain('Sec-WebSocket-Version: 13')
    expect(sides.upstream.connections).toHaveLength(0)
    await leftNothing(sides)
    expect(sides.gateway.outcomes).toEqual([
      { status, upgraded: false, bytes: 0, error: 'handshake' },
    ])
  })

  it('P4 bytes sent before the 101 reach nobody: 400, and the upstream is left', async () => {
    const sides = await facing(silent)
    const client = await ask(sides.gateway.port, handshake())
    await until('the upstream is asked', () => sides.upstream.connections.length === 1)
    client.send('GET /admin HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('an end', () => client.state() !== 'open')
    expect(statusOf(client.received())).toBe(400)
    expect(sides.upstream.connections[0]?.received()).not.toContain('/admin')
    client.socket.end()
    await leftNothing(sides)
  })

  it('P40 an upgrade behind an unanswered request is cut: its answer would be taken for the other one', async () => {
    const sides = await facing((side) => side.send(switching()), { request: () => {} })
    const client = await ask(
      sides.gateway.port,
      `GET /slow HTTP/1.1\r\nHost: gateway\r\n\r\n${handshake()}`,
    )
    await until('an end', () => client.state() !== 'open')
    expect(client.received()).toBe('')
    expect(sides.gateway.outcomes[0]?.status).toBe(0)
  })

  it('an upgrade on a connection that has answered others works', async () => {
    const sides = await facing((side) => side.send(switching()))
    const client = await ask(sides.gateway.port, 'GET /first HTTP/1.1\r\nHost: gateway\r\n\r\n')
    await until('the first answer', () => client.received().includes('plain'))
    client.send(handshake())
    await until('the second answer', () => client.received().includes('HTTP/1.1 101'))
  })
})

describe('the answer of the upstream', () => {
  it.each([
    ['P5 another protocol', switching({ Upgrade: 'h2c' })],
    ['P5 no protocol', switching({ Upgrade: undefined })],
    ['P5 no Connection: Upgrade', switching({ Connection: 'close' })],
    ['P5 no accept', switching({ 'Sec-WebSocket-Accept': undefined })],
    ['P5 a wrong accept', switching({ 'Sec-WebSocket-Accept': 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' })],
    [
      'P5 two accepts',
      switching({ 'Sec-WebSocket-Accept': `${ACCEPT}\r\nSec-WebSocket-Accept: ${ACCEPT}` }),
    ],
    ['P23 a lone CR', switching({ 'X-A': 'a\rb' })],
    ['P23 a NUL', switching({ 'X-A': 'a\0b' })],
    ['P23 a folded line', switching({ 'X-A': 'a\r\n b' })],
    ['P23 a field without a name', switching({ '': 'x' })],
    ['P24 two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'P24 length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    ],
    ['P25 a status of 099', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'],
    [
      'P25 a body in a coding that would get lost',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    ],
    ['P25 no HTTP', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['P25 a head of 40 KiB', switching({ 'X-A': 'a'.repeat(40_000) })],
    ['P29 half a head', 'HTTP/1.1 101 Switching Protocols\r\nConnec'],
    ['P29 nothing', ''],
  ])('%s is 502', async (_, bytes) => {
    const sides = await facing((side) => side.socket.end(Buffer.from(bytes, 'latin1')))
    const answer = await answerTo(sides.gateway.port, handshake())
    expect(statusOf(answer)).toBe(502)
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
    await leftNothing(sides)
    expect(sides.gateway.outcomes[0]).toMatchObject({ status: 502, upgraded: false })
    expect(sides.gateway.outcomes[0]?.error).toMatch(/^upstream\./)
  })

  it('P23 bytes above 0x7f in fields come through as they were', async () => {
    const { gateway } = await facing((side) => side.send(switching({ 'X-Name': 'Zoë\xff' })))
    const client = await ask(gateway.port, handshake())
    await until('an answer', () => client.received().includes('\r\n\r\n'))
    expect(client.received()).toContain('X-Name: Zoë\xff\r\n')
  })

  it('P14 the 101 has our own handshake fields, once, and those that the gateway lets through', async () => {
    const { gateway } = await facing(
      (side) =>
        side.send(
          switching({
            Connection: 'upgrade, x-int',
            'Sec-WebSocket-Protocol': 'v1',
            'Keep-Alive': 'timeout=5',
            Trailer: 'x',
          }),
        ),
      {
        responseHeaders: (_, rawHeaders) => [
          ...rawHeaders,
          'X-Request-Id',
          'r1',
          'X-Bad',
          'a\r\nX-Evil: 1',
        ],
      },
    )
    const client = await ask(gateway.port, handshake())
    await until('an answer', () => client.received().includes('\r\n\r\n'))
    expect(client.received()).toBe(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n` +
        'Sec-WebSocket-Protocol: v1\r\nX-Request-Id: r1\r\n\r\n',
    )
  })

  it('a hook that throws is 502 before the answer', async () => {
    const throwing = () => {
      throw new Error('broken')
    }
    for (const bytes of [switching(), 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n']) {
      const sides = await facing((side) => side.send(bytes), { responseHeaders: throwing })
      expect(statusOf(await answerTo(sides.gateway.port, handshake()))).toBe(502)
      await leftNothing(sides)
    }
  })

  it('P24 bytes right behind the 101 reach the client, behind it', async () => {
    const { gateway } = await facing((side) => side.send(`${switching()}\x81\x02hi`))
    const client = await ask(gateway.port, handshake())
    await until('the frame', () => client.received().endsWith('\x81\x02hi'))
  })

  it('103 and other interim answers are left out', async () => {
    const { gateway } = await facing((side) =>
      side.send(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${switching()}`),
    )
    const client = await ask(gateway.port, handshake())
    await until('an answer', () => client.received().includes('\r\n\r\n'))
    expect(statusOf(client.received())).toBe(101)
  })

  it('P30 refused is 502, a silent handshake 504', async () => {
    const closed = await startRawServer(silent)
    await closed.close()
    const refused = await startUpgradeGateway(closed.port)
    const slow = await facing(silent, { timeout: { response: 0.05 } })
    running.push(refused)
    expect(statusOf(await answerTo(refused.port, handshake()))).toBe(502)
    expect(refused.outcomes[0]?.error).toBe('upstream.refused')
    expect(statusOf(await answerTo(slow.gateway.port, handshake()))).toBe(504)
    await leftNothing(slow)
    expect(slow.gateway.outcomes[0]?.error).toBe('upstream.timeout')
  })

  it('P30 a target that refuses is no loss while there is another one', async () => {
    const closed = await startRawServer(silent)
    await closed.close()
    const upstream = await startRawServer((side) => side.send(switching()))
    const failures: string[] = []
    const others = [closed.port, upstream.port]
    const gateway = await startUpgradeGateway(closed.port, {
      retry: (failure) => {
        failures.push(failure.error)
        const port = others.shift()
        return port === undefined
          ? undefined
          : {
              origin: `http://127.0.0.1:${port}`,
              path: '/other',
              headers: ['Host', 'other.internal'],
              timeout: timeoutOf({}),
            }
      },
    })
    running.push(upstream, gateway)
    const client = await ask(gateway.port, handshake())
    await until('an answer', () => client.received().includes('\r\n\r\n'))
    expect(statusOf(client.received())).toBe(101)
    expect(failures).toEqual(['upstream.refused', 'upstream.refused'])
    expect(upstream.connections[0]?.received()).toContain('GET /other HTTP/1.1\r\nHost: other')
  })

  it('P30 a head that trickles is 504', async () => {
    const sides = await facing(
      (side) => {
        const timer = setInterval(() => side.send('H'), 10)
        side.socket.on('close', () => clearInterval(timer))
        side.send('HTTP/1.1 101 Switching Protocols\r\nX: ')
      },
      { timeout: { response: 0.1 } },
    )
    expect(statusOf(await answerTo(sides.gateway.port, handshake()))).toBe(504)
    await leftNothing(sides)
  })
})

describe('an answer other than 101', () => {
  it.each([
    [
      'with a length',
      'HTTP/1.1 403 Nope\r\nContent-Length: 4\r\nX-A: 1\r\n\r\nbody',
      'Content-Length: 4',
      'body',
    ],
    [
      'in chunks',
      'HTTP/1.1 403 Nope\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n4\r\nbody\r\n0\r\n\r\n',
      'Transfer-Encoding: chunked',
      '4\r\nbody\r\n0\r\n\r\n',
    ],
    [
      'until the end',
      'HTTP/1.1 403 Nope\r\nX-A: 1\r\n\r\nbody',
      'Transfer-Encoding: chunked',
      '4\r\nbody\r\n0\r\n\r\n',
    ],
  ])('comes as a response of its own, %s', async (_, bytes, framing, body) => {
    const sides = await facing((side) => side.socket.end(Buffer.from(bytes, 'latin1')))
    const answer = await answerTo(sides.gateway.port, handshake())
    expect(answer).toBe(
      `HTTP/1.1 403 Forbidden\r\nX-A: 1\r\n${framing}\r\nConnection: close\r\n\r\n${body}`,
    )
    await leftNothing(sides)
    expect(sides.gateway.outcomes).toEqual([{ status: 403, upgraded: false, bytes: 4 }])
  })

  it.each([204, 304])('%i has neither body nor framing', async (status) => {
    const sides = await facing((side) => side.send(`HTTP/1.1 ${status} X\r\nX-A: 1\r\n\r\n`))
    const answer = await answerTo(sides.gateway.port, handshake())
    expect(answer).toMatch(
      /^HTTP\/1\.1 (204 No Content|304 Not Modified)\r\nX-A: 1\r\nConnection: close\r\n\r\n$/,
    )
    await leftNothing(sides)
  })

  it('P25 has our own reason phrase, whatever the upstream wrote there', async () => {
    const sides = await facing((side) =>
      side.send('HTTP/1.1 200 O\x01K\xff\r\nContent-Length: 0\r\n\r\n'),
    )
    expect(await answerTo(sides.gateway.port, handshake())).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    await leftNothing(sides)
  })

  it('P24 bytes behind the body reach nobody', async () => {
    const sides = await facing((side) =>
      side.send(
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nX-Evil: 1\r\n\r\n',
      ),
    )
    const answer = await answerTo(sides.gateway.port, handshake())
    expect(answer).toMatch(/ok$/)
    await leftNothing(sides)
  })

  it.each([
    ['length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbo'],
    ['chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nbo'],
  ])('F7 P29 cut in its %s: the client is reset', async (_, bytes) => {
    for (const way of ['end', 'resetAndDestroy'] as const) {
      const sides = await facing((side) => {
        side.socket.write(bytes, () => setImmediate(() => side.socket[way]()))
      })
      const client = await ask(sides.gateway.port, handshake())
      await until('an end', () => client.state() !== 'open')
      expect(client.state()).toBe('reset')
      await leftNothing(sides)
      expect(sides.gateway.outcomes[0]).toMatchObject({ status: 200, error: 'upstream.cut' })
    }
  })

  it('its body waits for the client', async () => {
    let written = 0
    const sides = await facing((side) => {
      const block = Buffer.alloc(65_536, 'x')
      side.send(`HTTP/1.1 200 OK\r\nContent-Length: ${block.length * 1600}\r\n\r\n`)
      const write = () => {
        while (written < 1600) {
          written += 1
          if (!side.socket.write(block)) return
        }
      }
      side.socket.on('drain', write)
      write()
    })
    const client = await ask(sides.gateway.port, handshake())
    await until('the head', () => client.received().includes('\r\n\r\n'))
    client.socket.pause()
    let previous = -1
    await until('the upstream stands still', () => {
      const still = written === previous
      previous = written
      return still && written > 0
    })
    expect(written).toBeLessThan(1600)
    client.socket.resume()
    await until('the whole body', () => client.bytes().length > 65_536 * 1600, 20)
    client.socket.end()
    await leftNothing(sides)
  })

  it('stalled for longer than `idle`: the client is reset', async () => {
    const sides = await facing(
      (side) => side.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbo'),
      {
        timeout: { idle: 0.1 },
      },
    )
    const client = await ask(sides.gateway.port, handshake())
    await until('an end', () => client.state() !== 'open')
    expect(client.state()).toBe('reset')
    await leftNothing(sides)
    expect(sides.gateway.outcomes[0]?.error).toBe('upstream.idle')
  })
})

describe('the tunnel', () => {
  const withWs = async (options: UpgradeGatewayOptions = {}) => {
    const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true })
    wss.on('connection', (peer) => {
      peer.on('error', silent)
      peer.on('message', (data, binary) => peer.send(data, { binary }))
    })
    await until('listening', () => wss.address() !== null)
    const address = wss.address()
    const gateway = await startUpgradeGateway(
      typeof address === 'object' && address ? address.port : 0,
      options,
    )
    running.push(gateway, {
      close: () =>
        new Promise((done) => {
          for (const peer of wss.clients) peer.terminate()
          wss.close(() => done())
        }),
    })
    return { wss, gateway }
  }
  const openWs = async (port: number) => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/live`, { perMessageDeflate: true })
    ws.on('error', silent)
    await new Promise((resolve) => ws.once('open', resolve))
    return ws
  }

  it('carries messages of every size both ways, compressed or not', async () => {
    const { gateway } = await withWs()
    const ws = await openWs(gateway.port)
    expect(ws.extensions).toContain('permessage-deflate')
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 3_000_000]) {
      const message = Buffer.alloc(size, 'portcullis')
      const echoed = new Promise<Buffer>((resolve) =>
        ws.once('message', (data: Buffer) => resolve(data)),
      )
      ws.send(message)
      expect((await echoed).equals(message)).toBe(true)
    }
    const closed = new Promise((resolve) => ws.once('close', (code) => resolve(code)))
    ws.close(1000)
    expect(await closed).toBe(1000)
    await until('no sockets', () => gateway.open() === 0)
    expect(gateway.outcomes).toEqual([
      { status: 101, upgraded: true, bytes: expect.any(Number), left: 'client' },
    ])
  })

  it('each side waits for the other: a client that does not read holds the upstream', async () => {
    const { wss, gateway } = await withWs()
    const ws = await openWs(gateway.port)
    const [peer] = wss.clients
    ws.pause()
    const message = Buffer.alloc(1_000_000, 1)
    for (let count = 0; count < 40; count += 1) peer?.send(message, { compress: false })
    let seen = 0
    let held = -1
    await until('the upstream is held', () => {
      const now = peer?.bufferedAmount ?? 0
      const still = now === held && now > 0
      held = now
      return still
    })
    ws.on('message', (data: Buffer) => {
      seen += data.length
    })
    ws.resume()
    await until('everything', () => seen === 40_000_000, 20)
  })

  it('P31 the client leaving before the 101 leaves nothing, whichever way it goes', async () => {
    for (const way of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const sides = await facing(silent)
      const client = await ask(sides.gateway.port, handshake())
      await until('the upstream is asked', () => sides.upstream.connections.length === 1)
      client.socket[way]()
      await leftNothing(sides)
      expect(sides.gateway.outcomes).toEqual([
        { status: 0, upgraded: false, bytes: 0, error: 'client.gone' },
      ])
    }
  })

  it('either side leaving, whichever way, takes the other with it', async () => {
    for (const who of ['client', 'upstream'] as const) {
      for (const way of ['end', 'destroy', 'resetAndDestroy'] as const) {
        const sides = await facing((side) => {
          side.send(switching())
          side.socket.on('end', () => side.socket.end())
        })
        const client = await ask(sides.gateway.port, handshake())
        client.socket.on('end', () => client.socket.end())
        await until('the 101', () => client.received().includes('\r\n\r\n'))
        const leaving = who === 'client' ? client : sides.upstream.connections[0]
        leaving?.socket[way]()
        await leftNothing(sides)
        await until('told', () => sides.gateway.outcomes.length === 1)
        expect(sides.gateway.outcomes[0]).toMatchObject({ status: 101, upgraded: true })
      }
    }
  })

  it('P29 an upstream that is reset resets the client', async () => {
    const sides = await facing((side) => side.send(switching()))
    const client = await ask(sides.gateway.port, handshake())
    await until('the 101', () => client.received().includes('\r\n\r\n'))
    sides.upstream.connections[0]?.socket.resetAndDestroy()
    await until('an end', () => client.state() !== 'open')
    expect(client.state()).toBe('reset')
    await until('told', () => sides.gateway.outcomes.length === 1)
    expect(sides.gateway.outcomes[0]?.error).toBe('upstream.cut')
  })

  it('P20 is ended with a close frame that both sides understand', async () => {
    const { wss, gateway } = await withWs()
    const ws = await openWs(gateway.port)
    const [peer] = wss.clients
    const codes = Promise.all(
      [ws, peer].map(
        (side) =>
          new Promise((resolve) =>
            side?.once('close', (code, reason) => resolve([code, String(reason)])),
          ),
      ),
    )
    gateway.tunnels[0]?.end(1008, 'access was taken back', ENDED)
    expect(await codes).toEqual([
      [1008, 'access was taken back'],
      [1008, 'access was taken back'],
    ])
    await until('no sockets', () => gateway.open() === 0 && wss.clients.size === 0)
  })

  it('§5.5.1 the close frame waits for the end of the frame that is under way', async () => {
    const sides = await facing((side) =>
      side.send(`${switching()}\x82\x7e\x01\x00${'a'.repeat(100)}`),
    )
    const client = await ask(sides.gateway.port, handshake())
    await until('a part of the frame', () => client.received().endsWith('a'.repeat(100)))
    sides.gateway.tunnels[0]?.end(1008, 'over', ENDED)
    const [upstream] = sides.upstream.connections
    // The upstream is told at once: the client's direction is between two frames.
    await until(
      'the upstream is told',
      () => upstream?.received().endsWith('\x88\x86\0\0\0\0\x03\xf0over') ?? false,
    )
    upstream?.send(`${'b'.repeat(156)}\x81\x04late`)
    await until('the end', () => client.state() !== 'open')
    expect(
      client.received().endsWith(`${'a'.repeat(100)}${'b'.repeat(156)}\x88\x06\x03\xf0over`),
    ).toBe(true)
    client.socket.end()
    upstream?.socket.end()
    await leftNothing(sides)
  })

  it('P20 nothing that the client sends after the end reaches the upstream, not even the rest of a frame', async () => {
    const sides = await facing((side) => side.send(switching()))
    const client = await ask(sides.gateway.port, handshake())
    await until('the 101', () => client.received().includes('\r\n\r\n'))
    const [upstream] = sides.upstream.connections
    client.send('\x82\x8a\0\0\0\0half')
    await until('the half', () => upstream?.received().endsWith('half') ?? false)
    sides.gateway.tunnels[0]?.end(1008, 'over', ENDED)
    client.send('rest!!')
    await until('the end', () => upstream?.state() === 'ended')
    expect(upstream?.received().endsWith('half')).toBe(true)
    client.socket.end()
    upstream?.socket.end()
    await leftNothing(sides)
  })

  it('sides that do not take their leave are cut', async () => {
    const sides = await facing((side) => {
      if (sides.upstream.connections[0] === side) side.send(`${switching()}\x82\x7e\x01\x00half`)
      else side.send(switching())
    })
    const unfinished = await ask(sides.gateway.port, handshake())
    await until('the first 101', () => unfinished.received().endsWith('half'))
    const stalled = await ask(sides.gateway.port, handshake())
    await until('the second 101', () => stalled.received().includes('\r\n\r\n'))
    stalled.socket.pause()
    sides.upstream.connections[1]?.send(Buffer.alloc(20_000_000))
    await sides.gateway.upgrader.close()
    expect(sides.gateway.outcomes).toHaveLength(2)
    expect(unfinished.received().endsWith('half')).toBe(true)
    stalled.socket.resume()
    await leftNothing(sides)
  })

  it.each(['client', 'upstream'] as const)(
    'what the %s sent before it left arrives whole',
    async (who) => {
      const sides = await facing((side) => {
        side.send(switching())
        side.socket.on('end', () => side.socket.end())
      })
      const client = await ask(sides.gateway.port, handshake())
      client.socket.on('end', () => client.socket.end())
      await until('the 101', () => client.received().includes('\r\n\r\n'))
      const [upstream] = sides.upstream.connections
      const [from, to] = who === 'client' ? [client, upstream] : [upstream, client]
      to?.socket.pause()
      const head = to?.bytes().length ?? 0
      from?.socket.end(Buffer.alloc(20_000_000, 'x'))
      await until('the sender is held', () => (from?.socket.bytesWritten ?? 0) > 0)
      to?.socket.resume()
      await leftNothing(sides)
      expect(to?.bytes().length).toBe(head + 20_000_000)
    },
  )

  it('a side that stays when the other one has closed its half goes after `idle` at the latest', async () => {
    for (const who of ['client', 'upstream'] as const) {
      const sides = await facing((side) => side.send(switching()), { timeout: { idle: 0.1 } })
      const client = await ask(sides.gateway.port, handshake())
      await until('the 101', () => client.received().includes('\r\n\r\n'))
      const [upstream] = sides.upstream.connections
      const [from, to] = who === 'client' ? [client, upstream] : [upstream, client]
      from?.socket.end()
      await until('the other one is told', () => to?.state() === 'ended')
      await until('it is over', () => sides.gateway.outcomes.length === 1)
      to?.socket.end()
      await leftNothing(sides)
    }
  })

  it('P31 a client that leaves without having read leaves nothing', async () => {
    const sides = await facing((side) => {
      side.send(switching())
      side.send(Buffer.alloc(20_000_000))
    })
    const client = await ask(sides.gateway.port, handshake())
    await until('the 101', () => client.received().includes('\r\n\r\n'))
    client.socket.pause()
    client.socket.resetAndDestroy()
    await leftNothing(sides)
  })

  it('R-05 a FIN or RST at every byte of the answer ends in 502 before, and in a cut after the head', async () => {
    const length = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody'
    for (const [answer, status] of [
      [`${switching()}\x81\x01a`, 101],
      [length, 200],
    ] as const) {
      const head = answer.indexOf('\r\n\r\n') + 4
      for (const way of ['end', 'resetAndDestroy'] as const) {
        const sides = await facing((side) => {
          const bytes = answer.slice(0, sides.upstream.connections.indexOf(side))
          side.socket.write(bytes, 'latin1', () => setImmediate(() => side.socket[way]()))
        })
        for (let at = 0; at < answer.length; at += 1) {
          const client = await ask(sides.gateway.port, handshake())
          await until('an end', () => client.state() !== 'open')
          client.socket.end()
          if (at < head) expect(statusOf(client.received())).toBe(502)
          // What was under way when the connection was reset may be lost with it.
          else if (way === 'end') expect(statusOf(client.received())).toBe(status)
          else expect(['', String(status)]).toContain(client.received().slice(9, 12))
          if (status === 200 && at >= head) expect(client.state()).toBe('reset')
        }
        await leftNothing(sides)
      }
    }
  })

  it('`end` before the 101 is 503 and leaves the upstream; a second one changes nothing', async () => {
    const sides = await facing(silent)
    const client = await ask(sides.gateway.port, handshake())
    await until('the upstream is asked', () => sides.upstream.connections.length === 1)
    sides.gateway.tunnels[0]?.end(1008, 'over', ENDED)
    sides.gateway.tunnels[0]?.end(1008, 'over', ENDED)
    await until('an end', () => client.state() !== 'open')
    expect(statusOf(client.received())).toBe(503)
    client.socket.end()
    await leftNothing(sides)
  })

  it('a tunnel without a byte for `idle` seconds is ended with 1001; with bytes it stays', async () => {
    const { gateway, wss } = await withWs({ timeout: { idle: 0.3 } })
    const quiet = await openWs(gateway.port)
    const busy = await openWs(gateway.port)
    const timer = setInterval(() => busy.ping(), 30)
    const closed = await new Promise((resolve) => quiet.once('close', (code) => resolve(code)))
    expect(closed).toBe(1001)
    expect(busy.readyState).toBe(WebSocket.OPEN)
    clearInterval(timer)
    await until('no sockets', () => gateway.open() === 0 && wss.clients.size === 0)
    expect(gateway.outcomes[0]?.error).toBe('idle')
  })

  it('timeouts longer than Node can wait are not taken for none', async () => {
    const { gateway } = await withWs({ timeout: { idle: 1e9, response: 1e9, connect: 1e9 } })
    const ws = await openWs(gateway.port)
    const echoed = new Promise((resolve) => ws.once('message', resolve))
    ws.send('x')
    await echoed
  })

  it('F7 P31 200 connections cut at random moments, on either side, leave no socket behind', async () => {
    // Numbers from a hash, so that a failure can be repeated.
    const random = (seed: number, of: number) =>
      (createHash('sha1').update(String(seed)).digest()[0] ?? 0) % of
    const sides = await facing(
      (side) => {
        const number = sides.upstream.connections.indexOf(side)
        side.socket.on('end', () => side.socket.end())
        const answers = [
          switching(),
          `${switching()}\x82\x7e\x01\x00half`,
          'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbo',
          'HTTP/1.1 1',
          '',
        ]
        side.send(answers[random(number, 5)] ?? '')
        const way =
          (['end', 'destroy', 'resetAndDestroy', 'pause'] as const)[random(number + 1000, 4)] ??
          'end'
        setTimeout(() => side.socket[way](), random(number + 2000, 20))
      },
      { timeout: { response: 1, idle: 1 } },
    )
    const visit = async (number: number) => {
      const { socket } = await ask(
        sides.gateway.port,
        handshake().slice(0, random(number + 3000, 16) === 0 ? 40 : undefined),
      )
      const way =
        (['end', 'destroy', 'resetAndDestroy'] as const)[random(number + 4000, 3)] ?? 'end'
      await new Promise((resolve) => setTimeout(resolve, random(number + 5000, 30)))
      if (random(number + 6000, 2)) socket.write('\x81\x80\0\0\0\0')
      socket[way]()
    }
    for (let wave = 0; wave < 20; wave += 1) {
      await Promise.all(Array.from({ length: 10 }, (_, number) => visit(wave * 10 + number)))
    }
    const told = new Set(sides.gateway.outcomes.map(({ status }) => status))
    expect([...told].toSorted()).toEqual([0, 101, 200, 400, 502])
    await leftNothing(sides)
    await until('all told', () => sides.gateway.outcomes.length === sides.gateway.tunnels.length)
  })
})

describe('a reset', () => {
  it('closes the socket even while our FIN is on its way', async () => {
    const server = await startRawServer(silent, { afterHead: false })
    running.push(server)
    for (let ticks = 0; ticks < 6; ticks += 1) {
      const { socket } = await openRaw(server.port)
      let closed = false
      socket.once('close', () => {
        closed = true
      })
      socket.end()
      for (let tick = 0; tick < ticks; tick += 1) await new Promise(process.nextTick)
      reset(socket)
      await until(`a close after ${ticks} ticks`, () => closed)
    }
  })
})

describe('a refusal of our own', () => {
  it('is one response with its length, whatever the fields hold, and nothing on a socket that is gone', async () => {
    const { gateway } = await facing(silent, { target: { origin: 'http://[' } })
    const answer = await answerTo(gateway.port, handshake())
    const [head, body] = answer.split('\r\n\r\n')
    expect(head).toContain(`Content-Length: ${Buffer.byteLength(body ?? '')}`)
    const socket = connect(gateway.port, '127.0.0.1')
    socket.destroy()
    expect(() => denyUpgrade(socket, 401, ['X-A', 'a\r\nb'], '')).not.toThrow()
  })
})

describe('§5.2 frames', () => {
  const frame = (length: number, masked: boolean) => {
    const mask = masked ? 0x80 : 0
    const head =
      length < 126
        ? [0x82, mask | length]
        : length < 65_536
          ? [0x82, mask | 126, length >> 8, length & 0xff]
          : [0x82, mask | 127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 0xff, length & 0xff]
    return Buffer.concat([
      Buffer.from([...head, ...(masked ? [1, 2, 3, 4] : [])]),
      Buffer.alloc(length),
    ])
  }

  it('are followed through every cut of the bytes', () => {
    const lengths = [0, 1, 125, 126, 127, 300, 65_535, 65_536, 70_000]
    for (const masked of [false, true]) {
      const bytes = Buffer.concat(lengths.map((length) => frame(length, masked)))
      const ends = new Set(
        lengths.map((_, index) =>
          lengths
            .slice(0, index + 1)
            .reduce((sum, length) => sum + frame(length, masked).length, 0),
        ),
      )
      for (const step of [1, 2, 3, 7, 1000, 65_537, bytes.length]) {
        const tracker = createFrameTracker()
        for (let at = 0; at < bytes.length; at += step) {
          tracker.follow(bytes.subarray(at, at + step))
          const end = Math.min(at + step, bytes.length)
          if (tracker.atBoundary() !== ends.has(end)) throw new Error(`wrong at ${end} by ${step}`)
        }
      }
    }
  })

  it('stop at the first boundary when asked to', () => {
    const tracker = createFrameTracker()
    const bytes = Buffer.concat([frame(5, false), frame(7, false)])
    expect(tracker.follow(bytes.subarray(0, 3))).toBe(3)
    expect(tracker.follow(bytes.subarray(3), true)).toBe(4)
    expect(tracker.atBoundary()).toBe(true)
  })

  it('§5.5 a close frame never exceeds 125 bytes nor cuts a character', () => {
    const close = closeFrame(1008, 'ä'.repeat(100))
    expect(close.length).toBe(2 + 2 + 122)
    expect(close.subarray(4).toString()).toBe('ä'.repeat(61))
  })
})
