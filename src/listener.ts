import { readFileSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Listen } from './config/config.ts'
import { inTurn } from './in-turn.ts'
import { Mistake } from './mistake.ts'
import { createServer } from './node-http.ts'

export type Handlers = {
  request(req: IncomingMessage, res: ServerResponse): void
  /** A WebSocket handshake, or CONNECT. */
  upgrade?(req: IncomingMessage, socket: Duplex, head: Buffer): void
  /** A request that could not be parsed; must answer or destroy. */
  malformed?(error: NodeJS.ErrnoException, socket: Duplex): void
  /** Connections at a time; one more is closed at once. Undefined: no limit. */
  readonly most?: number
  /** Told when a connection could not be taken: `dropped` above `most`, or an error of the system. */
  lost?(why: 'dropped' | NodeJS.ErrnoException): void
}

export type Listener = {
  /** With the port that was really bound. */
  readonly address: Listen
  connections(): Promise<number>
  /**
   * Stops accepting, answers the next request of each connection with `Connection: close`, cuts idle connections after
   * `idle` seconds and whatever is left after `limit` seconds.
   */
  drain(options: { idle: number; limit: number }): Promise<void>
}

/**
 * Listens. Throws a `Mistake` when the address cannot be bound.
 * The limits are those of security.md A36 and P22: slow heads are cut, bodies may take as long as they flow.
 */
export const openListener = async (listen: Listen, handlers: Handlers): Promise<Listener> => {
  let draining = false
  const request = inTurn((req, res) => {
    if (draining) res.shouldKeepAlive = false
    handlers.request(req, res)
  })
  const server = createServer(
    {
      headersTimeout: 15_000,
      requestTimeout: 0,
      keepAliveTimeout: 75_000,
      // Finds out that the other end of a silent stream is gone (RFC 9293 §3.8.4).
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      connectionsCheckingInterval: 2_000,
      // The handler refuses it itself, as it does whatever else is wrong with a head.
      requireHostHeader: handlers.malformed === undefined,
      shouldUpgradeCallback: (req) =>
        handlers.upgrade !== undefined && req.headers.upgrade?.toLowerCase() === 'websocket',
    },
    (req, res) => request(req, res),
  )
  server.maxHeadersCount = 200
  if (handlers.most !== undefined) server.maxConnections = handlers.most
  // The handler asks for the body (100 Continue) only after its checks have passed.
  server.on('checkContinue', request).on('checkExpectation', request)
  if (handlers.upgrade) server.on('upgrade', handlers.upgrade).on('connect', handlers.upgrade)
  if (handlers.malformed) server.on('clientError', handlers.malformed)
  await bind(server, listen)
  // Without a listener an accept that fails (EMFILE) would end the process; libuv tries again by itself.
  server.on('error', (error) => handlers.lost?.(error)).on('drop', () => handlers.lost?.('dropped'))
  return {
    address: { host: listen.host, port: boundPort(server, listen) },
    connections: () => connections(server),
    async drain({ idle, limit }) {
      draining = true
      stopAccepting(server)
      const started = performance.now()
      const elapsed = () => (performance.now() - started) / 1000
      while ((await connections(server)) > 0 && elapsed() < limit) {
        if (elapsed() >= idle) server.closeIdleConnections()
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
      server.closeAllConnections()
    },
  }
}

/**
 * `wanted`, or fewer where the process may not have as many files open: upstreams, the store and the admin listener need
 * some, and a process that has none left answers nobody.
 */
export const mostConnections = (wanted: number): number => {
  const files = openFilesLimit()
  const reserve = Math.min(1024, Math.max(48, Math.floor(files / 4)))
  return Math.max(1, Math.min(wanted, files - reserve))
}

const openFilesLimit = (): number => {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1')
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** `http.Server.close` cuts idle keep-alive connections at once, under a request that was just written; this does not. */
const stopAccepting = (server: Server): void => {
  NetServer.prototype.close.call(server)
}

const connections = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.getConnections((error, count) => resolve(error ? 0 : count))
  })

const boundPort = (server: Server, listen: Listen): number => {
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : listen.port
}

const bind = (server: Server, listen: Listen): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(bindMistake(error, listen)))
    server.listen({ host: listen.host, port: listen.port }, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })

const bindMistake = (error: NodeJS.ErrnoException, { host, port }: Listen): Mistake => {
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const why = BIND_FAILURES.get(error.code ?? '') ?? error.message
  return new Mistake(`cannot listen on ${where}: ${why}`, { cause: error })
}

const BIND_FAILURES = new Map([
  [
    'EADDRINUSE',
    'another process uses this port; stop that process or change the address in the configuration',
  ],
  ['EACCES', 'not permitted; ports below 1024 need a privilege (CAP_NET_BIND_SERVICE)'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
])
