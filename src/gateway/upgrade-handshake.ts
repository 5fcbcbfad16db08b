import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { pairs } from './deny-upgrade.ts'
import { malformed, type Refusal, refusal } from './refusal.ts'
import type { Offer } from './websocket-protocols.ts'

/** Judges a client's opening handshake (RFC 6455 §4.2.1) as it arrived; `head` is what came behind it. Undefined: nothing is wrong. */
export const handshakeProblem = (req: IncomingMessage, head: Buffer): Refusal | undefined => {
  if (req.headers['sec-websocket-version'] !== '13') {
    return OTHER_VERSION
  }
  const wrong = CHECKS.find(([passes]) => !passes(req, head))
  return wrong && malformed(wrong[1], 'handshake')
}

/** RFC 6455 §4.4: told which version there is, a client may come again. */
const OTHER_VERSION = refusal(
  426,
  'invalid_request',
  'Only version 13 of the WebSocket protocol is spoken here',
  { headers: ['Sec-WebSocket-Version', '13', 'Upgrade', 'websocket'], reason: 'handshake' },
)

const CHECKS: readonly [(req: IncomingMessage, head: Buffer) => boolean, string][] = [
  [({ method }) => method === 'GET', 'A WebSocket is opened with GET'],
  [({ httpVersion }) => httpVersion === '1.1', 'A WebSocket is opened with HTTP/1.1'],
  [
    ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    'The only upgrade here is to websocket',
  ],
  [
    ({ headers }) => !('content-length' in headers) && !('transfer-encoding' in headers),
    'A WebSocket handshake has no body',
  ],
  // Whoever does not wait for the answer may be smuggling a second request behind the first.
  [(_, head) => head.length === 0, 'A WebSocket client waits for the answer to its handshake'],
  [
    ({ headers }) => /^[+/\dA-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? ''),
    'Sec-WebSocket-Key has to be 16 bytes in base64, once',
  ],
]

/**
 * The request to the upstream: `fields` of the gateway, and of the client's handshake its own part (RFC 6455 §4.1), with the
 * subprotocols of `offer`, if there is one, in place of the client's.
 */
export const handshakeRequest = (
  req: IncomingMessage,
  fields: readonly string[],
  offer?: Offer,
): readonly string[] => [
  ...[...pairs(fields)].filter(([name]) => !isHandshake(name)).flat(),
  'Connection',
  'Upgrade',
  'Upgrade',
  'websocket',
  ...[...pairs(req.rawHeaders)]
    .filter(([name]) => SENT.has(name.toLowerCase()) && !(offer && isProtocol(name)))
    .flat(),
  ...(offer?.others === undefined ? [] : ['Sec-WebSocket-Protocol', offer.others]),
]

const isProtocol = (name: string): boolean => name.toLowerCase() === 'sec-websocket-protocol'

const isHandshake = (name: string): boolean =>
  /^(?:connection|upgrade|sec-websocket-.*)$/i.test(name)

const SENT = new Set([
  'sec-websocket-extensions',
  'sec-websocket-key',
  'sec-websocket-protocol',
  'sec-websocket-version',
])

/** True when the upstream agreed to this very handshake (RFC 6455 §4.1, what a client checks). */
export const isAgreed = (req: IncomingMessage, { headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket' &&
  /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(headers.connection ?? '') &&
  headers['sec-websocket-accept'] === acceptOf(req)

/** The client's own half of the answer; with a subprotocol of `offer` when the upstream chose none. */
export const handshakeAnswer = (
  req: IncomingMessage,
  { headers }: IncomingMessage,
  offer?: Offer,
): readonly string[] => [
  'Connection',
  'Upgrade',
  'Upgrade',
  'websocket',
  'Sec-WebSocket-Accept',
  acceptOf(req),
  ...(offer?.answer === undefined || headers['sec-websocket-protocol'] !== undefined
    ? []
    : ['Sec-WebSocket-Protocol', offer.answer]),
]

/** RFC 6455 §4.2.2: the protocol prescribes SHA-1; nothing secret depends on it. */
const acceptOf = (req: IncomingMessage): string =>
  createHash('sha1').update(`${req.headers['sec-websocket-key']}${GUID}`).digest('base64')

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
