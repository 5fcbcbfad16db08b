import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/**
 * Answers an upgrade request with an ordinary response and closes the connection (RFC 9110 §7.8).
 * `headers` is a flat list name, value, without framing fields. Safe on a socket that is already gone.
 */
export const denyUpgrade = (
  socket: Duplex,
  status: number,
  headers: readonly string[],
  body: string,
): void => {
  throw new Error(`under construction ${STATUS_CODES[status]} ${headers} ${body} ${socket}`)
}
