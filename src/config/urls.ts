import { isLoopback } from './address.ts'
import { Wrong } from './problem.ts'

/**
 * The issuer (RFC 8414 §2): https, or http on loopback; no query, fragment or user information. It is compared byte for
 * byte by clients, so only the canonical spelling without a trailing slash is taken.
 */
export const parseIssuer = (text: string): string => {
  const url = parseHttp(text)
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new Wrong('must be https (http is for loopback only)')
  const canonical = url.href.replace(/\/+$/, '')
  if (text === canonical) return text
  if (text.replace(/\/+$/, '') === canonical)
    throw new Wrong(`must not end in a slash, clients compare it byte for byte: ${canonical}`)
  throw new Wrong(`must be written as ${canonical}, clients compare it byte for byte`)
}

/** An upstream's origin with an optional base path: http or https, canonical, without a trailing slash. */
export const parseTarget = (text: string): string => {
  const url = parseHttp(text)
  const canonical = url.href.replace(/\/$/, '')
  if (text.replace(/\/$/, '') !== canonical) throw new Wrong(`must be written as ${canonical}`)
  if (/%2f|%5c/i.test(url.pathname)) throw new Wrong('must not have an encoded slash in its path')
  return canonical
}

/** A page for people: http or https. */
export const parsePage = (text: string): string => {
  if (/^https?:\/\//.test(text) && /^[!-~]+$/.test(text) && URL.canParse(text)) return text
  throw new Wrong('must be an http or https URL')
}

const parseHttp = (text: string): URL => {
  const url = /^[!-~]+$/.test(text) ? URL.parse(text) : null
  if (url === null || !/^https?:\/\//i.test(text))
    throw new Wrong('must be a URL that begins with https:// or http://')
  // User information is tested first: no later message may repeat it.
  if (url.username !== '' || url.password !== '' || text.includes('@'))
    throw new Wrong('must not hold a user name or password')
  if (text.includes('?')) throw new Wrong('must not have a query')
  if (text.includes('#')) throw new Wrong('must not have a fragment')
  return url
}
