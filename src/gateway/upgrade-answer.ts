import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { linger, pairs, reset, responseHead, safeFields } from './deny-upgrade.ts'

/** True for an answer that can be passed on as it is understood here; otherwise it is a bad gateway's. */
export const isRelayable = (response: IncomingMessage): boolean =>
  (response.statusCode ?? 0) >= 200 &&
  (response.statusCode ?? 0) <= 599 &&
  // Node takes only `chunked` off; under another coding the body would lose its description.
  (response.headers['transfer-encoding'] ?? 'chunked').toLowerCase() === 'chunked'

/**
 * Passes on an upstream's answer other than 101: status, `fields` (flat, without framing), body; then closes.
 * The client's pace is the upstream's. An answer that was cut short resets the client: `cut` is told.
 */
export const relayAnswer = (
  response: IncomingMessage,
  client: Duplex,
  fields: readonly string[],
  on: { active: () => void; sent: (bytes: number) => void; cut: () => void },
): void => {
  const framing = framingOf(response)
  client.write(responseHead(response.statusCode ?? 502, [...withoutFraming(fields), ...framing]))
  const write = framing[0] === 'Transfer-Encoding' ? writeChunk : writePlain
  response.on('data', (chunk: Buffer) => {
    on.active()
    on.sent(chunk.length)
    if (!write(client, chunk)) response.pause()
  })
  client.on('drain', () => {
    on.active()
    response.resume()
  })
  response.on('error', () => {})
  response.on('end', () => {
    client.end(write === writeChunk ? '0\r\n\r\n' : '')
    client.once('finish', () => linger(client))
  })
  response.on('close', () => {
    if (response.complete) return
    on.cut()
    reset(client)
  })
}

/** A client must be able to tell the end of the body from a cut (RFC 9112 §6.3): length or chunks, never just the end. */
const framingOf = ({ statusCode, headers }: IncomingMessage): readonly string[] => {
  if (statusCode === 204 || statusCode === 304) return ['Connection', 'close']
  const length = headers['content-length']
  return length === undefined
    ? ['Transfer-Encoding', 'chunked', 'Connection', 'close']
    : ['Content-Length', length, 'Connection', 'close']
}

/** Without what belongs to one connection or to the handshake: that part of an answer is written here. */
export const withoutFraming = (fields: readonly string[]): readonly string[] =>
  [...pairs(safeFields(fields))].filter(([name]) => !FRAMING.has(name.toLowerCase())).flat()

const FRAMING = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'sec-websocket-accept',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

const writePlain = (to: Duplex, chunk: Buffer): boolean => to.write(chunk)

const writeChunk = (to: Duplex, chunk: Buffer): boolean => {
  to.cork()
  to.write(`${chunk.length.toString(16)}\r\n`)
  to.write(chunk)
  const room = to.write('\r\n')
  to.uncork()
  return room
}
