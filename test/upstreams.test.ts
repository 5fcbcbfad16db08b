import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { createBalance } from '../src/gateway/balance.ts'
import { createEjection } from '../src/gateway/ejection.ts'
import { BASE, configurations } from './support/configuration.ts'
import { type GatewayGiven, startGateway, type UpstreamGiven } from './support/gateway.ts'
import { freePort, startPortcullis } from './support/portcullis.ts'
import { bearer, exchange, message } from './support/raw-client.ts'
import { openRaw, until } from './support/raw-sockets.ts'
import { ok, type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

const running: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.close()
})

/** Targets that answer with their index, and count. */
const startTargets = async (count: number): Promise<RecordingUpstream[]> => {
  const targets = await Promise.all(
    Array.from({ length: count }, (_, index) => startRecordingUpstream(() => ok(String(index)))),
  )
  running.push(...targets)
  return targets
}

const start = async (upstream: UpstreamGiven, more: Partial<GatewayGiven> = {}) => {
  const gateway = await startGateway({
    upstreams: { orders: upstream },
    routes: [{ path: '/orders/*' }, { path: '/open/*', access: 'public' }],
    ...more,
  })
  running.push(gateway)
  const token = gateway.token()
  const ask = (value = token) => exchange(gateway.port, message('GET /orders/1', [bearer(value)]))
  return { gateway, token, ask }
}

const countsOf = (targets: readonly RecordingUpstream[]) =>
  targets.map(({ requests }) => requests.length)

describe('balance', () => {
  it('roundRobin: each target in turn', async () => {
    const targets = await startTargets(3)
    const { ask } = await start({ targets: targets.map(({ origin }) => origin) })
    for (let request = 0; request < 9; request++) await ask()
    expect(countsOf(targets)).toEqual([3, 3, 3])
  })

  it('roundRobin: as often as the weights say, evenly spread', async () => {
    const targets = await startTargets(3)
    const { ask } = await start({
      targets: targets.map(({ origin: url }, index) => ({ url, weight: [5, 1, 2][index] ?? 1 })),
    })
    const order: string[] = []
    for (let request = 0; request < 16; request++) order.push((await ask()).body)
    expect(countsOf(targets)).toEqual([10, 2, 4])
    expect(order.slice(0, 8)).toEqual(order.slice(8))
    expect(order.join('')).not.toMatch(/0{4}/)
  })

  it('leastInFlight: a target that is slow gets no more than it can do', async () => {
    const [quick] = await startTargets(1)
    const held: (() => void)[] = []
    const slow = await startRecordingUpstream((_, connection) => {
      held.push(() => connection.send(ok('slow')))
      return undefined
    })
    running.push(slow)
    const { ask } = await start({
      balance: 'leastInFlight',
      targets: [quick?.origin ?? '', slow.origin],
    })
    const pending = [ask(), ask()]
    await until('one at the slow target', () => held.length === 1)
    for (let request = 0; request < 20; request++) expect((await ask()).body).toBe('0')
    expect(held.length).toBe(1)
    for (const answer of held) answer()
    await Promise.all(pending)
  })

  it('subject: the same subject comes to the same target, whatever its token', async () => {
    const targets = await startTargets(4)
    const { gateway, ask } = await start({
      balance: 'subject',
      targets: targets.map(({ origin }) => origin),
    })
    const seen = new Map<string, Set<string>>()
    for (let round = 0; round < 3; round++) {
      for (let person = 0; person < 24; person++) {
        const sub = `person-${person}`
        const { body } = await ask(gateway.token({ sub }))
        seen.set(sub, (seen.get(sub) ?? new Set()).add(body))
      }
    }
    expect([...seen.values()].every((places) => places.size === 1)).toBe(true)
    expect(countsOf(targets).every((count) => count > 0)).toBe(true)
  })

  it("subject: without a token the client's address decides", async () => {
    const targets = await startTargets(4)
    const { gateway } = await start(
      { balance: 'subject', targets: targets.map(({ origin }) => origin) },
      { trustedProxies: ['127.0.0.1'] },
    )
    const from = async (address: string) =>
      (await exchange(gateway.port, message('GET /open/1', [`X-Forwarded-For: ${address}`]))).body
    const places = new Set<string>()
    for (let client = 1; client <= 20; client++) {
      const first = await from(`192.0.2.${client}`)
      expect(await from(`192.0.2.${client}`)).toBe(first)
      places.add(first)
    }
    expect(places.size).toBeGreaterThan(1)
  })

  const candidates = (count: number, weights: readonly number[] = []) =>
    Array.from({ length: count }, (_, index) => ({
      name: `http://10.0.0.${index}:9000`,
      weight: weights[index] ?? 1,
      inFlight: 0,
    }))
  const placesOf = (all: ReturnType<typeof candidates>) => {
    const choose = createBalance('subject', all)
    return Array.from({ length: 20_000 }, (_, sub) => choose(`sub-${sub}`, () => true)?.name)
  }

  it('subject: a target that is added takes its share and moves nobody else', () => {
    const before = placesOf(candidates(9))
    const after = placesOf(candidates(10))
    const moved = after.filter((place, at) => place !== before[at])
    expect(moved.every((place) => place === 'http://10.0.0.9:9000')).toBe(true)
    expect(moved.length / before.length).toBeCloseTo(1 / 10, 1)
    expect(moved.length).toBeGreaterThan(1500)
    expect(moved.length).toBeLessThan(2500)
  })

  it('subject: shares are as the weights', () => {
    const places = placesOf(candidates(3, [1, 2, 5]))
    const share = (index: number) =>
      places.filter((place) => place === `http://10.0.0.${index}:9000`).length / places.length
    expect(share(0)).toBeCloseTo(1 / 8, 1)
    expect(share(1)).toBeCloseTo(2 / 8, 1)
    expect(share(2)).toBeCloseTo(5 / 8, 1)
  })
})

