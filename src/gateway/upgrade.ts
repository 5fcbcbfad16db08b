import { lookup } from 'node:dns'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { describeError } from '../telemetry/describe-error.ts'
import type { Log } from '../telemetry/log.ts'
import { pairs, responseHead } from './deny-upgrade.ts'
import { dialOf } from './dial.ts'
import { refusal } from './refusal.ts'
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
  type UpgradeTarget,
} from './upgrade-reply.ts'
import {
  CLOSING,
  CONNECT_TIMEOUT,
  CUT,
  EXHAUSTED,
  type Failure,
  IDLE,
  isBrokenOff,
  isExhausted,
  isUntrusted,
  MALFORMED,
  REFUSED,
  UNREACHABLE,
  UNTRUSTED,
} from './upstream-failure.ts'
import {
  joinSockets,
  milliseconds,
  SERVICE_RESTART,
  startTimer,
  type Tunnel,
} from './websocket-tunnel.ts'

type Library = Pick<typeof import('http-proxy-3'), 'createProxyServer'>

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
  /** Ends every tunnel with 1012 (service restart), and every handshake with 503. Resolves when all are over, in seconds. */
  close(): Promise<void>
}

/**
 * WebSocket upgrades (RFC 6455) to an upstream. http-proxy-3 builds the request and makes the connection; what comes back
 * is judged here, because the library tunnels after any 101 and passes other answers on without regard for the client.
 */
