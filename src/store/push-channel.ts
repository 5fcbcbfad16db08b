import { systemClock } from '../clock.ts'
import { ticks } from './sqlite-jobs.ts'
import { type Channel, MISSED } from './store.ts'

/**
 * Messages that a server pushes to every process that listens. They travel in an envelope, so that what this process sent
 * is delivered when its batch resolves, and not again when it comes back.
 */
export type PushChannel = Channel & {
  /** Wraps messages, to be sent with their batch. */
  wrap(messages: readonly string[]): readonly string[]
  /** The batch of these envelopes is done: delivers here what has not come back yet. */
  sent(envelopes: readonly string[]): void
  /** An envelope that came in. */
  receive(envelope: string): void
  /** The connection stands, after another: messages may have been lost in between. */
  restored(): void
  /** Messages may have been lost. */
  missed(): void
  /** The connection is gone. */
  lost(): void
  /** What a heartbeat says now. */
  beat(): string
}

/** `process` is an id of this one; `tell` delivers. */
export const createPushChannel = (
  process: string,
  tell: (message: string) => void,
): PushChannel => {
  // Delivered here before they came back; bounded, as some never do.
  const early = new Set<string>()
  let last = 0
  let heard = Number.NEGATIVE_INFINITY
  let standing = false
  let stood = false
  let lag = 0
  const began = ticks()

  const remember = (id: string): void => {
    early.add(id)
    const [oldest] = early
    if (early.size > MOST_EARLY && oldest !== undefined) early.delete(oldest)
  }

  const silence = (): number => (ticks() - Math.max(heard, began)) / 1000

  return {
    wrap: (messages) =>
      messages.map((message) => {
        last += 1
        return `${process} ${last} ${systemClock()} ${message}`
      }),
    sent(envelopes) {
      for (const envelope of envelopes) {
        const { id, message } = open(envelope)
        // Gone from the set: it has come back before its batch was answered.
        if (early.delete(id)) continue
        remember(id)
        tell(message)
      }
    },
    receive(envelope) {
      const { id, at, message, from } = open(envelope)
      if (message === BEAT) {
        if (from !== process) return
        heard = Math.max(heard, at)
        lag = (ticks() - at) / 1000
        return
      }
      if (from !== process) {
        lag = Math.max(0, systemClock() - at)
        tell(message)
      } else if (!early.delete(id)) {
        remember(id)
        tell(message)
      }
    },
    restored() {
      heard = ticks()
      standing = true
      if (stood) tell(MISSED)
      stood = true
    },
    missed: () => tell(MISSED),
    lost() {
      standing = false
    },
    beat: () => `${process} 0 ${ticks()} ${BEAT}`,
    silence,
    healthy: () => standing && silence() < LONGEST_SILENCE,
    lag: () => lag,
  }
}

type Envelope = { from: string; id: string; at: number; message: string }

const open = (envelope: string): Envelope => {
  const [from = '', number = '', at = '', ...rest] = envelope.split(' ')
  return { from, id: number, at: Number(at), message: rest.join(' ') }
}

const BEAT = '\u2665'
const MOST_EARLY = 10_000
// Seconds: two heartbeats missed, and the time that an answer may take.
const LONGEST_SILENCE = 0.75
