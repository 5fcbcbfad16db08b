import { isOwnCookie } from '../../config/cookie-names.ts'
import { answerDisposition } from './answer-field-names.ts'
import { MalformedAnswer } from './malformed-answer.ts'

/** The head of an upstream's answer: what we need to know of it, and what may go on. */
export type AnswerHead = {
  /** 100 to 599. */
  readonly status: number
  /**
   * Flat list name, value: what reaches the client as it came. Left out is what belongs to one connection, what Connection
   * names, our X-Request-Id, and cookies by our names. Ours to add to.
   */
  readonly fields: string[]
  /** Of the body, as far as Content-Length tells. */
  readonly length: number | undefined
  readonly chunked: boolean
  /** The connection may serve another request. */
  readonly persistent: boolean
  /** Seconds that the upstream says it keeps an idle connection (`Keep-Alive: timeout=5`). */
  readonly keepAlive: number | undefined
  /** Content-Type. */
  readonly type: string | undefined
  /** It has a Content-Encoding; a Cache-Control. */
  readonly encoded: boolean
  readonly caching: boolean
}

/** Throws `MalformedAnswer` for a head with controls other than the tab, and for a CR or LF without its other half. */
export const checkCharacters = (bytes: Buffer, end: number): void => {
  for (let at = 0; at < end; at += 1) {
    const byte = bytes[at] ?? 0
    if (byte >= SPACE ? byte !== DELETE : byte === HT) continue
    if (byte !== CR || bytes[at + 1] !== LF)
      throw new MalformedAnswer('a character that heads do not have')
    at += 1
  }
}

/**
 * Reads a head whose characters were checked, without the empty line that ends it (RFC 9112 §4, §5). Strict, because what
 * two readers read differently is how answers are smuggled: lines end in CR LF, names are tokens right before their colon,
 * nothing is folded, there is one length at most and none beside a coding, and the only coding is chunked. Throws
 * `MalformedAnswer`.
 */
export const readAnswerHead = (text: string): AnswerHead => {
  const end = text.indexOf('\r\n')
  const head = draft(end < 0 ? text : text.slice(0, end))
  let at = end < 0 ? text.length : end + 2
  while (at < text.length) {
    const next = text.indexOf('\r\n', at)
    const stop = next < 0 ? text.length : next
    const colon = text.indexOf(':', at)
    if (colon < 0 || colon > stop) throw new MalformedAnswer('a line without a colon')
    take(head, text.slice(at, colon), trimmed(text, colon + 1, stop))
    at = stop + 2
  }
  return finished(head)
}

/** The same of an answer that was read by Node. */
export const answerHeadOf = (status: number, raw: readonly string[]): AnswerHead => {
  const head = draft(`HTTP/1.1 ${status}`)
  for (let at = 0; at + 1 < raw.length; at += 2) take(head, raw[at] ?? '', raw[at + 1] ?? '')
  return finished(head)
}

type Draft = { -readonly [Key in keyof AnswerHead]: AnswerHead[Key] } & {
  nominated: readonly string[] | undefined
}

/** A status line, `HTTP/1.1 200 OK`; servers that leave the reason out mostly leave its space out, too. */
const draft = (line: string): Draft => {
  if (!STATUS_LINE.test(line)) throw new MalformedAnswer('a status line that is none')
  return {
    status: Number(line.slice(9, 12)),
    fields: [],
    length: undefined,
    chunked: false,
    // What HTTP/1.0 says of connections is too vague to build on.
    persistent: line.charCodeAt(7) === ONE,
    keepAlive: undefined,
    type: undefined,
    encoded: false,
    caching: false,
    nominated: undefined,
  }
}

const trimmed = (text: string, start: number, end: number): string => {
  let first = start
  let last = end
  while (first < last && isBlank(text.charCodeAt(first))) first += 1
  while (last > first && isBlank(text.charCodeAt(last - 1))) last -= 1
  return text.slice(first, last)
}

const take = (head: Draft, name: string, value: string): void => {
  switch (answerDisposition(name)) {
    case undefined:
      throw new MalformedAnswer('a field name that is none')
    case 'drop':
      return
    case 'connection':
      takeConnection(head, value)
      return
    case 'keep-alive':
      head.keepAlive = keepAliveOf(value)
      return
    case 'coding':
      if (head.chunked || value.toLowerCase() !== 'chunked')
        throw new MalformedAnswer('a transfer coding other than chunked')
      head.chunked = true
      return
    case 'length':
      if (head.length !== undefined || !DIGITS.test(value))
        throw new MalformedAnswer('a length that is none, or two')
      head.length = Number(value)
      // RFC 9110 §8.6: 204 has no length.
      if (head.status !== 204) head.fields.push(name, value)
      return
    case 'cookie':
      if (!isOwnCookie(returnedName(value))) head.fields.push(name, value)
      return
    case 'type':
      head.type = value
      break
    case 'encoding':
      head.encoded = true
      break
    case 'caching':
      head.caching = true
      break
    case 'pass':
      break
  }
  head.fields.push(name, value)
}

const takeConnection = (head: Draft, value: string): void => {
  if (value === 'keep-alive' || value === 'Keep-Alive') return
  for (const option of value.split(',')) {
    const name = option.trim().toLowerCase()
    if (name === 'close') head.persistent = false
    else if (name !== '' && name !== 'keep-alive')
      head.nominated = [...(head.nominated ?? []), name]
  }
}

const keepAliveOf = (value: string): number | undefined => {
  const seconds = /timeout=(\d{1,6})/i.exec(value)?.[1]
  return seconds === undefined ? undefined : Number(seconds)
}

const finished = (head: Draft): AnswerHead => {
  if (head.chunked && head.length !== undefined)
    throw new MalformedAnswer('a length beside a transfer coding')
  // RFC 9110 §8.6, RFC 9112 §6.1: who frames a body that 204 cannot have may send it, too, and what comes of it late would be
  // taken for the answer to the next request.
  if (head.status === 204 && (head.chunked || (head.length ?? 0) > 0)) head.persistent = false
  if (head.nominated !== undefined) removeNominated(head, new Set(head.nominated))
  return head
}

/** RFC 9110 §7.6.1. A length is no matter of one connection, whoever names it. */
const removeNominated = (head: Draft, names: ReadonlySet<string>): void => {
  const isKept = (name: string) => name === 'content-length' || !names.has(name)
  const { fields } = head
  head.fields = fields.filter((_, at) => isKept((fields[at - (at % 2)] ?? '').toLowerCase()))
  if (names.has('cache-control')) head.caching = false
}

/**
 * The name by which a cookie comes back to us. One without a name is sent as its value alone, and a value like
 * `pc_session=x` then reads as name and value (RFC 6265bis §5.6, §5.8.3).
 */
const returnedName = (cookie: string): string =>
  (cookie.replace(/^\s*=/, '').split('=', 1)[0] ?? '').trim()

const isBlank = (code: number): boolean => code === SPACE || code === HT
const ONE = 0x31
const STATUS_LINE = /^HTTP\/1\.[01] [1-5]\d\d(?: |$)/
const DIGITS = /^\d{1,15}$/

const HT = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const DELETE = 0x7f
