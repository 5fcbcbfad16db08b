import type {
  Config,
  RouteSettings,
  TargetSettings,
  UpstreamSettings,
} from '../../src/config/config.ts'
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts'
import type { Resolve } from '../../src/gateway/names.ts'
import { openListener } from '../../src/listener.ts'
import { createMalformed } from '../../src/malformed.ts'
import { createPeerOf } from '../../src/peer.ts'
import type { Lives } from '../../src/store/lives.ts'
import { StoreUnavailable } from '../../src/store/store.ts'
import type { AccessToken, AccessTokens, Ended, Refusal } from '../../src/store/tokens.ts'
import type { Exchange } from '../../src/telemetry/exchange.ts'
import type { LogFields } from '../../src/telemetry/log.ts'
import { createStreamCounts, type StreamCounts } from '../../src/telemetry/stream-counts.ts'
import { createTallies, type Tally } from '../../src/telemetry/upstream-tally.ts'
import { BASE_CONFIG } from './base-config.ts'

type RouteGiven = Partial<RouteSettings> & Pick<RouteSettings, 'path'>
export type UpstreamGiven =
  | string
  | (Partial<Omit<UpstreamSettings, 'targets' | 'timeout'>> & {
      readonly targets: readonly (string | TargetSettings)[]
      readonly timeout?: Partial<UpstreamSettings['timeout']>
    })

export type GatewayGiven = {
  readonly routes: readonly RouteGiven[]
  /** By name; a route that names none goes to the first. */
  readonly upstreams: Readonly<Record<string, UpstreamGiven>>
  readonly trustedProxies?: readonly string[]
  readonly issuer?: string
  /** Stands in for the look-up of names. */
  readonly resolve?: Resolve
}

/** The data plane behind the real listener, with a store of tokens that the test holds in its hand. */
export type TestGateway = {
  readonly port: number
  readonly gateway: Gateway
  /** What was observed, in the order of the ends. */
  readonly exchanges: readonly Exchange[]
  readonly logged: readonly { readonly event: string; readonly fields: LogFields }[]
  /** A token that is good; gives its value. */
  token(parts?: Partial<AccessToken>): string
  /** A value for which the store answers this; an error: rejects with it. */
  answerFor(answer: Refusal | Error | Promise<AccessToken | Refusal>): string
  /** Tells that something ended. */
  end(ended: Ended): void
  /** What the store says of lives: seconds of the gateway's clock, which is `performance.now() / 1000`; an error: it is away. */
  lives(until: (token: AccessToken) => number | Error): void
  /** Tells that messages of the store were lost. */
  miss(): void
  readonly streams: StreamCounts
  connections(): Promise<number>
  /** What is counted of targets, in the order of the configuration. */
  tallies(): readonly Tally[]
  close(): Promise<void>
}

export const startGateway = async (given: GatewayGiven): Promise<TestGateway> => {
  const exchanges: Exchange[] = []
  const logged: { event: string; fields: LogFields }[] = []
  const record = (event: string, fields: LogFields = {}) => void logged.push({ event, fields })
  const tokens = handHeldTokens()
  const tallies = createTallies()
  const { watch, ...lives } = handHeldLives()
  const streams = createStreamCounts()
  const observe = (exchange: Exchange) => void exchanges.push(exchange)
  const config = gatewayConfig(given)
  const gateway = createGateway({
    config,
    tokens,
    lives: watch,
    streams,
    peer: createPeerOf(config.trustedProxies),
    observe,
    clock: () => performance.now() / 1000,
    log: { debug: record, info: record, warn: record, error: record, audit: record },
    tallies,
    ...(given.resolve && { resolve: given.resolve }),
  })
  await gateway.warm()
  const listener = await openListener(
    { host: '127.0.0.1', port: 0 },
    {
      request(req, res) {
        if (gateway.handle(req, res)) return
        res.writeHead(404, ['Content-Type', 'text/plain', 'Content-Length', '4'])
        res.end('koa\n')
      },
      upgrade: gateway.upgrade,
      malformed: createMalformed(observe),
    },
  )
  return {
    port: listener.address.port,
    gateway,
    exchanges,
    logged,
    ...tokens,
    ...lives,
    streams,
    connections: listener.connections,
    tallies: () => [...tallies.all()],
    async close() {
      await listener.drain({ idle: 0, limit: 0 })
      await gateway.close()
    },
  }
}

const handHeldLives = () => {
  const listeners = new Set<() => void>()
  let answer: (token: AccessToken) => number | Error = () => Number.POSITIVE_INFINITY
  const watch: Lives = {
    async until(token) {
      const until = answer(token)
      if (until instanceof Error) throw until
      return until
    },
    onMissed(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
  return {
    watch,
    lives(until: typeof answer) {
      answer = until
    },
    miss() {
      for (const listener of listeners) listener()
    },
  }
}

const handHeldTokens = () => {
  const answers = new Map<string, AccessToken | Refusal | Error | Promise<AccessToken | Refusal>>()
  const listeners = new Set<(ended: Ended) => void>()
  let made = 0
  const put = (answer: AccessToken | Refusal | Error | Promise<AccessToken | Refusal>) => {
    made += 1
    const value = `pc_at_${String(made).padStart(64, '0')}`
    answers.set(value, answer)
    return value
  }
  const find: AccessTokens['find'] = (value) => {
    const answer = answers.get(value) ?? 'unknown'
    return answer instanceof Error ? Promise.reject(answer) : answer
  }
  return {
    find,
    why: () => undefined,
    async inspect(value: string) {
      const found = await find(value)
      return typeof found === 'string' ? { refusal: found } : found
    },
    onEnded(listener: (ended: Ended) => void) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    end(ended: Ended) {
      for (const listener of listeners) listener(ended)
    },
    answerFor: put,
    token: (parts: Partial<AccessToken> = {}) =>
      put({
        id: `id-${made}`,
        grant_id: `grant-${made}`,
        client_id: 'shop',
        sub: 'ada',
        scope: ['orders.read'],
        aud: [],
        iat: 0,
        exp: Number.MAX_SAFE_INTEGER,
        ...parts,
      }),
  }
}

/** What a store that cannot answer rejects with. */
export const storeDown = (): Error => new StoreUnavailable('the store does not answer')

const gatewayConfig = (given: GatewayGiven): Config => {
  const [first = ''] = Object.keys(given.upstreams)
  return {
    ...BASE_CONFIG,
    issuer: given.issuer ?? 'http://gw.example',
    secret: [],
    trustedProxies: given.trustedProxies ?? [],
    drain: 1,
    upstreams: new Map(
      Object.entries(given.upstreams).map(([name, upstream]) => [name, settingsOf(name, upstream)]),
    ),
    routes: given.routes.map((route) => ({
      upstream: first,
      access: 'token',
      allowEncodedSlash: false,
      upstreamHost: 'target',
      websocket: true,
      onExpiry: 'keep',
      ...route,
    })),
  }
}

const settingsOf = (name: string, given: UpstreamGiven): UpstreamSettings => {
  const { targets, timeout, ...rest } =
    typeof given === 'string' ? { targets: [given], timeout: {} } : given
  return {
    name,
    balance: 'roundRobin',
    eject: { failures: 3, pause: 1, longest: 60 },
    connections: 256,
    ...rest,
    timeout: { connect: 2, response: 10, idle: 10, stream: 3600, ...timeout },
    targets: targets.map((url) => (typeof url === 'string' ? { url, weight: 1 } : url)),
  }
}
