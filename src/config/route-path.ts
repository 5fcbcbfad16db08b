import { isIP } from 'node:net'
import { Wrong } from './problem.ts'
import { parameterName } from './route-pattern.ts'

/**
 * `/status`, or a prefix that ends in `/*`; a segment may be a parameter, `/t/:tenant`. Canonical, as the gateway compares
 * bytes, and nothing that it refuses of any request (gateway/request-target.ts).
 */
export const parseRoutePath = (text: string): string => {
  const base = parseTemplate(text)
  const names = base.split('/').flatMap((segment) => parameterName(segment) ?? [])
  const twice = names.find((name, at) => names.indexOf(name) < at)
  if (twice !== undefined) throw new Wrong(`must not have the parameter :${twice} twice`)
  if (REFUSED.test(base) || !isUtf8(base))
    throw new Wrong(
      'would never be reached: requests are refused for ;, for segments that end in . or %20, for escaped controls, for escapes of escapes and for what is not UTF-8',
    )
  return text
}

/** What a path is rewritten to: parameters of the path as segments, and `/*` at the end for all that follows. */
export const parseRewrite = (text: string): string => {
  parseTemplate(text)
  return text
}

/** Gives the text without its `*`. */
const parseTemplate = (text: string): string => {
  mustBeginWithSlash(text)
  const base = text.endsWith('/*') ? text.slice(0, -1) : text
  if (base.includes('*'))
    throw new Wrong(
      /[^/]\*$/.test(text)
        ? `must have its * as a segment of its own: ${text.slice(0, -1)}/*`
        : 'must have * only as its last segment: /orders/*',
    )
  parsePath(base)
  const colon = base.split('/').find((each) => each.startsWith(':') && !parameterName(each))
  if (colon !== undefined)
    throw new Wrong(
      `must have a name of letters, digits and _ behind a : that begins a segment (%3A is a plain colon): ${colon}`,
    )
  return base
}

/** An absolute path, canonical (RFC 3986 §6.2.2): no `.` and `..`, no empty segments, nothing encoded that need not be. */
export const parsePath = (text: string): string => {
  mustBeginWithSlash(text)
  if (/[?#]/.test(text)) throw new Wrong('must be a path alone, without a query or fragment')
  if (text.includes('//')) throw new Wrong('must not have // (an empty segment)')
  if (/\/\.{1,2}(\/|$)/.test(text)) throw new Wrong('must not have . or .. as a segment')
  const encoded = /%(?![0-9A-F]{2})|%2F|%5C|%00/.exec(text)
  if (encoded)
    throw new Wrong('must not have an encoded slash, or a % without two upper-case hex digits')
  for (const [octet] of text.matchAll(/%[0-9A-F]{2}/g))
    if (UNRESERVED.test(decodeOctet(octet)))
      throw new Wrong(`must have ${decodeOctet(octet)} in place of ${octet}`)
  const strange = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/u.exec(text)
  if (strange)
    throw new Wrong(`must have ${encodeURIComponent(strange[0])} in place of "${strange[0]}"`)
  return text
}

const mustBeginWithSlash = (text: string): void => {
  if (!text.startsWith('/')) throw new Wrong(`must begin with /: /${text.replace(/^\.?\/*/, '')}`)
}

/** A path that others are prefixed with: `/v2/billing`. No trailing slash. */
export const parsePrefix = (text: string): string => {
  parsePath(text)
  if (text === '/') throw new Wrong('must be more than /')
  if (text.endsWith('/')) throw new Wrong(`must not end in a slash: ${text.slice(0, -1)}`)
  if (text.includes('*')) throw new Wrong('must not have a *')
  return text
}

/** A host, or `*.` and the end of one: all hosts below it. */
export const parseRouteHost = (text: string): string => {
  if (!text.startsWith('*')) return parseHost(text)
  const [, below = ''] = /^\*\.(.+)$/.exec(text) ?? []
  if (below === '' || below.startsWith('[') || !Number.isNaN(Number(below.split('.').at(-1))))
    throw new Wrong('must have * as its first label, before the end of a name: *.example.com')
  parseHost(below)
  return text
}

/** A host name or address in lower case, without a port. */
const parseHost = (text: string): string => {
  if (/:\d+$/.test(text) && !text.endsWith(']'))
    throw new Wrong(`must be a host without its port: ${text.replace(/:\d+$/, '')}`)
  const lower = text.toLowerCase()
  if (text !== lower) throw new Wrong(`must be in lower case: ${lower}`)
  const address = /^\[(.+)\]$/.exec(text)?.[1]
  if (address !== undefined ? isIP(address) === 6 : HOST.test(text)) {
    const canonical = URL.parse(`http://${text}/`)?.hostname
    if (canonical === text) return text
    if (canonical !== undefined) throw new Wrong(`must be written as ${canonical}`)
  }
  throw new Wrong('must be a host name such as api.example.com, without scheme or path')
}

const decodeOctet = (octet: string): string =>
  String.fromCharCode(Number.parseInt(octet.slice(1), 16))

const isUtf8 = (text: string): boolean => {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

// Behind %25: an escape of what `.`, `/`, `\`, `%`, NUL or a plain character would be to whoever decodes twice.
const REFUSED =
  /;|(?:\.|%20)(?=\/|$)|%[01][0-9A-F]|%7F|%25(?:00|25|2[DEF]|3[0-9]|[46][1-9A-F]|5[0-9ACF]|7[0-9AE])/i
const UNRESERVED = /[A-Za-z0-9\-._~]/
const HOST = /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/
