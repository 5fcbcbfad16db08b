import type { Clock } from '../clock.ts'
import type { TokenLifetimes } from '../config/config.ts'
import { type Grant, type Grants, grantRow, keptUntil, type RefreshState } from './grants.ts'
import { digest, equal, type RefreshTokenParts, type Secrets } from './secrets.ts'
import type { Store, Write } from './store.ts'

/** A client's own lifetimes, where they differ. */
export type RefreshLifetimes = Pick<TokenLifetimes, 'refreshToken' | 'refreshRetry'>

/** A refresh token that may take a step: the current one, or the one before it within `refreshRetry`. */
export type Presented = {
  readonly state: 'current' | 'retry'
  readonly grant: Grant
  readonly value: string
  readonly lifetimes: RefreshLifetimes
}

type Judgement =
  | Presented
  | { readonly state: 'replayed' | 'expired'; readonly grant: Grant }
  | { readonly state: 'unknown' }

export type RefreshTokens = {
  /** The first refresh token of a grant, and the redeemed grant that knows it. Nothing is written yet. */
  first(grant: Grant, lifetimes: RefreshLifetimes): { value: string; grant: Grant }
  /**
   * Reads and judges. Compare `grant.client_id` before acting on any answer: a stranger who holds a token must not
   * end the grant. `replayed`: end it. `unknown`: not minted here, or its grant ended.
   */
  present(value: string, lifetimes: RefreshLifetimes): Promise<Judgement>
  /**
   * Swaps the grant to the next generation and writes the access token, in one batch. `value` is the successor: for one
   * presented token always the same. `lost`: the grant ended, or moved on, in the meantime.
   */
  step(
    presented: Presented,
    writes: readonly Write[],
  ): Promise<{ value: string; grant: Grant; retried: boolean } | 'lost'>
}

type RefreshDeps = {
  readonly store: Store
  readonly secrets: Secrets
  readonly grants: Pick<Grants, 'find'>
  readonly clock: Clock
  /** The longest life of an access token, seconds. */
  readonly tokenLife: () => number
}

export const createRefreshTokens = (deps: RefreshDeps): RefreshTokens => {
  const { store, secrets, grants, clock } = deps

  const present: RefreshTokens['present'] = async (value, lifetimes) => {
    const parts = secrets.refreshToken.parse(value)
    if (parts === undefined) return { state: 'unknown' }
    const grant = await grants.find(parts.grant_id)
    if (grant?.refresh === undefined || !equal(digest(parts.salt), grant.refresh.salt_digest)) {
      return { state: 'unknown' }
    }
    const state = judge(parts, grant.refresh, lifetimes.refreshRetry, clock())
    return isLive(state) ? { state, grant, value, lifetimes } : { state, grant }
  }

  // A retry swaps the grant with itself: the access token is written only while the grant is still there.
  const swap = (presented: Presented, next: Grant, writes: readonly Write[]): Promise<boolean> => {
    const { value, ...row } = grantRow(next, keptUntil(next, clock(), deps.tokenLife()))
    const expected = JSON.stringify(presented.grant)
    return store.batch([{ op: 'swap', ...row, expected, next: value }, ...writes])
  }

  const attempt = async (presented: Presented, writes: readonly Write[], left: number) => {
    const retried = presented.state === 'retry'
    const grant = retried ? presented.grant : stepped(presented, clock())
    if (await swap(presented, grant, writes)) {
      return { value: successor(presented.value), grant, retried }
    }
    const again = await present(presented.value, presented.lifetimes)
    if (left === 0 || !('value' in again)) return 'lost'
    return attempt(again, writes, left - 1)
  }

  const successor = (value: string): string => {
    const parts = secrets.refreshToken.parse(value)
    if (parts === undefined) throw new TypeError('a presented refresh token was minted here')
    return secrets.refreshToken.make({ ...parts, generation: parts.generation + 1 })
  }

  return {
    present,
    step: (presented, writes) => attempt(presented, writes, 3),
    first(grant, lifetimes) {
      const salt = secrets.id()
      const value = secrets.refreshToken.make({ grant_id: grant.id, generation: 0, salt })
      const refresh = stateAt(grant, 0, digest(salt), lifetimes, clock())
      return { value, grant: { ...grant, redeemed: true, refresh } }
    },
  }
}

type State = Exclude<Judgement['state'], 'unknown'>

const judge = (
  parts: RefreshTokenParts,
  refresh: RefreshState,
  refreshRetry: number,
  now: number,
): State => {
  const age = now - refresh.stepped
  if (parts.generation === refresh.generation) return refresh.expires > now ? 'current' : 'expired'
  // Clocks of two machines differ a little: a step may lie ahead of us, by no more than the window itself.
  const retry = parts.generation === refresh.generation - 1 && Math.abs(age) <= refreshRetry
  return retry ? 'retry' : 'replayed'
}

const isLive = (state: State): state is Presented['state'] =>
  state === 'current' || state === 'retry'

const stepped = ({ grant, lifetimes }: Presented, now: number): Grant => {
  const { generation, salt_digest } = grant.refresh ?? { generation: 0, salt_digest: '' }
  return { ...grant, refresh: stateAt(grant, generation + 1, salt_digest, lifetimes, now) }
}

const stateAt = (
  grant: Grant,
  generation: number,
  salt_digest: string,
  lifetimes: RefreshLifetimes,
  now: number,
): RefreshState => ({
  generation,
  salt_digest,
  stepped: now,
  expires: Math.min(now + lifetimes.refreshToken, grant.expires),
})
