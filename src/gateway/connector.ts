import { Socket } from 'node:net'
import type { Dial } from './dial.ts'
import type { Library } from './forward.ts'
import { ConnectTimeout } from './upstream-failure.ts'

type Connector = ReturnType<Library['buildConnector']>

/**
 * Connects as `dial` says, within so many seconds, which undici's own timer would overrun by up to one. `connected` is told
 * the address that it came to.
 */
export const createConnector = (
  { buildConnector }: Library,
  { servername, ...dial }: Dial,
  seconds: number,
): ((connected: (address: string | undefined) => void) => Connector) => {
  const connect = buildConnector({ ...dial, timeout: 0, allowH2: false })
  const limited: Connector = (options, done) => {
    const socket: unknown = connect(options, (...outcome) => {
      clearTimeout(timer)
      done(...outcome)
    })
    const timer = setTimeout(() => {
      if (socket instanceof Socket) socket.destroy(new ConnectTimeout('no connection in time'))
    }, seconds * 1000)
  }
  return (connected) =>
    ({ servername: _, ...options }, done) => {
      // Only where it is asked for: over plain TCP undici would look it up.
      const named = options.protocol === 'https:' && servername !== ''
      limited(named ? { ...options, servername } : options, (error, socket) => {
        if (error === null) {
          connected(socket.remoteAddress)
          done(null, socket)
        } else done(error, null)
      })
    }
}
