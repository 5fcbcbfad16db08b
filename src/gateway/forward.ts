import type { EventEmitter } from 'node:events'
import type { Client, Dispatcher } from 'undici'
import type { Clock } from '../clock.ts'
import { type Connections, createConnections } from './connections.ts'
import { createConnector } from './connector.ts'
import { createErrand } from './errand.ts'
import type { Probe } from './health.ts'
import type { Job } from './job.ts'
import type { Names } from './names.ts'
import { probeOnce } from './probe.ts'
import { type Streams, ticks } from './streams.ts'
import type { Target } from './upstreams.ts'

/** The part of undici that is used. */
export type Library = Pick<typeof import('undici'), 'Client' | 'buildConnector'>

export type Forwarder = {
  /** Starts; returns the way to give it up, for when the client is gone. */
  forward(job: Job): () => void
  /** Asks a target how it is. */
  readonly probe: Probe
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
export const createForwarder = (deps: {
  readonly streams: Streams
  readonly names: Names
  readonly clock: Clock
}): Forwarder => {
  let library: Library | undefined
  const lines = new Map<Target, Line>()
  const lineTo = (target: Target, loaded: Library): Line => {
    const known = lines.get(target)
    if (known !== undefined) return known
    const line = openLine(target, loaded)
    lines.set(target, line)
    deps.names.watch(new URL(target.origin).hostname, line.connections.retain)
    return line
  }
  const load = async (): Promise<Library> => {
    library ??= (await import('undici')).default
    return library
  }
  return {
    forward(job) {
      const errand = createErrand(job, deps, lineTo)
      if (library !== undefined) errand.start(library)
      else load().then(errand.start, errand.fail)
      return errand.abandon
    },
    async probe(target, path, seconds) {
      return probeOnce(await load(), target, path, seconds)
    },
    async warm() {
      await load()
    },
    async close() {
      deps.names.close()
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
  /** The same for event streams. */
  readonly stream: number
  /** The same for all requests, or undici would take it from the Host field and connect anew when that changes. */
  readonly servername: string
}

const openLine = (target: Target, library: Library): Line => {
  const { connections, dial, origin, timeout } = target
  const connector = createConnector(library, dial(), timeout.connect)
  return {
    connections: createConnections(connections, ({ connected, lost }) =>
      surviving(
        new library.Client(origin, { connect: connector(connected), ...OPTIONS }).on(
          'disconnect',
          lost,
        ),
      ),
    ),
    response: ticks(timeout.response),
    idle: ticks(timeout.idle),
    stream: ticks(timeout.stream),
    servername: new URL(origin).hostname,
  }
}

/** undici emits what is thrown while it tells of an error; with nobody listening that would end the process. */
const surviving = <Emitter extends EventEmitter>(client: Emitter): Emitter => {
  const emitter: EventEmitter = client
  emitter.on('error', () => {})
  return client
}

/** Time is kept by `streams`; 0 switches undici's own timers off. */
export const OPTIONS = { pipelining: 1, headersTimeout: 0, bodyTimeout: 0 } as const
