import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller } from './room.ts'

/** A request of a program to one of our endpoints: no page, no cookie, and so nothing of Koa's. */
export type Call = {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly path: string
  readonly caller: Caller
  /** Where the reader leaves what was posted. */
  readonly request: { body?: unknown }
  /** What the client asked to be answered in (response-format.ts); undefined: JSON. */
  format?: string
}

/** What a call is answered with, whole. */
export type Reply = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly type: string
  readonly body: string
}

/** A back-channel answer (RFC 6749 §5.1). */
export const jsonReply = (body: object, status = 200, headers: Reply['headers'] = {}): Reply => ({
  status,
  headers: { ...headers, ...UNCACHED },
  type: JSON_TYPE,
  body: JSON.stringify(body),
})

export const UNCACHED = { 'Cache-Control': 'no-store', Pragma: 'no-cache' }
export const JSON_TYPE = 'application/json; charset=utf-8'
