import type { IncomingMessage, ServerResponse } from 'node:http'

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
