import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** The id of a request: a trusted proxy's own where it is sane, else a new UUID. Unique, not a secret. */
export const requestId = (req: IncomingMessage, trusted: boolean): string => {
  const given = trusted ? req.headers['x-request-id'] : undefined
  return typeof given === 'string' && SANE.test(given) ? given : randomUUID()
}

const SANE = /^[A-Za-z0-9_.:-]{1,128}$/
