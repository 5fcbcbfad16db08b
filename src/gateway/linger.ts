import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Ends an answer that was given before the whole request had come. The rest of the body is read and thrown away for a
 * moment first: closing on unread bytes would reset the connection under the answer (RFC 9112 §9.6).
 */
export const endAfterBody = (req: IncomingMessage, res: ServerResponse): void => {
  const end = () => {
    clearTimeout(timer)
    req.off('end', end).off('close', end)
    res.end()
  }
  const timer = setTimeout(end, LINGER_MS).unref()
  req.once('end', end).once('close', end)
  req.resume()
}

const LINGER_MS = 1_000

/** The answer to this request says `Connection: close`. */
export const markLast = (req: IncomingMessage): void => {
  CLOSING.add(req.socket)
}

/**
 * True for a request that came behind one whose answer said so: it must not be processed (RFC 9112 §9.6), although Node
 * has parsed it. It gets no answer; the connection is about to go.
 */
export const isBehindLast = (req: IncomingMessage, res: ServerResponse): boolean =>
  // Only what has to wait for its turn has no socket yet.
  res.socket === null && CLOSING.has(req.socket)

const CLOSING = new WeakSet<Socket>()
