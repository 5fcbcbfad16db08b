import type { Config, UpstreamSettings } from '../config/config.ts'
import { createBalance } from './balance.ts'
import { createHealth, type Probe } from './health.ts'
import { type Refusal, unavailable } from './refusal.ts'
import { createSeat, type Seat, type Target, type TargetDeps } from './target.ts'

export type { Target } from './target.ts'

export type Upstream = {
  readonly name: string
  readonly timeout: UpstreamSettings['timeout']
  /**
   * The next target that may be asked, not one of `tried`. A refusal when all are busy or unwell, undefined when none is
   * left. `key`: whom it is for, where the upstream keeps one to a target; `stranger`: who has no token.
   */
  pick(key: string, stranger: boolean, tried?: readonly Target[]): Target | Refusal | undefined
  readonly targets: readonly Target[]
}

export type Upstreams = {
  get(name: string): Upstream | undefined
  /** Starts the health checks; nothing waits for them. */
  begin(probe: Probe): void
  /** Ends them. */
  close(): void
}

/** The pools of targets that a configuration names. */
export const createUpstreams = (
  { upstreams: settings, routes }: Pick<Config, 'upstreams' | 'routes'>,
  deps: TargetDeps,
): Upstreams => {
  const guarded = new Set(
    routes.filter(({ access }) => access !== 'public').map(({ upstream }) => upstream),
  )
  const pools = new Map(
    Array.from(settings, ([name, each]) => {
      const share = guarded.has(name) ? STRANGERS : 1
      return [name, createPool(each, share, deps)] as const
    }),
  )
  const seats = [...pools.values()].flatMap((pool) => pool.seats)
  deps.tallies.keep(new Set(seats.map(({ tally }) => tally)))
  const checks = [...settings].flatMap(([name, { health }]) =>
    health === undefined ? [] : createHealth(health, pools.get(name)?.seats ?? []),
  )
  return {
    get: (name) => pools.get(name)?.upstream,
    begin(probe) {
      for (const check of checks) check.begin(probe)
    },
    close() {
      for (const check of checks) check.close()
    },
  }
}

/**
 * Of the targets that are well and have room the balance chooses. One that is left out for its failures is asked only while
 * there is no other: with nobody to take its place, its requests are better tried than refused.
 */
const createPool = (
  settings: UpstreamSettings,
  /** Of its room, what those without a token may take. */
  share: number,
  deps: TargetDeps,
): { upstream: Upstream; seats: readonly Seat[] } => {
  const load = { inFlight: 0, strangers: 0 }
  const most = settings.inFlight ?? Number.POSITIVE_INFINITY
  const rooms = {
    load,
    strangers: Math.ceil(settings.connections * share),
  }
  const seats = settings.targets.map((target) => createSeat(target, settings, rooms, deps))
  const choose = createBalance(settings.balance, seats)
  const mostStrangers = Math.ceil(most * share)
  const isSpare = (seat: Seat) => seat.isWell && seat.isFree()
  const isReady = (seat: Seat) => isSpare(seat) && seat.isOpen()
  const isSpareForStrangers = (seat: Seat) => isSpare(seat) && seat.isFreeForStrangers()
  const isReadyForStrangers = (seat: Seat) => isReady(seat) && seat.isFreeForStrangers()

  const pickOther = (key: string, stranger: boolean, tried: readonly Target[]) => {
    const left = seats.filter(({ target }) => !tried.includes(target))
    if (left.length === 0) return undefined
    const among = (fits: (seat: Seat) => boolean) =>
      choose(key, (seat) => left.includes(seat) && fits(seat))
    const seat = stranger
      ? (among(isReadyForStrangers) ?? among(isSpareForStrangers))
      : (among(isReady) ?? among(isSpare))
    return seat?.take(stranger) ?? refusalFor(left)
  }
  return {
    seats,
    upstream: {
      name: settings.name,
      timeout: settings.timeout,
      targets: seats.map(({ target }) => target),
      pick(key, stranger, tried) {
        if (tried !== undefined) return pickOther(key, stranger, tried)
        if (load.inFlight >= most || (stranger && load.strangers >= mostStrangers)) return BUSY
        const seat = stranger
          ? (choose(key, isReadyForStrangers) ?? choose(key, isSpareForStrangers))
          : (choose(key, isReady) ?? choose(key, isSpare))
        return seat?.take(stranger) ?? refusalFor(seats)
      },
    },
  }
}

/**
 * Three quarters. Whoever needs no token can hold what he takes for as long as a byte trickles now and then; the rest is left
 * to those whom somebody knows.
 */
const STRANGERS = 0.75

const refusalFor = (seats: readonly Seat[]): Refusal =>
  seats.some(({ isWell }) => isWell) ? BUSY : UNWELL

const BUSY = unavailable('The upstream has as many requests as it may have', 'upstream.busy')
const UNWELL = unavailable('The upstream is not well', 'upstream.unwell')
