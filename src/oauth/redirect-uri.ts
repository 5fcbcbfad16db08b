import { parseRedirectUri } from '../config/redirect-uri.ts'

/** What a redirect URI is checked against. */
type RegisteredClient = {
  readonly redirect_uris: readonly string[]
  readonly public: boolean
}

/**
 * Whether a client may be answered at `given`: byte for byte one of its registered redirect URIs, or, for a public
 * client's loopback address, one of them with another port (RFC 8252 §7.3). Nothing is parsed to decide (RFC 9700 §4.1.3);
 * what no client may be answered at is refused whatever was registered.
 */
export const isRegistered = (given: string, client: RegisteredClient): boolean =>
  (client.redirect_uris.includes(given) ||
    (client.public &&
      client.redirect_uris.some((registered) => differInPort(registered, given)))) &&
  isAcceptable(given)

const isAcceptable = (uri: string): boolean => {
  try {
    return parseRedirectUri(uri) === uri
  } catch {
    return false
  }
}

/** The registered string with the parameters of the answer appended (RFC 6749 §4.1.2); an existing query stays. */
export const withParameters = (
  uri: string,
  parameters: Readonly<Record<string, string | undefined>>,
): string => {
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  )
  const joint = !uri.includes('?') ? '?' : /[?&]$/.test(uri) ? '' : '&'
  return uri + joint + pairs.join('&')
}

/** Where the answer goes, as a person can judge it: the host, or the scheme of an application on the device. */
export const redirectHost = (uri: string): string => {
  const url = URL.parse(uri)
  return url?.host || url?.protocol || uri
}

const differInPort = (registered: string, given: string): boolean => {
  const ours = LOOPBACK.exec(registered)
  const theirs = LOOPBACK.exec(given)
  if (!ours || !theirs) return false
  const [, ourHost, , ourRest = ''] = ours
  const [, theirHost, port, theirRest = ''] = theirs
  return ourHost === theirHost && (ourRest || '/') === (theirRest || '/') && isPort(port)
}

const isPort = (port: string | undefined): boolean =>
  port === undefined || (Number(port) > 0 && Number(port) < 65_536)

const LOOPBACK = /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(?::([1-9]\d{0,4}))?((?:[/?].*)?)$/
