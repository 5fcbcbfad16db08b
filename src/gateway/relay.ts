import type { IncomingMessage, ServerResponse } from 'node:http'
import { reset } from './deny-upgrade.ts'
import type { AnswerFields } from './headers.ts'
import { endAfterBody, markLast } from './linger.ts'

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
}

/** Whoever brings the answer, as far as its pace goes. */
export type Source = { pause(): void; resume(): void }

export const createRelay = (
  req: IncomingMessage,
  res: ServerResponse,
  hasBody: boolean,
): Relay => ({ req, res, hasBody, begun: false, flushed: false, missing: Number.NaN })

/** True while the request's own body is on its way. */
export const isUploading = ({ req, hasBody }: Relay): boolean => hasBody && !req.complete

/** An interim answer. 103 passes; the rest means nothing to the client. */
export const inform = ({ req, res }: Relay, status: number, answer: AnswerFields): void => {
  if (status !== 103 || req.httpVersionMinor === 0 || answer.link === undefined) return
  try {
    res.writeEarlyHints({ link: answer.link })
  } catch {
    // A hint that cannot be passed on is no loss.
  }
}

/** Begins the answer. Throws when its head cannot be sent. `length`: of the body, as far as the upstream tells. */
export const begin = (
  relay: Relay,
  status: number,
  fields: (string | string[])[],
  length: number | undefined,
): void => {
  if (isUploading(relay)) {
    fields.push('Connection', 'close')
    markLast(relay.req)
  }
  relay.res.writeHead(status, fields)
  relay.begun = true
  relay.missing = length ?? Number.NaN
  // A small body waits for its first bytes; what may be long in coming shows its head at once.
  if (length === undefined || length > SMALL) process.nextTick(flush, relay)
}

const flush = (relay: Relay): void => {
  if (relay.flushed || relay.res.destroyed) return
  relay.flushed = true
  relay.res.flushHeaders()
}

/** Passes on a part of the body. A small one that has come whole goes out in one piece with its head. */
export const passOn = (relay: Relay, chunk: Buffer, source: Source, resumed: () => void): void => {
  const { res, flushed } = relay
  relay.missing -= chunk.length
  relay.flushed = true
  if (relay.missing === 0 && !isUploading(relay)) {
    // As text it goes out in one write with the head, as a buffer in two.
    if (!flushed && chunk.length <= SMALL) res.end(chunk.toString('latin1'), 'latin1')
    else res.end(chunk)
    return
  }
  if (res.write(chunk)) return
  source.pause()
  res.once('drain', () => {
    resumed()
    source.resume()
  })
}

const SMALL = 16_384

/** The answer is whole. */
export const finish = (relay: Relay): void => {
  if (relay.res.writableEnded) return
  if (isUploading(relay)) endAfterBody(relay.req, relay.res)
  else relay.res.end()
}

/** Ends the answer so that it cannot be taken for a whole one. */
export const cut = ({ req, res }: Relay): void => {
  // Without a length and without chunks a plain end would look like the whole (RFC 9112 §6.3).
  if (req.httpVersionMinor === 0 && res.socket) reset(res.socket)
  else res.destroy()
}
