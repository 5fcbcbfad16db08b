import type { IncomingMessage } from 'node:http'
import type { Peer } from '../peer.ts'
import type { AccessToken } from '../store/tokens.ts'
import { describeError } from '../telemetry/describe-error.ts'
import type { Exchange } from '../telemetry/exchange.ts'
import { loggedPath } from '../telemetry/logged-path.ts'
import { requestId } from '../telemetry/request-id.ts'
import type { Cause } from './job.ts'
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
  /** What a target gave, where the error does not say it all. */
  reason: string | undefined
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
  reason: undefined,
  bytes: 0,
})

/** What a stranger is not told, for the log; and noted for the line of the visit. */
export const causeFields = (visit: Visit, { target, error }: Cause) => {
  const words = describeError(error)
  visit.reason = `${target}: ${words}`
  return {
    request_id: visit.id,
    upstream: visit.place?.route.upstream.name,
    target,
    error: words,
  }
}

/** Formats it, when it is over. `status` 0: nobody was there to be answered. */
export const exchangeOf = (
  visit: Visit,
  { status, now, upgraded }: { status: number; now: number; upgraded?: boolean },
): Exchange => {
  const { id, req, peer, started, place, refusal, verdict, error, reason, bytes } = visit
  const token = visit.token ?? verdict?.token
  const exchange: { -readonly [Key in keyof Exchange]: Exchange[Key] } = {
    id,
    method: req.method ?? '',
    path: loggedPath(req.url ?? ''),
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
  if (reason !== undefined) exchange.reason = reason
  if (upgraded) exchange.upgraded = true
  return exchange
}
