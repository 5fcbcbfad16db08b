import type { Duplex } from 'node:stream'
import { answerPending, reset } from './deny-upgrade.ts'
import type { Dial } from './dial.ts'
import { malformed, type Refusal } from './refusal.ts'
import { type Failure, TIMEOUT } from './upstream-failure.ts'
import type { Offer } from './websocket-protocols.ts'
import { startTimer, type TunnelLimits } from './websocket-tunnel.ts'

/** Where an upgrade goes and what it carries; built by the gateway after all its checks. */
export type UpgradeTarget = {
  /** `http://host:port` or `https://host:port`, nothing after it. */
  readonly origin: string
  /** How a connection to it is made; left out: by the origin alone. */
  readonly dial?: Dial
  /** Path and query, base path included: sent byte for byte. */
  readonly path: string
  /** Flat list name, value. The handshake's own fields are left out of it and taken from the request. */
  readonly headers: readonly string[]
  /** Seconds. `response` bounds the whole handshake; `idle`: no byte of an answer that is none. */
  readonly timeout: { readonly connect: number; readonly response: number; readonly idle: number }
  /** Of the tunnel; left out: `timeout.idle`, and no lifetime. */
  readonly limits?: TunnelLimits
  /** Stands for the client's subprotocols, where a token was among them. */
  readonly offer?: Offer | undefined
}

/** What the gateway gives with each upgrade. */
export type UpgradeHooks = {
  /** Flat list of what may reach the client of the upstream's answer (101 or other), ours added. Framing is done here. */
  readonly responseHeaders: (status: number, rawHeaders: readonly string[]) => readonly string[]
  /** Answers the client with `denyUpgrade`. Called at most once, while nothing was written. */
  readonly refuse: (refusal: Refusal) => void
  /** Another target to try, when one could not be reached and nothing was sent. Left out or undefined: there is none. */
  readonly retry?: (failure: Failure) => UpgradeTarget | undefined
  /** It became a tunnel. */
  readonly opened?: () => void
  /** Called once, when it is over for the client. */
  readonly done: (outcome: UpgradeOutcome) => void
}

export type UpgradeOutcome = {
  /** What the client was told: 101, the upstream's status, or ours. 0: it left before. */
  readonly status: number
  readonly upgraded: boolean
  /** Bytes sent to the client after the head. */
  readonly bytes: number
  /** The refusal's reason, `client.gone`, `upstream.cut`, `upstream.idle`; of a tunnel `idle`, `lifetime`, `ended` … */
  readonly error?: string
  /** Of a tunnel without an error: who left first. */
  readonly left?: 'client' | 'upstream'
}

/** The client's side of an upgrade: exactly one answer, and `done` when it is over. */
export type Reply = {
  /** No answer has begun, and there is somebody to give one to. */
  waiting(): boolean
  /** An answer of the upstream begins; whoever begins it tells `finish`. */
  begin(status: number): void
  refuse(refusal: Refusal): void
  /** Ends an answer that has begun, so that it cannot be taken for a whole one. */
  cut(error: string): void
  sent(bytes: number): void
  finish(error?: string, left?: UpgradeOutcome['left']): void
}

/**
 * Watches the client until there is an answer: it must send nothing, stay, and not wait longer than `seconds`.
 * `abandon` is called when nobody wants the upstream's answer any more. Calls nothing before it has returned.
 */
export const createReply = (
  socket: Duplex,
  hooks: UpgradeHooks,
  seconds: number,
  abandon: () => void,
): Reply => {
  let waiting = true
  let finished = false
  let status = 0
  let bytes = 0
  let error: string | undefined

  const settle = (answered: number) => {
    waiting = false
    status = answered
    clearTimeout(patience)
    socket.off('data', early)
    socket.off('end', leave)
    socket.resume()
  }
  const refuse = (refusal: Refusal) => {
    if (!waiting) return
    settle(refusal.status)
    error = refusal.reason
    abandon()
    socket.once('finish', () => finish())
    hooks.refuse(refusal)
  }
  const finish: Reply['finish'] = (why, left) => {
    if (finished) return
    finished = true
    error ??= why
    hooks.done({
      status,
      upgraded: status === 101,
      bytes,
      ...(error !== undefined && { error }),
      ...(left !== undefined && { left }),
    })
  }
  const early = () => refuse(EARLY)
  const leave = () => socket.destroy()
  const left = () => {
    const answered = !waiting
    settle(status)
    abandon()
    // A tunnel is over when its other side is closed, too.
    if (status !== 101) finish(answered && socket.writableFinished ? undefined : 'client.gone')
  }

  const patience = startTimer(seconds, () => refuse(TIMEOUT.refusal))
  socket.on('error', () => {})
  socket.on('data', early)
  socket.on('end', leave)
  if (socket.closed) process.nextTick(left)
  else socket.once('close', left)
  if (answerPending(socket)) socket.destroy()
  return {
    waiting: () => waiting && !socket.destroyed,
    begin: settle,
    refuse,
    cut(why) {
      error ??= why
      abandon()
      reset(socket)
    },
    sent(count) {
      bytes += count
    },
    finish,
  }
}

const EARLY = malformed('A WebSocket client waits for the answer to its handshake', 'client.early')
