import type { UpstreamSettings } from '../config/config.ts'

/** What a choice is made of. */
export type Candidate = {
  /** Tells it from the others. */
  readonly name: string
  readonly weight: number
  readonly inFlight: number
}

/** The next of those that fit; `key` is whom the request comes from. */
export type Choose<One> = (key: string, fits: (one: One) => boolean) => One | undefined

export const createBalance = <One extends Candidate>(
  kind: UpstreamSettings['balance'],
  all: readonly One[],
): Choose<One> => BALANCES[kind](all)

/** In turn, each as often as its weight says, and spread evenly (the smooth weighted turn of nginx, worked out ahead). */
const roundRobin = <One extends Candidate>(all: readonly One[]): Choose<One> => {
  const turns = turnsOf(all)
  let turn = 0
  return (_, fits) => {
    for (let step = 1; step <= turns.length; step++) {
      const at = (turn + step) % turns.length
      const one = turns[at]
      if (one === undefined || !fits(one)) continue
      turn = at
      return one
    }
    return undefined
  }
}

/** Who has least to do for its weight; among equals in turn. */
const leastInFlight = <One extends Candidate>(all: readonly One[]): Choose<One> => {
  let turn = 0
  return (_, fits) => {
    let best: One | undefined
    let least = Number.POSITIVE_INFINITY
    turn = (turn + 1) % all.length
    for (let step = 0; step < all.length; step++) {
      const one = all[(turn + step) % all.length]
      if (one === undefined) continue
      const load = (one.inFlight + 1) / one.weight
      if (load >= least || !fits(one)) continue
      best = one
      least = load
    }
    return best
  }
}

/**
 * The same for one key as long as it fits (rendezvous hashing, with weights as logarithms): who is added takes his share of
 * keys from all and moves no other; who goes leaves his to all.
 */
const subject = <One extends Candidate>(all: readonly One[]): Choose<One> => {
  const seeded = all.map((one) => ({ one, seed: hash(one.name), weight: one.weight }))
  return (key, fits) => {
    const hashed = hash(key)
    let best: One | undefined
    let least = Number.POSITIVE_INFINITY
    for (const { one, seed, weight } of seeded) {
      const distance = -Math.log((mix(hashed ^ seed) + 0.5) / 0x1_0000_0000) / weight
      if (distance >= least || !fits(one)) continue
      best = one
      least = distance
    }
    return best
  }
}

const BALANCES = { roundRobin, leastInFlight, subject }

const turnsOf = <One extends Candidate>(all: readonly One[]): One[] => {
  const total = all.reduce((sum, { weight }) => sum + weight, 0)
  const shared = all.reduce((divisor, { weight }) => greatestCommon(divisor, weight), 0)
  const states = all.map((one) => ({ one, credit: 0 }))
  return Array.from({ length: total / shared }, () => {
    for (const state of states) state.credit += state.one.weight
    const next = states.reduce((best, state) => (state.credit > best.credit ? state : best))
    next.credit -= total
    return next.one
  })
}

const greatestCommon = (a: number, b: number): number => (b === 0 ? a : greatestCommon(b, a % b))

/** FNV-1a, 32 bits. Spreads; keeps no secret. */
const hash = (text: string): number => {
  let hashed = 0x811c9dc5
  for (let at = 0; at < text.length; at++)
    hashed = Math.imul(hashed ^ text.charCodeAt(at), 0x01000193)
  return mix(hashed)
}

/** The finalizer of MurmurHash3: every bit in counts for every bit out. */
const mix = (value: number): number => {
  const once = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return (twice ^ (twice >>> 16)) >>> 0
}
