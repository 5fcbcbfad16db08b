import type { Duplex } from 'node:stream'
import { answerPending, reset } from './deny-upgrade.ts'
import { startTimer } from './websocket-tunnel.ts'

/** What the gateway gives with each upgrade. */
export type UpgradeHooks = {
  /** Flat list of what may reach the client of the upstream's answer (101 or other), ours added. Framing is done here. */
  readonly responseHeaders: (status: number, rawHeaders: readonly string[]) => readonly string[]
  /** Answers the client in the house's form with `denyUpgrade`. Called at most once, while nothing was written. */
  readonly refuse: (refusal: UpgradeRefusal) => void
  /** Called once, when it is over for the client. */
  readonly done: (outcome: UpgradeOutcome) => void
}

export type UpgradeRefusal = {
  readonly status: 400 | 426 | 502 | 503 | 504
  /** For the caller: what to fix, or whose fault it is. */
  readonly description: string
  /** Flat list that has to be in the answer. */
  readonly headers: readonly string[]
}

export type UpgradeOutcome = {
  /** What the client was told: 101, the upstream's status, or ours. 0: it left before. */
  readonly status: number
  readonly upgraded: boolean
  /** Bytes sent to the client after the head. */
  readonly bytes: number
  /** `handshake`, `client.early`, `client.gone`, `upstream.refused`, `upstream.timeout`, `upstream.cut` …, `idle`, `ended`. */
  readonly error?: string
}

/** The client's side of an upgrade: exactly one answer, and `done` when it is over. */
export type Reply = {
  /** No answer has begun, and there is somebody to give one to. */
  waiting(): boolean
  /** An answer of the upstream begins; whoever begins it tells `finish`. */
  begin(status: number): void
  refuse(refusal: UpgradeRefusal, error: string): void
  /** Ends an answer that has begun, so that it cannot be taken for a whole one. */
  cut(error: string): void
  sent(bytes: number): void
  finish(error?: string): void
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
  const refuse = (refusal: UpgradeRefusal, why: string) => {
    if (!waiting) return
    settle(refusal.status)
    error = why
    abandon()
    socket.once('finish', () => finish())
    hooks.refuse(refusal)
  }
  const finish = (why?: string) => {
    if (finished) return
    finished = true
    error ??= why
    hooks.done({ status, upgraded: status === 101, bytes, ...(error !== undefined && { error }) })
  }
  const early = () => refuse(EARLY, 'client.early')
  const leave = () => socket.destroy()
  const left = () => {
    const answered = !waiting
    settle(status)
    abandon()
    // A tunnel is over when its other side is closed, too.
    if (status !== 101) finish(answered && socket.writableFinished ? undefined : 'client.gone')
  }

  const patience = startTimer(seconds, () => refuse(TOO_LATE, 'upstream.timeout'))
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

const EARLY: UpgradeRefusal = {
  status: 400,
  description: 'A WebSocket client waits for the answer to its handshake',
  headers: [],
}

const TOO_LATE: UpgradeRefusal = {
  status: 504,
  description: 'The upstream did not answer in time',
  headers: [],
}
