import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { answerPending } from './gateway/deny-upgrade.ts'
import { STATUS_CODES } from './node-http.ts'
import type { Observe } from './telemetry/exchange.ts'

/** Answers what Node's parser refused: no request exists, so this is the only trace of it. */
export const createMalformed =
  (observe: Observe) =>
  (error: NodeJS.ErrnoException, socket: Duplex): void => {
    // Behind a request that still waits for its answer, ours would be taken for that one.
    const unanswerable = !socket.writable || socket.destroyed || answerPending(socket)
    if (error.code === 'ECONNRESET' || unanswerable) {
      socket.destroy()
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

const BAD_REQUEST = { status: 400, why: 'The request is not well-formed HTTP.' }

const MALFORMED = new Map([
  ['HPE_HEADER_OVERFLOW', { status: 431, why: 'The request head is too large.' }],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', { status: 413, why: 'The chunk extensions are too large.' }],
  ['ERR_HTTP_REQUEST_TIMEOUT', { status: 408, why: 'The request head did not arrive in time.' }],
])
