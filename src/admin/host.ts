import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/**
 * Whether a request names this listener by a name that no stranger can have pointed at us (DNS rebinding, security.md A37):
 * an address, localhost, the host of `admin.listen`, or a name without a dot.
 */
export const isOurs = ({ headers }: Pick<IncomingMessage, 'headers'>, listening: string): boolean =>
  isOurName(hostname(headers.host ?? ''), listening)

const hostname = (host: string): string =>
  host
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()

// A name without a dot is a machine's or a container's: none that a stranger could have registered.
const isOurName = (name: string, listening: string): boolean =>
  isIP(name) !== 0 ||
  name === listening.toLowerCase() ||
  name.endsWith('.localhost') ||
  /^[a-z0-9_-]+$/.test(name)
