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

/**
 * An upstream's origin with an optional base path: http or https, canonical, without a trailing slash. Or the absolute path
 * of a socket: `unix:/run/app.sock`.
 */
export const parseTarget = (text: string): string => {
  if (text.startsWith('unix:')) return parseSocket(text)
  const url = parseHttp(text)
  const canonical = url.href.replace(/\/$/, '')
  if (text.replace(/\/$/, '') !== canonical) throw new Wrong(`must be written as ${canonical}`)
  if (/%2f|%5c/i.test(url.pathname)) throw new Wrong('must not have an encoded slash in its path')
  return canonical
}

const parseSocket = (text: string): string => {
  if (!/^unix:\/[!-~]*[^/]$/.test(text))
    throw new Wrong('must be unix: and the absolute path of a socket, as unix:/run/app.sock')
  if (text.length > LONGEST_SOCKET) throw new Wrong('has too long a path for a socket')
  return text
}

// `sun_path` takes 108 bytes with a zero on Linux, 104 elsewhere.
const LONGEST_SOCKET = 'unix:'.length + 103

/** A name as TLS takes it (RFC 6066 §3): no address, no dot behind it. */
export const parseServername = (text: string): string => {
  if (/^[a-z\d]([\w.-]{0,251}[a-z\d])?$/i.test(text) && !/^[\d.]+$/.test(text))
    return text.toLowerCase()
  throw new Wrong('must be a host name')
}

/** An origin as a browser sends it (RFC 6454 §6.2): scheme, host and a port that is not the scheme's own. */
export const parseOrigin = (text: string): string => {
  if (text === '*' || text === 'null')
    throw new Wrong('must be an origin such as https://app.example.com, not every one')
  const url = URL.parse(text)
  if (url === null || !ORIGIN.test(text))
    throw new Wrong('must be an origin such as https://app.example.com, without a path')
  // Only the schemes that URL knows have an origin there.
  const canonical = url.origin === 'null' ? text.toLowerCase() : url.origin
  if (text !== canonical) throw new Wrong(`must be written as ${canonical}, as browsers send it`)
  return text
}

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/i

/** A page for people: http or https. */
export const parsePage = (text: string): string => {
  if (/^https?:\/\//.test(text) && /^[!-~]+$/.test(text) && URL.canParse(text)) return text
  throw new Wrong('must be an http or https URL')
}

/** A protected resource (RFC 8707 §2): an absolute http or https URL without a fragment. */
export const parseResource = (text: string): string => {
  parseHttp(text)
  return text
}

/** A document that a client names and this server fetches: https, whole, without user information or fragment. */
export const parseDocumentUrl = (text: string): string => {
  const url = /^[!-~]+$/.test(text) ? URL.parse(text) : null
  if (url?.protocol !== 'https:' || !/^https:\/\/[^/?#]/i.test(text) || text.includes('\\'))
    throw new Wrong('must be an https URL')
  if (/^[^/?#]*\/\/[^/?#]*@/.test(text)) throw new Wrong('must not hold a user name or password')
  if (text.includes('#')) throw new Wrong('must not have a fragment')
  if (text.length > LONGEST_URL)
    throw new Wrong(`must not be longer than ${LONGEST_URL} characters`)
  return text
}

const LONGEST_URL = 2048

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
