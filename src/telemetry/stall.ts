import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

/**
 * Watches how late the event loop is. Exports the longest stall of the last quarter of a minute, and logs one of a second:
 * while it lasts nobody is answered. A machine or a container that was paused looks the same.
 */
export const watchStalls = (metrics: Metrics, log: Pick<Log, 'warn'>): { stop(): void } => {
  let [now, before] = [0, 0]
  let expected = performance.now() + EVERY
  let ticks = 0
  const timer = setInterval(() => {
    const late = Math.max(0, performance.now() - expected) / 1000
    expected = performance.now() + EVERY
    now = Math.max(now, late)
    if (late >= NOTEWORTHY) log.warn('process.stalled', { seconds: Math.round(late * 100) / 100 })
    ticks += 1
    if (ticks % WINDOW === 0) [before, now] = [now, 0]
  }, EVERY).unref()
  metrics.gauge(
    'portcullis_event_loop_lag_seconds',
    'Longest time that the event loop did not turn, in the last 15 to 30 seconds',
    () => Math.max(now, before),
    'max',
  )
  return { stop: () => clearInterval(timer) }
}

/** Milliseconds. */
const EVERY = 100
const WINDOW = 150
const NOTEWORTHY = 1
