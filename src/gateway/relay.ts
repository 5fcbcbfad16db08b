import type { IncomingMessage, ServerResponse } from 'node:http'
import { reset } from './deny-upgrade.ts'
import type { AnswerFields } from './headers.ts'
import { endAfterBody, markLast } from './linger.ts'

/** Whoever brings the answer, as far as its pace goes. */
type Source = { pause(): void; resume(): void }

/** The client's side of a forwarded request: an answer as it comes, at the client's pace. */
export type Relay = {
  /** The final head is on its way to the client. */
  begun(): boolean
  /** An interim answer. 103 passes; the rest means nothing to the client. */
  inform(status: number, answer: AnswerFields): void
  /** Throws when the head cannot be sent. `length`: of the body, as far as the upstream tells. */
  begin(status: number, fields: (string | string[])[], length: number | undefined): void
  data(chunk: Buffer, source: Source): void
  end(): void
  /** Ends an answer without an end of its own, such as an event stream: properly, and before long. */
  leave(): void
  /** Ends the answer so that it cannot be taken for a whole one. */
  cut(): void
}

/**
 * Writes an answer to the client. A small body that has come whole goes out in one piece with its head. `unread` tells
 * whether the request's body is still on its way when the answer ends; `moved` is told of each step, `stalled` when the
 * client does not take more for now.
 */
export const createRelay = (
  req: IncomingMessage,
  res: ServerResponse,
  on: {
    readonly unread: () => boolean
    readonly moved: (bytes: number) => void
    readonly stalled: () => void
  },
): Relay => {
  let begun = false
  let flushed = false
  let missing = Number.NaN

  const flush = () => {
    if (flushed || res.destroyed) return
    flushed = true
    res.flushHeaders()
  }
  const finish = () => {
    if (on.unread()) endAfterBody(req, res)
    else res.end()
  }
  return {
    begun: () => begun,
    inform(status, answer) {
      if (status !== 103 || req.httpVersionMinor === 0 || answer.link === undefined) return
      try {
        res.writeEarlyHints({ link: answer.link })
      } catch {
        // A hint that cannot be passed on is no loss.
      }
    },
    begin(status, fields, length) {
      if (on.unread()) {
        fields.push('Connection', 'close')
        markLast(req)
      }
      res.writeHead(status, fields)
      begun = true
      missing = length ?? Number.NaN
      // A small body mostly comes with its head, and goes out with it; but no head waits for what may be long in coming.
      if (length === undefined || length > SMALL) process.nextTick(flush)
      else flushSoon(flush)
    },
    data(chunk, source) {
      on.moved(chunk.length)
      missing -= chunk.length
      if (missing === 0 && !on.unread()) {
        // As text it goes out in one write with the head, as a buffer in two.
        if (!flushed && chunk.length <= SMALL) res.end(chunk.toString('latin1'), 'latin1')
        else res.end(chunk)
        flushed = true
        return
      }
      flushed = true
      if (res.write(chunk)) return
      source.pause()
      on.stalled()
      res.once('drain', () => {
        on.moved(0)
        source.resume()
      })
    },
    end() {
      if (!res.writableEnded) finish()
    },
    leave() {
      if (res.writableEnded) return
      res.end()
      // Whoever reads no more would never come to that end.
      const timer = setTimeout(() => res.destroy(), LEAVE_MS).unref()
      res.once('close', () => clearTimeout(timer))
    },
    cut() {
      // Without a length and without chunks a plain end would look like the whole (RFC 9112 §6.3).
      if (req.httpVersionMinor === 0 && res.socket) reset(res.socket)
      else res.destroy()
    },
  }
}

/** One immediate for all heads of a turn of the event loop: a tick for each would cost more than some writes. */
const flushSoon = (flush: () => void): void => {
  if (heads.push(flush) === 1) setImmediate(flushHeads)
}

const flushHeads = (): void => {
  for (const flush of heads.splice(0)) flush()
}

const heads: (() => void)[] = []

const SMALL = 16_384

const LEAVE_MS = 5_000
