import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEvents } from './support/event-source.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import {
  download,
  type LargeUpstream,
  startLargeUpstream,
  type Transfer,
  upload,
} from './support/large-bodies.ts'
import { spawnPortcullis, until as untilTrue } from './support/portcullis.ts'
import { openRaw, until } from './support/raw-sockets.ts'
import { startRecordingUpstream } from './support/recording-upstream.ts'
import {
  type StreamingUpstream,
  sendEvents,
  startStreamingUpstream,
} from './support/streaming-upstream.ts'
import { handshake } from './support/websocket-handshake.ts'

const MIB = 2 ** 20

type Program = Awaited<ReturnType<typeof spawnPortcullis>>

/** A value of the metrics of a process; 0 where there is none yet. */
const metric = async ({ admin }: Program, name: string): Promise<number> => {
  const text = await (await fetch(`${admin}/metrics`)).text()
  const values = text.split('\n').filter((line) => line.startsWith(name))
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

describe('nothing is buffered', () => {
  let upstream: StreamingUpstream
  let gateway: TestGateway
  beforeAll(async () => {
    upstream = await startStreamingUpstream((req, res) => {
      if (req.url === '/late') {
        res.writeHead(200, { 'Content-Length': 4 })
        res.flushHeaders()
        req.once('end', () => res.end('body')).resume()
      } else {
        res.writeHead(200, { 'X-Accel-Buffering': 'no', 'Content-Type': 'application/x-ndjson' })
        res.flushHeaders()
        req.pipe(res)
      }
    })
    gateway = await startGateway({
      upstreams: { streaming: upstream.origin },
      routes: [{ path: '/*', access: 'public' }],
    })
  })
  afterAll(async () => {
    await gateway.close()
    await upstream.close()
  })

  it('each byte goes both ways before the next one is sent', async () => {
    const client = await openRaw(gateway.port)
    client.send('POST /echo HTTP/1.1\r\nHost: gw\r\nContent-Length: 101\r\n\r\n')
    for (let count = 1; count <= 100; count += 1) {
      client.send('x')
      await until('the same byte', () => bodyOf(client.received()) === 'x'.repeat(count))
    }
    client.socket.destroy()
  })

  it('a head does not wait for the body that it announces, however small', async () => {
    const client = await openRaw(gateway.port)
    client.send('POST /late HTTP/1.1\r\nHost: gw\r\nContent-Length: 2\r\n\r\nx')
    await until('the head', () => client.received().endsWith('\r\n\r\n'))
    expect(client.received()).toMatch(/^content-length: 4\r$/im)
    client.send('x')
    await until('the body', () => client.received().endsWith('body'))
    client.socket.destroy()
  })

  it('what tells a proxy in front not to buffer is passed on', async () => {
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/echo`, {
      method: 'POST',
      body: '',
    })
    expect(answer.headers.get('x-accel-buffering')).toBe('no')
    expect(answer.headers.get('content-encoding')).toBeNull()
  })
})

/** What came so far of a body in chunks, without them. */
const bodyOf = (received: string): string =>
  received.slice(received.indexOf('\r\n\r\n') + 4).replace(/[0-9a-f]+\r\n(x+)\r\n/g, '$1')

describe('what goes by is not touched', () => {
  const compressed = randomBytes(5000).toString('latin1')

  it.each<[string, string, string]>([
    [
      'a compressed body',
      'GET',
      `HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 5000\r\nETag: W/"1"\r\n\r\n${compressed}`,
    ],
    [
      'a range',
      'GET',
      'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-5/10\r\nContent-Length: 4\r\n\r\ncdef',
    ],
    [
      'several ranges',
      'GET',
      'HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=x\r\nContent-Length: 5\r\n\r\n--x--',
    ],
    [
      'a range that cannot be',
      'GET',
      'HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */10\r\nContent-Length: 0\r\n\r\n',
    ],
    [
      'HEAD',
      'HEAD',
      'HTTP/1.1 200 OK\r\nContent-Length: 123456789012\r\nAccept-Ranges: bytes\r\n\r\n',
    ],
    ['204', 'GET', 'HTTP/1.1 204 No Content\r\nX-Name: value\r\n\r\n'],
    ['304', 'GET', 'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 10\r\n\r\n'],
  ])('%s', async (_, method, answer) => {
    const upstream = await startRecordingUpstream(() => Buffer.from(answer, 'latin1'))
    const gateway = await startGateway({
      upstreams: { recording: upstream.origin },
      routes: [{ path: '/*', access: 'public' }],
    })
    const client = await openRaw(gateway.port)
    client.send(`${method} / HTTP/1.1\r\nHost: gw\r\nRange: bytes=2-5\r\nConnection: close\r\n\r\n`)
    await until('the end', () => client.state() !== 'open')
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    const received = client.received()
    for (const field of head.split('\r\n').slice(1)) {
      expect(received.toLowerCase()).toContain(`\r\n${field.toLowerCase()}\r\n`)
    }
    expect(received.slice(0, 12)).toBe(head.slice(0, 12))
    expect(received.slice(received.indexOf('\r\n\r\n') + 4)).toBe(body)
    expect(upstream.requests[0]?.values('Range')).toEqual(['bytes=2-5'])
    client.socket.destroy()
    await gateway.close()
    await upstream.close()
  })

  it('RFC 9110 §6.5.1 trailers are dropped, both ways, and so is what announces them', async () => {
    const upstream = await startRecordingUpstream(
      () =>
        'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n',
    )
    const gateway = await startGateway({
      upstreams: { recording: upstream.origin },
      routes: [{ path: '/*', access: 'public' }],
    })
    const client = await openRaw(gateway.port)
    client.send(
      'POST / HTTP/1.1\r\nHost: gw\r\nConnection: close\r\nTrailer: X-Auth-Subject\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Auth-Subject: root\r\n\r\n',
    )
    await until('the end', () => client.state() !== 'open')
    expect(client.received()).toMatch(/\r\n\r\n2\r\nok\r\n0\r\n\r\n$/)
    expect(client.received()).not.toMatch(/x-sum|trailer/i)
    const [asked] = upstream.requests
    expect(`${asked?.head}${asked?.body}`).not.toMatch(/trailer|x-auth-subject|root/i)
    client.socket.destroy()
    await gateway.close()
    await upstream.close()
  })
})

describe('silence', () => {
  const arrange = async (timeout: { idle: number; stream: number }) => {
    const upstream = await startStreamingUpstream((req, res) => {
      if (req.url === '/events') sendEvents(res, 700)
      else if (req.url === '/flood') {
        res.writeHead(200, { 'Content-Type': 'text/event-stream' })
        const more = () => {
          while (!res.destroyed && res.write(`data: ${'x'.repeat(10_000)}\n\n`));
          res.once('drain', more)
        }
        more()
      } else {
        res.writeHead(200, { 'Content-Type': 'text/plain' })
        res.write('some of it')
      }
    })
    const gateway = await startGateway({
      upstreams: {
        streaming: {
          targets: [upstream.origin],
          timeout: { connect: 2, response: 10, ...timeout },
        },
      },
      routes: [{ path: '/*', access: 'public' }],
    })
    const close = async () => {
      await gateway.close()
      await upstream.close()
    }
    return { upstream, gateway, close, base: `http://127.0.0.1:${gateway.port}` }
  }

  it('an event stream may be silent for longer than other answers', async () => {
    const { base, close } = await arrange({ idle: 0.25, stream: 60 })
    const [events, other] = await Promise.all([
      openEvents(`${base}/events`),
      openEvents(`${base}/other`),
    ])
    expect(await other.over).toBe('cut')
    await events.count(2)
    events.leave()
    await close()
  })

  it('though not for ever', async () => {
    const { base, close, gateway } = await arrange({ idle: 60, stream: 0.25 })
    const events = await openEvents(`${base}/events`)
    expect(await events.over).toBe('cut')
    expect(gateway.streams.over()).toEqual([{ labels: { kind: 'sse', reason: 'idle' }, value: 1 }])
    await close()
  })

  it('a client that does not take its events is not waited for any longer than another', async () => {
    const { upstream, gateway, close } = await arrange({ idle: 0.25, stream: 60 })
    const client = await openRaw(gateway.port)
    client.send('GET /flood HTTP/1.1\r\nHost: gw\r\n\r\n')
    await until('events', () => client.received().includes('data'))
    client.socket.pause()
    await until('it is given up', () => upstream.answers.size === 0)
    client.socket.destroy()
    await close()
  })

  it('R-12 WebSockets whose clients stand still are given up after their idle limit', async () => {
    const upstream = await startStreamingUpstream((_, res) => res.end())
    const gateway = await startGateway({
      upstreams: { streaming: upstream.origin },
      routes: [{ path: '/*', access: 'public', websocket: { token: 'header', idle: 0.2 } }],
    })
    const clients = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const client = await openRaw(gateway.port)
        client.send(handshake({}, 'GET /socket HTTP/1.1'))
        await until('the 101', () => client.received().includes('101'))
        client.socket.pause()
        return client
      }),
    )
    await untilTrue(async () => (await gateway.connections()) === 0, 15)
    const open = () =>
      gateway.streams.open().find(({ labels }) => labels.kind === 'websocket')?.value
    await untilTrue(() => open() === 0, 15)
    await untilTrue(() => upstream.sockets.clients.size === 0, 15)
    for (const { socket } of clients) socket.destroy()
    await gateway.close()
    await upstream.close()
  })
})

