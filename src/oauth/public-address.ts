import { BlockList, isIPv4 } from 'node:net'

/** What this server may connect to for a stranger: an address that the whole internet knows, or one of `exceptions`. */
export const createAddressCheck = (
  exceptions: readonly string[],
): ((address: string) => boolean) => {
  const excepted = networks(exceptions)
  return (address) => {
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (excepted.check(address, family)) return true
    if (family === 'ipv4') return !SPECIAL_IPV4.check(address, family)
    return GLOBAL_IPV6.check(address, family) && !SPECIAL_IPV6.check(address, family)
  }
}

const networks = (list: readonly string[]): BlockList => {
  const found = new BlockList()
  for (const network of list) {
    const [address = '', prefix] = network.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (prefix === undefined) found.addAddress(address, family)
    else found.addSubnet(address, Number(prefix), family)
  }
  return found
}

/** The IANA registry of special-purpose addresses (RFC 6890), multicast and what is reserved. */
const SPECIAL_IPV4 = networks([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
])

/** Everything else is local, multicast, or an IPv4 address in another spelling (`::ffff:`, `64:ff9b::`). */
const GLOBAL_IPV6 = networks(['2000::/3'])
/** Protocols (Teredo among them), documentation, 6to4. */
const SPECIAL_IPV6 = networks(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'])
