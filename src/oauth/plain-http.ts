import type { IncomingMessage } from 'node:http'

import { OAuthError } from './errors.ts'
import type { Room } from './room.ts'

/**
 * Refuses what crossed a network in clear though the issuer is https (RFC 6749 §3.1, §3.2): neither from this machine
 * nor, in the word of a trusted proxy, by https.
 */
export const refusePlainHttp = (
  req: IncomingMessage,
  { config, peer }: Pick<Room, 'config' | 'peer'>,
): void => {
  if (!config.issuer.startsWith('https:')) return
  const { address, proto } = peer(req)
  if (proto === 'https' || LOOPBACK.test(address)) return
  throw new OAuthError(
    'invalid_request',
    'this server is reached by https only; a proxy that ends it must stand in trustedProxies',
    { status: 403 },
  )
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1)$/
