import { isIP } from 'node:net'
import type { Listen } from './config.ts'
import { Wrong } from './problem.ts'

/** `127.0.0.1:8080`, `localhost:8080`, `[::1]:8080`, or `:8080` and `8080` for every address of the machine (host ''). */
export const parseListen = (text: string): Listen => {
  const [, bracketed, plain = '', digits = ''] = LISTEN.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (digits === '')
    throw new Wrong('must be HOST:PORT, such as 127.0.0.1:8080 or "[::1]:8080" (with the quotes)')
  if (port > 65_535) throw new Wrong('names a port above 65535')
  if (bracketed !== undefined && isIP(bracketed) !== 6)
    throw new Wrong('has no IPv6 address between the brackets')
  if (/^[\d.]+$/.test(plain) && isIP(plain) !== 4) throw new Wrong('is not an IPv4 address')
  return { host, port }
}

const LISTEN = /^(?:(?:\[([^\]]*)\]|([A-Za-z0-9._-]*)):)?(\d{1,5})$/

/** Addresses that only this machine reaches. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' ||
  host.endsWith('.localhost') ||
  host === '::1' ||
  host === '[::1]' ||
  (isIP(host) === 4 && host.startsWith('127.'))

/** An address or a network in CIDR notation, as `net.BlockList` takes it. */
export const parseNetwork = (text: string): string => {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0 || address.includes('%'))
    throw new Wrong('must be an address or a network, such as 10.0.0.7 or 10.0.0.0/8')
  const bits = family === 4 ? 32 : 128
  if (prefix !== undefined && !(/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits))
    throw new Wrong(`must have a prefix length from 0 to ${bits} after the slash`)
  return text
}

/** True for what holds every address there is. */
export const isEverywhere = (network: string): boolean => network.endsWith('/0')
