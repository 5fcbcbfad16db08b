import type { Duplex } from 'node:stream'
import { reset } from './deny-upgrade.ts'
import { closeFrame, createFrameTracker } from './websocket-frames.ts'

/** A running upgrade, from the first moment. */
export type Tunnel = {
  /** Ends it: a close frame (RFC 6455 §7.4) at the next frame boundary, then both sockets after a short limit. */
  end(code: number, reason: string): void
}

/**
 * Joins two upgraded sockets: bytes as they come, each side waiting for the other. Leaves no socket behind: when one side
 * goes the other follows, and `idle` seconds without a byte end both. `over` is told once, when both are closed.
 */
export const joinSockets = (
  client: Duplex,
  upstream: Duplex,
  idle: number,
  over: (outcome: { bytes: number; error?: string }) => void,
): Tunnel => {
  let bytes = 0
  let error: string | undefined
  let ending = false
  let open = 2
  let patience = startTimer(idle, () => {
    error ??= 'idle'
    end(1001, 'idle for too long')
  })
  const active = () => {
    if (!ending) patience.refresh()
  }
  const down = createLane(upstream, client, active, (count) => {
    bytes += count
  })
  const up = createLane(client, upstream, active, () => {})

  const end = (code: number, reason: string) => {
    if (ending) return
    ending = true
    hurry(CLOSE_SECONDS)
    // From here on nothing of the client's reaches the upstream, not even the rest of a frame.
    if (up.atBoundary() && upstream.writable) upstream.write(closeFrame(code, reason, true))
    up.stop()
    down.stopAtBoundary(() => {
      if (client.writable) client.end(closeFrame(code, reason))
      upstream.end()
    })
  }
  const hurry = (seconds: number) => {
    clearTimeout(patience)
    patience = startTimer(seconds, () => {
      client.destroy()
      upstream.destroy()
    })
  }

  const sides = [
    { from: upstream, lane: down, to: client },
    { from: client, lane: up, to: upstream },
  ]
  for (const { from, lane, to } of sides) {
    from.on('end', () => {
      lane.stop()
      to.end()
      if (!ending) hurry(Math.min(idle, HALF_CLOSED_SECONDS))
    })
    from.on('close', () => {
      if (from.readableEnded) to.end()
      else to.destroy()
      open -= 1
      if (open > 0) return
      clearTimeout(patience)
      over({ bytes, ...(error === undefined ? {} : { error }) })
    })
  }
  client.on('error', () => upstream.destroy())
  upstream.on('error', () => {
    error ??= 'upstream.cut'
    reset(client)
  })
  return { end }
}

type Lane = {
  atBoundary(): boolean
  /** Passes nothing on any more; what still comes is thrown away. */
  stop(): void
  /** Stops at the next frame boundary, now if this is one, and says so. */
  stopAtBoundary(stopped: () => void): void
}

/** One direction: what `from` sends is written to `to`, as fast as `to` takes it. */
const createLane = (
  from: Duplex,
  to: Duplex,
  active: () => void,
  sent: (bytes: number) => void,
): Lane => {
  const frames = createFrameTracker()
  let stopped = false
  let atBoundary: (() => void) | undefined
  const stop = () => {
    stopped = true
    from.resume()
  }
  const write = (bytes: Buffer) => {
    sent(bytes.length)
    if (!to.write(bytes)) from.pause()
  }
  const finish = () => {
    stop()
    atBoundary?.()
  }
  from.on('data', (chunk: Buffer) => {
    active()
    if (stopped) return
    write(chunk.subarray(0, frames.follow(chunk, atBoundary !== undefined)))
    if (atBoundary && frames.atBoundary()) finish()
  })
  to.on('drain', () => {
    active()
    from.resume()
  })
  return {
    atBoundary: frames.atBoundary,
    stop,
    stopAtBoundary(then) {
      atBoundary = then
      if (stopped || frames.atBoundary()) finish()
    },
  }
}

/** A timer that keeps no process alive. */
export const startTimer = (seconds: number, expired: () => void): NodeJS.Timeout =>
  setTimeout(expired, milliseconds(seconds)).unref()

/** At most what a timer of Node can wait for: it takes anything longer for 1 ms. */
export const milliseconds = (seconds: number): number => Math.min(seconds * 1000, 2 ** 31 - 1)

/** How long the two sides have to take their leave once they were told to. */
const CLOSE_SECONDS = 5

/** How long one side may stay after the other one closed its half, without a byte. */
const HALF_CLOSED_SECONDS = 30
