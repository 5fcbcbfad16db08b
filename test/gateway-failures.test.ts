import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type GatewayGiven, startGateway, type TestGateway } from './support/gateway.ts'
import { answered, answersIn, bearer, exchange, message } from './support/raw-client.ts'
import { openRaw, type RawSocket, startRawServer, until } from './support/raw-sockets.ts'
import { ok, type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

const running: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.close()
})

const TIMEOUT = { connect: 0.3, response: 0.3, idle: 0.3 }

const gatewayTo = async (
  origins: readonly string[],
  more: Partial<GatewayGiven> & { timeout?: Partial<typeof TIMEOUT>; connections?: number } = {},
): Promise<TestGateway> => {
  const { timeout = {}, connections = 256, ...given } = more
  const gateway = await startGateway({
    upstreams: {
      orders: {
        targets: origins,
        timeout: { connect: 5, response: 5, idle: 5, ...timeout },
        connections,
      },
    },
    routes: [{ path: '/orders/*', access: 'public' }, { path: '/guarded/*' }],
    ...given,
  })
  running.push(gateway)
  return gateway
}

/** An upstream that does `serve` once it has seen a head. */
const rawUpstream = async (serve: (connection: RawSocket) => void) => {
  const upstream = await startRawServer(serve)
  running.push(upstream)
  return {
    ...upstream,
    origin: `http://127.0.0.1:${upstream.port}`,
    // Half-open ones count as gone: the gateway has left them.
    open: () => upstream.connections.filter(({ state }) => state() === 'open').length,
  }
}

const recording = async (
  ...args: Parameters<typeof startRecordingUpstream>
): Promise<RecordingUpstream> => {
  const upstream = await startRecordingUpstream(...args)
  running.push(upstream)
  return upstream
}

const closedPort = async (): Promise<string> => {
  const server = await startRawServer(() => {})
  await server.close()
  return `http://127.0.0.1:${server.port}`
}

const GET = message('GET /orders/1')

/** Sends and waits for the end of the connection or of a whole answer. */
const outcome = async (port: number, bytes = GET) => {
  const client = await openRaw(port)
  client.send(bytes)
  await answered(client, 1)
  const [answer] = answersIn(client.received())
  const found = { answer, received: client.received(), state: client.state() }
  client.socket.destroy()
  return found
}

const lastError = async (gateway: TestGateway) => {
  await until('the line of the request', () => gateway.exchanges.length > 0)
  return gateway.exchanges.at(-1)?.error
}

const refused = async (gateway: TestGateway, status: number, error: string, bytes = GET) => {
  const { answer } = await outcome(gateway.port, bytes)
  expect(answer?.status).toBe(status)
  expect(answer?.values('Content-Type')).toEqual(['application/json'])
  expect(answer?.values('Cache-Control')[0]).toContain('no-store')
  const body = JSON.parse(answer?.body ?? '')
  expect(body.request_id).toBe(answer?.values('X-Request-Id')[0])
  expect(body.error_description, 'P37 nothing of the inside').not.toMatch(
    /127\.0|localhost|E[A-Z]{4}/,
  )
  expect(await lastError(gateway)).toBe(error)
  return { answer, body }
}

