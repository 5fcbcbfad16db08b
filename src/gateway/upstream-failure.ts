import { type Refusal, refusal, unavailable } from './refusal.ts'

/** What went wrong on the way upstream: for the log, and for a client that has no answer yet. */
export type Failure = { readonly error: string; readonly refusal: Refusal }

const failure = (
  error: string,
  status: 408 | 413 | 502 | 503 | 504,
  description: string,
): Failure => {
  const code = CODES.get(status) ?? 'bad_gateway'
  return {
    error,
    refusal: refusal(status, code, description, { reason: error, close: status === 413 }),
  }
}

const CODES = new Map([
  [408, 'request_timeout'],
  [413, 'content_too_large'],
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
export const UNTRUSTED = failure('upstream.tls', 502, 'No trusted connection to the upstream')
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
export const TOO_LARGE = failure(
  'client.too_large',
  413,
  'The body of the request is larger than this route takes',
)
/** Says nothing about the target. */
export const EXHAUSTED: Failure = {
  error: 'exhausted',
  refusal: unavailable('The gateway can open no more connections for now', 'exhausted'),
}
export const ENDED = failure('ended', 503, 'The access token ended meanwhile')
export const EXPIRED = failure('expired', 503, 'The access token expired meanwhile')
export const TUNNEL_IDLE = failure('idle', 408, 'Nothing was sent for too long')
export const LIFETIME = failure('lifetime', 408, 'The WebSocket was open for as long as it may be')
export const CLOSING = failure('closing', 503, 'The gateway is being stopped')

/** Thrown into a connection attempt that took too long. */
export class ConnectTimeout extends Error {
  override readonly name = 'ConnectTimeout'
}

/** Names what a connection, a socket or a parser threw. `sent`: after the request had begun to be written. */
export const failureOf = (error: unknown, sent: boolean): Failure => {
  if (error instanceof ConnectTimeout) return CONNECT_TIMEOUT
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (isUntrusted(code)) return UNTRUSTED
  if (isExhausted(code)) return EXHAUSTED
  if (!sent) return code === 'ECONNREFUSED' ? REFUSED : UNREACHABLE
  return BROKEN_OFF.has(code) ? CUT : MALFORMED
}

/** True for the codes of a certificate that does not verify, and of a handshake that fails. */
export const isUntrusted = (code: string): boolean => UNTRUSTED_CODE.test(code)

const UNTRUSTED_CODE =
  /^(?:CERT_|CRL_|ERR_TLS_|ERR_SSL_|ERROR_IN_C|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_(?:CA|PURPOSE)|HOSTNAME_MISMATCH|PATH_LENGTH_|EPROTO$)/

/** True for the codes of an operating system that has no more files, buffers or ports for us. */
export const isExhausted = (code: string): boolean => OURS.has(code)

const OURS = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])

/** True for the word of a failure that says something about the target, and not about its client. */
export const isOfTarget = (error: string): boolean => OF_TARGET.has(error)

const OF_TARGET = new Set(
  [REFUSED, UNREACHABLE, UNTRUSTED, CONNECT_TIMEOUT, TIMEOUT, CUT, MALFORMED].map(
    ({ error }) => error,
  ),
)

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
