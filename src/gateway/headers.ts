import type { Peer } from '../peer.ts'
import type { AccessToken } from '../store/tokens.ts'
import type { AnswerHead } from './http1/answer-head.ts'
import { identityFields } from './identity.ts'
import type { RequestHead } from './request-head.ts'
import { isTraceparent, newTraceparent } from './trace.ts'

/** What the gateway tells an upstream of a request. */
export type Sender = {
  readonly id: string
  readonly peer: Peer
  /** Address of the other end of the connection; with a trusted proxy not the client's. */
  readonly address: string
  /** Who we are in Via. */
  readonly via: string
}

/**
 * The fields to send upstream, flat: those of the request that may go on, then ours. Uses up `head.fields`.
 * The length of a body is among them; Host and the rest of the framing are the forwarder's.
 */
export const requestFields = (
  head: RequestHead,
  token: AccessToken | undefined,
  sender: Sender,
): string[] => {
  const { fields } = head
  const { id, peer } = sender
  if (token !== undefined) fields.push(...identityFields(token))
  if (peer.trusted && head.forwarding.length > 0) continueForwarding(fields, head, sender)
  else {
    if (head.host !== undefined) fields.push('X-Forwarded-Host', head.host)
    fields.push('X-Forwarded-For', peer.address, 'X-Forwarded-Proto', peer.proto)
    fields.push('X-Request-Id', id, 'traceparent', newTraceparent(id, peer.trusted))
  }
  fields.push('Via', sender.via)
  if (head.body !== undefined && head.body !== 'chunked') fields.push('Content-Length', head.body)
  return fields
}

/** What a trusted proxy says of the way before it is kept, and it is added itself (RFC 7239 §4 has the same order). */
const continueForwarding = (fields: string[], head: RequestHead, sender: Sender): void => {
  const told = new Map<string, string[]>()
  for (let at = 0; at < head.forwarding.length; at += 2) {
    const name = (head.forwarding[at] ?? '').toLowerCase()
    told.set(name, [...(told.get(name) ?? []), head.forwarding[at + 1] ?? ''])
  }
  const before = told.get('x-forwarded-for') ?? []
  const trace = told.get('traceparent') ?? []
  const continued = trace.length === 1 && trace.every(isTraceparent)
  const ours = new Map([
    ['x-request-id', sender.id],
    ['x-forwarded-for', [...before, sender.address].join(', ')],
    ['x-forwarded-proto', sender.peer.proto],
    ['x-forwarded-host', told.get('x-forwarded-host')?.[0] ?? head.host ?? ''],
    ['traceparent', continued ? (trace[0] ?? '') : newTraceparent(sender.id, true)],
  ])
  if (!continued) told.delete('tracestate')
  for (const [name, value] of ours) fields.push(name, value)
  for (const [name, values] of told) {
    if (!ours.has(name)) for (const value of values) fields.push(name, value)
  }
}

/**
 * The fields of an upstream's answer as they reach the client, flat, with our X-Request-Id. Uses up `head.fields`. An answer
 * to a token that says nothing of caching becomes `private` (RFC 9111 §5.2.2.7), for caches that do not look at
 * Authorization.
 */
export const answerFields = (
  { fields, caching }: AnswerHead,
  { id, token }: { readonly id: string; readonly token: AccessToken | undefined },
): string[] => {
  fields.push('X-Request-Id', id)
  if (token !== undefined && !caching) fields.push('Cache-Control', 'private')
  return fields
}
