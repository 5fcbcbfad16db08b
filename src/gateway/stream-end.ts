import type { Ended } from '../store/tokens.ts'
import type { StreamReason } from '../telemetry/stream-counts.ts'
import { CLOSING, ENDED, EXPIRED, type Failure } from './upstream-failure.ts'

/** Why what a token opened is ended before its time. */
export type StreamEnd = {
  readonly failure: Failure
  /** For a WebSocket's client: the reason of its close frame. */
  readonly words: string
}

const under = (words: string): StreamEnd => ({ failure: ENDED, words })

const TOKEN_REVOKED = under('the access token was revoked')
export const GRANT_ENDED = under('the grant has ended')
export const ROUTE_ENDED = under('the route no longer lets it in')
const CLIENT_ENDED = under('the client is disabled')
const ACCOUNT_ENDED = under('the account is disabled')
export const STOPPING: StreamEnd = { failure: CLOSING, words: 'service restart' }
export const TOKEN_EXPIRED: StreamEnd = {
  failure: EXPIRED,
  words: 'the access token has expired',
}

/** What to say of an end that the store told of. */
export const streamEnd = (ended: Ended): StreamEnd => {
  if (ended.token !== undefined) return TOKEN_REVOKED
  if (ended.grant_id !== undefined) return GRANT_ENDED
  return ended.client_id === undefined ? ACCOUNT_ENDED : CLIENT_ENDED
}

/** Private-use code of RFC 6455 §7.4.2, after HTTP's 401: come again with another token. */
export const UNAUTHORIZED = 4401

/** The word that metrics have for what a failure did to a stream. */
export const streamReason = (error: string): StreamReason => REASONS.get(error) ?? 'failed'

const REASONS: ReadonlyMap<string, StreamReason> = new Map([
  ['client.gone', 'client'],
  ['client.slow', 'idle'],
  ['closing', 'stopping'],
  ['ended', 'token'],
  ['expired', 'expired'],
  ['idle', 'idle'],
  ['lifetime', 'lifetime'],
  ['upstream.cut', 'cut'],
  ['upstream.idle', 'idle'],
  ['upstream.malformed', 'cut'],
])
