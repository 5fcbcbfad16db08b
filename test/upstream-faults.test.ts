import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { startBlackhole } from './support/blackhole.ts'
import { type GatewayGiven, startGateway, type UpstreamGiven } from './support/gateway.ts'
import { freePort } from './support/portcullis.ts'
import { bearer, exchange, message } from './support/raw-client.ts'
import { openRaw, type RawSocket, startRawServer, until } from './support/raw-sockets.ts'
import { ok, startRecordingUpstream } from './support/recording-upstream.ts'

const running: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.close()
})

const start = async (
  upstreams: Readonly<Record<string, UpstreamGiven>>,
  more: Partial<GatewayGiven> = {},
) => {
  const gateway = await startGateway({
    upstreams,
    routes: Object.keys(upstreams).map((upstream) => ({ path: `/${upstream}/*`, upstream })),
    ...more,
  })
  running.push(gateway)
  const token = gateway.token()
  const ask = (line = 'GET /orders/1', body = '') =>
    exchange(
      gateway.port,
      message(line, [bearer(token), ...(body && [`Content-Length: ${body.length}`])], body),
    )
  return { gateway, token, ask }
}

const serve = async (serveOne: (connection: RawSocket) => void, afterHead = true) => {
  const server = await startRawServer(serveOne, { afterHead })
  running.push(server)
  return { ...server, origin: `http://127.0.0.1:${server.port}` }
}

const errorOf = async (gateway: Awaited<ReturnType<typeof start>>['gateway'], count = 1) => {
  await until('the exchange', () => gateway.exchanges.length >= count)
  return gateway.exchanges.at(-1)
}

describe('an upstream that cannot be reached', () => {
  it('R-01 refused: 502 with an error, and others are not affected', async () => {
    const good = await startRecordingUpstream()
    running.push(good)
    const { gateway, ask } = await start({
      orders: `http://127.0.0.1:${await freePort()}`,
      good: good.origin,
    })
    const answer = await ask()
    expect(answer.status).toBe(502)
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'bad_gateway' })
    expect((await errorOf(gateway))?.error).toBe('upstream.refused')
    expect((await ask('GET /good/1')).status).toBe(200)
  })

  it('R-01 refused by one target: the next is asked', async () => {
    const good = await startRecordingUpstream()
    running.push(good)
    const { ask } = await start({
      orders: { targets: [`http://127.0.0.1:${await freePort()}`, good.origin] },
    })
    for (let request = 0; request < 4; request++) {
      expect((await ask('POST /orders/1', 'body')).status).toBe(200)
    }
    expect(good.requests.map(({ body }) => body)).toEqual(['body', 'body', 'body', 'body'])
  })

  it('R-02 P30 a black hole: 504 at the connect limit, or the next target', async () => {
    const hole = await startBlackhole()
    running.push(hole)
    const good = await startRecordingUpstream()
    running.push(good)
    const timeout = { connect: 0.3, response: 60, idle: 60 }
    const { gateway, ask } = await start({
      orders: { targets: [`http://127.0.0.1:${hole.port}`], timeout },
      pair: { targets: [`http://127.0.0.1:${hole.port}`, good.origin], timeout },
    })
    const answer = await ask()
    expect(answer.status).toBe(504)
    const exchanged = await errorOf(gateway)
    expect(exchanged?.error).toBe('upstream.connect_timeout')
    expect(exchanged?.seconds).toBeGreaterThanOrEqual(0.29)
    expect(exchanged?.seconds).toBeLessThan(10)
    for (let request = 0; request < 2; request++)
      expect((await ask('GET /pair/1')).status).toBe(200)
  })
})