describe('an upstream that cannot be reached', () => {
  it('R-01 refused is 502, and others are not affected', async () => {
    const good = await recording()
    const gateway = await startGateway({
      upstreams: { gone: await closedPort(), good: good.origin },
      routes: [
        { path: '/orders/*', access: 'public' },
        { path: '/good', access: 'public', upstream: 'good' },
      ],
    })
    running.push(gateway)
    const { body } = await refused(gateway, 502, 'upstream.refused')
    expect(body.error).toBe('bad_gateway')
    expect((await exchange(gateway.port, message('GET /good'))).status).toBe(200)
  })

  it('R-01 a POST with a body is 502, too, and the connection is not used again', async () => {
    const gateway = await gatewayTo([await closedPort()])
    const post = message('POST /orders/1', ['Content-Length: 5'], 'hello')
    const { answer } = await refused(gateway, 502, 'upstream.refused', post)
    expect(answer?.values('Connection')[0]).toMatch(/close|keep-alive/)
  })

  it('R-02 one that does not take connections is 504 after the time to connect', async () => {
    const hole = await blackHole()
    running.push(hole)
    const gateway = await gatewayTo([hole.origin], { timeout: { connect: TIMEOUT.connect } })
    const { body } = await refused(gateway, 504, 'upstream.connect_timeout')
    expect(body.error).toBe('gateway_timeout')
  })

  it('R-03 P30 one that takes a connection and never answers is 504, and is cut', async () => {
    const upstream = await rawUpstream(() => {})
    const gateway = await gatewayTo([upstream.origin], { timeout: { response: TIMEOUT.response } })
    await refused(gateway, 504, 'upstream.timeout')
    await until('the connection is cut', () => upstream.open() === 0)
  })

  it('P30 one whose head stops half-way is 504', async () => {
    const upstream = await rawUpstream((side) => side.send('HTTP/1.1 200 OK\r\nX: 1\r\n'))
    const gateway = await gatewayTo([upstream.origin], { timeout: { response: TIMEOUT.response } })
    await refused(gateway, 504, 'upstream.timeout')
  })

  it('R-09 one that gives interim answers without an end is 502', async () => {
    const upstream = await rawUpstream((side) =>
      side.send('HTTP/1.1 102 Processing\r\n\r\n'.repeat(10_000)),
    )
    const gateway = await gatewayTo([upstream.origin])
    await refused(gateway, 502, 'upstream.malformed')
    await until('the connection is cut', () => upstream.open() === 0)
  })

  it('a client whose body stops half-way is 408, and the upstream is cut', async () => {
    const upstream = await rawUpstream(() => {})
    const gateway = await gatewayTo([upstream.origin], { timeout: { response: TIMEOUT.response } })
    const part = message('POST /orders/1', ['Content-Length: 10'], 'hello')
    await refused(gateway, 408, 'client.slow', part)
    await until('the connection is cut', () => upstream.open() === 0)
  })

  it('a name that does not exist is 502', async () => {
    const gateway = await gatewayTo(['http://no-such-host.invalid:80'])
    await refused(gateway, 502, 'upstream.unreachable')
  })
})

