import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, type Socket } from 'node:net'

/** Who is at the other end of a request, as far as the configured proxies can be believed. */
export type Peer = {
  /** The client's address: the connection's, or behind trusted proxies the right-most one that none of them is. */
  readonly address: string
  /** True when the connection itself comes from a trusted proxy. */
  readonly trusted: boolean
  /** The scheme that the client used. */
  readonly proto: 'http' | 'https'
}

export type PeerOf = (req: IncomingMessage) => Peer

/**
 * Believes `X-Forwarded-For` and `X-Forwarded-Proto` only where the connection comes from `trustedProxies`
 * (addresses or CIDRs). Header lists are read from the right: what a stranger put in front is never reached.
 */
export const createPeerOf = (trustedProxies: readonly string[]): PeerOf => {
  if (trustedProxies.length === 0) return (req) => directPeer(req, false)
  const isTrusted = trustTest(trustedProxies)
  return (req) => {
    const direct = directPeer(req, isTrusted(req.socket.remoteAddress ?? ''))
    return direct.trusted ? forwardedPeer(req, direct, isTrusted) : direct
  }
}

const directPeer = (req: IncomingMessage, trusted: boolean): Peer => ({
  address: plainAddress(req.socket.remoteAddress ?? ''),
  trusted,
  proto: 'encrypted' in req.socket && req.socket.encrypted === true ? 'https' : 'http',
})

const forwardedPeer = (
  req: IncomingMessage,
  direct: Peer,
  isTrusted: (address: string) => boolean,
): Peer => {
  const header = req.headers['x-forwarded-for']
  const hops = (typeof header === 'string' ? header : '').split(',').map((hop) => hop.trim())
  let address = direct.address
  for (const hop of hops.reverse()) {
    if (isIP(hop) === 0) break
    address = plainAddress(hop)
    if (!isTrusted(hop)) break
  }
  const proto = req.headers['x-forwarded-proto']
  return {
    address,
    trusted: true,
    proto: proto === 'https' || proto === 'http' ? proto : direct.proto,
  }
}

/** Whether an address is one of them. */
export const trustTest = (trustedProxies: readonly string[]): ((address: string) => boolean) => {
  const list = new BlockList()
  for (const entry of trustedProxies) {
    const [network = '', prefix] = entry.split('/')
    const family = isIP(network) === 6 ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(network, family)
    else list.addSubnet(network, Number(prefix), family)
  }
  return (address) => {
    const plain = plainAddress(address)
    const family = isIP(plain)
    return family !== 0 && list.check(plain, family === 6 ? 'ipv6' : 'ipv4')
  }
}

/** The other end of a connection, as throttles and logs name it; empty when it has gone. */
export const addressOf = ({ remoteAddress = '' }: Pick<Socket, 'remoteAddress'>): string =>
  plainAddress(remoteAddress)

/** `::ffff:10.0.0.1`, as dual-stack sockets call it, is 10.0.0.1. */
const plainAddress = (address: string): string =>
  address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address