describe('an upstream that is slow', () => {
  it('R-03 P30 accepts and never answers: 504 at the limit for the head, and its socket is closed', async () => {
    const silent = await serve(() => {})
    const { gateway, ask } = await start({
      orders: { targets: [silent.origin], timeout: { response: 0.3, idle: 60 } },
    })
    expect((await ask()).status).toBe(504)
    expect((await errorOf(gateway))?.error).toBe('upstream.timeout')
    await until('its socket is left', () => isLeft(silent))
  })

  it('P30 a head that comes byte by byte has the same limit', async () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Filler: aaaaaaaaaaaaaaaaaaaa\r\n\r\nok'
    const slow = await serve(({ socket }) => void trickle(socket, head, 100))
    const { gateway, ask } = await start({
      orders: { targets: [slow.origin], timeout: { response: 0.3, idle: 60 } },
    })
    expect((await ask()).status).toBe(504)
    expect((await errorOf(gateway))?.error).toBe('upstream.timeout')
  })

  it('R-04 a body that comes byte by byte passes, however long it takes in all', async () => {
    const slow = await serve(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n')
      void trickle(socket, 'abcdefghijkl', 150)
    })
    const { ask } = await start({
      orders: { targets: [slow.origin], timeout: { response: 0.5, idle: 0.75 } },
    })
    expect((await ask()).body).toBe('abcdefghijkl')
  })

  it('R-04 P30 a body that stops is cut at the idle limit: a reset, never a clean end', async () => {
    const stalled = await serve(({ socket }) =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nabc'),
    )
    const { gateway, token } = await start({
      orders: { targets: [stalled.origin], timeout: { response: 60, idle: 0.3 } },
    })
    const client = await openRaw(gateway.port)
    client.send(message('GET /orders/1', [bearer(token)]))
    await until('an end', () => client.state() !== 'open')
    expect(client.received()).toContain('\r\n\r\nabc')
    expect((await errorOf(gateway))?.error).toBe('upstream.idle')
    await until('its socket is left', () => isLeft(stalled))
  })

  it('P30 an event stream has a limit of its own', async () => {
    const events = await serve(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n')
      setTimeout(() => socket.end('data: 2\n\n'), 1500)
    })
    const { ask } = await start({
      orders: { targets: [events.origin], timeout: { response: 60, idle: 0.3, stream: 60 } },
    })
    expect((await ask()).body).toBe('data: 1\n\ndata: 2\n\n')
  })

  it('P30 a handshake of a WebSocket that is never answered is 504', async () => {
    const silent = await serve(() => {})
    const { gateway, token } = await start({
      orders: { targets: [silent.origin], timeout: { response: 0.3, idle: 60 } },
    })
    const client = await openRaw(gateway.port)
    client.send(
      message('GET /orders/ws', [
        bearer(token),
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      ]),
    )
    await until('an answer', () => client.received().includes('\r\n\r\n'))
    expect(client.received()).toMatch(/^HTTP\/1.1 504/)
    client.socket.destroy()
    await until('its socket is left', () => isLeft(silent))
  })

  it('R-07 500 requests that hang at one upstream leave the others as they are, and more of them are 503', async () => {
    const silent = await serve(() => {})
    const good = await startRecordingUpstream()
    running.push(good)
    const { gateway, token, ask } = await start({
      slow: { targets: [silent.origin], connections: 1000, inFlight: 500 },
      good: good.origin,
    })
    const latency = async (count: number) => {
      const client = await openRaw(gateway.port)
      const seconds: number[] = []
      for (let request = 0; request < count; request++) {
        const before = performance.now()
        const seen = client.received().length
        client.send(message('GET /good/1', [bearer(token)]))
        await once(client.socket, 'data')
        expect(client.received().slice(seen)).toMatch(/^HTTP\/1.1 200/)
        seconds.push(performance.now() - before)
      }
      client.socket.destroy()
      return seconds.toSorted((a, b) => a - b)[Math.floor(count * 0.99)] ?? 0
    }
    await latency(200)
    const alone = await latency(200)
    const hanging = await Promise.all(
      Array.from({ length: 500 }, async () => {
        const client = await openRaw(gateway.port)
        client.send(message('GET /slow/1', [bearer(token)]))
        return client
      }),
    )
    await until('500 at the slow upstream', () => silent.connections.length === 500)
    const beside = await latency(200)
    // No figure of its own: a wait of the slow one's kind would be seconds.
    expect(beside).toBeLessThan(Math.max(alone * 20, 250))
    const refused = await ask('GET /slow/1')
    expect(refused.status).toBe(503)
    expect(refused.values('Retry-After')).toEqual(['1'])
    for (const { socket } of hanging) socket.destroy()
    await until('all given back', () => gateway.tallies().every(({ inFlight }) => inFlight === 0))
  }, 60_000)
})

