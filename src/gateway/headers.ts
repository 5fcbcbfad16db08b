import { isOwnCookie } from '../config/cookie-names.ts'
import type { Peer } from '../peer.ts'
import type { AccessToken } from '../store/tokens.ts'
import { HOP_BY_HOP } from './field-names.ts'
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

/** Fields of an upstream's answer by lower-case name, as undici and Node give them. */
export type AnswerFields = Readonly<Record<string, string | string[] | undefined>>

/**
 * The fields of an upstream's answer that may reach the client, flat (Set-Cookie may be a list), with our X-Request-Id.
 * Removed: what belongs to one connection, what Connection names, trailers, and cookies by our names. An answer to a token
 * that says nothing of caching becomes `private` (RFC 9111 §5.2.2.7), for caches that do not look at Authorization.
 */
export const answerFields = (
  status: number,
  answer: AnswerFields,
  { id, token }: { readonly id: string; readonly token: AccessToken | undefined },
): (string | string[])[] => {
  const coding = answer['transfer-encoding']
  if (coding !== undefined && String(coding).toLowerCase() !== 'chunked')
    throw new Error('the body has a transfer coding that cannot be passed on')
  const fields: (string | string[])[] = []
  const nominated = nominatedBy(answer.connection)
  for (const name in answer) {
    const value = answer[name]
    if (value === undefined || DROPPED.has(name) || nominated?.includes(name)) continue
    if (name === 'set-cookie') passSetCookie(fields, value)
    // RFC 9110 §8.6: 204 has no length.
    else if (name !== 'content-length' || status !== 204) fields.push(name, value)
  }
  fields.push('X-Request-Id', id)
  if (token !== undefined && answer['cache-control'] === undefined)
    fields.push('Cache-Control', 'private')
  return fields
}

/** A flat list as `AnswerFields`. */
export const collectFields = (raw: readonly string[]): AnswerFields => {
  const collected: Record<string, string | string[]> = Object.create(null)
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase()
    const value = raw[at + 1] ?? ''
    const before = collected[name]
    collected[name] = before === undefined ? value : [before, value].flat()
  }
  return collected
}

/** A flat list where some names have several values, with the name before each of them. */
export const repeatNames = (fields: readonly (string | string[])[]): string[] =>
  fields.flatMap((value, at) => {
    const name = String(fields[at - 1] ?? '')
    return at % 2 === 0 ? [] : [value].flat().flatMap((one) => [name, one])
  })

const DROPPED: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'x-request-id'])

const nominatedBy = (connection: string | string[] | undefined): readonly string[] | undefined => {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') {
    return undefined
  }
  return String(connection)
    .split(',')
    .map((option) => option.trim().toLowerCase())
}

const passSetCookie = (fields: (string | string[])[], value: string | string[]): void => {
  const cookies = typeof value === 'string' ? [value] : value
  const kept = cookies.filter((cookie) => !isOwnCookie(returnedName(cookie)))
  if (kept.length > 0) fields.push('Set-Cookie', kept)
}

/**
 * The name by which a cookie comes back to us. One without a name is sent as its value alone, and a value like
 * `pc_session=x` then reads as name and value (RFC 6265bis §5.6, §5.8.3).
 */
const returnedName = (cookie: string): string =>
  (cookie.replace(/^\s*=/, '').split('=', 1)[0] ?? '').trim()
