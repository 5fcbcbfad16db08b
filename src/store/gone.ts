import type { AccessToken, Refusal } from './tokens.ts'

/** A token that opens nothing, and what is known of it: for the log and for operators, never for whoever presented it. */
export type Gone = {
  readonly refusal: Refusal
  readonly token?: AccessToken
  readonly ended?: EndNote
}

/** What a revoked token hung on that is no more; when (seconds since the epoch) and why, as far as it was noted. */
export type EndNote = {
  readonly what: 'token' | 'grant' | 'client' | 'account'
  readonly at?: number
  readonly reason?: string
}

export type Found = AccessToken | Gone

export const isGone = (found: Found): found is Gone => 'refusal' in found

/** For how long a token or grant that ended is remembered: as long again as a token lived, at most an hour. Seconds. */
export const afterlife = (life: number): number => Math.min(Math.max(life, 0), 3600)
