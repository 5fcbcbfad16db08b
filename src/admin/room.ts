import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { FullExplanation } from '../explain-request.ts'
import type { Question } from '../gateway/explain.ts'
import type { Stores } from '../store/open.ts'
import type { Log } from '../telemetry/log.ts'
import type { RefusalPage, RefusalQuery } from '../telemetry/refusals.ts'
import type { Tally } from '../telemetry/upstream-tally.ts'

/** What every operation of the admin API, and every page of the console, works with. */
export type Room = {
  /** That in force. */
  readonly config: () => Config
  readonly stores: Stores
  readonly clock: Clock
  readonly log: Log
  readonly explain: (question: Question) => Promise<FullExplanation>
  /** Of the configuration file as it now stands, where the last good one is still in force. */
  readonly problems: () => readonly string[]
  /** Live counts of all targets, of all processes. */
  readonly targets: () => Promise<readonly LiveTarget[]>
  /** What is remembered of requests that were refused, by all processes. */
  readonly refusals: (query: RefusalQuery) => Promise<RefusalPage>
  readonly started: number
  /** Called when another process takes our place. */
  readonly takeover?: (() => void) | undefined
}

export type LiveTarget = Pick<
  Tally,
  'upstream' | 'target' | 'inFlight' | 'retries' | 'ejections'
> & {
  /** False: unwell, or left out. */
  readonly up: boolean
}
