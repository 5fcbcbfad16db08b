import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { reset } from './deny-upgrade.ts'
import { sweep } from './sweep.ts'
import { CUT, type Failure, LIFETIME, TUNNEL_IDLE } from './upstream-failure.ts'
import { closeFrame, createFrameTracker } from './websocket-frames.ts'

/** A running upgrade, from the first moment. */
export type Tunnel = {
  /**
   * Ends it: a close frame (RFC 6455 §7.4) at the next frame boundary, then both sockets after a short limit. `why` is
   * noted, and what a client is told that has no answer yet.
   */
  end(code: number, reason: string, why: Failure): void
}

/** Seconds: without a byte in either direction, and in all. */
export type TunnelLimits = { readonly idle: number; readonly lifetime?: number | undefined }

export type TunnelOutcome = {
  /** To the client. */
  readonly bytes: number
  readonly error?: string
  /** Who left first, where nothing else was the reason. */
  readonly left?: 'client' | 'upstream'
}

/**
 * Joins two upgraded sockets: bytes as they come, each side waiting for the other. Leaves no socket behind: when one side
 * goes the other follows, and a limit ends both. `over` is told once, when both are closed.
 */
export const joinSockets = (
  client: Duplex,
  upstream: Duplex,
  { idle, lifetime }: TunnelLimits,
  over: (outcome: TunnelOutcome) => void,
): Tunnel => {
  let bytes = 0
  let error: string | undefined
  let left: 'client' | 'upstream' | undefined
  let ending = false
  let open = 2
  let patience = startTimer(idle, () => end(GOING_AWAY, 'idle for too long', TUNNEL_IDLE))
  const life =
    lifetime === undefined
      ? undefined
      : startTimer(lifetime, () => end(GOING_AWAY, 'open for as long as it may be', LIFETIME))
  const active = () => {
    if (!ending) patience.refresh()
  }
  const leave = (name: 'client' | 'upstream') => () => {
    left ??= name
  }
  const down = createLane(upstream, client, { active, closing: leave('upstream') }, (count) => {
    bytes += count
  })
  const up = createLane(client, upstream, { active, closing: leave('client') }, () => {})

  const end = (code: number, reason: string, why: Failure) => {
    if (ending) return
    ending = true
    if (left === undefined) error ??= why.error
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
    { name: 'upstream', from: upstream, lane: down, to: client },
    { name: 'client', from: client, lane: up, to: upstream },
  ] as const
  for (const { name, from, lane, to } of sides) {
    // Finds out that a silent peer is gone.
    if (from instanceof Socket) from.setKeepAlive(true, KEEP_ALIVE_MS)
    from.on('end', () => {
      left ??= name
      lane.stop()
      to.end()
      if (!ending) hurry(Math.min(idle, HALF_CLOSED_SECONDS))
    })
    from.on('close', () => {
      left ??= name
      if (from.readableEnded) to.end()
      else to.destroy()
      open -= 1
      if (open > 0) return
      clearTimeout(patience)
      clearTimeout(life)
      over({ bytes, ...(error === undefined ? { left } : { error }) })
    })
  }
  client.on('error', () => {
    left ??= 'client'
    upstream.destroy()
  })
  upstream.on('error', () => {
    if (left === undefined) error ??= CUT.error
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
  on: { readonly active: () => void; readonly closing: () => void },
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
    on.active()
    sweep(chunk.length)
    if (stopped) return
    write(chunk.subarray(0, frames.follow(chunk, atBoundary !== undefined)))
    if (frames.closing()) on.closing()
    if (atBoundary && frames.atBoundary()) finish()
  })
  to.on('drain', () => {
    on.active()
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

/** RFC 6455 §7.4.1; 1000 would tell many a client not to come again. */
const GOING_AWAY = 1001

/** Of the registry that RFC 6455 §11.7 sets up: come again, after a moment of your own. */
export const SERVICE_RESTART = 1012

const KEEP_ALIVE_MS = 60_000

/** How long the two sides have to take their leave once they were told to. */
const CLOSE_SECONDS = 5

/** How long one side may stay after the other one closed its half, without a byte. */
const HALF_CLOSED_SECONDS = 30
