import type { Write } from './store.ts'

export type AccessToken = {
  /** Names the token without being it: the digest of its value. */
  readonly id: string
  readonly grant_id: string
  readonly client_id: string
  readonly sub: string
  readonly scope: readonly string[]
  /** RFC 8707. Empty: good on every route that its scopes open. */
  readonly aud: readonly string[]
  readonly iat: number
  readonly exp: number
}

/** `malformed`: no token of our shape; `foreign`: of our shape, not minted here. */
export type Refusal = 'malformed' | 'foreign' | 'unknown' | 'expired' | 'revoked'

/** What just ended, and every token under it with it: one of the four. */
export type Ended = {
  readonly grant_id?: string
  readonly client_id?: string
  readonly sub?: string
  /** The `id` of one access token. */
  readonly token?: string
}

export type AccessTokens = {
  /** A new access token; `write` goes into the caller's batch. */
  mint(token: Omit<AccessToken, 'id'>): { value: string; token: AccessToken; write: Write }
  /**
   * What a bearer's value stands for. A cache hit answers synchronously, with the same object each time.
   * Rejects with StoreUnavailable when nobody can tell.
   */
  find(value: string): AccessToken | Refusal | Promise<AccessToken | Refusal>
  /** Ends this token only, here and in every process. What we did not mint is no one's: nothing happens. */
  revoke(value: string): Promise<void>
  /** Hears of every end, from any process. Returns the way to stop. */
  onEnded(listener: (ended: Ended) => void): () => void
  stats(): TokenStats
}

export type TokenStats = {
  readonly size: number
  readonly hits: number
  readonly misses: number
  readonly negative: number
  readonly coalesced: number
}
