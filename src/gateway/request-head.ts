import type { IncomingMessage } from 'node:http'
import { isOwnCookie } from '../config/cookie-names.ts'
import { dispositionOf, HOP_BY_HOP } from './field-names.ts'
import { malformed, type Refusal, refusal } from './refusal.ts'

/** A request's head as it came, sorted: what we need to know of it, and what may go on. */
export type RequestHead = {
  /** As sent; undefined from HTTP/1.0 clients that send none. */
  readonly host: string | undefined
  readonly authorization: string | undefined
  /** `chunked`, the value of Content-Length, or undefined: no body. */
  readonly body: string | undefined
  /** The client waits to be asked for its body (RFC 9110 §10.1.1). */
  readonly expects: boolean
  /** The way so far, all Via fields together (RFC 9110 §7.6.3). */
  readonly via: string | undefined
  /** Flat list name, value: what goes upstream as it came. Ours to add to. */
  readonly fields: string[]
  /** The same of fields that only a trusted proxy may send. */
  readonly forwarding: readonly string[]
}

/**
 * Sorts `rawHeaders` in one pass. Refuses what two servers could read differently: doubled Host, Authorization,
 * Content-Type or DPoP (Node keeps the first of them silently), codings other than chunked, chunked from HTTP/1.0, a Host
 * that is none, and what HTTP/1.x does not have.
 */
export const readHead = (req: IncomingMessage): RequestHead | Refusal => {
  if (req.httpVersionMajor !== 1) return VERSION
  if (req.method === 'TRACE' || req.method === 'CONNECT') return METHOD
  const raw = req.rawHeaders
  if (raw.length > MOST_FIELDS * 2) return TOO_MANY
  const head = emptyHead()
  for (let at = 0; at < raw.length; at += 2) {
    const wrong = sort(head, raw[at] ?? '', raw[at + 1] ?? '')
    if (wrong !== undefined) return wrong
  }
  if (req.httpVersionMinor === 0) {
    if (head.body === 'chunked') return OLD_AND_CHUNKED
    // RFC 9110 §10.1.1: it would take a 100 for the answer.
    head.expects = false
  } else if (head.host === undefined) return HOST_UNFIT
  if (head.nominated !== undefined) removeNominated(head, head.nominated)
  return head
}

type Draft = { -readonly [Key in keyof RequestHead]: RequestHead[Key] } & {
  type: boolean
  proof: boolean
  nominated: readonly string[] | undefined
}

const emptyHead = (): Draft => ({
  host: undefined,
  authorization: undefined,
  body: undefined,
  expects: false,
  via: undefined,
  fields: [],
  forwarding: NOTHING,
  type: false,
  proof: false,
  nominated: undefined,
})

const sort = (head: Draft, name: string, value: string): Refusal | undefined => {
  switch (dispositionOf(name)) {
    case 'pass':
      head.fields.push(name, value)
      return undefined
    case 'host':
      if (head.host !== undefined) return TWO_HOSTS
      head.host = value
      return HOST.test(value) ? undefined : HOST_UNFIT
    case 'authorization':
      if (head.authorization !== undefined) return TWO_AUTHORIZATIONS
      head.authorization = value
      return undefined
    case 'connection':
      if (!USUAL.has(value)) head.nominated = nominations(value, head.nominated)
      return undefined
    case 'length':
      if (Number(value) > 0) head.body ??= value
      return undefined
    case 'coding':
      head.body = 'chunked'
      if (value.toLowerCase() === 'chunked') return undefined
      return CODINGS.test(value) ? CODING : CODING_UNFIT
    case 'cookie':
      passCookies(head, name, value)
      return undefined
    case 'type':
      if (head.type) return TWO_TYPES
      head.type = true
      head.fields.push(name, value)
      return undefined
    case 'proof':
      if (head.proof) return TWO_PROOFS
      head.proof = true
      head.fields.push(name, value)
      return undefined
    case 'expect':
      head.expects = true
      return CONTINUE.test(value) ? undefined : EXPECTATION
    case 'via':
      head.via = head.via === undefined ? value : `${head.via},${value}`
      head.fields.push(name, value)
      return undefined
    case 'forwarding':
      head.forwarding = [...head.forwarding, name, value]
      return undefined
    case 'drop':
      return undefined
  }
}

/** The fields that Connection names, beyond those that never pass (RFC 9110 §7.6.1). */
const nominations = (value: string, before: Draft['nominated']): Draft['nominated'] => {
  const options = value.split(',').map((option) => option.trim().toLowerCase())
  const named = options.filter((option) => !OPTIONS.has(option) && !HOP_BY_HOP.has(option))
  return named.length === 0 ? before : [...(before ?? []), ...named]
}

const removeNominated = (head: Draft, nominated: readonly string[]): void => {
  const names = new Set(nominated)
  const without = (list: readonly string[]) =>
    list.filter((_, at) => !names.has((list[at - (at % 2)] ?? '').toLowerCase()))
  head.fields = without(head.fields)
  head.forwarding = without(head.forwarding)
}

const passCookies = (head: Draft, name: string, value: string): void => {
  const kept = value.includes('pc_') ? withoutOwnCookies(value) : value
  if (kept !== '') head.fields.push(name, kept)
}

const withoutOwnCookies = (value: string): string =>
  value
    .split(';')
    .filter((pair) => !isOwnCookie((pair.split('=', 1)[0] ?? '').trim()))
    .join(';')
    .trim()

const USUAL = new Set(['keep-alive', 'close', 'Keep-Alive', 'Close', 'Upgrade'])
const OPTIONS = new Set(['', 'keep-alive', 'close'])
const NOTHING: readonly string[] = []
const MOST_FIELDS = 100

/** RFC 9110 §4.2.1: a name or an address, and a port. */
const HOST = /^(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/

/** RFC 9112 §7: names, as far as they are some. */
const CODINGS = /^[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*$/

const VERSION = refusal(505, 'http_version_not_supported', 'HTTP/1.1 or HTTP/1.0 is spoken here', {
  reason: 'version',
  close: true,
})
/** Of what no server behind us gets to see. */
export const METHOD = refusal(405, 'method_not_allowed', 'This method is not let through', {
  headers: ['Allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
  reason: 'method',
  close: true,
})
const TOO_MANY = refusal(431, 'invalid_request', 'The request has over a hundred header fields', {
  reason: 'head.fields',
  close: true,
})
/** RFC 9110 §10.1.1: the only one there is. */
const CONTINUE = /^100-continue$/i
const EXPECTATION = refusal(417, 'expectation_failed', 'The only expectation met is 100-continue', {
  reason: 'head.expect',
  close: true,
})
const CODING = refusal(501, 'not_implemented', 'The only transfer coding known here is chunked', {
  reason: 'head.coding',
  close: true,
})
const CODING_UNFIT = malformed('Transfer-Encoding is not well-formed', 'head.coding')
const TWO_HOSTS = malformed('Host has to be sent once', 'head.host')
const HOST_UNFIT = malformed('Host has to be a name or address, and perhaps a port', 'head.host')
const TWO_AUTHORIZATIONS = malformed('Authorization has to be sent once', 'head.authorization')
const TWO_TYPES = malformed('Content-Type has to be sent once', 'head.content-type')
const TWO_PROOFS = malformed('DPoP has to be sent once', 'head.dpop')
const OLD_AND_CHUNKED = malformed('HTTP/1.0 has no transfer codings', 'head.coding')
