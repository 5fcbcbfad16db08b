import type { LiveTarget } from './admin/room.ts'
import { liveTargets, mergeTargets } from './live-targets.ts'
import { expositionOf, type Metrics, type Snapshot } from './telemetry/metrics.ts'
import {
  mergeRefusals,
  type RefusalPage,
  type RefusalQuery,
  type Refusals,
} from './telemetry/refusals.ts'
import type { Tallies } from './telemetry/upstream-tally.ts'

/** What each of several processes has, the one that asks included. */
export type Fellows = {
  metrics(): Promise<readonly Snapshot[]>
  targets(): Promise<readonly (readonly LiveTarget[])[]>
  refusals(query: RefusalQuery): Promise<readonly RefusalPage[]>
  /** All of them listen, or did once. */
  complete(): boolean
}

type Own = {
  readonly metrics: Metrics
  readonly tallies: Tallies
  readonly refusals: Pick<Refusals, 'search'>
}

/** What they have together; without fellows, what is our own. */
export const overAll = (fellows: Fellows | undefined, own: Own) =>
  fellows === undefined
    ? {
        exposition: own.metrics.exposition,
        targets: async () => liveTargets(own.tallies),
        refusals: async (query: RefusalQuery) => own.refusals.search(query),
      }
    : {
        exposition: async () => expositionOf(await fellows.metrics()),
        targets: async () => mergeTargets(await fellows.targets()),
        refusals: async (query: RefusalQuery) =>
          mergeRefusals(await fellows.refusals(query), query.limit),
      }
