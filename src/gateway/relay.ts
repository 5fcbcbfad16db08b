import type { IncomingMessage, ServerResponse } from 'node:http'
import { atEndOfTurn } from '../turn.ts'
import { reset } from './deny-upgrade.ts'
import type { AnswerHead } from './http1/answer-head.ts'
import { endAfterBody } from './linger.ts'

/** The client's side of a forwarded request: its answer as it comes, at the client's pace. */
export type Relay = {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** The request has a body. */
  readonly hasBody: boolean
  /** The final head is on its way to the client. */
  begun: boolean
  /** It has been given to the socket. */
  flushed: boolean
  /** Bytes of the body that are still to come; NaN: nobody said. */
  missing: number
  /** A small body that came whole, and goes out with its head. */
  body: string | undefined
}

export const createRelay = (
  req: IncomingMessage,
  res: ServerResponse,
  hasBody: boolean,
): Relay => ({
  req,
  res,
  hasBody,
  begun: false,
  flushed: false,
  missing: Number.NaN,
  body: undefined,
})

/** True while the request's own body is on its way. */
export const isUploading = ({ req, hasBody }: Relay): boolean => hasBody && !req.complete

/** An interim answer. 103 passes; the rest means nothing to the client. */
export const inform = ({ req, res }: Relay, { status, fields }: AnswerHead): void => {
  if (status !== 103 || req.httpVersionMinor === 0) return
  const link = fields.filter((_, at) => at % 2 === 1 && fields[at - 1]?.toLowerCase() === 'link')
  if (link.length === 0) return
  try {
    res.writeEarlyHints({ link })
  } catch {
    // A hint that cannot be passed on is no loss.
  }
}

/** Begins the answer. Throws when its head cannot be sent. `length`: of the body, as far as the upstream tells. */
export const begin = (
  relay: Relay,
  status: number,
  fields: string[],
  length: number | undefined,
): void => {
  if (isUploading(relay)) fields.push('Connection', 'close')
  relay.res.writeHead(status, fields)
  relay.begun = true
  relay.missing = length ?? Number.NaN
}

/**
 * Passes a part of the body on; `bytes` are used during the call only. False: the client takes no more for now. A small body
 * that has come whole goes out in one piece with its head.
 */
export const pass = (relay: Relay, bytes: Buffer): boolean => {
  const { res, flushed } = relay
  relay.flushed = true
  relay.missing -= bytes.length
  if (relay.missing !== 0 || isUploading(relay)) return res.write(Buffer.from(bytes))
  // As text it goes out in one write with the head, as a buffer in two.
  if (!flushed && bytes.length <= SMALL) relay.body = bytes.toString('latin1')
  else res.end(Buffer.from(bytes))
  return true
}

/** No head waits for a body that did not come with it. */
export const flush = (relay: Relay): void => {
  if (relay.flushed || !relay.begun || relay.res.destroyed) return
  relay.flushed = true
  relay.res.flushHeaders()
}

/** Ends the answer, once it is whole. */
export const finish = (relay: Relay): void => {
  const { req, res } = relay
  if (res.writableEnded) return
  if (isUploading(relay)) endAfterBody(req, res)
  else {
    atEndOfTurn(() => {
      if (!res.destroyed) res.end(relay.body, 'latin1')
    })
  }
}

/** Ends an answer without an end of its own, such as an event stream: properly, and before long. */
export const leave = ({ res }: Relay): void => {
  if (res.writableEnded) return
  res.end()
  // Whoever reads no more would never come to that end.
  const timer = setTimeout(() => res.destroy(), LEAVE_MS).unref()
  res.once('close', () => clearTimeout(timer))
}

/** Ends the answer so that it cannot be taken for a whole one. */
export const cut = ({ req, res }: Relay): void => {
  // Without a length and without chunks a plain end would look like the whole (RFC 9112 §6.3).
  if (req.httpVersionMinor === 0 && res.socket) reset(res.socket)
  else res.destroy()
}

const SMALL = 16_384

const LEAVE_MS = 5_000
