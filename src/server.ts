import { createAdmin } from './admin/admin.ts'
import type { LiveTarget } from './admin/room.ts'
import { type AdminSide, createAdminSide, isSameSide } from './admin-api.ts'
import type { Clock } from './clock.ts'
import type { Config, Listen } from './config/config.ts'
import { explainRequest } from './explain-request.ts'
import { type Fellows, overAll } from './fellows.ts'
import type { Gateway } from './gateway/gateway.ts'
import { exportGauges } from './gauges.ts'
import { createGeneration } from './generation.ts'
import { type Bindings, openListeners } from './listeners.ts'
import { liveTargets } from './live-targets.ts'
import { createLostConnections } from './lost-connections.ts'
import { createMalformed } from './malformed.ts'
import { createClientKeys } from './oauth/client-keys.ts'
import { createThrottles } from './oauth/throttle.ts'
import { createReloadTally, type ReloadTally } from './reload-tally.ts'
import type { AuditTrail } from './store/audit-trail.ts'
import { openStores, type Stores } from './store/open.ts'
import { watchClock } from './telemetry/clock-jump.ts'
import { counted } from './telemetry/counted-log.ts'
import type { Log } from './telemetry/log.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'
import { createRefusals, type RefusalPage, type RefusalQuery } from './telemetry/refusals.ts'
import { createRouteTallies, exportRoutes } from './telemetry/route-tally.ts'
import { watchStalls } from './telemetry/stall.ts'
import { createStreamCounts, exportStreams } from './telemetry/stream-counts.ts'
import { exportUpstreams } from './telemetry/upstream-metrics.ts'
import { createTallies } from './telemetry/upstream-tally.ts'

/** A gateway that listens, in one process or in many. */
export type RunningServer = {
  /** Where it really listens, with the bound port. */
  readonly listen: Listen
  readonly admin: Listen
  /** Resolves when everything that the first requests would load is loaded. */
  warm(): Promise<void>
  /**
   * Puts another configuration in force, whole. Resolves to the keys that wait for a restart. Rejects when that cannot be
   * done, with the former one in force.
   */
  apply(config: Config): Promise<readonly string[]>
  /** Problems of the configuration file, shown by /readyz while the last good one stays in force. */
  report(problems: readonly string[]): void
  /** Drains. Resolves to the number of connections that had to be cut. */
  stop(options?: StopOptions): Promise<number>
}

/** In seconds. */
export type StopOptions = {
  /** How long /readyz says so before the listener closes. */
  readonly delay?: number
  /** Then idle connections may stay so long, and all of them `limit`; else what the configuration says (`drain`). */
  readonly idle?: number
  readonly limit?: number
  /** Another process takes our place: the admin listener is left to it first. */
  readonly handOver?: boolean
}

/** One process that serves: what `RunningServer` is made of. */
export type Server = Omit<RunningServer, 'apply'> & {
  /** The first phase of a change: everything that can fail. */
  prepare(config: Config): Promise<PreparedChange>
  /** The counts of this process alone. */
  readonly metrics: Metrics
  targets(): readonly LiveTarget[]
  refusals(query: RefusalQuery): RefusalPage
}

export type PreparedChange = {
  /** Puts it in force: every request from here on comes under it. Resolves to the keys that wait for a restart. */
  commit(): Promise<readonly string[]>
  abort(): Promise<void>
}

export type ServerDeps = {
  readonly clock: Clock
  readonly log: Log & { dropped?(): number }
  readonly bindings?: Bindings
  /** What all processes count, this one included; without it this one is alone. */
  readonly fellows?: Fellows
  /** Called when another process is about to take our place. */
  readonly onTakeover?: () => void
}

/** Starts it as one process: `openServer`, and the count of changes. */
export const startServer = async (config: Config, deps: ServerDeps): Promise<RunningServer> => {
  const server = await openServer(config, deps)
  return withReloads(server, createReloadTally(server.metrics, deps.clock))
}

const withReloads = (server: Server, tally: ReloadTally): RunningServer => ({
  ...server,
  get listen() {
    return server.listen
  },
  get admin() {
    return server.admin
  },
  async apply(config) {
    const prepared = await server.prepare(config)
    const waiting = await prepared.commit()
    tally.succeeded()
    return waiting
  },
  report(problems) {
    server.report(problems)
    if (problems.length > 0) tally.failed()
  },
})

/**
 * Starts what a configuration describes: opens the store, then both listeners.
 * Throws a `Mistake` for an address that cannot be bound and a `StoreRefused` for a store that must not be used.
 */
