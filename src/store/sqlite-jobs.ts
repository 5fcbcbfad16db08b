import type { Committed } from './adapter.ts'
import type { Write } from './store.ts'

/** What the event loop asks of the writing thread. `now` and `at` are wall-clock milliseconds. */
export type Job = JobWork & {
  readonly id: number
  /** In `ticks`: a job that has not begun by then is dropped. */
  readonly deadline: number
}

export type JobWork =
  | {
      readonly kind: 'commit'
      readonly writes: readonly Write[]
      readonly publish: readonly string[]
      readonly now: number
      readonly at: number
    }
  | { readonly kind: 'purge'; readonly limit: number; readonly now: number; readonly at: number }
  | { readonly kind: 'count'; readonly after: string }
  | { readonly kind: 'beat'; readonly process: string; readonly sent: number; readonly at: number }

/** `after`: there are more, behind this key. */
export type CountedPart = { readonly counted: number; readonly after?: string }

export type Outcome =
  /** `told`: with messages, which are in the table of events now. */
  | { readonly id: number; readonly committed: Committed; readonly told: boolean }
  | { readonly id: number; readonly purged: number }
  | ({ readonly id: number } & CountedPart)
  | { readonly id: number; readonly failure: string }

export type WriterSettings = {
  readonly file: string
  /** The largest size that the file may grow to, in pages of 4 KiB. */
  readonly maximumPages: number | undefined
}

/** Milliseconds of the monotonic clock, the same in every thread of the process. */
export const ticks = (): number => performance.now() + OFFSET

/**
 * `performance.now` counts from the start of its own thread, and unlike `hrtime` makes no garbage. A thread that is held up
 * between the two readings would be late for ever after: the closest of several is taken.
 */
const closestOffset = (): number => {
  let closest = { width: Number.POSITIVE_INFINITY, offset: 0 }
  for (let tries = 0; tries < 20; tries += 1) {
    const before = monotonic()
    const own = performance.now()
    const after = monotonic()
    const width = after - before
    if (width < closest.width) closest = { width, offset: (before + after) / 2 - own }
    if (width < CLOSE) break
  }
  return closest.offset
}

const monotonic = (): number => {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}

// Milliseconds.
const CLOSE = 0.05
const OFFSET = closestOffset()
