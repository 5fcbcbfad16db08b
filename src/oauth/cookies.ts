import type { IncomingMessage, ServerResponse } from 'node:http'

import type { COOKIE_NAMES } from '../config/cookie-names.ts'

/** A cookie of ours: read from a request, put into a response, taken back. */
export type Cookie = {
  read(req: IncomingMessage): string | undefined
  write(res: ServerResponse, value: string): void
  clear(res: ServerResponse): void
}

/**
 * A cookie for this host only, out of reach of scripts and of other sites' posts. Where the issuer is https it is named
 * `__Host-…`, so that no other host and no plain http can set it (RFC 6265bis §4.1.3.2).
 */
export const createCookie = (issuer: string, plainName: (typeof COOKIE_NAMES)[number]): Cookie => {
  const secure = issuer.startsWith('https:')
  const name = secure ? `__Host-${plainName}` : plainName
  const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
  return {
    read: (req) => valueAfter(req.headers.cookie ?? '', `${name}=`),
    write(res, value) {
      res.appendHeader('Set-Cookie', `${name}=${value}; ${attributes}`)
    },
    clear(res) {
      res.appendHeader('Set-Cookie', `${name}=; Max-Age=0; ${attributes}`)
    },
  }
}

const valueAfter = (header: string, prefix: string): string | undefined =>
  header
    .split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(prefix))
    ?.slice(prefix.length)
