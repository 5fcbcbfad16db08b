import { type Refusal, refusal } from './refusal.ts'

/** What went wrong on the way upstream: for the log, and for a client that has no answer yet. */
export type Failure = { readonly error: string; readonly refusal: Refusal }

const failure = (error: string, status: 408 | 502 | 503 | 504, description: string): Failure => {
  const code = CODES.get(status) ?? 'bad_gateway'
  return { error, refusal: refusal(status, code, description, { reason: error }) }
}

const CODES = new Map([
  [408, 'request_timeout'],
  [503, 'temporarily_unavailable'],
  [504, 'gateway_timeout'],
])

export const REFUSED = failure('upstream.refused', 502, 'The upstream refused the connection')
export const UNREACHABLE = failure('upstream.unreachable', 502, 'The upstream cannot be reached')
export const CONNECT_TIMEOUT = failure(
  'upstream.connect_timeout',
  504,
  'The upstream could not be reached in time',
)
export const TIMEOUT = failure('upstream.timeout', 504, 'The upstream did not answer in time')
export const CUT = failure('upstream.cut', 502, 'The upstream broke off before its answer')
export const MALFORMED = failure(
  'upstream.malformed',
  502,
  'The upstream gave an answer that is not well-formed',
)
export const IDLE = failure('upstream.idle', 504, 'The upstream stopped in the middle')
export const CLIENT_SLOW = failure('client.slow', 408, 'The body of the request did not come')
export const CLIENT_GONE = failure('client.gone', 408, 'The client left')
export const ENDED = failure('ended', 503, 'The access token ended meanwhile')

/** Thrown into a connection attempt that took too long. */
export class ConnectTimeout extends Error {
  override readonly name = 'ConnectTimeout'
}

/** Names what a connection, a socket or a parser threw. `sent`: after the request had begun to be written. */
export const failureOf = (error: unknown, sent: boolean): Failure => {
  if (error instanceof ConnectTimeout) return CONNECT_TIMEOUT
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (!sent) return code === 'ECONNREFUSED' ? REFUSED : UNREACHABLE
  return BROKEN_OFF.has(code) ? CUT : MALFORMED
}

/** True for what a reused connection gives when the other side had just closed it. */
export const isBrokenOff = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && BROKEN_OFF.has(String(error.code))

const BROKEN_OFF = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
])
