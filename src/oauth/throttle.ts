import { hash } from 'node:crypto'
import { isIPv6 } from 'node:net'

import type { Config, Limit } from '../config/config.ts'
import { OAuthError } from './errors.ts'

/**
 * Counts failures by whom they are tried against and from which network, so that guessing stops and nobody is locked out
 * elsewhere. What succeeds is never counted. One count a process.
 */
type Throttle = {
  /** Throws 429 with Retry-After while too many attempts have failed. To be asked before the attempt and after it. */
  check(who: string, address: string): Promise<void>
  /** Counts one. Throws 429 when others failed in the meantime, so that the answer tells nothing about this one. */
  failed(who: string, address: string): Promise<void>
  warm(): Promise<unknown>
}

/**
 * Lets `limit.points` failures through in `limit.duration` seconds. Asked again after an attempt, it refuses what a
 * parallel burst would have won.
 */
const createThrottle = (limit: Limit): Throttle => {
  let loaded: Promise<Counter> | undefined
  const load = () => {
    loaded ??= import('rate-limiter-flexible').then(({ RateLimiterMemory }) =>
      createCounter(new RateLimiterMemory(limit), limit),
    )
    return loaded
  }
  return {
    warm: load,
    async check(who, address) {
      const wait = await (await load()).wait(who, networkOf(address))
      if (wait > 0) throw tooManyFailures(wait)
    },
    async failed(who, address) {
      const wait = await (await load()).count(who, networkOf(address))
      if (wait > 0) throw tooManyFailures(wait)
    },
  }
}

export type Throttles = { readonly passwords: Throttle; readonly clientSecrets: Throttle }

/**
 * The throttles of a process. They outlive a reload: what was counted stays counted while its limit stays the same.
 */
export const createThrottles = (): ((limits: ThrottleLimits) => Throttles) => {
  const kept = new Map<string, Throttle>()
  const throttle = (name: keyof ThrottleLimits, limit: Limit): Throttle => {
    const key = `${name} ${limit.points} ${limit.duration}`
    const known = kept.get(key) ?? createThrottle(limit)
    for (const other of kept.keys()) if (other.startsWith(`${name} `)) kept.delete(other)
    kept.set(key, known)
    return known
  }
  return ({ passwords, clientSecrets }) => ({
    passwords: throttle('passwords', passwords),
    clientSecrets: throttle('clientSecrets', clientSecrets),
  })
}

type ThrottleLimits = Pick<Config['limits'], 'passwords' | 'clientSecrets'>

/** Names that strangers make up are without number; in 4096 groups they are not. */
export const groupOf = (who: string): string => `#${hash('sha256', who, 'hex').slice(0, 3)}`

type Counter = {
  /** Milliseconds until another attempt; 0: now. */
  wait(who: string, network: string): Promise<number>
  count(who: string, network: string): Promise<number>
}

type Spent = { readonly consumedPoints: number; readonly msBeforeNext: number }

type Limiter = {
  get(key: string): Promise<Spent | null>
  penalty(key: string): Promise<Spent & { readonly isFirstInDuration: boolean }>
}

/** Memory is bounded: while `MOST_KEYS` are counted, networks that come new share one count a name. */
const createCounter = (limiter: Limiter, { points, duration }: Limit): Counter => {
  let keys = 0
  const keyOf = async (who: string, network: string) => {
    const key = `${network} ${who}`
    return keys < MOST_KEYS || (await limiter.get(key)) ? key : who
  }
  const countKey = () => {
    keys += 1
    setTimeout(() => {
      keys -= 1
    }, duration * 1000).unref()
  }
  return {
    async wait(who, network) {
      const spent = await limiter.get(await keyOf(who, network))
      return spent && spent.consumedPoints >= points ? Math.max(spent.msBeforeNext, 0) : 0
    },
    async count(who, network) {
      const spent = await limiter.penalty(await keyOf(who, network))
      if (spent.isFirstInDuration) countKey()
      return spent.consumedPoints > points ? Math.max(spent.msBeforeNext, 0) : 0
    },
  }
}

/** An IPv4 address, or the /64 that one holder of an IPv6 network has all addresses of. */
export const networkOf = (address: string): string =>
  isIPv6(address) ? `${groupsOf(address).slice(0, 4).join(':')}::/64` : address

const groupsOf = (address: string): readonly string[] => {
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail === undefined) return groups
  const last = tail === '' ? [] : tail.split(':')
  return [...groups, ...Array(Math.max(8 - groups.length - last.length, 0)).fill('0'), ...last]
}

const tooManyFailures = (wait: number): OAuthError =>
  new OAuthError('temporarily_unavailable', 'too many failed attempts, try again later', {
    status: 429,
    headers: { 'Retry-After': String(Math.ceil(wait / 1000)) },
  })

const MOST_KEYS = 100_000
