import type { IncomingMessage, ServerResponse } from 'node:http'
import { isEncrypted } from './encrypted.ts'

/** What was written by that name, over TLS or in clear as this request came. */
export const readCookie = (req: IncomingMessage, name: string): string | undefined => {
  const start = `${nameFor(req, name)}=`
  return (req.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(start))
    ?.slice(start.length)
}

export const writeCookie = (res: ServerResponse, name: string, value: string): void => {
  res.appendHeader('Set-Cookie', `${nameFor(res.req, name)}=${value}; ${attributesFor(res.req)}`)
}

export const removeCookie = (res: ServerResponse, name: string): void => {
  res.appendHeader('Set-Cookie', `${nameFor(res.req, name)}=; Max-Age=0; ${attributesFor(res.req)}`)
}

/** Cookies know no ports: nothing that answers in clear under the same host can write one of this name (RFC 6265bis §4.1.3). */
const nameFor = (req: IncomingMessage, name: string): string =>
  isEncrypted(req) ? `__Host-${name}` : name

const attributesFor = (req: IncomingMessage): string =>
  `Path=/; HttpOnly; SameSite=Strict${isEncrypted(req) ? '; Secure' : ''}`
