import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** Where an upgrade goes and what it carries; built by the gateway after all its checks. */
export type UpgradeTarget = {
  /** `http://host:port` or `https://host:port`, nothing after it. */
  readonly origin: string
  /** Path and query, base path included: sent byte for byte. */
  readonly path: string
  /** Flat list name, value. The handshake's own fields (Connection, Upgrade, Sec-WebSocket-*) are ours: left out here, taken from `req`. */
  readonly headers: readonly string[]
  /** Seconds. `response` bounds the whole handshake; `idle`: no byte in either direction. */
  readonly timeout: { readonly connect: number; readonly response: number; readonly idle: number }
}

/** What the gateway gives with each upgrade. */
export type UpgradeHooks = {
  /** Flat list of what may reach the client of the upstream's answer (101 or other), ours added. Framing and handshake fields are handled here. */
  readonly responseHeaders: (status: number, rawHeaders: readonly string[]) => readonly string[]
  /** Answers the client in the house's form, with `denyUpgrade`. Called at most once, only while nothing was written. */
  readonly refuse: (status: 400 | 426 | 502 | 503 | 504, reason: string) => void
  /** Called exactly once, when both sides are gone. */
  readonly done: (outcome: UpgradeOutcome) => void
}

export type UpgradeOutcome = {
  /** What the client was told: 101, the upstream's status, or ours. 499: it left before. */
  readonly status: number
  readonly upgraded: boolean
  /** Bytes that the upstream sent to the client after the head. */
  readonly bytes: number
  /** Code of what went wrong, for the log: `ECONNREFUSED`, `bad_accept`, `idle` … */
  readonly error?: string
}

/** A running upgrade, from the first moment. */
export type Tunnel = {
  /** Ends it: a close frame (RFC 6455 §7.4) at the next frame boundary, then both sockets after a short limit; 503 when there is no 101 yet. */
  end(code: number, reason: string): void
}

export type Upgrader = {
  /** Always answers, never throws. */
  forward(
    req: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    target: UpgradeTarget,
    hooks: UpgradeHooks,
  ): Tunnel
  /** Loads the library. */
  warm(): Promise<void>
  /** Ends every tunnel with 1001 (going away). */
  close(): void
}

export const createUpgrader = (): Upgrader => {
  throw new Error('under construction')
}
