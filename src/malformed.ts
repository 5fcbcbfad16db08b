import { randomUUID } from 'node:crypto'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterAnswers } from './in-turn.ts'
import { STATUS_CODES } from './node-http.ts'
import { addressOf } from './peer.ts'
import type { Observe } from './telemetry/exchange.ts'

/**
 * Answers what Node's parser refused: no request exists, so this is the only trace of it. Behind requests that were whole it
 * waits for their answers, as a client would take it for one of them.
 */
export const createMalformed =
  (observe: Observe) =>
  (error: NodeJS.ErrnoException, socket: Duplex): void => {
    // Every byte behind what was refused is refused again.
    if (REFUSED.has(socket)) return
    REFUSED.add(socket)
    if (LEFT.has(error.code ?? '') || !socket.writable) {
      socket.destroy()
      return
    }
    afterAnswers(socket, (begun) => {
      if (begun || !socket.writable) end(socket)
      else refuse(socket, error.code, observe)
    })
  }

const REFUSED = new WeakSet<Duplex>()

const end = (socket: Duplex): void => {
  if (socket instanceof Socket) socket.destroySoon()
  else socket.destroy()
}

const refuse = (socket: Duplex, code: string | undefined, observe: Observe): void => {
  const { status, why } = MALFORMED.get(code ?? '') ?? BAD_REQUEST
  const id = randomUUID()
  const body = JSON.stringify({ error: 'invalid_request', error_description: why, request_id: id })
  observe({
    id,
    method: '',
    path: '',
    status,
    seconds: 0,
    remote: socket instanceof Socket ? addressOf(socket) : '',
    refusal: code ?? 'malformed',
  })
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nCache-Control: no-store\r\nX-Request-Id: ${id}\r\n` +
      `Connection: close\r\n\r\n${body}`,
  )
}

/** The client went in the middle of a request. */
const LEFT = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE'])

const BAD_REQUEST = { status: 400, why: 'The request is not well-formed HTTP.' }

const MALFORMED = new Map([
  ['HPE_HEADER_OVERFLOW', { status: 431, why: 'The request head is too large.' }],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', { status: 413, why: 'The chunk extensions are too large.' }],
  ['ERR_HTTP_REQUEST_TIMEOUT', { status: 408, why: 'The request head did not arrive in time.' }],
])
