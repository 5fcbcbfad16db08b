import type { Verdict } from './verdict.ts'

/** Why a request is not let through, and what the caller is told. Made once, when the routes are compiled. */
export type Refusal = {
  readonly status: number
  readonly error: string
  /** For the caller: what to fix, or whose fault it is. */
  readonly description: string
  /** Flat list name, value: fields that the answer needs besides the usual ones. */
  readonly headers: readonly string[]
  /** The word for it in the access log. */
  readonly reason: string
  /** Nothing that follows on this connection can be trusted. */
  readonly close: boolean
  /** About the token that was refused, for the log only. */
  readonly verdict?: Verdict
}

export const refusal = (
  status: number,
  error: string,
  description: string,
  more: Partial<Pick<Refusal, 'headers' | 'reason' | 'close'>> = {},
): Refusal => ({ status, error, description, headers: [], reason: error, close: false, ...more })

/** A request that is not what HTTP or this gateway takes: after it the connection is closed. */
export const malformed = (description: string, reason: string): Refusal =>
  refusal(400, 'invalid_request', description, { reason, close: true })

/** Tells a refusal from what was asked for. */
export const isRefusal = <Wanted extends object>(found: Wanted | Refusal): found is Refusal =>
  'reason' in found

/** 503 with the seconds after which to come back (RFC 9110 §10.2.3). */
export const unavailable = (description: string, reason: string): Refusal =>
  refusal(503, 'temporarily_unavailable', description, { headers: ['Retry-After', '1'], reason })
