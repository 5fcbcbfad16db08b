import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Server as TlsServer } from 'node:tls'
import { Mistake } from './mistake.ts'

/** PEM: a certificate with those in between, and its private key. */
export type Credentials = { readonly cert: string; readonly key: string }

/** Through which connections come to an HTTP server: in clear, or by TLS. */
export type TlsDoor = {
  /**
   * Judges credentials, and throws a `Mistake` for those that will not do. What it returns puts them in force for the
   * connections that come from then on; undefined: in clear. Where the one becomes the other idle connections are closed; what
   * is under way is answered.
   */
  prepare(credentials: Credentials | undefined): () => void
  /** True: a request came in clear over a connection from before TLS was spoken. It is told so, and nothing else. */
  turnsAway(connection: Socket): boolean
  /** Cuts whoever came for TLS and is still there: the HTTP server knows nothing of who has not got through. */
  close(): void
}

/** Hangs one in front of a server that nobody else has listened to yet. The socket it is bound to stays, whatever is spoken. */
export const hangTlsDoor = (server: Server): TlsDoor => {
  const own = server.listeners('connection')
  server.removeAllListeners('connection')
  const admit = (connection: Duplex) => {
    for (const listener of own) Reflect.apply(listener, server, [connection])
  }
  const arrived = new Set<Socket>()
  let tls: TlsServer | undefined
  server.on('connection', (socket) => {
    if (tls === undefined) return admit(socket)
    arrived.add(socket)
    socket.once('close', () => arrived.delete(socket))
    greet(socket, tls)
  })
  return {
    prepare(credentials) {
      const fresh = credentials && createTls(credentials, admit)
      return () => {
        const isOther = (tls === undefined) !== (fresh === undefined)
        tls = fresh
        // Whoever comes in clear has to notice, and the other way round.
        if (isOther) server.closeIdleConnections()
      }
    },
    turnsAway(connection) {
      const isPassedBy = tls !== undefined && !('encrypted' in connection)
      if (isPassedBy) turnAway(connection)
      return isPassedBy
    },
    close() {
      for (const socket of arrived) socket.destroy()
    },
  }
}

/** Loaded only where it is wanted: most have the listener on loopback, in clear. */
const createTls = (credentials: Credentials, admit: (connection: Duplex) => void): TlsServer => {
  const { createServer } = process.getBuiltinModule('node:tls')
  const options = { ...credentials, minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] } as const
  try {
    return createServer({ ...options, handshakeTimeout: PATIENCE }, admit).on(
      'tlsClientError',
      (_, socket) => socket.destroy(),
    )
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Mistake(`admin.tls cannot be used: ${reason}`, { cause: error })
  }
}

/** Whoever speaks plain HTTP is told so; a request that came in clear is never served. */
const greet = (socket: Socket, tls: TlsServer): void => {
  const leave = () => socket.destroy()
  socket.setTimeout(PATIENCE).once('timeout', leave).on('error', leave)
  socket.once('readable', () => {
    const first: Buffer | null = socket.read()
    if (first === null) return leave()
    socket.setTimeout(0).off('timeout', leave)
    if (first[0] !== HANDSHAKE) return turnAway(socket)
    socket.unshift(first)
    return tls.emit('connection', socket)
  })
}

/** The rest is read away for a moment: what is unread when a connection closes takes the answer with it. */
const turnAway = (socket: Socket): void => {
  socket.end(IN_CLEAR).resume()
  setTimeout(() => socket.destroy(), GRACE).unref()
}

const WORDS = 'This listener speaks HTTPS: use https:// in place of http://\n'
const IN_CLEAR = [
  'HTTP/1.1 400 Bad Request',
  'Content-Type: text/plain; charset=utf-8',
  `Content-Length: ${WORDS.length}`,
  'Cache-Control: no-store',
  'Connection: close',
  '',
  WORDS,
].join('\r\n')

/** The type of a TLS record that begins a connection (RFC 8446 §5.1). */
const HANDSHAKE = 22

/** Milliseconds. */
const PATIENCE = 15_000
const GRACE = 1_000