describe('P31 a client that leaves', () => {
  it.each([
    ['in the middle of events', 'GET /events'],
    ['in the middle of an answer', 'GET /endless'],
    ['before there is an answer', 'GET /silent'],
    ['in the middle of its own body', 'POST /silent'],
  ])('%s: the upstream is left within a second', async (_, line) => {
    const upstream = await startStreamingUpstream((req, res) => {
      if (req.url === '/events') sendEvents(res, 10_000)
      else if (req.url === '/endless') {
        res.writeHead(200, { 'Content-Length': 1e9 })
        res.write('x')
      }
    })
    const gateway = await startGateway({
      upstreams: { streaming: upstream.origin },
      routes: [{ path: '/*', access: 'public' }],
    })
    for (const way of ['destroy', 'resetAndDestroy'] as const) {
      const client = await openRaw(gateway.port)
      client.send(
        `${line} HTTP/1.1\r\nHost: gw\r\nContent-Length: ${line[0] === 'P' ? 9 : 0}\r\n\r\n${line[0] === 'P' ? 'x' : ''}`,
      )
      await until('the upstream is asked', () => upstream.answers.size === 1)
      client.socket[way]()
      await until('the upstream is left', () => upstream.answers.size === 0, 1)
      await until('its connection is closed', () => upstream.open() === 0, 1)
    }
    await gateway.close()
    await upstream.close()
  })
})

