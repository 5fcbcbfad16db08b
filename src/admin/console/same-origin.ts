import type { IncomingMessage } from 'node:http'
import { isEncrypted } from './encrypted.ts'

/** Whether a browser says that a request comes from a page of this very listener. Who says nothing is no browser of today. */
export const isSameOrigin = (req: IncomingMessage): boolean => {
  const { origin, host, 'sec-fetch-site': site } = req.headers
  if (typeof site === 'string') return site === 'same-origin' || site === 'none'
  const page = origin === undefined ? null : URL.parse(origin)
  // In clear it may have come through a proxy that ends TLS.
  if (isEncrypted(req) && page?.protocol !== 'https:') return false
  return page !== null && page.host === host
}
