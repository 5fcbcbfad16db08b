import type { Clock } from '../clock.ts'
import type { UpstreamSettings } from '../config/config.ts'
import { type Refusal, unavailable } from './refusal.ts'

/** One origin of an upstream. Whoever was given it by `pick` gives it back once, with `leave`. */
export type Target = {
  /** `http://10.0.0.4:9002`, without a path. */
  readonly origin: string
  /** Its authority, as in Host. */
  readonly host: string
  /** What its paths begin with; empty or `/base`. */
  readonly base: string
  readonly timeout: UpstreamSettings['timeout']
  leave(): void
  /** It could not be reached: the others come first for a while. */
  unreachable(): void
}

export type Upstream = {
  readonly name: string
  readonly timeout: UpstreamSettings['timeout']
  /** The next target in turn that may be asked, not one of `tried`. A refusal when all are busy, undefined when none is left. */
  pick(tried?: readonly Target[]): Target | Refusal | undefined
  readonly targets: readonly Target[]
}

/**
 * The pool of targets that a configuration names. Round robin; a target that refused a connection is asked last for
 * `EJECTED` seconds; each carries at most as many requests at a time as it may have connections.
 */
export const createUpstream = (settings: UpstreamSettings, now: Clock): Upstream => {
  const seats = settings.targets.map((url) => createSeat(url, settings, now))
  let turn = 0
  return {
    name: settings.name,
    timeout: settings.timeout,
    targets: seats.map(({ target }) => target),
    pick(tried = NONE) {
      turn = (turn + 1) % seats.length
      let spare: Seat | undefined
      let left = 0
      for (let step = 0; step < seats.length; step++) {
        const seat = seats[(turn + step) % seats.length]
        if (seat === undefined || tried.includes(seat.target)) continue
        left += 1
        if (!seat.isFree()) continue
        if (seat.isUp()) return seat.take()
        spare ??= seat
      }
      return left === 0 ? undefined : (spare?.take() ?? BUSY)
    },
  }
}

/** Seconds. Short, because a target that restarts is wanted back at once. */
const EJECTED = 1

const NONE: readonly Target[] = []

type Seat = { readonly target: Target; isFree(): boolean; isUp(): boolean; take(): Target }

const createSeat = (url: string, { timeout, connections }: UpstreamSettings, now: Clock): Seat => {
  const { origin, host, pathname } = new URL(url)
  let inFlight = 0
  let downUntil = 0
  const target: Target = {
    origin,
    host,
    base: pathname.replace(/\/$/, ''),
    timeout,
    leave() {
      inFlight -= 1
    },
    unreachable() {
      downUntil = now() + EJECTED
    },
  }
  return {
    target,
    isFree: () => inFlight < connections,
    isUp: () => downUntil === 0 || downUntil <= now(),
    take() {
      inFlight += 1
      return target
    },
  }
}

const BUSY = unavailable('The upstream has as many requests as it may have', 'upstream.busy')
