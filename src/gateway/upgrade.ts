import type { ClientRequest, IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { pairs, responseHead } from './deny-upgrade.ts'
import { isRelayable, relayAnswer, withoutFraming } from './upgrade-answer.ts'
import {
  handshakeAnswer,
  handshakeProblem,
  handshakeRequest,
  isAgreed,
} from './upgrade-handshake.ts'
import {
  createReply,
  type Reply,
  type UpgradeHooks,
  type UpgradeOutcome,
  type UpgradeRefusal,
} from './upgrade-reply.ts'
import { joinSockets, milliseconds, startTimer, type Tunnel } from './websocket-tunnel.ts'

type Library = Pick<typeof import('http-proxy-3'), 'createProxyServer'>

/** Where an upgrade goes and what it carries; built by the gateway after all its checks. */
export type UpgradeTarget = {
  /** `http://host:port` or `https://host:port`, nothing after it. */
  readonly origin: string
  /** Path and query, base path included: sent byte for byte. */
  readonly path: string
  /** Flat list name, value. The handshake's own fields are left out of it and taken from the request. */
  readonly headers: readonly string[]
  /** Seconds. `response` bounds the whole handshake; `idle`: no byte in either direction. */
  readonly timeout: { readonly connect: number; readonly response: number; readonly idle: number }
}

export type Upgrader = {
  /** Always answers, never throws. `end` of what it returns answers 503 as long as there is no 101. */
  forward(
    req: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    target: UpgradeTarget,
    hooks: UpgradeHooks,
  ): Tunnel
  /** Loads the library. */
  warm(): Promise<void>
  /** Ends every tunnel with 1001 (going away), and every handshake with 503. */
  close(): void
}

/**
 * WebSocket upgrades (RFC 6455) to an upstream. http-proxy-3 builds the request and makes the connection; what comes back
 * is judged here, because the library tunnels after any 101 and passes other answers on without regard for the client.
 */
export const createUpgrader = (): Upgrader => {
  let library: Promise<Library> | undefined
  const load = () => {
    library ??= import('http-proxy-3')
    return library
  }
  const running = new Set<Tunnel>()
  return {
    forward(req, socket, head, target, { done, ...hooks }) {
      const over = (outcome: UpgradeOutcome) => {
        running.delete(tunnel)
        done(outcome)
      }
      const tunnel = startUpgrade({
        req,
        socket,
        head,
        target,
        hooks: { ...hooks, done: over },
        load,
      })
      running.add(tunnel)
      return tunnel
    },
    async warm() {
      await load()
    },
    close() {
      for (const tunnel of running) tunnel.end(1001, 'going away')
    },
  }
}

type Call = {
  readonly req: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
  readonly target: UpgradeTarget
  readonly hooks: UpgradeHooks
  readonly load: () => Promise<Library>
}

const startUpgrade = (call: Call): Tunnel => {
  let request: ClientRequest | undefined
  let tunnel: Tunnel | undefined
  const reply = createReply(call.socket, call.hooks, call.target.timeout.response, () =>
    request?.destroy(),
  )
  const connect = async () => {
    const library = await call.load()
    if (!reply.waiting()) return
    request = dial(library, call)
    request.on('error', (error) => fail(reply, error))
    request.on('upgrade', (response, upstream, first) => {
      upstream.on('error', () => {})
      attempt(reply, () => {
        tunnel = openTunnel(call, reply, response, upstream, first)
      })
      if (!tunnel) upstream.destroy()
    })
    request.on('response', (response) => attempt(reply, () => passOn(call, reply, response)))
  }
  const problem = handshakeProblem(call.req, call.head)
  if (problem) reply.refuse(problem, 'handshake')
  else connect().catch((error: unknown) => fail(reply, error))
  return {
    end(code, reason) {
      if (tunnel) tunnel.end(code, reason)
      else if (reply.waiting()) reply.refuse(ENDED, 'ended')
      else if (request && !request.destroyed) reply.cut('ended')
    },
  }
}

/**
 * Has http-proxy-3 send the handshake. It is shown a request without fields or path, so that it can neither rewrite the one
 * nor choke on the other, and both are put in just before it sends: exactly those of `target`.
 * Throws when the library does not do what 2.0.1 does.
 */
const dial = ({ createProxyServer }: Library, { req, socket, target }: Call): ClientRequest => {
  const origin = new URL(target.origin)
  const blank: IncomingMessage = Object.create(req, {
    url: { value: '/' },
    headers: { value: { connection: 'Upgrade', upgrade: 'websocket' } },
  })
  let request: ClientRequest | undefined
  const proxy = createProxyServer()
  proxy.on('error', () => {})
  proxy.once('proxyReqWs', (made) => {
    request = made
    made.on('error', () => {})
    made.path = target.path
    for (const name of made.getHeaderNames()) made.removeHeader(name)
    const fields = handshakeRequest(req, target.headers)
    for (const [name, value] of pairs(fields)) made.appendHeader(name, value)
  })
  try {
    proxy.ws(blank, socket, NOTHING, {
      target: origin,
      toProxy: true,
      connectTimeout: milliseconds(target.timeout.connect),
      // Node would take the name to verify from the Host field, which may be the client's.
      ssl: { servername: isIP(origin.hostname.replace(/[[\]]/g, '')) ? '' : origin.hostname },
    })
    return takeOver(request)
  } catch (error) {
    request?.destroy()
    throw error
  }
}

/** What comes back is ours: the library's own listeners would tunnel and answer unseen. */
const takeOver = (request: ClientRequest | undefined): ClientRequest => {
  if (request?.listenerCount('upgrade') !== 1 || request.listenerCount('response') !== 1) {
    throw new Error('http-proxy-3 made its request in an unknown way')
  }
  for (const event of ['upgrade', 'response', 'error']) request.removeAllListeners(event)
  return request
}

const NOTHING = Buffer.alloc(0)

const openTunnel = (
  { req, socket, target, hooks }: Call,
  reply: Reply,
  response: IncomingMessage,
  upstream: Duplex,
  first: Buffer,
): Tunnel | undefined => {
  if (!reply.waiting() || !isAgreed(req, response)) {
    reply.refuse(NOT_AGREED, 'upstream.handshake')
    return undefined
  }
  const fields = withoutFraming(hooks.responseHeaders(101, response.rawHeaders))
  reply.begin(101)
  socket.write(responseHead(101, [...handshakeAnswer(req), ...fields]))
  if (first.length > 0) upstream.unshift(first)
  return joinSockets(socket, upstream, target.timeout.idle, ({ bytes, error }) => {
    reply.sent(bytes)
    reply.finish(error)
  })
}

/** An answer other than 101 goes to the client as what it is: a response, after which the connection closes. */
const passOn = ({ socket, target, hooks }: Call, reply: Reply, response: IncomingMessage): void => {
  const status = response.statusCode ?? 0
  if (!reply.waiting() || !isRelayable(response)) {
    response.destroy()
    reply.refuse(MALFORMED, 'upstream.malformed')
    return
  }
  const fields = hooks.responseHeaders(status, response.rawHeaders)
  const patience = startTimer(target.timeout.idle, () => reply.cut('idle'))
  reply.begin(status)
  socket.once('close', () => clearTimeout(patience))
  socket.once('finish', () => {
    clearTimeout(patience)
    reply.finish()
  })
  relayAnswer(response, socket, fields, {
    active: () => patience.refresh(),
    sent: reply.sent,
    cut: () => reply.cut('upstream.cut'),
  })
}

/** What throws in an event would end the process. */
const attempt = (reply: Reply, step: () => void): void => {
  try {
    step()
  } catch (error) {
    if (reply.waiting()) fail(reply, error)
    else reply.cut('upstream.failed')
  }
}

const fail = (reply: Reply, error: unknown): void => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code.startsWith('HPE_')) reply.refuse(MALFORMED, 'upstream.malformed')
  else if (code === 'ECONNECT_TIMEOUT') reply.refuse(UNREACHED, 'upstream.timeout')
  else reply.refuse(UNAVAILABLE, FAILURES.get(code) ?? 'upstream.failed')
}

const FAILURES = new Map([
  ['ECONNREFUSED', 'upstream.refused'],
  ['ECONNRESET', 'upstream.cut'],
  ['EPIPE', 'upstream.cut'],
  ['ENOTFOUND', 'upstream.unknown'],
  ['EAI_AGAIN', 'upstream.unknown'],
  ['EHOSTUNREACH', 'upstream.unreachable'],
  ['ENETUNREACH', 'upstream.unreachable'],
])

const refusal = (status: UpgradeRefusal['status'], description: string): UpgradeRefusal => ({
  status,
  description,
  headers: [],
})

const ENDED = refusal(503, 'The connection is being ended')
const MALFORMED = refusal(502, 'The upstream gave an answer that is not well-formed')
const NOT_AGREED = refusal(502, 'The upstream did not agree to the WebSocket handshake')
const UNAVAILABLE = refusal(502, 'The upstream could not be reached')
const UNREACHED = refusal(504, 'The upstream could not be reached in time')