export const openServer = async (config: Config, deps: ServerDeps): Promise<Server> => {
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
  const refusals = createRefusals(deps.clock)
  exportStreams(metrics, streams)
  const generation = (settings: Config) =>
    createGeneration(settings, {
      clock: deps.clock,
      ...{ log, stores, metrics, throttles, clientKeys, streams, tallies, routes, refusals },
    })
  let current = generation(config)
  let inForce = config
  // Those of former configurations, while requests and tunnels that came under them last.
  const retired = new Set<Gateway>()
  let draining = false
  let problems: readonly string[] = []

  // Loaded after listening, but then at once: the command line reads the token that is made here.
  let side: Promise<AdminSide> | undefined
  const all = overAll(deps.fellows, { metrics, tallies, refusals })
  const loadSide = () => {
    side ??= createAdminSide(
      {
        ...{ stores, log, clock: deps.clock, started: deps.clock() },
        config: () => inForce,
        problems: () => problems,
        explain: (question) =>
          explainRequest(question, { gateway: current.gateway, config: inForce, stores }),
        ...{ targets: all.targets, refusals: all.refusals },
        takeover: deps.onTakeover,
      },
      {
        exposition: async () => (await all.exposition()).text,
        throttles: () => throttles(inForce.limits),
      },
    )
    return side
  }

  const closeSide = () => {
    void side?.then((one) => one.close())
    side = undefined
  }

  const admin = createAdmin({
    exposition: all.exposition,
    api: async (req, path) => (await loadSide()).api(req, path),
    console: async (req, res) => (await loadSide()).console(req, res),
    readiness: {
      starting: () => deps.fellows?.complete() === false,
      draining: () => draining,
      ping: () => answering(stores),
      problems: () => problems,
    },
  })
  const listeners = await openListeners(
    config,
    {
      request: (req, res) => current.request(req, res),
      upgrade: (req, socket, head) => current.gateway.upgrade(req, socket, head),
      malformed: createMalformed((exchange) => current.observe(exchange)),
      lost: createLostConnections(log),
      admin,
    },
    deps.bindings ?? ALONE,
  ).catch(async (error: unknown) => {
    await stores.close()
    throw error
  })
  exportGauges(metrics, stores, deps.log)
  exportUpstreams(metrics, tallies)
  exportRoutes(metrics, routes)

  const stalls = watchStalls(metrics, log)
  const steps = watchClock(deps.clock, log)

  return {
    metrics,
    targets: () => liveTargets(tallies),
    refusals: refusals.search,
    get listen() {
      return listeners.main
    },
    get admin() {
      return listeners.admin
    },
    async warm() {
      await Promise.all([current.warm(), loadSide()])
    },
    async prepare(next) {
      const move = await listeners.prepare(next)
      const fresh = generation(next)
      const abort = async () => {
        await move.abort()
        await fresh.gateway.close()
      }
      await fresh.warm().catch(async (error: unknown) => {
        await abort()
        throw error
      })
      return {
        abort,
        async commit() {
          const { gateway } = current
          move.commit()
          current = fresh
          if (!isSameSide(next, inForce)) closeSide()
          inForce = next
          retired.add(gateway)
          await stores.reload(next)
          problems = []
          for (const former of retired) former.review(current.gateway)
          void gateway.retire().finally(() => retired.delete(gateway))
          return needingRestart(config, next, deps.bindings?.main.fd !== undefined)
        },
      }
    },
    report(found) {
      problems = found
    },
    async stop({ delay = 0, idle = 1, limit = inForce.drain, handOver = false } = {}) {
      draining = true
      if (handOver) await listeners.leaveAdmin()
      else await new Promise((resolve) => setTimeout(resolve, delay * 1000))
      const gateways = [current.gateway, ...retired]
      // Close frames need a moment, and whoever drains us does not give more than `limit`.
      const farewell = setTimeout(
        () => void gateways.map((gateway) => gateway.endStreams()),
        Math.max(0, limit - FAREWELL) * 1000,
      )
      const cut = await listeners.drain({ idle, limit })
      clearTimeout(farewell)
      await Promise.all(gateways.map((gateway) => gateway.close()))
      if (!handOver) await listeners.leaveAdmin()
      closeSide()
      stalls.stop()
      steps.stop()
      await stores.close()
      return cut
    },
  }
}

const ALONE: Bindings = { main: {}, later: {} }

/** Seconds that WebSockets have to close before connections are cut. */
const FAREWELL = 5

/** Reads and writes: the heartbeat of the channel is a write. */
const answering = async ({ store }: Stores): Promise<void> => {
  await store.ping()
  if (!store.channel.healthy()) throw new Error('the store takes no writes')
}

/** Keys in which they differ and which are read at the start alone. `isGiven`: the service manager gave the address. */
export const needingRestart = (
  started: Config,
  next: Config,
  isGiven: boolean,
): readonly string[] => [
  ...(['store', 'workers'] as const).filter(
    (key) => JSON.stringify(started[key]) !== JSON.stringify(next[key]),
  ),
  // The address belongs to the service manager.
  ...(isGiven && JSON.stringify(started.listen) !== JSON.stringify(next.listen) ? ['listen'] : []),
  // Whoever takes the last one away wants the one beside the store, which is read at the start.
  ...(next.secret.length === 0 && started.secret.length > 0 ? ['secret'] : []),
]
