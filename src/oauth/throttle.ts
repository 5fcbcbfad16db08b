import { isIPv6 } from 'node:net'

import type { Limit } from '../config/config.ts'
import { OAuthError } from './errors.ts'

/**
 * Counts failures by whom they are tried against and by network, so that guessing stops and the right one elsewhere is
 * not locked out. What succeeds is never counted. One counter a process.
 */
export type Throttle = {
  /** Throws 429 with Retry-After while too many attempts have failed. To be asked before the attempt and after it. */
  check(who: string, address: string): Promise<void>
  failed(who: string, address: string): Promise<void>
  warm(): Promise<unknown>
}

/**
 * Lets `limit.points` failures through in `limit.duration` seconds for one name from one network, and ten times as many
 * from one network over all names. Asked again after an attempt, it refuses what a parallel burst would have won.
 */
export const createThrottle = (limit: Limit): Throttle => {
  let loaded: Promise<readonly [Counter, Counter]> | undefined
  const load = () => {
    loaded ??= import('rate-limiter-flexible').then(({ RateLimiterMemory }) => {
      const counter = (points: number) =>
        createCounter(new RateLimiterMemory({ points, duration: limit.duration }), limit.duration)
      return [counter(limit.points), counter(limit.points * 10)] as const
    })
    return loaded
  }
  return {
    warm: load,
    async check(who, address) {
      const [ofName, ofNetwork] = await load()
      const network = networkOf(address)
      const wait = Math.max(await ofName.wait(`${who} ${network}`), await ofNetwork.wait(network))
      if (wait > 0) throw tooManyFailures(wait)
    },
    async failed(who, address) {
      const [ofName, ofNetwork] = await load()
      const network = networkOf(address)
      await Promise.all([ofName.count(`${who} ${network}`), ofNetwork.count(network)])
    },
  }
}

type Counter = {
  /** Milliseconds until the name may try again; 0: now. */
  wait(key: string): Promise<number>
  count(key: string): Promise<void>
}

type Limiter = {
  readonly points: number
  get(key: string): Promise<{ consumedPoints: number; msBeforeNext: number } | null>
  penalty(key: string): Promise<{ isFirstInDuration: boolean }>
}

/** Memory is bounded: above `MOST_KEYS` names that failed of late, the ones to come share one count. */
const createCounter = (limiter: Limiter, duration: number): Counter => {
  let keys = 0
  const bounded = async (key: string) =>
    keys < MOST_KEYS || (await limiter.get(key)) ? key : OVERFLOW
  return {
    async wait(key) {
      const spent = await limiter.get(await bounded(key))
      return spent && spent.consumedPoints >= limiter.points ? Math.max(spent.msBeforeNext, 0) : 0
    },
    async count(key) {
      const { isFirstInDuration } = await limiter.penalty(await bounded(key))
      if (!isFirstInDuration) return
      keys += 1
      setTimeout(() => {
        keys -= 1
      }, duration * 1000).unref()
    },
  }
}

/** An IPv4 address, or the /64 that one holder of an IPv6 network has all addresses of. */
const networkOf = (address: string): string =>
  isIPv6(address) ? `${expanded(address).slice(0, 4).join(':')}::/64` : address

const expanded = (address: string): readonly string[] => {
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

const MOST_KEYS = 50_000
const OVERFLOW = '*'