describe('P29 R-05 F7 an upstream that breaks off', () => {
  const WHOLE = {
    length: 'HTTP/1.1 200 OK\r\nX-Name: value\r\nContent-Length: 12\r\n\r\nhello, world',
    chunks:
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n',
    closing: 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 12\r\n\r\nhello, world',
  }

  describe.each(Object.entries(WHOLE))('%s', (_, whole) => {
    it.each(['end', 'reset'] as const)(
      'at every byte (%s): 502 before the head, a cut afterwards, never a clean end, never a hang',
      async (how) => {
        let offset = 0
        const upstream = await rawUpstream(({ socket }) => {
          socket.write(whole.slice(0, offset), () => {
            if (how === 'end') socket.end()
            else socket.resetAndDestroy()
          })
        })
        const gateway = await gatewayTo([upstream.origin])
        const head = whole.indexOf('\r\n\r\n') + 4
        for (offset = 0; offset < whole.length; offset++) {
          const { answer, received, state } = await outcome(gateway.port)
          const where = `after ${offset} bytes of ${whole.length}: ${JSON.stringify(received)}`
          if (offset < head) expect(answer?.status, where).toBe(502)
          // A reset may overtake the head that was sent before it.
          else if (how === 'reset' && answer !== undefined) expect(answer.status, where).toBe(502)
          else {
            expect(answer, where).toBeUndefined()
            expect(state, where).not.toBe('open')
          }
        }
        offset = whole.length
        const { answer } = await outcome(gateway.port)
        if (how === 'end') expect(answer?.status).toBe(200)
        await until('nothing is left', () => upstream.open() === 0)
      },
    )
  })

  it('P30 a body that stops half-way is cut after the idle time', async () => {
    const upstream = await rawUpstream((side) =>
      side.send('HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello'),
    )
    const gateway = await gatewayTo([upstream.origin], { timeout: { idle: TIMEOUT.idle } })
    const { received, answer } = await outcome(gateway.port)
    expect(received).toMatch(/\r\n\r\nhello$/)
    expect(answer).toBeUndefined()
    expect(await lastError(gateway)).toBe('upstream.idle')
    await until('the connection is cut', () => upstream.open() === 0)
  })

  it('R-04 a body that comes slowly but surely is not idle', async () => {
    const upstream = await rawUpstream((side) => {
      side.send('HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n')
      let sent = 0
      const timer = setInterval(() => {
        side.send('x')
        sent += 1
        if (sent === 12) clearInterval(timer)
      }, 100)
    })
    const gateway = await gatewayTo([upstream.origin], { timeout: { idle: 0.75 } })
    expect((await outcome(gateway.port)).answer?.body).toBe('x'.repeat(12))
  })

  it('an HTTP/1.0 client, which knows no other end than that of the connection, is reset', async () => {
    const upstream = await rawUpstream(({ socket }) => {
      socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
    })
    const gateway = await gatewayTo([upstream.origin])
    const client = await openRaw(gateway.port)
    client.send('GET /orders/1 HTTP/1.0\r\n\r\n')
    await until('the end', () => client.state() !== 'open')
    expect(client.state()).toBe('reset')
    client.socket.destroy()
  })
})

