import { isIP, type LookupFunction } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { UpstreamTls } from '../config/config.ts'

/** How a connection to a target is made: options for `net.connect` and `tls.connect`. */
export type Dial = {
  readonly lookup: LookupFunction
  /** Of a socket in the file system; host and port then mean nothing. */
  readonly socketPath?: string
  /** The name to ask for and to verify, never the Host field, which may be the client's. Empty: an address is verified. */
  readonly servername: string
  /** Whatever NODE_TLS_REJECT_UNAUTHORIZED says. */
  readonly rejectUnauthorized: true
  readonly secureContext?: SecureContext
}

/** `url` as configured. Loads TLS only for https. */
export const dialOf = (url: string, tls: UpstreamTls | undefined, lookup: LookupFunction): Dial => {
  if (url.startsWith(UNIX))
    return { lookup, servername: '', rejectUnauthorized: true, socketPath: url.slice(UNIX.length) }
  const { hostname, protocol } = new URL(url)
  const host = isIP(hostname.replace(/[[\]]/g, '')) ? '' : hostname.replace(/\.$/, '')
  if (protocol === 'http:') return { lookup, servername: host, rejectUnauthorized: true }
  const { ca, cert, key, servername = host } = tls ?? {}
  // Made once, as certificates take milliseconds to read.
  const secureContext = process
    .getBuiltinModule('node:tls')
    .createSecureContext({ ca, cert, key, minVersion: 'TLSv1.2' })
  return { lookup, servername, rejectUnauthorized: true, secureContext }
}

/** The origin that a request to a target has: `http://localhost` for a socket in the file system. */
export const originOf = (url: string): URL =>
  new URL(url.startsWith(UNIX) ? 'http://localhost' : url)

const UNIX = 'unix:'