describe('health checks', () => {
  const check = { path: '/healthz', interval: 0.1, timeout: 0.5 }
  /** Answers `/healthz` with what it is told, everything else with 200. */
  const startChecked = async () => {
    const state = { status: 200, checks: 0, requests: 0 }
    const server = createServer((req, res) => {
      if (req.url === '/healthz') {
        state.checks += 1
        if (state.status === 0) return
        res.writeHead(state.status).end()
        return
      }
      state.requests += 1
      res.end('ok')
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    running.push(closing(server))
    return Object.assign(state, {
      origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    })
  }

  it('a target that is not well gets no requests, and gets them again when it is', async () => {
    const [sick, well] = [await startChecked(), await startChecked()]
    const { gateway, ask } = await start({ targets: [sick.origin, well.origin], health: check })
    const events = () => gateway.logged.map(({ event }) => event)
    sick.status = 500
    await until('unwell', () => events().includes('upstream.unhealthy'))
    const before = sick.requests
    for (let request = 0; request < 6; request++) expect((await ask()).status).toBe(200)
    expect(sick.requests).toBe(before)
    expect(gateway.tallies().map(({ up }) => up)).toEqual([0, 1])
    expect(gateway.logged.find(({ event }) => event === 'upstream.unhealthy')?.fields).toEqual({
      upstream: 'orders',
      target: sick.origin,
      error: 'status 500',
    })
    sick.status = 204
    await until('well', () => events().includes('upstream.healthy'))
    for (let request = 0; request < 4; request++) await ask()
    expect(sick.requests).toBeGreaterThan(before)
  })

  it('when no target is well: 503 with Retry-After, and nothing internal', async () => {
    const target = await startChecked()
    target.status = 404
    const { gateway, ask } = await start({ targets: [target.origin], health: check })
    await until('unwell', () => gateway.tallies()[0]?.up === 0)
    const answer = await ask()
    expect(answer.status).toBe(503)
    expect(answer.values('Retry-After')).toEqual(['1'])
    expect(answer.head + answer.body).not.toMatch(/127\.0\.0\.1|orders|healthz|404/)
    expect(target.requests).toBe(0)
    await until('the exchange', () => gateway.exchanges.length === 1)
    expect(gateway.exchanges[0]?.refusal).toBe('upstream.unwell')
  })

  it.each([
    ['a closed port', async () => `http://127.0.0.1:${await freePort()}`, /ECONNREFUSED/],
    [
      'one that is silent',
      async () => {
        const silent = await startChecked()
        silent.status = 0
        return silent.origin
      },
      /in time/,
    ],
  ])('%s is not well', async (_, originOf, why) => {
    const origin = await originOf()
    const { gateway } = await start({ targets: [origin], health: check })
    await until('unwell', () => gateway.tallies()[0]?.up === 0)
    const line = gateway.logged.find(({ event }) => event === 'upstream.unhealthy')
    expect(line?.fields.error).toMatch(why)
  })

  it('`status` is the only one that is well', async () => {
    const target = await startChecked()
    target.status = 204
    const { gateway } = await start({
      targets: [target.origin],
      health: { ...check, status: 200 },
    })
    await until('unwell', () => gateway.tallies()[0]?.up === 0)
  })

  it('a single failure changes nothing', async () => {
    const target = await startChecked()
    const { gateway } = await start({ targets: [target.origin], health: check })
    await until('checks', () => target.checks > 1)
    for (let round = 0; round < 3; round++) {
      const before = target.checks
      target.status = 500
      await until('a failure', () => target.checks > before)
      target.status = 200
      const failed = target.checks
      await until('a success', () => target.checks > failed)
    }
    expect(gateway.logged.filter(({ event }) => event === 'upstream.unhealthy')).toEqual([])
  })

  it('the first check delays no start, and checks stop with the gateway', async () => {
    const silent = await startChecked()
    silent.status = 0
    const { gateway, ask } = await start({
      targets: [silent.origin],
      health: { ...check, timeout: 60 },
    })
    expect((await ask()).status).toBe(200)
    await until('a check', () => silent.checks === 1)
    silent.status = 200
    await gateway.close()
    running.splice(running.indexOf(gateway), 1)
    const { checks } = silent
    const other = await startChecked()
    await start({ targets: [other.origin], health: check })
    await until('as much time for others', () => other.checks > 3)
    expect(silent.checks).toBe(checks)
  })
})

describe('passive ejection', () => {
  it('after so many failures in a row a target is left out; a probe brings it back', async () => {
    const [good] = await startTargets(1)
    let status = 502
    let asked = 0
    const bad = await startRecordingUpstream(() => {
      asked += 1
      return `HTTP/1.1 ${status} X\r\nContent-Length: 1\r\n\r\nb`
    })
    running.push(bad)
    const { gateway, ask } = await start({
      targets: [bad.origin, good?.origin ?? ''],
      eject: { failures: 3, pause: 0.4, longest: 2 },
    })
    const events = (event: string) => gateway.logged.filter((line) => line.event === event)
    for (let request = 0; request < 6; request++) await ask()
    expect(asked).toBe(3)
    expect(events('upstream.ejected').map(({ fields }) => fields)).toEqual([
      { upstream: 'orders', target: bad.origin, seconds: 0.4, error: 'status 502' },
    ])
    expect(
      (await Promise.all(Array.from({ length: 5 }, () => ask()))).map((a) => a.status),
    ).toEqual([200, 200, 200, 200, 200])
    expect(asked).toBe(3)
    // Each pause ends in one probe; the failing ones double it.
    const ended = async () => {
      const before = asked
      for (;;) {
        await Promise.all(Array.from({ length: 4 }, () => ask()))
        if (asked > before) return asked - before
        await delay(5)
      }
    }
    expect(await ended()).toBe(1)
    expect(await ended()).toBe(1)
    expect(events('upstream.ejected').map(({ fields }) => fields.seconds)).toEqual([0.4, 0.8, 1.6])
    status = 200
    await ended()
    expect(events('upstream.restored').length).toBe(1)
    expect(gateway.tallies()[0]).toMatchObject({ ejections: 3, up: 1 })
  })

  it('with nobody to take its place a target is asked all the same', async () => {
    const port = await freePort()
    const { gateway, ask } = await start({
      targets: [`http://127.0.0.1:${port}`],
      eject: { failures: 1, pause: 60, longest: 60 },
    })
    for (let request = 0; request < 4; request++) expect((await ask()).status).toBe(502)
    expect(gateway.tallies()[0]?.up).toBe(0)
    const server = createServer((_, res) => res.end('back'))
    await once(server.listen(port, '127.0.0.1'), 'listening')
    running.push(closing(server))
    expect((await ask()).body).toBe('back')
    expect(gateway.tallies()[0]?.up).toBe(1)
  })

  it('pauses grow to a limit, go on where they were for who fails again soon, and begin anew later', () => {
    let now = 1000
    const pauses: number[] = []
    const ejection = createEjection({ failures: 2, pause: 1, longest: 4 }, () => now, {
      ejected: (seconds) => void pauses.push(seconds),
      restored() {},
    })
    const fail = () => {
      ejection.taken()
      ejection.failed()
    }
    fail()
    expect(ejection.isOpen()).toBe(true)
    fail()
    expect(ejection.isOpen()).toBe(false)
    for (let probe = 0; probe < 4; probe++) {
      now += 4
      expect(ejection.isOpen()).toBe(true)
      fail()
    }
    expect(pauses).toEqual([1, 2, 4, 4, 4])
    now += 4
    ejection.taken()
    // One probe a pause: its client may leave without a verdict.
    expect(ejection.isOpen()).toBe(false)
    ejection.succeeded()
    expect(ejection.isOpen()).toBe(true)
    now += 1
    fail()
    fail()
    expect(pauses.at(-1)).toBe(4)
    now += 4
    ejection.taken()
    ejection.succeeded()
    now += 100
    fail()
    fail()
    expect(pauses.at(-1)).toBe(1)
    now -= 3600
    expect(ejection.isOpen()).toBe(true)
  })

  it("failures that are the client's own eject nobody", async () => {
    const held = await startRecordingUpstream(() => undefined)
    running.push(held)
    const { gateway, token } = await start({
      targets: [held.origin],
      eject: { failures: 1, pause: 1, longest: 1 },
    })
    const client = await openRaw(gateway.port)
    client.send(message('GET /orders/1', [bearer(token)]))
    await until('the request', () => held.requests.length === 1)
    client.socket.destroy()
    await until('the exchange', () => gateway.exchanges.length === 1)
    expect(gateway.tallies()[0]).toMatchObject({ ejections: 0, up: 1, inFlight: 0 })
    expect([...(gateway.tallies()[0]?.outcomes ?? [])]).toEqual([['client.gone', 1]])
  })
})

describe('limits', () => {
  const startHeld = async () => {
    const held: (() => void)[] = []
    const upstream = await startRecordingUpstream((_, connection) => {
      held.push(() => connection.send(ok()))
      return undefined
    })
    running.push(upstream)
    return { upstream, held }
  }

  it.each<[string, Partial<Exclude<UpstreamGiven, string>>, number]>([
    ['inFlight bounds the requests to all targets', { inFlight: 3 }, 3],
    ['connections bound those to each', { connections: 2 }, 4],
  ])('%s: above it 503 with Retry-After, at once', async (_, limit, most) => {
    const [a, b] = [await startHeld(), await startHeld()]
    const { gateway, ask } = await start({
      targets: [a.upstream.origin, b.upstream.origin],
      ...limit,
    })
    const pending = Array.from({ length: most }, () => ask())
    await until('all held', () => a.held.length + b.held.length === most)
    for (let request = 0; request < 5; request++) {
      const answer = await ask()
      expect(answer.status).toBe(503)
      expect(answer.values('Retry-After')).toEqual(['1'])
    }
    expect(a.upstream.open() + b.upstream.open()).toBe(most)
    expect(gateway.tallies().reduce((sum, { inFlight }) => sum + inFlight, 0)).toBe(most)
    for (const answer of [...a.held, ...b.held]) answer()
    expect((await Promise.all(pending)).map(({ status }) => status)).toEqual(pending.map(() => 200))
    expect(gateway.tallies().every(({ inFlight }) => inFlight === 0)).toBe(true)
  })
})

describe('R-07 A36 strangers', () => {
  const WITHOUT_TOKEN = 'POST /open/1'
  /** Uploads that never end. */
  const trickle = async (port: number, count: number) => {
    const clients = await Promise.all(Array.from({ length: count }, () => openRaw(port)))
    for (const client of clients)
      client.send(message(WITHOUT_TOKEN, ['Transfer-Encoding: chunked'], '1\r\nx\r\n'))
    running.push({ close: async () => clients.forEach(({ socket }) => void socket.destroy()) })
    return clients
  }

  it.each<[string, Partial<Exclude<UpstreamGiven, string>>, number]>([
    ['connections', { connections: 8 }, 6],
    ['inFlight', { inFlight: 8 }, 6],
  ])(
    'fill three quarters of %s at most with slow uploads: what a token opens goes on',
    async (_, limit, most) => {
      const [target] = await startTargets(1)
      const { gateway, ask } = await start({ targets: [target?.origin ?? ''], ...limit })
      const clients = await trickle(gateway.port, 20)
      await until(
        'those that are too many are answered',
        () =>
          clients.filter(({ received }) => received().startsWith('HTTP/1.1 503 ')).length ===
          20 - most,
      )
      expect(gateway.tallies()[0]?.inFlight).toBe(most)
      for (const { received } of clients)
        if (received() !== '') expect(received()).toMatch(/\r\nRetry-After: 1\r\n/)
      for (let request = 0; request < 10; request++) expect((await ask()).status).toBe(200)
      expect((await exchange(gateway.port, message('GET /open/2'))).status).toBe(503)
      expect(gateway.exchanges.at(-1)?.refusal).toBe('upstream.busy')

      for (const { socket } of clients) socket.destroy()
      await until('their places are free', () => gateway.tallies()[0]?.inFlight === 0)
      expect((await exchange(gateway.port, message('GET /open/2'))).status).toBe(200)
    },
  )

  it('the room that is theirs is theirs over WebSockets and optional routes, too', async () => {
    const upstream = await startRecordingUpstream(() => undefined)
    running.push(upstream)
    const { gateway, token } = await start(
      { targets: [upstream.origin], connections: 4 },
      { routes: [{ path: '/orders/*', access: 'optional' }] },
    )
    const upgrade = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ]
    const clients = await Promise.all(Array.from({ length: 6 }, () => openRaw(gateway.port)))
    running.push({ close: async () => clients.forEach(({ socket }) => void socket.destroy()) })
    clients[0]?.send(message('GET /orders/1'))
    clients[1]?.send(message('GET /orders/1', upgrade))
    clients[2]?.send(message('GET /orders/1', upgrade))
    await until('three are there', () => upstream.requests.length === 3)
    clients[3]?.send(message('GET /orders/1', upgrade))
    clients[4]?.send(message('GET /orders/1'))
    await until('two are refused', () =>
      [3, 4].every((at) => clients[at]?.received().startsWith('HTTP/1.1 503 ')),
    )
    clients[5]?.send(message('GET /orders/1', [bearer(token)]))
    await until('who is known comes through', () => upstream.requests.length === 4)
  })

  it('have all of an upstream that asks for no token anywhere', async () => {
    const [target] = await startTargets(1)
    const { gateway } = await start(
      { targets: [target?.origin ?? ''], connections: 8 },
      { routes: [{ path: '/open/*', access: 'public' }] },
    )
    const clients = await trickle(gateway.port, 9)
    await until(
      'eight are under way, one is refused',
      () => clients.filter(({ received }) => received().startsWith('HTTP/1.1 503 ')).length === 1,
    )
    expect(gateway.tallies()[0]?.inFlight).toBe(8)
  })
})

describe('where targets are', () => {
  it('a socket of the file system', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-socket-'))
    const path = join(folder, 'app.sock')
    const server = createServer((req, res) => res.end(`${req.headers.host} ${req.url}`))
    server.on('upgrade', (req, socket) => {
      socket.end(`HTTP/1.1 403 ${req.url?.length}\r\nContent-Length: 0\r\n\r\n`)
    })
    await once(server.listen(path), 'listening')
    running.push(closing(server), {
      close: async () => rmSync(folder, { recursive: true, force: true }),
    })
    const { gateway, token, ask } = await start({
      targets: [`unix:${path}`],
      health: { path: '/healthz', interval: 0.1, timeout: 1 },
    })
    expect((await ask()).body).toBe('localhost /orders/1')
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
    expect(client.received()).toMatch(/^HTTP\/1.1 403/)
    client.socket.destroy()
  })

  /** Two servers on one port of two addresses, and a name that stands for one of them. */
  const startMoving = async () => {
    const serve = (name: string) => {
      const state = { connections: 0, server: createServer((_, res) => res.end(name)) }
      state.server.on('connection', (socket) => {
        state.connections += 1
        socket.on('close', () => {
          state.connections -= 1
        })
      })
      return state
    }
    const [old, fresh] = [serve('old'), serve('fresh')]
    await once(old.server.listen(0, '127.0.0.1'), 'listening')
    const { port } = old.server.address() as AddressInfo
    await once(fresh.server.listen(port, '127.0.0.2'), 'listening')
    running.push(closing(old.server), closing(fresh.server))
    const name = { address: '127.0.0.1', fails: false, asked: 0 }
    const resolve: NonNullable<GatewayGiven['resolve']> = (_, done) => {
      name.asked += 1
      if (name.fails) done(Object.assign(new Error('no answer'), { code: 'EAI_AGAIN' }), [])
      else done(null, [{ address: name.address, family: 4 }])
    }
    const { gateway, token, ask } = await start(
      { targets: [`http://orders.internal:${port}`] },
      { resolve },
    )
    return { old, fresh, name, gateway, token, ask }
  }

  it('R-45 a name that moved is followed, and what is left of the old address is drained', async () => {
    const { old, fresh, name, ask } = await startMoving()
    expect((await ask()).body).toBe('old')
    name.address = '127.0.0.2'
    // Kept busy, so that its connection never ends for want of use.
    let body = ''
    const deadline = performance.now() + 15_000
    while (body !== 'fresh' && performance.now() < deadline) body = (await ask()).body
    expect(body).toBe('fresh')
    await until('no connection to the old address', () => old.connections === 0)
    expect(fresh.connections).toBe(1)
  }, 30_000)

  it('R-45 while names cannot be looked up, what they stood for last holds', async () => {
    const { name, old, ask } = await startMoving()
    expect((await ask()).body).toBe('old')
    name.fails = true
    old.server.closeAllConnections()
    await until('the connection is gone', () => old.connections === 0)
    expect((await ask()).body).toBe('old')
    expect(name.asked).toBeGreaterThan(1)
  })

  it('R-45 a name that never had an address is 502, and the log says why', async () => {
    const { gateway, ask } = await start(
      { targets: ['http://orders.internal:9'] },
      {
        resolve: (_, done) =>
          done(Object.assign(new Error('getaddrinfo failed'), { code: 'ENOTFOUND' }), []),
      },
    )
    const answer = await ask()
    expect(answer.status).toBe(502)
    expect(answer.body).not.toContain('internal')
    const line = gateway.logged.find(({ event }) => event === 'upstream.failed')
    expect(line?.fields.error).toContain('ENOTFOUND')
  })
})

