import type { IncomingMessage } from 'node:http'
import type { Peer } from '../peer.ts'
import type { AccessToken } from '../store/tokens.ts'
import type { Exchange } from '../telemetry/exchange.ts'
import { requestId } from '../telemetry/request-id.ts'
import type { Place } from './place.ts'
import { type Verdict, verdictFields } from './verdict.ts'

/** What is noted of a request while it is here, for its one line in the end. */
export type Visit = {
  readonly id: string
  readonly req: IncomingMessage
  readonly peer: Peer
  /** Seconds since the epoch. */
  readonly started: number
  place: Place | undefined
  token: AccessToken | undefined
  refusal: string | undefined
  verdict: Verdict | undefined
  error: string | undefined
  /** Of the answer's body. */
  bytes: number
}

export const openVisit = (req: IncomingMessage, peer: Peer, started: number): Visit => ({
  id: requestId(req, peer.trusted),
  req,
  peer,
  started,
  place: undefined,
  token: undefined,
  refusal: undefined,
  verdict: undefined,
  error: undefined,
  bytes: 0,
})

/** Formats it, when it is over. `status` 0: nobody was there to be answered. */
export const exchangeOf = (
  visit: Visit,
  { status, now, upgraded }: { status: number; now: number; upgraded?: boolean },
): Exchange => {
  const { id, req, peer, started, place, refusal, verdict, error, bytes } = visit
  const token = visit.token ?? verdict?.token
  const exchange: { -readonly [Key in keyof Exchange]: Exchange[Key] } = {
    id,
    method: req.method ?? '',
    path: pathOf(req.url ?? ''),
    status,
    seconds: now - started,
    remote: peer.address,
    bytes,
  }
  if (place !== undefined) {
    exchange.route = place.route.path
    exchange.upstream = place.route.upstream.name
  }
  if (token !== undefined) {
    exchange.client_id = token.client_id
    exchange.sub = token.sub
    exchange.grant_id = token.grant_id
  }
  if (refusal !== undefined) exchange.refusal = refusal
  if (verdict !== undefined) Object.assign(exchange, verdictFields(verdict, started))
  if (error !== undefined) exchange.error = error
  if (upgraded) exchange.upgraded = true
  return exchange
}

const pathOf = (url: string): string => {
  const end = url.indexOf('?')
  return end < 0 ? url : url.slice(0, end)
}