describe('P29 an upstream that breaks off', () => {
  it.each([
    [
      'an event stream',
      'Content-Type: text/event-stream\r\nTransfer-Encoding: chunked',
      '5\r\ndata:',
    ],
    ['chunks', 'Transfer-Encoding: chunked', '5\r\nhello\r\n'],
    ['a length', 'Content-Length: 10', 'hello'],
  ])('in %s takes the client with it, without an end', async (_, fields, body) => {
    for (const way of ['end', 'resetAndDestroy'] as const) {
      const upstream = await startRecordingUpstream((_request, connection) => {
        connection.send(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n${body}`)
        setImmediate(() => connection.socket[way]())
        return undefined
      })
      const gateway = await startGateway({
        upstreams: { recording: upstream.origin },
        routes: [{ path: '/*', access: 'public' }],
      })
      const client = await openRaw(gateway.port)
      client.send('GET / HTTP/1.1\r\nHost: gw\r\n\r\n')
      await until('the end', () => client.state() !== 'open')
      expect(client.received()).not.toMatch(/0\r\n\r\n$/)
      expect(client.received()).not.toContain('502')
      client.socket.destroy()
      await gateway.close()
      await upstream.close()
    }
  })
})

describe('R-10 bodies of any size, at constant memory', () => {
  const SIZE = 512 * MIB
  /** Kernels may hold up to 32 MiB of each of the four ends on the way. */
  const ON_THE_WAY = 192 * MIB
  let upstream: LargeUpstream
  let program: Program
  beforeAll(async () => {
    upstream = await startLargeUpstream()
    program = await spawnPortcullis(
      `upstreams: { large: '${upstream.origin}' }\nroutes: [{ path: /large, upstream: large, access: public }]\n`,
    )
  })
  afterAll(async () => {
    await program.stop()
    upstream.close()
  })

  it.each([
    ['down', download],
    ['up', upload],
  ])(
    '512 MiB %s to a slow peer: less than 30 MiB more, and nothing is lost',
    async (_, send) => {
      const pace = { burst: 32 * MIB, rest: 20 }
      const memory = () => metric(program, 'process_resident_memory_bytes')
      const first = await send(upstream, program.port, 64 * MIB, pace)
      first.go()
      await first.done
      first.close()
      const before = await memory()
      const transfer: Transfer & { close(): void } = await send(upstream, program.port, SIZE, pace)
      await stillness(transfer.written)
      expect(transfer.written()).toBeLessThan(ON_THE_WAY)
      let most = await memory()
      let over = false
      transfer.go()
      void transfer.done.then(() => {
        over = true
      })
      await untilTrue(async () => {
        most = Math.max(most, await memory())
        return over
      }, 100)
      await transfer.done
      transfer.close()
      expect((most - before) / MIB).toBeLessThan(30)
    },
    120_000,
  )
})

/** Waits until a number has stopped growing. */
const stillness = async (value: () => number): Promise<void> => {
  let last = Number.NaN
  let same = 0
  await until('stillness', () => {
    same = value() === last ? same + 1 : 0
    last = value()
    return same > 40
  })
}

describe('R-11 P31 2 000 aborts at random moments', () => {
  let upstream: StreamingUpstream
  let program: Program
  beforeAll(async () => {
    upstream = await startStreamingUpstream((req, res) => {
      const fate = randomInt(4)
      if (fate > 0) req.resume()
      if (req.url === '/events') sendEvents(res, 1)
      else if (fate === 0) req.pipe(res)
      else if (fate === 1) setTimeout(() => res.destroy(), randomInt(10))
      else if (fate === 2) setTimeout(() => res.end('late'), randomInt(10))
      else res.writeHead(200).write('x'.repeat(randomInt(200_000)))
    })
    upstream.sockets.on('connection', (peer) => {
      const fate = randomInt(3)
      if (fate === 0) setTimeout(() => peer.terminate(), randomInt(10))
      else if (fate === 1) setTimeout(() => peer.close(1000), randomInt(10))
    })
    const collecting = new URL('./support/collecting-process.ts', import.meta.url).href
    program = await spawnPortcullis(
      `
log: { access: false }
scopes: { orders.read: See }
upstreams: { streaming: '${upstream.origin}' }
routes: [{ path: /*, upstream: streaming }]
clients:
  - { client_id: robot, client_secret: a secret of robots, grant_types: [client_credentials] }
`,
      { env: { NODE_OPTIONS: `--import=${collecting}` } },
    )
  })
  afterAll(async () => {
    await program.stop()
    await upstream.close()
  })

  const tokenOf = async (): Promise<string> => {
    const answer = await fetch(`${program.origin}/oauth/token`, {
      method: 'POST',
      headers: { Authorization: `Basic ${btoa('robot:a secret of robots')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    })
    const body: { access_token: string } = JSON.parse(await answer.text())
    return body.access_token
  }

  const REQUESTS: readonly ((token: string) => string)[] = [
    (token) => `GET /events HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    (token) => `GET /any HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    (token) =>
      `POST /any HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer ${token}\r\nContent-Length: 500000\r\n\r\n${'y'.repeat(randomInt(500_000))}`,
    (token) => handshake({ Authorization: `Bearer ${token}` }, 'GET /socket HTTP/1.1'),
    (token) => `${handshake({ Authorization: `Bearer ${token}` }, 'GET /socket HTTP/1.1')}\x81\x85`,
  ]

  const abortOne = async (token: string): Promise<void> => {
    const socket: Socket = connect(program.port, '127.0.0.1')
    socket.on('error', () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const bytes = REQUESTS[randomInt(REQUESTS.length)]?.(token) ?? ''
    // Sometimes it is cut within the head.
    socket.write(randomInt(10) === 0 ? bytes.slice(0, randomInt(bytes.length)) : bytes, 'latin1')
    if (randomInt(3) > 0) socket.resume()
    const way = (['destroy', 'resetAndDestroy', 'end'] as const)[randomInt(3)] ?? 'destroy'
    setTimeout(() => {
      socket[way]()
      setTimeout(() => socket.destroy(), 20)
    }, randomInt(25))
    await closed
  }

  const abort = async (count: number) => {
    const token = await tokenOf()
    let left = count
    const worker = async () => {
      while (left > 0) {
        left -= 1
        await abortOne(token)
      }
    }
    await Promise.all(Array.from({ length: 40 }, worker))
    await untilTrue(async () => (await metric(program, 'portcullis_streams{')) === 0)
    await untilTrue(async () => (await metric(program, 'portcullis_upstream_in_flight')) === 0)
    await until('the upstream has nothing to do', () => upstream.answers.size === 0)
    await until('no WebSocket is left', () => upstream.sockets.clients.size === 0)
  }

  it('no socket, listener or memory stays behind', async () => {
    const warnings = () => program.output().match(/warning/gi) ?? []
    // The least of what is in use, over some collections.
    const inUse = async () => {
      const found: number[] = []
      await untilTrue(
        async () => found.push(await metric(program, 'nodejs_heap_size_used_bytes')) > 40,
        60,
      )
      return Math.min(...found)
    }
    await abort(600)
    const before = await inUse()
    await abort(2000)
    const sockets = async () =>
      (await metric(program, 'nodejs_active_resources{type="TCPSocketWrap"')) - upstream.open()
    // What asks for the metrics, and connections that are kept for the next request.
    await untilTrue(async () => (await sockets()) < 10)
    // 2 000 of anything that is kept would be more.
    expect((await inUse()) - before).toBeLessThan(2 * MIB)
    expect(warnings()).toEqual([])
    expect(program.output()).not.toMatch(/"level":"(error|fatal)"/)
    const still = httpRequest(`${program.origin}/nowhere`).end()
    expect((await once(still, 'response'))[0].statusCode).toBe(401)
  }, 180_000)
})