describe('P23 P24 P25 F6 an upstream that answers nonsense', () => {
  it.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['status 099', 'HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok'],
    ['status 000', 'HTTP/1.1 000 Odd\r\nContent-Length: 2\r\n\r\nok'],
    ['status 600', 'HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nok'],
    ['status 999', 'HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok'],
    ['a status of two digits', 'HTTP/1.1 20 Odd\r\nContent-Length: 2\r\n\r\nok'],
    ['a status of letters', 'HTTP/1.1 abc Odd\r\nContent-Length: 2\r\n\r\nok'],
    [
      'length and coding',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!'],
    ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok'],
    ['a bare line feed in a value', 'HTTP/1.1 200 OK\r\nX: a\nY: b\r\nContent-Length: 2\r\n\r\nok'],
    [
      'a bare carriage return in a value',
      'HTTP/1.1 200 OK\r\nX: a\rY: b\r\nContent-Length: 2\r\n\r\nok',
    ],
    ['a NUL in a value', 'HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nok'],
    ['a folded line', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok'],
    ['a line without a colon', 'HTTP/1.1 200 OK\r\nX\r\nContent-Length: 2\r\n\r\nok'],
    ['a space in a name', 'HTTP/1.1 200 OK\r\nX Y: a\r\nContent-Length: 2\r\n\r\nok'],
    [
      'a head of 40 KiB',
      `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(40_960)}\r\nContent-Length: 2\r\n\r\nok`,
    ],
    [
      'P5 101 that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
    ],
    ['P5 101 without saying what to', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['100 that nobody asked for', `HTTP/1.1 100 Continue\r\n\r\n${ok()}`],
  ])('%s is 502', async (_, bytes) => {
    const upstream = await rawUpstream((side) => side.send(bytes))
    const gateway = await gatewayTo([upstream.origin])
    const { answer } = await outcome(gateway.port)
    expect(answer?.status).toBe(502)
    expect(answer?.head).not.toMatch(/Odd|x-?y/i)
    await until('the connection is cut', () => upstream.open() === 0)
    expect((await outcome(gateway.port, message('GET /elsewhere'))).answer?.status).toBe(404)
  })

  it.each([
    ['a control byte in the reason', 'HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nok'],
    ['obs-text in the reason', 'HTTP/1.1 200 d\u00e9j\u00e0\r\nContent-Length: 2\r\n\r\nok'],
    ['5000 fields', `HTTP/1.1 200 OK\r\n${'X: 1\r\n'.repeat(5000)}Content-Length: 2\r\n\r\nok`],
    ['no reason', 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok'],
    ['F6 Trailer with a length', 'HTTP/1.1 200 OK\r\nTrailer: X\r\nContent-Length: 2\r\n\r\nok'],
  ])('%s does no harm: 502, or an answer with a reason of ours', async (_, bytes) => {
    const upstream = await rawUpstream((side) => side.send(bytes))
    const gateway = await gatewayTo([upstream.origin])
    const { answer } = await outcome(gateway.port)
    expect([200, 502]).toContain(answer?.status)
    expect(answer?.head.split('\r\n')[0]).toMatch(/^HTTP\/1\.1 (200 OK|502 Bad Gateway)$/)
  })

  it.each([
    ['bytes behind an answer', `${ok('first')}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`],
    ['bytes that are no answer', `${ok('first')}garbage`],
    ['a body behind 204', 'HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\npoison'],
    ['a body behind 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\npoison'],
  ])('P24 %s reach nobody, neither this client nor the next', async (_, bytes) => {
    let turn = 0
    const upstream = await recording(() => {
      turn += 1
      return turn === 1 ? bytes : ok('clean')
    })
    const gateway = await gatewayTo([upstream.origin])
    const first = await outcome(gateway.port)
    expect(first.received).not.toContain('poison')
    expect(first.received).not.toContain('garbage')
    for (let again = 0; again < 5; again++) {
      const next = await outcome(gateway.port)
      expect(next.received).not.toContain('poison')
      expect([200, 502]).toContain(next.answer?.status)
    }
    expect((await outcome(gateway.port)).answer?.body).toBe('clean')
  })

  it('P24 a body behind the answer to HEAD reaches nobody', async () => {
    const upstream = await recording(({ line }) =>
      line.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison' : ok('clean'),
    )
    const gateway = await gatewayTo([upstream.origin])
    const client = await openRaw(gateway.port)
    client.send(message('HEAD /orders/1') + message('GET /orders/2'))
    await until('both', () => answersIn(client.received(), ['HEAD', 'GET']).length === 2)
    expect(client.received()).not.toContain('poison')
    expect(answersIn(client.received(), ['HEAD', 'GET'])[1]?.body).toBe('clean')
    client.socket.destroy()
  })
})

describe('R-06 a connection that the upstream closes as it is used again', () => {
  /** Answers the first request of each connection, and resets at the second. */
  const resetting = () => {
    let seen = 0
    return {
      seen: () => seen,
      start: () =>
        startRawServer(
          (connection) => {
            let mine = 0
            connection.socket.on('data', () => {
              mine += 1
              seen += 1
              if (mine === 1) connection.send(ok())
              else connection.socket.resetAndDestroy()
            })
          },
          { afterHead: false },
        ),
    }
  }

  it.each(['GET', 'HEAD', 'OPTIONS'])('%s without a body is asked again, once', async (method) => {
    const upstream = resetting()
    const server = await upstream.start()
    running.push(server)
    const gateway = await gatewayTo([`http://127.0.0.1:${server.port}`])
    expect((await exchange(gateway.port, GET)).status).toBe(200)
    expect((await exchange(gateway.port, message(`${method} /orders/2`))).status).toBe(200)
    expect(upstream.seen()).toBe(3)
  })

  it.each([
    ['POST', message('POST /orders/2')],
    ['POST with a body', message('POST /orders/2', ['Content-Length: 5'], 'hello')],
    ['PUT', message('PUT /orders/2')],
    ['DELETE', message('DELETE /orders/2')],
    ['GET with a body', message('GET /orders/2', ['Content-Length: 5'], 'hello')],
  ])('%s is never sent twice', async (_, bytes) => {
    const upstream = resetting()
    const server = await upstream.start()
    running.push(server)
    const gateway = await gatewayTo([`http://127.0.0.1:${server.port}`])
    await exchange(gateway.port, GET)
    expect((await exchange(gateway.port, bytes)).status).toBe(502)
    expect(upstream.seen()).toBe(2)
  })

  it('a fresh connection that is reset is not tried again', async () => {
    let seen = 0
    const upstream = await rawUpstream(({ socket }) => {
      seen += 1
      socket.resetAndDestroy()
    })
    const gateway = await gatewayTo([upstream.origin])
    await refused(gateway, 502, 'upstream.cut')
    expect(seen).toBe(1)
  })

  it('what has begun to be answered is not asked again', async () => {
    let seen = 0
    const server = await startRawServer(
      (connection) => {
        let mine = 0
        connection.socket.on('data', () => {
          mine += 1
          seen += 1
          if (mine === 1) connection.send(ok())
          else connection.socket.write('HTTP/1.1 2', () => connection.socket.destroy())
        })
      },
      { afterHead: false },
    )
    running.push(server)
    const gateway = await gatewayTo([`http://127.0.0.1:${server.port}`])
    await exchange(gateway.port, GET)
    expect((await exchange(gateway.port, GET)).status).toBe(502)
    expect(seen).toBe(2)
  })

  it('no GET is lost to an upstream with a short keep-alive', async () => {
    const server = createServer((_, res) => res.end('ok'))
    server.keepAliveTimeout = 20
    server.keepAliveTimeoutBuffer = 0
    await once(server.listen(0, '127.0.0.1'), 'listening')
    running.push({
      async close() {
        server.closeAllConnections()
        server.close()
        await once(server, 'close')
      },
    })
    const gateway = await gatewayTo([`http://127.0.0.1:${(server.address() as AddressInfo).port}`])
    const statuses = new Map<number, number>()
    const worker = async (gap: number) => {
      for (let turn = 0; turn < 40; turn++) {
        const { status } = await exchange(gateway.port, GET)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        await new Promise((resolve) => setTimeout(resolve, gap))
      }
    }
    await Promise.all([15, 18, 19, 20, 21, 22, 25, 30].map(worker))
    expect([...statuses]).toEqual([[200, 320]])
  })
})

describe('P31 R-11 a client that leaves', () => {
  it('before there is an answer: the upstream is cut', async () => {
    const upstream = await rawUpstream(() => {})
    const gateway = await gatewayTo([upstream.origin])
    const client = await openRaw(gateway.port)
    client.send(GET)
    await until(
      'a request',
      () => upstream.connections[0]?.received().includes('\r\n\r\n') === true,
    )
    client.socket.destroy()
    await until('the upstream is cut', () => upstream.open() === 0, 1)
    expect(await lastError(gateway)).toBe('client.gone')
    expect(gateway.exchanges.at(-1)?.status).toBe(0)
  })

  it('during the answer: the upstream is cut', async () => {
    const upstream = await rawUpstream((side) =>
      side.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'),
    )
    const gateway = await gatewayTo([upstream.origin])
    const client = await openRaw(gateway.port)
    client.send(GET)
    await until('a part', () => client.received().includes('hello'))
    client.socket.resetAndDestroy()
    await until('the upstream is cut', () => upstream.open() === 0, 1)
    expect(await lastError(gateway)).toBe('client.gone')
  })

  it('during its own body: the upstream sees no end of it', async () => {
    for (const framing of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
      const upstream = await rawUpstream(() => {})
      const gateway = await gatewayTo([upstream.origin])
      const client = await openRaw(gateway.port)
      client.send(message('POST /orders/1', [framing], '5\r\nhello\r\n'))
      await until('a part', () => upstream.connections[0]?.received().includes('hello') === true)
      client.socket.destroy()
      await until('the upstream is cut', () => upstream.open() === 0, 1)
      expect(upstream.connections[0]?.received()).not.toContain('\r\n0\r\n')
    }
  })

  it('R-11 five hundred times, at any moment: nothing is left', async () => {
    const upstream = await recording((_, { socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      for (let part = 0; part < 4; part++) socket.write('5\r\nhello\r\n')
      return undefined
    })
    const gateway = await gatewayTo([upstream.origin])
    const leave = async (turn: number) => {
      const client = await openRaw(gateway.port)
      client.socket.on('error', () => {})
      const body = turn % 3 === 0 ? message('POST /orders/1', ['Content-Length: 99'], 'part') : GET
      client.send(body)
      for (let wait = 0; wait < turn % 7; wait++) await new Promise((next) => setImmediate(next))
      if (turn % 2 === 0) client.socket.resetAndDestroy()
      else client.socket.destroy()
    }
    for (let turn = 0; turn < 500; turn += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, at) => leave(turn + at)))
    }
    await until('nothing is left upstream', () => upstream.open() === 0)
    expect(await gateway.connections()).toBe(0)
    expect([...new Set(gateway.exchanges.map(({ error }) => error))]).toEqual(['client.gone'])
    // It can still carry as many as before.
    const more = await Promise.all(Array.from({ length: 50 }, () => openRaw(gateway.port)))
    for (const client of more) client.send(GET)
    await until('all are served', () => more.every((client) => client.received().includes('hello')))
    for (const client of more) client.socket.destroy()
  })
})

