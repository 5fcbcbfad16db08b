import cluster from 'node:cluster'
import type { Clock } from './clock.ts'
import type { Config, Listen } from './config/config.ts'
import { createFleet, type Fleet } from './fleet.ts'
import { expectFree } from './listener.ts'
import type { Bindings } from './listeners.ts'
import { createReloadTally } from './reload-tally.ts'
import { needingRestart, type RunningServer } from './server.ts'
import type { OpenLog } from './telemetry/log.ts'
import { createMetrics } from './telemetry/metrics.ts'
import type { Assignment } from './worker.ts'

/**
 * Serves with `count` processes. This one supervises: it takes no request, and opens no store. Each worker is a whole
 * server; they listen beside each other in public, and share the admin address (docs/decisions/0017).
 * Throws what the first worker fails with.
 */
export const startWorkers = async (
  initial: Config,
  count: number,
  deps: {
    readonly clock: Clock
    readonly log: OpenLog
    readonly bindings: Bindings
    readonly onTakeover: () => void
  },
): Promise<RunningServer> => {
  const { log, bindings } = deps
  const metrics = createMetrics()
  const tally = createReloadTally(metrics, deps.clock)
  let config = initial
  let problems: readonly string[] = []
  if (isShared(bindings) && config.listen.port !== 0) await expectFree(config.listen)
  if (bindings.turn === undefined) await expectFree(config.admin.listen)

  // Of a socket that outlives us the workers take connections themselves: what waited here would be lost when they close.
  const { fd } = bindings.main
  cluster.schedulingPolicy = fd === undefined ? cluster.SCHED_RR : cluster.SCHED_NONE
  // With `serialization`, maps come through as maps.
  cluster.setupPrimary({ serialization: 'advanced' })
  const fleet: Fleet = createFleet({
    log,
    metrics,
    turn: bindings.turn,
    onTakeover: deps.onTakeover,
    assignment: (number): Omit<Assignment, 'complete'> => ({
      config,
      number,
      problems,
      listen: fleet.listen() ?? config.listen,
      binding: { ...bindings.main, beside: true },
      // Those that come later find the address free.
      inTurn: bindings.turn !== undefined && fleet.listen() === undefined,
    }),
  })
  const stand = await fleet.start(count)

  return {
    listen: stand.listen,
    admin: stand.admin,
    warm: async () => {},
    async apply(next) {
      const moves = (listen: Listen, from: Listen) =>
        JSON.stringify(listen) !== JSON.stringify(from)
      if (moves(next.listen, config.listen) && fd === undefined) await expectFree(next.listen)
      if (moves(next.admin.listen, config.admin.listen)) await expectFree(next.admin.listen)
      await fleet.change(next, () => {
        config = next
        problems = []
      })
      tally.succeeded()
      return needingRestart(initial, next, bindings.main.fd !== undefined)
    },
    report(found) {
      problems = found
      fleet.tell('report', found)
      if (found.length > 0) tally.failed()
    },
    stop: (options) => fleet.stop({ limit: config.drain, ...options }),
  }
}

/** Two who share a port do not notice each other: whoever may not be there is looked for. */
const isShared = ({ main }: Bindings): boolean => main.fd === undefined && !main.beside
