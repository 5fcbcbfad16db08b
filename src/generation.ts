import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from './clock.ts'
import type { Config } from './config/config.ts'
import { createGateway, type Gateway } from './gateway/gateway.ts'
import type { createClientKeys } from './oauth/client-keys.ts'
import type { createThrottles } from './oauth/throttle.ts'
import { createPeerOf } from './peer.ts'
import type { Stores } from './store/open.ts'
import { createAccessLog } from './telemetry/access-log.ts'
import type { Observe } from './telemetry/exchange.ts'
import type { Log } from './telemetry/log.ts'
import type { Metrics } from './telemetry/metrics.ts'
import type { Refusals } from './telemetry/refusals.ts'
import type { RouteTallies } from './telemetry/route-tally.ts'
import type { StreamCounts } from './telemetry/stream-counts.ts'
import type { Tallies } from './telemetry/upstream-tally.ts'

/** What belongs to one configuration: replaced as a whole when another is put in force. */
export type Generation = {
  readonly gateway: Gateway
  readonly observe: Observe
  request(req: IncomingMessage, res: ServerResponse): void
  warm(): Promise<void>
}

type Front = (req: IncomingMessage, res: ServerResponse) => void

type GenerationDeps = {
  readonly clock: Clock
  readonly log: Log
  readonly stores: Stores
  readonly metrics: Metrics
  readonly throttles: ReturnType<typeof createThrottles>
  readonly clientKeys: ReturnType<typeof createClientKeys>
  readonly streams: StreamCounts
  readonly tallies: Tallies
  readonly routes: RouteTallies
  readonly refusals: Pick<Refusals, 'note'>
}

export const createGeneration = (config: Config, deps: GenerationDeps): Generation => {
  const { clock, log, stores, metrics, throttles, clientKeys, streams, tallies, routes } = deps
  const peer = createPeerOf(config.trustedProxies)
  const accessLog = config.log.access ? createAccessLog(log) : undefined
  const observe: Observe = (exchange) => {
    metrics.exchange(exchange)
    deps.refusals.note(exchange)
    accessLog?.(exchange)
  }
  const gateway = createGateway({
    ...{ config, peer, observe, clock, log, streams, tallies, routes },
    tokens: stores.tokens,
    lives: stores.lives,
  })
  // Loaded after listening: the data plane must not wait for what it does not use.
  let front: Promise<Front> | undefined
  let loaded: Front | undefined
  const loadFront = () => {
    front ??= createFrontOf({
      ...{ config, stores, peer, observe, clock, log, throttles, clientKeys },
    }).then((handle) => {
      loaded = handle
      return handle
    })
    return front
  }
  return {
    gateway,
    observe,
    request(req, res) {
      if (gateway.handle(req, res)) return
      if (loaded) return loaded(req, res)
      loadFront().then(
        (handle) => handle(req, res),
        (error: unknown) => {
          log.error('front.failed', { error })
          res.destroy()
        },
      )
    },
    async warm() {
      await Promise.all([gateway.warm(), loadFront()])
    },
  }
}

const createFrontOf = async (
  deps: Pick<GenerationDeps, 'stores' | 'clock' | 'log' | 'throttles' | 'clientKeys'> & {
    readonly config: Config
    readonly peer: ReturnType<typeof createPeerOf>
    readonly observe: Observe
  },
) => {
  const [{ createFront }, { createAuthorizationServer }] = await Promise.all([
    import('./front.ts'),
    import('./oauth/authorization-server.ts'),
  ])
  const { middleware, programs, warm } = createAuthorizationServer(deps)
  await warm()
  const demo = deps.config.demo ? [(await import('./demo/demo-client.ts')).createDemo(deps)] : []
  return createFront({ ...deps, programs, middleware: [middleware, ...demo] })
}
