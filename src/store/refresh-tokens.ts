import type { TokenLifetimes } from '../config/config.ts'
import type { Grant } from './grants.ts'
import type { Write } from './store.ts'

/** A client's own lifetimes, where they differ. */
export type RefreshLifetimes = Pick<TokenLifetimes, 'refreshToken' | 'refreshRetry'>

/** A refresh token that may take a step: the current one, or the one before it within `refreshRetry`. */
export type Presented = {
  readonly state: 'current' | 'retry'
  readonly grant: Grant
  readonly value: string
  readonly lifetimes: RefreshLifetimes
}

export type RefreshTokens = {
  /** The first refresh token of a grant, and the redeemed grant that knows it. Nothing is written yet. */
  first(grant: Grant, lifetimes: RefreshLifetimes): { value: string; grant: Grant }
  /**
   * Reads and judges. Compare `grant.client_id` before acting on any answer: a stranger who holds a token must not
   * end the grant. `replayed`: end it. `unknown`: not minted here, or its grant ended.
   */
  present(
    value: string,
    lifetimes: RefreshLifetimes,
  ): Promise<Presented | { state: 'replayed' | 'expired'; grant: Grant } | { state: 'unknown' }>
  /**
   * Swaps the grant to the next generation and writes the access token, in one batch. `value` is the successor: for one
   * presented token always the same. `lost`: the grant ended, or moved on, in the meantime.
   */
  step(
    presented: Presented,
    writes: readonly Write[],
  ): Promise<{ value: string; grant: Grant; retried: boolean } | 'lost'>
}
