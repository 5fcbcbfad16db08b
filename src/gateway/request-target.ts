import { routeKey } from '../config/route-pattern.ts'
import { malformed, type Refusal } from './refusal.ts'

/** What was asked for, split but not rewritten: `path + query` are the bytes that came. */
export type RequestTarget = {
  readonly path: string
  /** With its `?`, or empty. */
  readonly query: string
  /** What routes are compared with: the path with every escape but `%2F` undone. */
  readonly key: string
  readonly encodedSlash: boolean
}

/**
 * Takes a request target only in the one form that every server behind us reads alike (RFC 9112 §3.2.1, RFC 3986 §6.2.2).
 * What could be rewritten on the way is refused: dot segments and segments that end in a dot or an encoded space, empty
 * segments, `;`, `\`, escapes of unreserved characters, of `\`, of controls, of an escape, and of what is not UTF-8.
 * A slash that is encoded is only noted: the route decides. The query is no part of any decision and passes as it is,
 * but for `#` and the characters that no URL may hold; what browsers leave unencoded there may stay.
 */
export const readTarget = (url: string): RequestTarget | Refusal => {
  if (url.charCodeAt(0) !== SLASH) return NOT_A_PATH
  let escapes = 0
  let segment = 1
  let at = 1
  for (; at < url.length; at++) {
    const code = url.charCodeAt(at)
    const kind = code < 128 ? KINDS[code] : FORBIDDEN
    if (kind === PLAIN) continue
    if (kind === SEPARATOR) {
      if (!isSegment(url, segment, at)) return NOT_CANONICAL
      segment = at + 1
    } else if (kind === ESCAPE) {
      const byte = escaped(url, at)
      if (byte === REFUSED) return NOT_CANONICAL
      escapes |= byte >= 128 ? HIGH : byte === SLASH ? ENCODED_SLASH : SOME
      if (byte === SLASH) {
        if (!isSegment(url, segment, at)) return NOT_CANONICAL
        segment = at + 3
      }
      at += 2
    } else if (code === QUESTION_MARK) break
    else return NOT_CANONICAL
  }
  if (segment < at && !isSegment(url, segment, at)) return NOT_CANONICAL
  if (at === url.length && escapes === 0) {
    return { path: url, query: '', key: url, encodedSlash: false }
  }
  return split(url, at, escapes)
}

const split = (url: string, end: number, escapes: number): RequestTarget | Refusal => {
  const query = url.slice(end)
  if (NOT_IN_QUERY.test(query)) return NOT_A_QUERY
  const path = url.slice(0, end)
  if (escapes === 0) return { path, query, key: path, encodedSlash: false }
  if (escapes & HIGH && !isUtf8(path)) return NOT_CANONICAL
  return { path, query, key: routeKey(path), encodedSlash: (escapes & ENCODED_SLASH) !== 0 }
}

// What ends in a dot or a space is another name to some file systems.
const isSegment = (url: string, start: number, end: number): boolean =>
  start < end &&
  url.charCodeAt(end - 1) !== DOT &&
  !(url.charCodeAt(end - 3) === PERCENT && url.startsWith('%20', end - 3))

/** The byte that an escape stands for, or REFUSED. */
const escaped = (url: string, at: number): number => {
  const byte = hexByte(url, at + 1)
  if (byte < 0x20 || byte === 0x7f || byte === BACKSLASH || isUnreserved(byte)) return REFUSED
  // `%252e` is `.` to whoever decodes twice.
  if (byte === PERCENT && isMasked(hexByte(url, at + 3))) return REFUSED
  return byte
}

const isMasked = (byte: number): boolean =>
  byte === 0 || byte === SLASH || byte === BACKSLASH || byte === PERCENT || isUnreserved(byte)

/** -1 where there are no two hexadecimal digits. */
const hexByte = (url: string, at: number): number => {
  const high = hexDigit(url.charCodeAt(at))
  const low = hexDigit(url.charCodeAt(at + 1))
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

const hexDigit = (code: number): number => {
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

const isUnreserved = (byte: number): boolean =>
  byte > 0 && byte < 128 && UNRESERVED.test(String.fromCharCode(byte))

const isUtf8 = (path: string): boolean => {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}

const UNRESERVED = /[A-Za-z0-9._~-]/
const NOT_IN_QUERY = /[^!$-;=?-~]/

const SLASH = 0x2f
const BACKSLASH = 0x5c
const DOT = 0x2e
const PERCENT = 0x25
const QUESTION_MARK = 0x3f
const REFUSED = -1

const SOME = 1
const ENCODED_SLASH = 2
const HIGH = 4

const FORBIDDEN = 0
const PLAIN = 1
const SEPARATOR = 2
const ESCAPE = 3
const KINDS = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  if (character === '/') return SEPARATOR
  if (character === '%') return ESCAPE
  // pchar of RFC 3986 §3.3 without `;`, which some servers cut off with what follows.
  return /[A-Za-z0-9._~!$&'()*+,=:@-]/.test(character) ? PLAIN : FORBIDDEN
})

const NOT_A_PATH = malformed(
  'The request target has to be a path that starts with one slash',
  'target.form',
)
const NOT_CANONICAL = malformed(
  'The path is not in its plain form: no dot segments, no empty segments, no needless escapes',
  'target.path',
)
const NOT_A_QUERY = malformed('The query holds characters that have to be encoded', 'target.query')