describe('metrics of targets', () => {
  it('counts outcomes, first bytes, and what is in flight', async () => {
    const [target] = await startTargets(1)
    const dead = await freePort()
    const portcullis = await startPortcullis(`
upstreams:
  good: { targets: ['${target?.origin}'] }
  bad: 'http://127.0.0.1:${dead}'
routes:
  - { path: /good/*, upstream: good, access: public }
  - { path: /bad/*, upstream: bad, access: public }
`)
    running.push({ close: portcullis.stop })
    for (const path of ['/good/1', '/good/2', '/bad/1']) await fetch(portcullis.origin + path)
    const text = await (await fetch(`${portcullis.admin}/metrics`)).text()
    const labels = `upstream="good",target="${target?.origin}"`
    expect(text).toContain(`portcullis_upstream_requests_total{${labels},outcome="2xx"} 2\n`)
    expect(text).toContain(`portcullis_upstream_first_byte_seconds_count{${labels}} 2\n`)
    expect(text).toContain(`portcullis_upstream_in_flight{${labels}} 0\n`)
    expect(text).toContain(`portcullis_upstream_up{${labels}} 1\n`)
    expect(text).toContain(`portcullis_upstream_retries_total{${labels}} 0\n`)
    expect(text).toContain(
      `portcullis_upstream_requests_total{upstream="bad",target="http://127.0.0.1:${dead}",outcome="upstream.refused"} 1\n`,
    )
    expect(text).toContain(
      `portcullis_upstream_ejections_total{upstream="bad",target="http://127.0.0.1:${dead}"} 0\n`,
    )
  })
})

