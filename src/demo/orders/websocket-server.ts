import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** A client on a WebSocket, as the demo's API sees it. */
export type Peer = {
  /** A text message. A client that reads too slowly is left. */
  send(text: string): void
  ping(): void
  close(code: number): void
}

/**
 * The least of a WebSocket server that a demo needs (RFC 6455): text messages, pings and closing, no extensions.
 * Answers the handshake; undefined when it is none (it is refused then). `message` and `closed` come later.
 */
export const acceptWebSocket = (
  req: IncomingMessage,
  socket: Duplex,
  on: { message: (text: string) => void; closed: () => void },
): Peer | undefined => {
  const key = req.headers['sec-websocket-key']
  socket.on('error', () => {})
  if (key === undefined || req.headers['sec-websocket-version'] !== '13') {
    socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    return undefined
  }
  // §4.2.2 prescribes SHA-1; nothing secret depends on it.
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64')
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  const peer = createPeer(socket)
  const read = createReader(peer, (payload) => socket.write(frame(PONG, payload)), on.message)
  socket.on('data', read)
  socket.on('end', () => socket.end())
  socket.once('close', on.closed)
  return peer
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

const createPeer = (socket: Duplex): Peer => {
  let closing = false
  const write = (bytes: Buffer) => {
    if (closing || socket.destroyed) return
    if (socket.writableLength > MOST_UNREAD) socket.destroy()
    else socket.write(bytes)
  }
  return {
    send: (text) => write(frame(TEXT, Buffer.from(text))),
    ping: () => write(frame(PING, Buffer.alloc(0))),
    close(code) {
      write(frame(CLOSE, Buffer.from([code >> 8, code & 0xff])))
      closing = true
      socket.end()
      const timer = setTimeout(() => socket.destroy(), CLOSE_MS).unref()
      socket.once('close', () => clearTimeout(timer))
    },
  }
}

/** Puts frames and messages together; a breach of the protocol closes with the code that RFC 6455 §7.4.1 has for it. */
const createReader = (
  peer: Peer,
  pong: (payload: Buffer) => void,
  message: (text: string) => void,
): ((bytes: Buffer) => void) => {
  let unread = Buffer.alloc(0)
  let parts: Buffer[] | undefined
  let over = false
  const end = (code: number) => {
    over = true
    peer.close(code)
  }
  const gather = ({ opcode, final, payload }: Frame) => {
    if ((opcode === TEXT) === (parts !== undefined)) return end(1002)
    parts = [...(parts ?? []), payload]
    if (!final) return sizeOf(parts) > MOST_MESSAGE ? end(1009) : undefined
    const whole = Buffer.concat(parts)
    parts = undefined
    if (whole.length > MOST_MESSAGE) return end(1009)
    const text = decoded(whole)
    return text === undefined ? end(1007) : message(text)
  }
  const take = (found: Frame) => {
    if (found.opcode === TEXT || found.opcode === CONTINUATION) gather(found)
    else if (found.opcode === PING) pong(found.payload)
    else if (found.opcode === CLOSE) end(1000)
    else if (found.opcode !== PONG) end(found.opcode === BINARY ? 1003 : 1002)
  }
  return (bytes) => {
    unread = Buffer.concat([unread, bytes])
    while (!over) {
      const found = firstFrame(unread)
      if (found === undefined) return
      if (typeof found === 'number') return end(found)
      unread = unread.subarray(found.length)
      take(found)
    }
  }
}

type Frame = {
  readonly opcode: number
  readonly final: boolean
  readonly payload: Buffer
  /** Of the whole frame, head included. */
  readonly length: number
}

/** Undefined: not all of it is here yet. A number: the code to close with. */
const firstFrame = (bytes: Buffer): Frame | number | undefined => {
  if (bytes.length < 2) return undefined
  const opcode = bytes.readUInt8(0) & 0x0f
  const final = bytes.readUInt8(0) >= 0x80
  const second = bytes.readUInt8(1)
  // §5.1: a client masks; §5.2: no extension gave the reserved bits a meaning; §5.5: control frames are short and whole.
  if (second < 0x80 || (bytes.readUInt8(0) & 0x70) !== 0) return 1002
  if (opcode >= CLOSE && (!final || (second & 0x7f) > 125)) return 1002
  const short = second & 0x7f
  if (short === 127) return 1009
  const maskAt = short === 126 ? 4 : 2
  if (bytes.length < maskAt + 4) return undefined
  const size = short === 126 ? bytes.readUInt16BE(2) : short
  const length = maskAt + 4 + size
  if (bytes.length < length) return undefined
  const mask = bytes.subarray(maskAt, maskAt + 4)
  const payload = Buffer.from(bytes.subarray(maskAt + 4, length))
  for (const [at, byte] of payload.entries()) payload[at] = byte ^ (mask[at % 4] ?? 0)
  return { opcode, final, payload, length }
}

const frame = (opcode: number, payload: Buffer): Buffer => {
  const size = payload.length
  const head =
    size < 126 ? [size] : size < 65_536 ? [126, size >> 8, size & 0xff] : [127, ...eightBytes(size)]
  return Buffer.concat([Buffer.from([0x80 | opcode, ...head]), payload])
}

const eightBytes = (size: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(size))
  return bytes
}

const decoded = (bytes: Buffer): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

const sizeOf = (parts: readonly Buffer[]): number =>
  parts.reduce((sum, part) => sum + part.length, 0)

const CONTINUATION = 0x0
const TEXT = 0x1
const BINARY = 0x2
const CLOSE = 0x8
const PING = 0x9
const PONG = 0xa

const MOST_MESSAGE = 65_536
const MOST_UNREAD = 1_048_576
const CLOSE_MS = 2_000
