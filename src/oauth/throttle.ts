import { hash } from 'node:crypto'
import { isIPv6 } from 'node:net'

import type { Config, CreationLimit, Limit } from '../config/config.ts'
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
  let counter: Counter | undefined
  const load = () => {
    loaded ??= import('rate-limiter-flexible').then(({ RateLimiterMemory }) => {
      counter = createCounter(new RateLimiterMemory(limit), limit)
      return counter
    })
    return loaded
  }
  return {
    warm: load,
    async check(who, address) {
      // As almost always: then it costs a token nothing.
      if (counter?.idle()) return
      const wait = await (await load()).wait(who, networkOf(address))
      if (wait > 0) throw tooManyFailures(wait)
    },
    async failed(who, address) {
      const wait = await (await load()).count(who, networkOf(address))
      if (wait > 0) throw tooManyFailures(wait)
    },
  }
}

/** Counts what is created, so that nobody can fill the store, and no stranger use up what is there for all. */
type Allowance = {
  /** Counts one of a stranger, by its network and in total. Throws 429 with Retry-After when there were too many. */
  take(address: string): Promise<void>
  /** Counts one of somebody who has proved who they are: each has the total. */
  takeAs(who: string): Promise<void>
  warm(): Promise<unknown>
}

const createAllowance = ({ total, ...limit }: CreationLimit): Allowance => {
  let loaded: Promise<{ readonly networks: Limiter; readonly all: Limiter }> | undefined
  const load = () => {
    loaded ??= import('rate-limiter-flexible').then(({ RateLimiterMemory }) => ({
      networks: new RateLimiterMemory(limit),
      all: new RateLimiterMemory({ ...limit, points: total }),
    }))
    return loaded
  }
  const count = async (limiter: Limiter, who: string, points: number): Promise<void> => {
    const { consumedPoints, msBeforeNext } = await limiter.penalty(who)
    if (consumedPoints > points) throw tooMany('requests', msBeforeNext)
  }
  return {
    warm: load,
    async take(address) {
      const { networks, all } = await load()
      // First, so that no more networks are remembered than there are things; and who is refused uses up nothing.
      const spent = await all.get(STRANGERS)
      if (spent && spent.consumedPoints >= total) throw tooMany('requests', spent.msBeforeNext)
      await count(networks, networkOf(address), limit.points)
      await count(all, STRANGERS, total)
    },
    async takeAs(who) {
      await count((await load()).all, `client ${who}`, total)
    },
  }
}

const STRANGERS = 'strangers'

export type Throttles = {
  readonly passwords: Throttle
  readonly clientSecrets: Throttle
  /** By address, with the limit of client secrets. */
  readonly adminTokens: Throttle
  readonly pushedRequests: Allowance
  /** By account, whatever the address, and by address, whatever the account. */
  readonly userCodes: Throttle
  readonly userCodesFrom: Throttle
  readonly deviceCodes: Allowance
  readonly registrations: Allowance
}

/**
 * The throttles of a process. They outlive a reload: what was counted stays counted while its limit stays the same.
 */
export const createThrottles = (): ((limits: ThrottleLimits) => Throttles) => {
  const throttle = keeping(createThrottle)
  const allowance = keeping(createAllowance)
  return (limits) => {
    const { passwords, clientSecrets, pushedRequests, userCodes, deviceCodes } = limits
    return {
      passwords: throttle('passwords', passwords),
      clientSecrets: throttle('clientSecrets', clientSecrets),
      adminTokens: throttle('adminTokens', clientSecrets),
      pushedRequests: allowance('pushedRequests', pushedRequests),
      userCodes: throttle('userCodes', userCodes),
      userCodesFrom: throttle('userCodesFrom', { ...userCodes, points: 10 * userCodes.points }),
      deviceCodes: allowance('deviceCodes', deviceCodes),
      registrations: allowance('registrations', limits.registrations),
    }
  }
}

const keeping = <L extends Limit, Kept>(create: (limit: L) => Kept) => {
  const kept = new Map<string, { readonly limit: string; readonly made: Kept }>()
  return (name: keyof Throttles, limit: L): Kept => {
    const known = kept.get(name)
    const written = JSON.stringify(limit)
    if (known?.limit === written) return known.made
    const made = create(limit)
    kept.set(name, { limit: written, made })
    return made
  }
}

type ThrottleLimits = Pick<
  Config['limits'],
  'passwords' | 'clientSecrets' | 'pushedRequests' | 'userCodes' | 'deviceCodes' | 'registrations'
>

/** Names that strangers make up are without number; in 4096 groups they are not. */
export const groupOf = (who: string): string => `#${hash('sha256', who, 'hex').slice(0, 3)}`

type Counter = {
  /** True while nobody is counted. */
  idle(): boolean
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
  let counting = 0
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
    idle: () => keys === 0 && counting === 0,
    async wait(who, network) {
      const spent = await limiter.get(await keyOf(who, network))
      return spent && spent.consumedPoints >= points ? Math.max(spent.msBeforeNext, 0) : 0
    },
    async count(who, network) {
      counting += 1
      const spent = await limiter.penalty(await keyOf(who, network)).finally(() => {
        counting -= 1
      })
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

const tooManyFailures = (wait: number): OAuthError => tooMany('failed attempts', wait)

const tooMany = (what: string, wait: number): OAuthError =>
  new OAuthError('temporarily_unavailable', `too many ${what}, try again later`, {
    status: 429,
    headers: { 'Retry-After': String(Math.max(1, Math.ceil(wait / 1000))) },
  })

const MOST_KEYS = 100_000