describe('§5 several targets', () => {
  it('take turns', async () => {
    const targets = [await recording(), await recording(), await recording()]
    const gateway = await gatewayTo(targets.map(({ origin }) => origin))
    for (let turn = 0; turn < 9; turn++) await exchange(gateway.port, GET)
    expect(targets.map(({ requests }) => requests.length)).toEqual([3, 3, 3])
  })

  it('one that refuses is left out; nobody notices, whatever the method', async () => {
    const good = await recording()
    const gateway = await gatewayTo([await closedPort(), good.origin])
    for (let turn = 0; turn < 4; turn++) {
      expect((await exchange(gateway.port, GET)).status).toBe(200)
      const post = message('POST /orders/1', ['Content-Length: 5'], 'hello')
      expect((await exchange(gateway.port, post)).status).toBe(200)
    }
    expect(good.requests.filter(({ body }) => body === 'hello').length).toBe(4)
  })

  it('all of them refusing is 502', async () => {
    const gateway = await gatewayTo([await closedPort(), await closedPort()])
    await refused(gateway, 502, 'upstream.refused')
  })

  it('R-08 one that comes back is asked again', async () => {
    const port = Number(new URL(await closedPort()).port)
    const gateway = await gatewayTo([`http://127.0.0.1:${port}`])
    expect((await exchange(gateway.port, GET)).status).toBe(502)
    const server = createServer((_, res) => res.end('back'))
    await once(server.listen(port, '127.0.0.1'), 'listening')
    expect((await exchange(gateway.port, GET)).body).toBe('back')
    server.closeAllConnections()
    server.close()
  })

  it('R-07 more requests than connections is 503 with Retry-After; other upstreams are not affected', async () => {
    const hung = await rawUpstream(() => {})
    const good = await recording()
    const settings = { timeout: { connect: 5, response: 60, idle: 60 }, connections: 3 }
    const gateway = await startGateway({
      upstreams: {
        hung: { targets: [hung.origin], ...settings },
        good: { targets: [good.origin], ...settings },
      },
      routes: [
        { path: '/orders/*', access: 'public' },
        { path: '/good', access: 'public', upstream: 'good' },
      ],
    })
    running.push(gateway)
    const clients = await Promise.all([1, 2, 3].map(() => openRaw(gateway.port)))
    for (const client of clients) client.send(GET)
    await until('three requests', () => hung.connections.length === 3)
    const answer = await exchange(gateway.port, GET)
    expect(answer.status).toBe(503)
    expect(answer.values('Retry-After')).toEqual(['1'])
    for (let turn = 0; turn < 10; turn++)
      expect((await exchange(gateway.port, message('GET /good'))).status).toBe(200)
    for (const client of clients) client.socket.destroy()
    await until('the places are free again', () => hung.open() === 0)
    const next = await openRaw(gateway.port)
    next.send(GET)
    await until('it is let through', () => hung.connections.length === 4)
    next.socket.destroy()
  })
})

