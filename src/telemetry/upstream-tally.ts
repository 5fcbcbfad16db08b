import { createHistogram, type Histogram } from './histogram.ts'

/** What is counted of one target. Written on the hot path: plain additions. */
export type Tally = {
  readonly upstream: string
  readonly target: string
  inFlight: number
  retries: number
  ejections: number
  /** 1 while it gets requests, 0 while it is unwell or left out. */
  up: 0 | 1
  /** By class of status (`2xx`), or by what went wrong (`upstream.refused`). */
  readonly outcomes: Map<string, number>
  /** From setting out to the head of the answer. */
  readonly firstByte: Histogram
}

/** The tallies of all targets; they outlive the configuration that made them as long as the next one names them, too. */
export type Tallies = {
  of(upstream: string, target: string): Tally
  all(): Iterable<Tally>
  /** Forgets the others. */
  keep(tallies: ReadonlySet<Tally>): void
}

export const createTallies = (): Tallies => {
  const tallies = new Map<string, Tally>()
  return {
    of(upstream, target) {
      const key = `${upstream} ${target}`
      const known = tallies.get(key)
      if (known !== undefined) return known
      const tally: Tally = {
        upstream,
        target,
        inFlight: 0,
        retries: 0,
        ejections: 0,
        up: 1,
        outcomes: new Map(),
        firstByte: createHistogram(),
      }
      tallies.set(key, tally)
      return tally
    },
    all: () => tallies.values(),
    keep(wanted) {
      for (const [key, tally] of tallies) if (!wanted.has(tally)) tallies.delete(key)
    },
  }
}

export const countOutcome = ({ outcomes }: Tally, outcome: string): void => {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
}

/** `2xx` of 204. */
export const statusClass = (status: number): string => CLASSES[Math.trunc(status / 100)] ?? '5xx'

const CLASSES = ['0xx', '1xx', '2xx', '3xx', '4xx', '5xx']
