import type { IncomingMessage } from 'node:http'
import { malformed, type Refusal, refusal } from './refusal.ts'

/** The subprotocols of a handshake (RFC 6455 §1.9) that holds a token, told apart. */
export type Offer = {
  /** As `Authorization` would have it; undefined: no token among them. */
  readonly authorization: string | undefined
  /** What the upstream may choose from; undefined: nothing. */
  readonly others: string | undefined
  /** What to answer when it chose nothing. */
  readonly answer: string | undefined
}

/**
 * Reads a token out of Sec-WebSocket-Protocol, for browsers, whose scripts cannot set other fields: `bearer.TOKEN` as one of
 * the names, with or without `bearer` as another, or `bearer` and the token as two in a row. `own`: Authorization, if any.
 *
 * RFC 6455 §4.1 lets a client fail when the answer names what it did not offer, and browsers fail as well when it names
 * nothing although they offered something (WHATWG WebSockets, "establish a WebSocket connection"). The token must not come
 * back, so the answer names `bearer` where that was offered and the upstream chose nothing else.
 */
export const readOffer = (req: WithHeaders, own: string | undefined): Offer | Refusal => {
  const names = offered(req)
  const joined = names.filter((name) => JOINED.test(name))
  const at = names.findIndex((name) => name.toLowerCase() === SCHEME)
  const marker = names[at]
  const behind = marker === undefined || joined.length > 0 ? undefined : names[at + 1]
  const tokens = behind === undefined ? joined.map((name) => name.slice(PREFIX)) : [behind]
  const others = names.filter(
    (name, place) => place !== at && name !== behind && !joined.includes(name),
  )
  const [token] = tokens
  if (token === undefined) return marker === undefined ? { ...NO_TOKEN, others: list(names) } : LOST
  if (tokens.length > 1) return TWO
  // RFC 6750 §2: not more than one method a request. A browser may add what is not ours, such as Basic.
  if (own !== undefined && /^bearer(?![^\s,])/i.test(own)) return TWO
  return { authorization: `Bearer ${token}`, others: list(others), answer: marker }
}

type WithHeaders = Pick<IncomingMessage, 'headers'>

const offered = ({ headers }: WithHeaders): readonly string[] =>
  (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')

const list = (names: readonly string[]): string | undefined =>
  names.length === 0 ? undefined : names.join(', ')

const SCHEME = 'bearer'
const JOINED = /^bearer\../i
const PREFIX = 'bearer.'.length

const NO_TOKEN = { authorization: undefined, answer: undefined }

const LOST = malformed('Sec-WebSocket-Protocol has bearer, and no token behind it', 'protocol')
const TWO = refusal(400, 'invalid_request', 'The access token has to be sent once, in one way', {
  reason: 'token.twice',
  close: true,
})