describe('an upstream that breaks off', () => {
  const ANSWER = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 200\r\n\r\n${'x'.repeat(200)}`

  it.each<[string, (socket: Socket) => void]>([
    ['FIN', (socket) => socket.end()],
    ['RST', (socket) => socket.resetAndDestroy()],
  ])(
    'R-05 %s after every number of bytes: 502 before the head, a reset behind it, never a whole answer',
    async (_, leave) => {
      let at = 0
      const cutting = await serve(({ socket }) => {
        if (at === 0) leave(socket)
        else socket.write(ANSWER.slice(0, at), () => leave(socket))
      })
      const { gateway, token } = await start({
        orders: { targets: [cutting.origin], eject: { failures: 1000, pause: 1, longest: 1 } },
      })
      const headEnd = ANSWER.indexOf('\r\n\r\n') + 4
      for (at = 0; at < ANSWER.length; at += at < headEnd + 4 ? 1 : 13) {
        const client = await openRaw(gateway.port)
        client.send(message('GET /orders/1', [bearer(token), 'Connection: close']))
        await until(`an end after ${at} bytes`, () => client.state() !== 'open')
        const received = client.received()
        // A reset may throw away what was not read yet; whatever is read is no whole answer.
        if (received.startsWith('HTTP/1.1 200')) {
          expect(received.length).toBeLessThan(received.indexOf('\r\n\r\n') + 4 + 200)
          expect(at).toBeGreaterThanOrEqual(headEnd)
        } else if (received !== '') expect(received).toMatch(/^HTTP\/1.1 502/)
        client.socket.destroy()
      }
      await until('all given back', () => gateway.tallies()[0]?.inFlight === 0)
    },
    60_000,
  )

  /** Closes what idles for 50 ms without a word, as some servers do; counts what it answered. */
  const startImpatient = async () => {
    const counts = { answered: 0, posts: 0, closed: 0 }
    const server = createTcpServer((socket) => {
      let text = ''
      let idle: NodeJS.Timeout | undefined
      const patience = () => {
        clearTimeout(idle)
        idle = setTimeout(() => {
          counts.closed += 1
          // Data that is under way to a closed socket is answered with a reset.
          socket.destroy()
        }, 50)
      }
      socket.on('error', () => {})
      socket.on('close', () => clearTimeout(idle))
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
        for (;;) {
          const end = text.indexOf('\r\n\r\n')
          if (end < 0) break
          const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0)
          if (text.length < end + 4 + length) break
          if (text.startsWith('POST')) counts.posts += 1
          text = text.slice(end + 4 + length)
          counts.answered += 1
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
          patience()
        }
      })
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const address = server.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    running.push({
      async close() {
        server.close()
        await once(server, 'close')
      },
    })
    return { counts, origin: `http://127.0.0.1:${port}` }
  }

  /** As many upstreams as lanes, all at one place, so that each lane has a connection of its own that idles between two. */
  const LANES = 25
  const lanesTo = (origin: string) =>
    Object.fromEntries(Array.from({ length: LANES }, (_, lane) => [`orders${lane}`, origin]))

  /** Requests with gaps about the upstream's patience. */
  const race = async (
    { gateway, token }: Awaited<ReturnType<typeof start>>,
    count: number,
    methods: readonly string[],
    body = '',
  ) => {
    const statuses = new Map<string, number>()
    let left = count
    const lane = async (number: number) => {
      const client = await openRaw(gateway.port)
      for (let request = number; left > 0; request++) {
        left -= 1
        const seen = client.received().length
        const fields = [bearer(token), ...(body && [`Content-Length: ${body.length}`])]
        client.send(
          message(`${methods[request % methods.length]} /orders${number}/1`, fields, body),
        )
        await until('an answer', () => client.received().length > seen, 30)
        const status = client.received().slice(seen + 9, seen + 12)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        if (client.state() !== 'open') throw new Error('the client was cut off')
        // The gaps are the race.
        await delay(40 + ((request * 7919) % 21))
      }
      client.socket.destroy()
    }
    await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)))
    return statuses
  }

  it('R-06 5 000 GET, HEAD and OPTIONS over an upstream that closes what idles 50 ms: no error that a client sees', async () => {
    const { origin, counts } = await startImpatient()
    const setting = await start(lanesTo(origin))
    const statuses = await race(setting, 5000, ['GET', 'HEAD', 'OPTIONS'])
    expect([...statuses]).toEqual([['200', 5000]])
    const sum = (part: 'retries' | 'ejections' | 'inFlight') =>
      setting.gateway.tallies().reduce((total, tally) => total + tally[part], 0)
    expect([sum('ejections'), sum('inFlight')]).toEqual([0, 0])
    // Otherwise nothing was put to the test.
    expect(counts.closed).toBeGreaterThan(500)
  }, 120_000)

  it('R-06 a POST is never sent twice: the upstream has no more than the clients sent', async () => {
    const { origin, counts } = await startImpatient()
    const setting = await start(lanesTo(origin))
    const statuses = await race(setting, 1000, ['POST'], 'hello')
    expect([...statuses.keys()].filter((status) => status !== '200' && status !== '502')).toEqual(
      [],
    )
    expect(counts.posts).toBeLessThanOrEqual(1000)
    expect(counts.posts).toBeGreaterThanOrEqual(statuses.get('200') ?? 0)
    expect(setting.gateway.tallies().every(({ retries }) => retries === 0)).toBe(true)
  }, 60_000)

  it.each(['GET', 'HEAD', 'OPTIONS'])(
    'R-06 %s on a reused connection that is reset is sent once more, on a fresh one',
    async (method) => {
      let asked = 0
      const upstream = await startRecordingUpstream((_, { socket }) => {
        asked += 1
        if (asked !== 2) return method === 'HEAD' ? ok('') : ok()
        socket.resetAndDestroy()
        return undefined
      })
      running.push(upstream)
      const { gateway, ask } = await start({ orders: upstream.origin })
      expect((await ask()).status).toBe(200)
      expect((await ask(`${method} /orders/2`)).status).toBe(200)
      expect(asked).toBe(3)
      expect(gateway.tallies()[0]).toMatchObject({ retries: 1, ejections: 0 })
    },
  )

  it.each(['POST', 'PUT', 'DELETE', 'PATCH'])(
    'R-06 %s on a reused connection that is reset is 502, and sent once',
    async (method) => {
      let asked = 0
      const upstream = await startRecordingUpstream((_, { socket }) => {
        asked += 1
        if (asked !== 2) return ok()
        socket.resetAndDestroy()
        return undefined
      })
      running.push(upstream)
      const { ask } = await start({ orders: upstream.origin })
      expect((await ask()).status).toBe(200)
      expect((await ask(`${method} /orders/2`, 'body')).status).toBe(502)
      expect(asked).toBe(2)
    },
  )

  it('R-06 a GET with a body, or one that was answered in part, is not sent again', async () => {
    let asked = 0
    const upstream = await startRecordingUpstream((request, { socket }) => {
      asked += 1
      if (request.line.includes('part')) socket.write('HTTP/1.1 2', () => socket.resetAndDestroy())
      else if (request.line.includes('cut')) socket.resetAndDestroy()
      else return ok()
      return undefined
    })
    running.push(upstream)
    const { ask } = await start({ orders: upstream.origin })
    await ask()
    expect((await ask('GET /orders/cut', 'body')).status).toBe(502)
    await ask()
    expect((await ask('GET /orders/part')).status).toBe(502)
    expect(asked).toBe(4)
  })

  it('R-06 no more than once: a fresh connection that is reset is 502', async () => {
    let asked = 0
    const upstream = await startRecordingUpstream((request, { socket }) => {
      asked += 1
      if (!request.line.includes('cut')) return ok()
      socket.resetAndDestroy()
      return undefined
    })
    running.push(upstream)
    const { ask } = await start({ orders: upstream.origin })
    await ask()
    expect((await ask('GET /orders/cut')).status).toBe(502)
    expect(asked).toBe(3)
  })
})

