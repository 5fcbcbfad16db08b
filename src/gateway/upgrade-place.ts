import type { IncomingMessage } from 'node:http'
import type { RouteSettings, WebSocketSettings } from '../config/config.ts'
import type { Place } from './place.ts'
import { isRefusal, type Refusal, refusal } from './refusal.ts'
import { type Offer, readOffer } from './websocket-protocols.ts'

/** What a route says of WebSockets, ready to be asked. */
export type WebSocketRules = Pick<WebSocketSettings, 'token' | 'idle' | 'lifetime'> & {
  /** Undefined: any. */
  readonly origins: ReadonlySet<string> | undefined
}

/** Undefined: none pass. */
export const webSocketRules = ({
  websocket,
}: Pick<RouteSettings, 'websocket'>): WebSocketRules | undefined => {
  if (typeof websocket === 'boolean') return websocket ? PLAIN : undefined
  const { origins, ...rules } = websocket
  return { ...rules, origins: origins && new Set(origins) }
}

const PLAIN: WebSocketRules = { token: 'header', origins: undefined }

/** Where an upgrade belongs. */
export type UpgradePlace = Place & {
  readonly rules: WebSocketRules
  /** Where the route takes a token among the subprotocols. */
  readonly offer: Offer | undefined
}

/**
 * The place of an upgrade, which has nothing behind the data plane. What a browser says of the page that opens it is held
 * against the route first (RFC 6455 §10.2): other programs say nothing, and show a token.
 */
export const upgradePlace = (
  req: Pick<IncomingMessage, 'headers'>,
  found: Place | Refusal | undefined,
): UpgradePlace | Refusal => {
  if (found === undefined) return NOT_FOUND
  if (isRefusal(found)) return found
  const { websocket: rules } = found.route
  if (rules === undefined) return NO_WEBSOCKET
  const { origin } = req.headers
  if (origin !== undefined && rules.origins?.has(origin) === false) return OTHER_ORIGIN
  if (rules.token === 'header') return { ...found, rules, offer: undefined }
  const offer = readOffer(req, found.head.authorization)
  if (isRefusal(offer)) return offer
  const authorization = offer.authorization ?? found.head.authorization
  return { ...found, head: { ...found.head, authorization }, rules, offer }
}

const NOT_FOUND = refusal(404, 'not_found', 'No route has this path', { reason: 'not_found' })
const NO_WEBSOCKET = refusal(400, 'invalid_request', 'This route takes no WebSocket', {
  reason: 'websocket',
})
const OTHER_ORIGIN = refusal(
  403,
  'origin_not_allowed',
  'Pages of this origin may not open a WebSocket here',
  { reason: 'origin' },
)