describe('§6.4 what a token opened ends with it', () => {
  const STREAM = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'

  it.each([
    ['the token', { token: 'the-token' }],
    ['its grant', { grant_id: 'the-grant' }],
    ['its client', { client_id: 'the-client' }],
    ['its person', { sub: 'the-person' }],
  ])('a stream is cut when %s ends, others go on', async (_, ended) => {
    const upstream = await rawUpstream((side) => side.send(STREAM))
    const gateway = await gatewayTo([upstream.origin])
    const value = gateway.token({
      id: 'the-token',
      grant_id: 'the-grant',
      client_id: 'the-client',
      sub: 'the-person',
    })
    const other = gateway.token()
    const clients = await Promise.all(
      [value, other].map(async (token) => {
        const client = await openRaw(gateway.port)
        client.send(message('GET /guarded/events', [bearer(token)]))
        await until('the stream', () => client.received().includes('hello'))
        return client
      }),
    )
    const open = await openRaw(gateway.port)
    open.send(GET)
    await until('the stream', () => open.received().includes('hello'))
    gateway.end(ended)
    await until('the cut', () => clients[0]?.state() !== 'open')
    expect(clients[0]?.received()).not.toMatch(/0\r\n\r\n$/)
    await until('the upstream is cut', () => upstream.open() === 2)
    gateway.end({ token: 'x', grant_id: 'y', client_id: 'z', sub: '' })
    expect(clients[1]?.state()).toBe('open')
    expect(open.state()).toBe('open')
    expect(await lastError(gateway)).toBe('ended')
    for (const client of [...clients, open]) client.socket.destroy()
  })

  it('a request that has no answer yet gets 401', async () => {
    const upstream = await rawUpstream(() => {})
    const gateway = await gatewayTo([upstream.origin])
    const client = await openRaw(gateway.port)
    client.send(message('GET /guarded/events', [bearer(gateway.token({ grant_id: 'g' }))]))
    await until('a request', () => upstream.connections.length === 1)
    gateway.end({ grant_id: 'g' })
    await answered(client, 1)
    const [answer] = answersIn(client.received())
    expect(answer?.status).toBe(401)
    expect(answer?.values('WWW-Authenticate')[0]).toContain('error="invalid_token"')
    client.socket.destroy()
  })
})