describe('an upstream that comes and goes', () => {
  it('R-08 errors only while it is down, and an answer as soon as it is back', async () => {
    const port = await freePort()
    const { ask } = await start({ orders: `http://127.0.0.1:${port}` })
    const up = async (): Promise<Server> => {
      const server = createServer((_, res) => res.end('ok'))
      await once(server.listen(port, '127.0.0.1'), 'listening')
      return server
    }
    const down = async (server: Server) => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
    for (let flap = 0; flap < 40; flap++) {
      const server = await up()
      for (let request = 0; request < 3; request++) expect((await ask()).status).toBe(200)
      await down(server)
      for (let request = 0; request < 3; request++) expect((await ask()).status).toBe(502)
    }
  }, 60_000)
})

describe('an upstream that floods', () => {
  it.each(['100 Continue', '102 Processing', '103 Early Hints\r\nLink: </a>; rel=preload'])(
    'R-09 10 000 times %s is bounded: 502, and the connection is closed',
    async (interim) => {
      const flood = await serve(({ socket }) => {
        socket.on('error', () => {})
        socket.write(`HTTP/1.1 ${interim}\r\n\r\n`.repeat(10_000) + ok())
      })
      const { gateway, ask } = await start({ orders: flood.origin })
      const answer = await ask()
      expect(answer.status).toBe(502)
      expect(answer.bytes.length).toBeLessThan(10_000)
      await until('its socket is left', () => isLeft(flood))
      expect((await errorOf(gateway))?.error).toMatch(/^upstream\.(malformed|cut)$/)
    },
  )
})

/** Nobody is at the other end of any of its connections. */
const isLeft = ({ connections }: { readonly connections: readonly RawSocket[] }): boolean =>
  connections.length > 0 && connections.every((connection) => connection.state() !== 'open')

const trickle = async (socket: Socket, text: string, milliseconds: number) => {
  socket.on('error', () => {})
  for (const character of text) {
    if (socket.destroyed) return
    socket.write(character)
    await delay(milliseconds)
  }
}