export const createUpgrader = ({ log }: { readonly log: Log }): Upgrader => {
  let library: Promise<Library> | undefined
  const load = () => {
    library ??= import('http-proxy-3')
    return library
  }
  const running = new Map<Tunnel, PromiseWithResolvers<void>>()
  return {
    forward(req, socket, head, target, { done, ...hooks }) {
      const over = (outcome: UpgradeOutcome) => {
        running.get(tunnel)?.resolve()
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
        log,
      })
      running.set(tunnel, Promise.withResolvers())
      return tunnel
    },
    async warm() {
      await load()
    },
    async close() {
      const over = [...running.values()].map(({ promise }) => promise)
      for (const tunnel of running.keys()) tunnel.end(SERVICE_RESTART, 'service restart', CLOSING)
      await Promise.all(over)
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
  readonly log: Log
}

const startUpgrade = (call: Call): Tunnel => {
  let request: ClientRequest | undefined
  let tunnel: Tunnel | undefined
  const reply = createReply(call.socket, call.hooks, call.target.timeout.response, () =>
    request?.destroy(),
  )
  const connect = async (target: UpgradeTarget) => {
    const library = await call.load()
    if (!reply.waiting()) return
    request = dial(library, call, target)
    request.on('error', (error) => {
      const other = nextTarget(call, reply, error)
      if (other) start(other)
      else fail(error)
    })
    request.on('upgrade', (response, upstream, first) => {
      upstream.on('error', () => {})
      attempt(() => {
        tunnel = openTunnel(call, reply, response, upstream, first)
      })
      if (!tunnel) upstream.destroy()
    })
    request.on('response', (response) => attempt(() => passOn(call, reply, response)))
  }
  const start = (target: UpgradeTarget) => void connect(target).catch(fail)
  const fail = (error: unknown) => {
    if (!reply.waiting()) return
    const failure = failureOf(error)
    if (UNCLEAR.has(failure)) call.log.warn('upgrade.failed', { error: describeError(error) })
    reply.refuse(failure.refusal)
  }
  /** What throws in an event would end the process. */
  const attempt = (step: () => void) => {
    try {
      step()
    } catch (error) {
      if (reply.waiting()) fail(error)
      else reply.cut(MALFORMED.error)
    }
  }
  const problem = handshakeProblem(call.req, call.head)
  if (problem) reply.refuse(problem)
  else start(call.target)
  return {
    end(code, reason, why) {
      if (tunnel) tunnel.end(code, reason, why)
      else if (reply.waiting()) reply.refuse(why.refusal)
      else if (request && !request.destroyed) reply.cut(why.error)
    },
  }
}

/**
 * Has http-proxy-3 send the handshake. It is shown a request without fields or path, so that it can neither rewrite the one
 * nor choke on the other, and both are put in just before it sends: exactly those of `target`.
 * Throws when the library does not do what 2.0.1 does.
 */
const dial = (
  { createProxyServer }: Library,
  { req, socket }: Call,
  target: UpgradeTarget,
): ClientRequest => {
  const way = target.dial ?? dialOf(target.origin, undefined, lookup)
  const origin = Object.assign(new URL(target.origin), { socketPath: way.socketPath })
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
    const fields = handshakeRequest(req, target.headers, target.offer)
    for (const [name, value] of pairs(fields)) made.appendHeader(name, value)
  })
  try {
    proxy.ws(blank, socket, NOTHING, {
      target: origin,
      toProxy: true,
      connectTimeout: milliseconds(target.timeout.connect),
      ssl: { ...way },
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
    reply.refuse(NOT_AGREED)
    return undefined
  }
  const fields = withoutFraming(hooks.responseHeaders(101, response.rawHeaders))
  reply.begin(101)
  socket.write(responseHead(101, [...handshakeAnswer(req, response, target.offer), ...fields]))
  if (first.length > 0) upstream.unshift(first)
  const limits = target.limits ?? { idle: target.timeout.idle }
  const tunnel = joinSockets(socket, upstream, limits, ({ bytes, error, left }) => {
    reply.sent(bytes)
    reply.finish(error, left)
  })
  hooks.opened?.()
  return tunnel
}

/** An answer other than 101 goes to the client as what it is: a response, after which the connection closes. */
const passOn = ({ socket, target, hooks }: Call, reply: Reply, response: IncomingMessage): void => {
  const status = response.statusCode ?? 0
  if (!reply.waiting() || !isRelayable(response)) {
    response.destroy()
    reply.refuse(MALFORMED.refusal)
    return
  }
  const fields = hooks.responseHeaders(status, response.rawHeaders)
  const patience = startTimer(target.timeout.idle, () => reply.cut(IDLE.error))
  reply.begin(status)
  socket.once('close', () => clearTimeout(patience))
  socket.once('finish', () => {
    clearTimeout(patience)
    reply.finish()
  })
  relayAnswer(response, socket, fields, {
    active: () => patience.refresh(),
    sent: reply.sent,
    cut: () => reply.cut(CUT.error),
  })
}

/** Where nothing was sent it may be sent elsewhere. */
const nextTarget = ({ hooks }: Call, reply: Reply, error: unknown): UpgradeTarget | undefined => {
  const failure = failureOf(error)
  return reply.waiting() && NOT_REACHED.has(failure) ? hooks.retry?.(failure) : undefined
}

const failureOf = (error: unknown): Failure => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code.startsWith('HPE_')) return MALFORMED
  if (isUntrusted(code)) return UNTRUSTED
  if (isExhausted(code)) return EXHAUSTED
  return isBrokenOff(error) ? CUT : (FAILURES.get(code) ?? UNREACHABLE)
}

const FAILURES = new Map([
  ['ECONNREFUSED', REFUSED],
  ['ECONNECT_TIMEOUT', CONNECT_TIMEOUT],
])

/** Failures that have many causes. */
const UNCLEAR: ReadonlySet<Failure> = new Set([EXHAUSTED, UNREACHABLE, UNTRUSTED])

const NOT_REACHED: ReadonlySet<Failure> = new Set([
  REFUSED,
  CONNECT_TIMEOUT,
  UNREACHABLE,
  UNTRUSTED,
])

const NOT_AGREED = refusal(
  502,
  'bad_gateway',
  'The upstream did not agree to the WebSocket handshake',
  { reason: 'upstream.handshake' },
)
