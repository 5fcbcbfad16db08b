import type { IncomingMessage } from 'node:http'

/** Whether a browser says that a request comes from a page of this very listener. Who says nothing is no browser of today. */
export const isSameOrigin = ({ headers }: IncomingMessage): boolean => {
  const site = headers['sec-fetch-site']
  if (typeof site === 'string') return site === 'same-origin' || site === 'none'
  const { origin, host } = headers
  return origin !== undefined && URL.parse(origin)?.host === host
}
