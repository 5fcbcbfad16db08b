import { type Api, createAdmin } from './admin/admin.ts'
import type { LiveTarget } from './admin/room.ts'
import { createAdminApi } from './admin-api.ts'
import type { Clock } from './clock.ts'
import type { Config, Listen } from './config/config.ts'
import { explainRequest } from './explain-request.ts'
import type { Gateway } from './gateway/gateway.ts'
import { exportGauges } from './gauges.ts'
import { createGeneration } from './generation.ts'
import { openListeners } from './listeners.ts'
import { createLostConnections } from './lost-connections.ts'
import { createMalformed } from './malformed.ts'
import { createClientKeys } from './oauth/client-keys.ts'
import { createThrottles } from './oauth/throttle.ts'
import type { AuditTrail } from './store/audit-trail.ts'
import { openStores, type Stores } from './store/open.ts'
import { counted } from './telemetry/counted-log.ts'
import type { Log } from './telemetry/log.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { createRouteTallies, exportRoutes } from './telemetry/route-tally.ts'
import { createStreamCounts, exportStreams } from './telemetry/stream-counts.ts'
import { exportUpstreams } from './telemetry/upstream-metrics.ts'
import { createTallies, type Tally } from './telemetry/upstream-tally.ts'

/** A gateway that listens. */
export type RunningServer = {
  /** Where it really listens, with the bound port. */
  readonly listen: Listen
  readonly admin: Listen
  /** Resolves when everything that the first requests would load is loaded. */
  warm(): Promise<void>
  /** Puts another configuration in force, whole. Resolves to the keys that wait for a restart. */
  apply(config: Config): Promise<readonly string[]>
  /** Problems of the configuration file, shown by /readyz while the last good one stays in force. */
  report(problems: readonly string[]): void
  /** Drains: idle connections are cut after `idle` seconds, all after the configured `drain` (or `limit`). */
  stop(options?: { idle?: number; limit?: number }): Promise<void>
}

type Deps = { readonly clock: Clock; readonly log: Log & { dropped?(): number } }

/**
 * Starts what a configuration describes: opens the store, then both listeners.
 * Throws a `Mistake` for an address that cannot be bound and a `StoreRefused` for a store that must not be used.
 */
export const startServer = async (config: Config, deps: Deps): Promise<RunningServer> => {
  const metrics = createMetrics()
  const tallies = createTallies()
  const routes = createRouteTallies()
  let trail: AuditTrail | undefined
  const log = counted(deps.log, metrics, (event, fields) => trail?.record(event, fields))
  const stores = await openStores(config, { clock: deps.clock, log })
  trail = stores.audit
  const throttles = createThrottles()
  const clientKeys = createClientKeys({ clock: deps.clock, log })
  const streams = createStreamCounts()
  exportStreams(metrics, streams)
  const generation = (settings: Config) =>
    createGeneration(settings, {
      ...{ ...deps, log, stores, metrics, throttles, clientKeys, streams, tallies, routes },
    })
  let current = generation(config)
  let inForce = config
  // Those of former configurations, while requests and tunnels that came under them last.
  const retired = new Set<Gateway>()
  let draining = false
  let problems: readonly string[] = []

  // Loaded after listening, but then at once: the command line reads the token that is made here.
  let api: Promise<Api> | undefined
  const loadApi = () => {
    api ??= createAdminApi({
      ...{ stores, log, clock: deps.clock, started: deps.clock() },
      config: () => inForce,
      problems: () => problems,
      explain: (question) =>
        explainRequest(question, { gateway: current.gateway, config: inForce, stores }),
      targets: async () => Array.from(tallies.all(), liveTarget),
    })
    return api
  }

  const listeners = await openListeners(config, {
    request: (req, res) => current.request(req, res),
    upgrade: (req, socket, head) => current.gateway.upgrade(req, socket, head),
    malformed: createMalformed((exchange) => current.observe(exchange)),
    lost: createLostConnections(log),
    admin: createAdmin({
      metrics,
      api: async (req, path) => (await loadApi())(req, path),
      readiness: {
        draining: () => draining,
        ping: () => answering(stores),
        problems: () => problems,
      },
    }),
  }).catch(async (error: unknown) => {
    await stores.close()
    throw error
  })
  exportGauges(metrics, stores, deps.log)
  exportUpstreams(metrics, tallies)
  exportRoutes(metrics, routes)

  return {
    listen: listeners.main.address,
    admin: listeners.admin.address,
    async warm() {
      await Promise.all([current.warm(), loadApi()])
    },
    async apply(next) {
      const { gateway } = current
      const fresh = generation(next)
      await fresh.warm()
      current = fresh
      inForce = next
      retired.add(gateway)
      await stores.reload(next)
      problems = []
      for (const former of retired) former.review(current.gateway)
      void gateway.retire().finally(() => retired.delete(gateway))
      return needingRestart(config, next)
    },
    report(found) {
      problems = found
    },
    async stop({ idle = 1, limit = inForce.drain } = {}) {
      draining = true
      const gateways = [current.gateway, ...retired]
      // Their close frames need a moment, and whoever drains us does not give more than `limit`.
      const tunnels = setTimeout(
        () => void gateways.map((gateway) => gateway.endTunnels()),
        Math.max(0, limit - FAREWELL) * 1000,
      )
      await listeners.main.drain({ idle, limit })
      clearTimeout(tunnels)
      await Promise.all(gateways.map((gateway) => gateway.close()))
      await listeners.admin.drain({ idle: 0, limit: 1 })
      await stores.close()
    },
  }
}

/** Seconds that WebSockets have to close before connections are cut. */
const FAREWELL = 5

/** Reads and writes: the heartbeat of the channel is a write. */
const answering = async ({ store }: Stores): Promise<void> => {
  await store.ping()
  if (!store.channel.healthy()) throw new Error('the store takes no writes')
}

const liveTarget = ({ upstream, target, inFlight, retries, ejections, up }: Tally): LiveTarget => ({
  ...{ upstream, target, inFlight, retries, ejections },
  up: up === 1,
})

const needingRestart = (started: Config, next: Config): readonly string[] =>
  (['listen', 'admin', 'store', 'workers'] as const).filter(
    (key) => JSON.stringify(started[key]) !== JSON.stringify(next[key]),
  )
