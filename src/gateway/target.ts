import type { LookupFunction } from 'node:net'
import type { Clock } from '../clock.ts'
import type { TargetSettings, UpstreamSettings } from '../config/config.ts'
import { observeSeconds } from '../telemetry/histogram.ts'
import type { Log } from '../telemetry/log.ts'
import { countOutcome, type Tallies, type Tally } from '../telemetry/upstream-tally.ts'
import type { Candidate } from './balance.ts'
import { type Dial, dialOf, originOf } from './dial.ts'
import { createEjection } from './ejection.ts'
import { isOfTarget } from './upstream-failure.ts'

/** One origin of an upstream. Whoever was given it by `pick` gives it back once, with `leave`. */
export type Target = {
  /** As configured: its name in logs and metrics. */
  readonly name: string
  /** `http://10.0.0.4:9002`, without a path. */
  readonly origin: string
  /** Its authority, as in Host. */
  readonly host: string
  /** What its paths begin with; empty or `/base`. */
  readonly base: string
  readonly timeout: UpstreamSettings['timeout']
  /** Most connections at a time. */
  readonly connections: number
  /** Made when it is asked for first. */
  dial(): Dial
  /** The head of an answer came; to a request, so many seconds after setting out. */
  answered(status: number, seconds?: number): void
  /** There was no answer, by the word of a failure. */
  failed(error: string): void
  /** A request is sent again on another connection. */
  retried(): void
  /**
   * `outcome`: class of the status, or the word of a failure; undefined: it was not asked for anything. `stranger`: as it was
   * picked.
   */
  leave(outcome: string | undefined, stranger: boolean): void
  state(): TargetState
}

/** `unwell`: its health check fails. `ejected`: its requests failed. */
type TargetState = 'well' | 'ejected' | 'unwell'

/** A target as its upstream sees it. */
export type Seat = Candidate & {
  readonly target: Target
  readonly tally: Tally
  readonly isWell: boolean
  /** Has room for one more. */
  isFree(): boolean
  /** The same for who has no token. */
  isFreeForStrangers(): boolean
  /** Is not left out. */
  isOpen(): boolean
  take(stranger: boolean): Target
  /** What a health check found; `why` it is not well. */
  judge(well: boolean, why?: string): void
}

export type TargetDeps = {
  readonly clock: Clock
  readonly log: Log
  readonly tallies: Tallies
  readonly lookup: LookupFunction
}

export const createSeat = (
  { url, weight }: TargetSettings,
  { name: upstream, timeout, connections, eject, tls }: UpstreamSettings,
  /** `load`: of all targets together. `strangers`: at most so many without a token at this one. */
  { load, strangers: most }: { load: { inFlight: number; strangers: number }; strangers: number },
  { clock, log, tallies, lookup }: TargetDeps,
): Seat => {
  const { origin, host, pathname } = originOf(url)
  const tally = tallies.of(upstream, url)
  const names = { upstream, target: url }
  let dial: Dial | undefined
  let inFlight = 0
  let strangers = 0
  let well = true
  let ejected = false
  let problem = ''
  const mark = () => {
    tally.up = well && !ejected ? 1 : 0
  }
  const ejection = createEjection(eject, clock, {
    ejected(seconds) {
      ejected = true
      tally.ejections += 1
      mark()
      log.warn('upstream.ejected', { ...names, seconds, error: problem })
    },
    restored() {
      ejected = false
      mark()
      log.info('upstream.restored', names)
    },
  })
  const target: Target = {
    name: url,
    origin,
    host,
    base: pathname.replace(/\/$/, ''),
    timeout,
    connections,
    dial() {
      dial ??= dialOf(url, tls, lookup)
      return dial
    },
    answered(status, seconds) {
      if (seconds !== undefined) observeSeconds(tally.firstByte, seconds)
      if (status !== 502 && status !== 504) {
        ejection.succeeded()
        return
      }
      problem = `status ${status}`
      ejection.failed()
    },
    failed(error) {
      if (!isOfTarget(error)) return
      problem = error
      ejection.failed()
    },
    retried() {
      tally.retries += 1
    },
    leave(outcome, stranger) {
      if (stranger) {
        strangers -= 1
        load.strangers -= 1
      }
      inFlight -= 1
      tally.inFlight -= 1
      load.inFlight -= 1
      if (outcome !== undefined) countOutcome(tally, outcome)
    },
    state: () => (well ? (ejected ? 'ejected' : 'well') : 'unwell'),
  }
  mark()
  return {
    name: url,
    weight,
    target,
    tally,
    get inFlight() {
      return inFlight
    },
    get isWell() {
      return well
    },
    isFree: () => inFlight < connections,
    isFreeForStrangers: () => strangers < most,
    isOpen: () => ejection.isOpen(),
    take(stranger) {
      if (stranger) {
        strangers += 1
        load.strangers += 1
      }
      inFlight += 1
      tally.inFlight += 1
      load.inFlight += 1
      ejection.taken()
      return target
    },
    judge(next, why) {
      if (next === well) return
      well = next
      mark()
      if (next) log.info('upstream.healthy', names)
      else log.warn('upstream.unhealthy', { ...names, error: why })
    },
  }
}
