import { type Connections, createConnections } from './connections.ts'
import type { Errand } from './errand.ts'
import type { ConnectionListener } from './http1/connection.ts'
import { createDialer } from './http1/dialer.ts'
import type { Names } from './names.ts'
import { ticks } from './streams.ts'
import type { Target } from './target.ts'

/** What is kept of a target. */
export type Line = {
  readonly connections: Connections<Errand>
  /** Ticks. */
  readonly response: number
  readonly idle: number
  /** The same for event streams. */
  readonly stream: number
}

export type Lines = {
  to(target: Target): Line
  close(): void
}

/** The lines to all targets, each opened when it is needed first. */
export const createLines = (names: Names, listener: ConnectionListener<Errand>): Lines => {
  const lines = new Map<Target, Line>()
  const timer = setInterval(() => {
    for (const { connections } of lines.values()) connections.tick()
  }, 1000).unref()
  return {
    to(target) {
      const known = lines.get(target)
      if (known !== undefined) return known
      const line = openLine(target, listener)
      lines.set(target, line)
      names.watch(new URL(target.origin).hostname, line.connections.retain)
      return line
    },
    close() {
      clearInterval(timer)
      names.close()
      for (const { connections } of lines.values()) connections.close()
    },
  }
}

const openLine = (
  { connections, dial, origin, timeout }: Target,
  listener: ConnectionListener<Errand>,
): Line => ({
  connections: createConnections(
    connections,
    createDialer(origin, dial(), timeout.connect),
    listener,
  ),
  response: ticks(timeout.response),
  idle: ticks(timeout.idle),
  stream: ticks(timeout.stream),
})
