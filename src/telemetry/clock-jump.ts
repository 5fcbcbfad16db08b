import type { Clock } from '../clock.ts'
import type { Log } from './log.ts'

/**
 * Watches the wall clock against the one that only goes forward, and logs a step of more than five seconds between two
 * looks: lives of what was issued before are off by as much.
 */
export const watchClock = (clock: Clock, log: Pick<Log, 'warn'>): { stop(): void } => {
  const offset = (): number => clock() - performance.now() / 1000
  let before = offset()
  const look = (): void => {
    const now = offset()
    const seconds = Math.round((now - before) * 100) / 100
    before = now
    if (Math.abs(seconds) > NOTEWORTHY) log.warn('clock.jumped', { seconds })
  }
  const timer = setInterval(look, EVERY).unref()
  return { stop: () => clearInterval(timer) }
}

// Milliseconds.
const EVERY = 500
// Seconds: more than a clock that is disciplined is ever off.
const NOTEWORTHY = 5
