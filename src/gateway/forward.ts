import type { EventEmitter } from 'node:events'
import { isIP, Socket } from 'node:net'
import type { Client, Dispatcher } from 'undici'
import { type Connections, createConnections } from './connections.ts'
import { createErrand, type Job } from './errand.ts'
import { type Streams, ticks } from './streams.ts'
import { ConnectTimeout } from './upstream-failure.ts'
import type { Target } from './upstreams.ts'

/** The part of undici that is used. */
export type Library = Pick<typeof import('undici'), 'Client' | 'buildConnector'>

export type Forwarder = {
  /** Starts; returns the way to give it up, for when the client is gone. */
  forward(job: Job): () => void
  /** Loads the library. */
  warm(): Promise<void>
  close(): Promise<void>
}

/**
 * Forwards requests by undici's dispatch (RFC 9110 §7.6, RFC 9112): bodies streamed at the slower side's pace, both ways;
 * abandoned at once when the client leaves; an answer that is cut short is never ended as if it were whole.
 * Asks twice only where nothing can have happened: another target when the connection was never made, a fresh connection
 * when a reused one broke under a bodiless GET, HEAD or OPTIONS before the first byte (RFC 9110 §9.2.2).
 */
export const createForwarder = (streams: Streams): Forwarder => {
  let library: Library | undefined
  const lines = new Map<Target, Line>()
  const lineTo = (target: Target, loaded: Library): Line => {
    const known = lines.get(target)
    if (known !== undefined) return known
    const line = openLine(target, loaded)
    lines.set(target, line)
    return line
  }
  const load = async (): Promise<Library> => {
    library ??= (await import('undici')).default
    return library
  }
  return {
    forward(job) {
      const errand = createErrand(job, streams, lineTo)
      if (library !== undefined) errand.start(library)
      else load().then(errand.start, errand.fail)
      return errand.abandon
    },
    async warm() {
      await load()
    },
    async close() {
      await Promise.all([...lines.values()].map(({ connections }) => connections.close()))
    },
  }
}

/** undici's view of a request. */
export type UpstreamClient = Client
export type DispatchHandler = Dispatcher.DispatchHandler
export type DispatchController = Dispatcher.DispatchController
export type DispatchOptions = Dispatcher.DispatchOptions & { readonly servername: string }

/** What is kept of a target. */
export type Line = {
  readonly connections: Connections<Client>
  /** Ticks. */
  readonly response: number
  readonly idle: number
  /** undici takes the name to verify from the Host field, which may be the client's. */
  readonly servername: string
}

const openLine = (target: Target, { Client, buildConnector }: Library): Line => {
  const { hostname } = new URL(target.origin)
  const connect = connector(buildConnector({ timeout: 0, allowH2: false }), hostname, target)
  // Time is kept by `streams`; 0 switches undici's own timers off.
  const options = { connect, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 }
  return {
    connections: createConnections((lost) =>
      surviving(new Client(target.origin, options).on('disconnect', lost)),
    ),
    response: ticks(target.timeout.response),
    idle: ticks(target.timeout.idle),
    servername: hostname,
  }
}

/** undici emits what is thrown while it tells of an error; with nobody listening that would end the process. */
const surviving = <Emitter extends EventEmitter>(client: Emitter): Emitter => {
  const emitter: EventEmitter = client
  emitter.on('error', () => {})
  return client
}

type Connector = ReturnType<Library['buildConnector']>

/** Connects within the target's limit, which undici's own timer would overrun by up to a second. */
const connector = (connect: Connector, hostname: string, { timeout }: Target): Connector => {
  const name = isIP(hostname.replace(/[[\]]/g, '')) ? undefined : hostname
  return (options, done) => {
    const { servername: _, ...origin } = options
    const named = name === undefined ? origin : { ...origin, servername: name }
    const socket: unknown = connect(named, (...outcome) => {
      clearTimeout(timer)
      done(...outcome)
    })
    const timer = setTimeout(() => {
      if (socket instanceof Socket) socket.destroy(new ConnectTimeout('no connection in time'))
    }, timeout.connect * 1000)
  }
}
