import { readFileSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { type ListenOptions, Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Listen } from './config/config.ts'
import { inTurn } from './in-turn.ts'
import { Mistake } from './mistake.ts'
import { createServer } from './node-http.ts'
import { type Credentials, hangTlsDoor, type TlsDoor } from './tls-door.ts'

export type Handlers = {
  request(req: IncomingMessage, res: ServerResponse): void
  /** A WebSocket handshake, or CONNECT. */
  upgrade?(req: IncomingMessage, socket: Duplex, head: Buffer): void
  /** A request that could not be parsed; must answer or destroy. */
  malformed?(error: NodeJS.ErrnoException, socket: Duplex): void
  /** Connections at a time; one more is closed at once. Undefined: no limit. */
  readonly most?: number
  /** Milliseconds until a request has to be there whole. Undefined: a body may take as long as it flows. */
  readonly patience?: number
  /** What it speaks TLS with; false: it does not yet. Undefined: it never will. */
  readonly tls?: Credentials | false
  /** Told when a connection could not be taken: `dropped` above `most`, or an error of the system. */
  lost?(why: 'dropped' | NodeJS.ErrnoException): void
}

/** How an address is come by. */
export type Binding = {
  /** A socket that the service manager listens on already, in place of the address. */
  readonly fd?: number
  /** Others may listen there, too: our fellow workers, or the process whose place we take. */
  readonly beside?: boolean
  /** All workers share one socket in place of sockets of their own (node:cluster). */
  readonly shared?: boolean
}

export type Listener = {
  /** With the port that was really bound. */
  readonly address: Listen
  connections(): Promise<number>
  /**
   * Judges what TLS is to be spoken with from now on (undefined: none), and throws a `Mistake` where that will not do. What
   * it returns puts it in force.
   */
  secure(tls: Credentials | undefined): () => void
  /**
   * Stops accepting, answers the next request of each connection with `Connection: close`, cuts idle connections after
   * `idle` seconds and whatever is left after `limit` seconds. Resolves to how many were cut at the limit.
   */
  drain(options: { idle: number; limit: number }): Promise<number>
  /** Stops accepting and answers with `Connection: close`; cuts nobody. Resolves when the last has left. */
  retire(): Promise<void>
}

/**
 * Listens. Throws a `Mistake` when the address cannot be bound.
 * The limits are those of security.md A36 and P22: slow heads are cut, bodies may take as long as they flow.
 */
export const openListener = async (
  listen: Listen,
  handlers: Handlers,
  binding: Binding = { shared: true },
): Promise<Listener> => {
  let draining = false
  let stopped = false
  let accepted = 0
  let door: TlsDoor | undefined
  const request = inTurn((req, res) => {
    if (draining) res.shouldKeepAlive = false
    if (door?.turnsAway(req.socket)) return
    handlers.request(req, res)
  })
  const server = createServer(
    {
      headersTimeout: 15_000,
      requestTimeout: handlers.patience ?? 0,
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
  door = handlers.tls === undefined ? undefined : hangTlsDoor(server)
  if (handlers.tls) door?.prepare(handlers.tls)()
  server.maxHeadersCount = 200
  if (handlers.most !== undefined) server.maxConnections = handlers.most
  // The handler asks for the body (100 Continue) only after its checks have passed.
  server.on('checkContinue', request).on('checkExpectation', request)
  if (handlers.upgrade) server.on('upgrade', handlers.upgrade).on('connect', handlers.upgrade)
  if (handlers.malformed) server.on('clientError', handlers.malformed)
  server.on('connection', () => {
    accepted += 1
  })
  await bind(server, listen, binding)
  // Without a listener an accept that fails (EMFILE) would end the process; libuv tries again by itself.
  server.on('error', (error) => handlers.lost?.(error)).on('drop', () => handlers.lost?.('dropped'))

  const leave = async () => {
    draining = true
    if (stopped) return
    stopped = true
    await backlogEmpty(() => accepted)
    stopAccepting(server)
  }
  return {
    address: { host: listen.host, port: boundPort(server, listen) },
    connections: () => connections(server),
    secure: (tls) => door?.prepare(tls) ?? (() => {}),
    async drain({ idle, limit }) {
      const started = performance.now()
      const elapsed = () => (performance.now() - started) / 1000
      await leave()
      while ((await connections(server)) > 0 && elapsed() < limit) {
        if (elapsed() >= idle) server.closeIdleConnections()
        await pause()
      }
      server.closeIdleConnections()
      const cut = await connections(server)
      server.closeAllConnections()
      door?.close()
      return cut
    },
    async retire() {
      await leave()
      while ((await connections(server)) > 0) await pause()
    },
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 25))

/**
 * Resolves right after a turn of the event loop that brought no connection and was short: what the kernel had taken in for
 * this socket alone is reset when it closes, so that as little time as can be may pass between the last look and the close.
 * Nobody can be waited for who comes without end.
 */
const backlogEmpty = async (accepted: () => number): Promise<void> => {
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const limit = performance.now() + 1000
  await turn()
  for (;;) {
    const [before, from] = [accepted(), performance.now()]
    await turn()
    const now = performance.now()
    if ((accepted() === before && now - from < SHORT_MS) || now > limit) return
  }
}

const SHORT_MS = 0.15

/**
 * `wanted`, or fewer where the process may not have as many files open: upstreams, the store and the admin listener need
 * some, and a process that has none left answers nobody.
 */
export const mostConnections = (wanted: number): number => {
  const files = openFilesLimit()
  return Math.max(1, Math.min(wanted, files - reserveOf(files)))
}

/** Half of what is reserved. */
export const mostAdminConnections = (): number => Math.floor(reserveOf(openFilesLimit()) / 2)

const reserveOf = (files: number): number => Math.min(1024, Math.max(48, Math.floor(files / 4)))

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

const bind = async (server: Server, listen: Listen, binding: Binding): Promise<void> => {
  if (binding.fd !== undefined) return listenOn(server, { fd: binding.fd }, listen)
  if (binding.shared || !SHARES_PORTS) return listenOn(server, listen, listen)
  if (!binding.beside && listen.port !== 0) await expectFree(listen)
  await listenOn(server, { ...listen, reusePort: true }, listen)
}

/** Sockets of their own for all who listen on one port, among which the kernel spreads connections (SO_REUSEPORT). */
const SHARES_PORTS = process.platform === 'linux'

/** Throws a `Mistake` when anybody listens there: two sockets that share their port would not notice each other. */
export const expectFree = async (listen: Listen): Promise<void> => {
  const probe = new NetServer()
  await listenOn(probe, { ...listen, exclusive: true }, listen)
  await new Promise((resolve) => probe.close(resolve))
}

type Options = ListenOptions & { readonly fd?: number }

const listenOn = (server: NetServer, options: Options, listen: Listen): Promise<void> =>
  new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(bindMistake(error, listen))
    server.once('error', fail)
    server.listen(options, () => {
      server.off('error', fail)
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
  ['EINVAL', 'the socket that was passed on does not listen'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
])
