import type { Duplex } from 'node:stream'
import { STATUS_CODES, validateHeaderName, validateHeaderValue } from '../node-http.ts'

/**
 * Answers an upgrade request with an ordinary response and closes the connection (RFC 9110 §7.8).
 * `headers` is a flat list name, value, without framing fields. Never throws, whatever the socket went through.
 */
export const denyUpgrade = (
  socket: Duplex,
  status: number,
  headers: readonly string[],
  body: string,
): void => {
  socket.on('error', () => {})
  if (socket.destroyed || !socket.writable || answerPending(socket)) {
    socket.destroy()
    return
  }
  const content = Buffer.from(body)
  const head = responseHead(status, [
    ...safeFields(headers),
    'Content-Length',
    String(content.length),
    'Connection',
    'close',
  ])
  socket.end(Buffer.concat([head, content]))
  linger(socket)
}

/**
 * True while the answer to an earlier, pipelined request is still to be written on this connection: anything of ours would
 * be taken for that answer. Node hands the socket over all the same, and keeps this mark on it.
 */
export const answerPending = (socket: Duplex): boolean =>
  '_httpMessage' in socket && Boolean(socket._httpMessage)

/** Status line and fields as bytes. The reason phrase is always ours (RFC 9112 §4: it carries no meaning). */
export const responseHead = (status: number, fields: readonly string[]): Buffer => {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
  for (const [name, value] of pairs(fields)) head += `${name}: ${value}\r\n`
  return Buffer.from(`${head}\r\n`, 'latin1')
}

/** The pairs of a flat list name, value. */
export function* pairs(fields: readonly string[]): Generator<readonly [string, string]> {
  for (let at = 0; at + 1 < fields.length; at += 2) yield [fields[at] ?? '', fields[at + 1] ?? '']
}

/** Without the fields that could end a line or a head before its time. */
export const safeFields = (fields: readonly string[]): readonly string[] =>
  [...pairs(fields)].filter(([name, value]) => isSafe(name, value)).flat()

const isSafe = (name: string, value: string): boolean => {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return true
  } catch {
    return false
  }
}

/** Reads on, so that the client's last bytes do not turn our last ones into a reset, but not for ever (RFC 9112 §9.6). */
export const linger = (socket: Duplex): void => {
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref()
  socket.once('close', () => clearTimeout(timer))
}

const LINGER_MS = 5_000

/**
 * Cuts a connection so that the other side sees it was cut (RST), and cannot take what it has for the whole.
 * Where our FIN is on its way it is too late for that, and libuv would refuse (EINVAL): Node then never closes the socket.
 */
export const reset = (socket: Duplex): void => {
  const late = socket.writableEnded || !('resetAndDestroy' in socket)
  if (!late && typeof socket.resetAndDestroy === 'function') socket.resetAndDestroy()
  else socket.destroy()
}
