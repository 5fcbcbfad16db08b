import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { equal } from '../store/secrets.ts'
import { type Answer, problem } from './answer.ts'

/** Who may use the API: whoever has the token, and no page in a browser. */
export type Access = { readonly token: string /** Of `admin.listen`. */; readonly host: string }

/**
 * The refusal of a request for the API, or undefined. Pages are kept out twice: their requests say where they come from, and
 * under a name of theirs that was pointed at us (DNS rebinding) we do not answer.
 */
export const refuseAccess = ({ headers }: IncomingMessage, access: Access): Answer | undefined => {
  if (!isOurName(hostname(headers.host ?? ''), access.host)) return WRONG_HOST
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) return BROWSER
  const { authorization } = headers
  if (authorization === undefined) return NO_TOKEN
  const given = /^bearer +(\S+)$/i.exec(authorization)?.[1]
  return given !== undefined && equal(given, access.token) ? undefined : WRONG_TOKEN
}

const hostname = (host: string): string =>
  host
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()

// A name without a dot is a machine's or a container's: none that a stranger could have registered.
const isOurName = (name: string, listening: string): boolean =>
  isIP(name) !== 0 ||
  name === listening.toLowerCase() ||
  name.endsWith('.localhost') ||
  /^[a-z0-9_-]+$/.test(name)

const WRONG_HOST = problem(
  421,
  'misdirected_request',
  'Name this listener by an address, by localhost or by the host of admin.listen',
)
const BROWSER = problem(403, 'forbidden', 'The API is not for pages in a browser')
const NO_TOKEN = problem(401, 'unauthorized', 'The API asks for the value of admin.token', {
  'WWW-Authenticate': 'Bearer realm="portcullis admin"',
})
const WRONG_TOKEN = problem(401, 'invalid_token', 'This is not the value of admin.token', {
  'WWW-Authenticate': 'Bearer realm="portcullis admin", error="invalid_token"',
})
