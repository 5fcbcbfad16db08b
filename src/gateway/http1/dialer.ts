import { connect, type NetConnectOpts, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Dial } from '../dial.ts'
import { ConnectTimeout } from '../upstream-failure.ts'

/** What is told of a socket; nothing before it has been returned. */
type Ends = {
  connected(): void
  /** `bytes` are there during the call only. */
  read(bytes: Buffer): void
  /** What was written has gone out. */
  drained(): void
  /** The other side sends no more, or with an error it is broken. May be told twice. */
  ended(error?: Error): void
}

export type Dialer = (ends: Ends) => Socket

/**
 * Connects as `dial` says, to `origin`, within so many seconds. One buffer serves to read all plain connections, as what is
 * read is passed on before the next read.
 */
export const createDialer = (origin: string, dial: Dial, seconds: number): Dialer => {
  const { protocol, hostname, port } = new URL(origin)
  const secure = protocol === 'https:'
  const place = {
    // An IPv6 address has no brackets there.
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || (secure ? 443 : 80)),
  }
  const { lookup, socketPath } = dial
  const options = {
    ...(socketPath === undefined ? { ...place, lookup } : { path: socketPath }),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  }
  const dialPlain: Dialer = (ends) => watched(openPlain(options, ends), 'connect', ends)
  /** So that the next handshake costs one round trip less. */
  let session: Buffer | undefined
  const dialSecure: Dialer = (ends) => {
    const { servername, rejectUnauthorized, secureContext } = dial
    const socket: TLSSocket = process.getBuiltinModule('node:tls').connect({
      ...options,
      rejectUnauthorized,
      secureContext,
      ALPNProtocols: ['http/1.1'],
      ...(servername !== '' && { servername }),
      ...(session !== undefined && { session }),
    })
    socket.on('session', (given) => {
      session = given
    })
    return watched(socket.on('data', ends.read), 'secureConnect', ends)
  }
  return (ends) => {
    const socket = secure ? dialSecure(ends) : dialPlain(ends)
    const late = () => socket.destroy(new ConnectTimeout('no connection in time'))
    const timer = setTimeout(late, seconds * 1000)
    const stop = () => clearTimeout(timer)
    socket.once(secure ? 'secureConnect' : 'connect', stop).once('close', stop)
    return socket
  }
}

const openPlain = (options: NetConnectOpts, ends: Ends): Socket =>
  connect({
    ...options,
    onread: {
      buffer: BUFFER,
      callback(count, bytes) {
        ends.read(Buffer.from(bytes.buffer, bytes.byteOffset, count))
        return true
      },
    },
  })

const watched = (socket: Socket, ready: 'connect' | 'secureConnect', ends: Ends): Socket => {
  let error: Error | undefined
  return socket
    .once(ready, ends.connected)
    .on('drain', ends.drained)
    .on('error', (given) => {
      error = given
    })
    .once('end', () => ends.ended())
    .once('close', () => ends.ended(error))
}

const BUFFER = Buffer.allocUnsafeSlow(65_536)
