import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { STATUS_CODES } from './node-http.ts'
import type { Observe } from './telemetry/exchange.ts'

/** Answers what Node's parser refused: no request exists, so this is the only trace of it. */
export const createMalformed =
  (observe: Observe) =>
  (error: NodeJS.ErrnoException, socket: Connection): void => {
    const waiting = socket._httpMessage
    // Nobody is left to be told; or an earlier request still waits, and would take this for its answer.
    if (LEFT.has(error.code ?? '') || !socket.writable || waiting?.req.complete) {
      socket.destroy()
      return
    }
    // It has an answer already, or a part of one.
    if (waiting?.headersSent) {
      socket.destroySoon?.()
      return
    }
    const { status, why } = MALFORMED.get(error.code ?? '') ?? BAD_REQUEST
    const id = randomUUID()
    const body = JSON.stringify({
      error: 'invalid_request',
      error_description: why,
      request_id: id,
    })
    const remote = 'remoteAddress' in socket ? String(socket.remoteAddress) : ''
    observe({
      id,
      method: '',
      path: '',
      status,
      seconds: 0,
      remote,
      refusal: error.code ?? 'malformed',
    })
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nCache-Control: no-store\r\nX-Request-Id: ${id}\r\n` +
        `Connection: close\r\n\r\n${body}`,
    )
  }

/** A connection, with Node's note of whose turn it is on it. */
type Connection = Duplex & { _httpMessage?: ServerResponse | null; destroySoon?(): void }

/** The client went in the middle of a request. */
const LEFT = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE'])

const BAD_REQUEST = { status: 400, why: 'The request is not well-formed HTTP.' }

const MALFORMED = new Map([
  ['HPE_HEADER_OVERFLOW', { status: 431, why: 'The request head is too large.' }],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', { status: 413, why: 'The chunk extensions are too large.' }],
  ['ERR_HTTP_REQUEST_TIMEOUT', { status: 408, why: 'The request head did not arrive in time.' }],
])
