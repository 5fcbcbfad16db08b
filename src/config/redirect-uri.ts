import { isLoopback } from './address.ts'
import { Wrong } from './problem.ts'

/**
 * A redirect URI that an operator may list for a client: https, http on loopback (RFC 8252 §7.3), or an application's own
 * scheme (RFC 8252 §7.1). Never a scheme that runs code or reads files, no fragment (RFC 6749 §3.1.2), and no parameter
 * that our answer adds.
 */
export const parseRedirectUri = (text: string): string => {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined || !/^[!-~]+$/.test(text) || /["<>\\^`{|}]/.test(text))
    throw new Wrong('must be an absolute URI, such as https://app.example.com/callback')
  if (text.length > LONGEST) throw new Wrong(`must not be longer than ${LONGEST} characters`)
  if (isUnsafeScheme(scheme))
    throw new Wrong(`must not use the scheme ${scheme}: a browser could be made to act on it`)
  if (text.includes('#')) throw new Wrong('must not have a fragment (#)')
  if (scheme === 'http' || scheme === 'https') checkWeb(text, scheme)
  else if (!URL.canParse(text) || /^[^:]+:\/*$/.test(text))
    throw new Wrong('must have something after the scheme, such as com.example.app:/callback')
  checkQuery(text)
  return text
}

const checkWeb = (text: string, scheme: 'http' | 'https'): void => {
  const url = URL.parse(text)
  if (url === null || !/^https?:\/\/[^/?]/.test(text))
    throw new Wrong(`must be written as ${scheme}://HOST/PATH`)
  const authority = text.slice(scheme.length + 3).split(/[/?]/, 1)[0] ?? ''
  if (authority.includes('@')) throw new Wrong('must not hold a user name or password')
  if (authority.includes('*')) throw new Wrong('must name one host: wildcards are not supported')
  if (scheme === 'http' && !isLoopback(url.hostname))
    throw new Wrong('must be https (http is for loopback only)')
  if (authority.replace(/:\d+$/, '') !== url.hostname)
    throw new Wrong(`must have its host written as ${url.host}`)
}

// 6749-25: a parameter of ours that is already there would leave the client with two answers.
const checkQuery = (text: string): void => {
  const query = text.includes('?') ? text.slice(text.indexOf('?') + 1) : ''
  const taken = [...new URLSearchParams(query).keys()].find((name) => ANSWERED.has(name))
  if (taken !== undefined)
    throw new Wrong(`must not have the query parameter ${taken}, which belongs to the answer`)
}

/** A scheme, in lower case, that no redirect URI may have. */
export const isUnsafeScheme = (scheme: string): boolean => UNSAFE.has(scheme)

const LONGEST = 2048
const UNSAFE: ReadonlySet<string> = new Set(
  (
    'javascript data file blob vbscript about ws wss ftp intent view-source filesystem ' +
    'mailto tel sms jar mhtml chrome'
  ).split(' '),
)
const ANSWERED: ReadonlySet<string> = new Set(
  'code state iss error error_description error_uri'.split(' '),
)