describe('§10 a gateway that is replaced', () => {
  it('lets what is under way finish, then leaves nothing behind', async () => {
    const gate = Promise.withResolvers<void>()
    const upstream = await recording((_, connection) => {
      void gate.promise.then(() => connection.send(ok('late')))
      return undefined
    })
    const gateway = await gatewayTo([upstream.origin])
    const client = await openRaw(gateway.port)
    client.send(GET)
    await until('a request', () => upstream.requests.length === 1)
    let retired = false
    const over = gateway.gateway.retire().then(() => {
      retired = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(retired).toBe(false)
    gate.resolve()
    await answered(client, 1)
    expect(answersIn(client.received())[0]?.body).toBe('late')
    await over
    await until('no connection is left', () => upstream.open() === 0)
    client.socket.destroy()
  })
})

/** A port whose queue of connections is full: nothing is refused, nothing is taken. */
const blackHole = async () => {
  const program = `
    const server = require('node:net').createServer()
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port))
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = await once(child.stdout, 'data')
  const sockets = Array.from({ length: 8 }, () => connect(Number(port), '127.0.0.1'))
  for (const socket of sockets) socket.on('error', () => {})
  await until('a connection', () => sockets.some(({ readyState }) => readyState === 'open'))
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      for (const socket of sockets) socket.destroy()
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
