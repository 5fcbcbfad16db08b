import type { IncomingMessage } from 'node:http'
import type { Peer } from '../peer.ts'
import type { AccessToken } from '../store/tokens.ts'
import type { Exchange } from '../telemetry/exchange.ts'
import type { Place } from './place.ts'

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
  error: string | undefined
  /** Of the answer's body. */
  bytes: number
}

/** Formats it, when it is over. `status` 0: nobody was there to be answered. */
export const exchangeOf = (
  visit: Visit,
  { status, now, upgraded }: { status: number; now: number; upgraded?: boolean },
): Exchange => {
  const { id, req, peer, started, place, token, refusal, error, bytes } = visit
  return {
    id,
    method: req.method ?? '',
    path: (req.url ?? '').split('?', 1)[0] ?? '',
    status,
    seconds: now - started,
    remote: peer.address,
    ...(place && { route: place.route.path, upstream: place.route.upstream.name }),
    ...(token && { client_id: token.client_id, sub: token.sub, grant_id: token.grant_id }),
    ...(refusal !== undefined && { refusal }),
    ...(error !== undefined && { error }),
    ...(upgraded && { upgraded }),
    bytes,
  }
}