describe('P32 P33 upstreams in the configuration', () => {
  const { problemsOf, configOf } = configurations()
  const yaml = (upstream: string) =>
    BASE.replace(/upstreams:.*\n/, `upstreams: { a: ${upstream} }\n`)

  it.each([
    [`{ targets: ['http://a', 'http://a/'] }`, /targets\[1\]: is on line 3 already/],
    [`{ targets: [{ url: 'http://a', weight: 0 }] }`, /weight: must be a whole number from 1/],
    [`{ targets: [{ weight: 2 }] }`, /url: is required/],
    [`{ targets: ['unix:app.sock'] }`, /must be unix: and the absolute path/],
    [`{ targets: ['unix:/${'x'.repeat(120)}'] }`, /too long a path/],
    [`{ targets: ['http://a'], balance: subjct }`, /did you mean "subject"/],
    [`{ targets: ['http://a'], eject: { pause: 5m } }`, /pause: must not be longer than longest/],
    [`{ targets: ['http://a'], eject: { longest: 500ms } }`, /longest: must not be shorter/],
    [`{ targets: ['http://a'], tls: { servername: 10.0.0.1 } }`, /must be a host name/],
    // P32: names and addresses that two parsers read differently.
    [`{ targets: ['http://0127.0.0.1:1'] }`, /must be written as http:\/\/87\.0\.0\.1:1/],
    [`{ targets: ['http://0x7f.1'] }`, /must be written as http:\/\/127\.0\.0\.1/],
    [`{ targets: ['https://\uff11\uff12\uff17.0.0.1'] }`, /must be a URL/],
    [`{ targets: ['https://\uff45vil.example'] }`, /must be a URL/],
    [`{ targets: ['http://u:p@a'] }`, /must not hold a user name/],
    [`{ targets: ['http://a'], inFlight: 0 }`, /inFlight: must be a whole number from 1/],
  ])('%s is refused', async (upstream, message) => {
    expect((await problemsOf(yaml(upstream))).join('\n')).toMatch(message)
  })

  it('a target is a URL, or a URL with a weight', async () => {
    const config = await configOf(
      yaml(`{ targets: ['http://a/', { url: 'unix:/run/a.sock', weight: 3 }] }`),
    )
    expect(config.upstreams.get('a')?.targets).toEqual([
      { url: 'http://a', weight: 1 },
      { url: 'unix:/run/a.sock', weight: 3 },
    ])
  })
})

const closing = (server: Server) => ({
  async close() {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  },
})
