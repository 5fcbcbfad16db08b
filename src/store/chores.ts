import type { Log } from '../telemetry/log.ts'
import type { Store } from './store.ts'

/** What the room does by itself, now and then. */
export type Chores = {
  /** Takes each step; one that fails is logged, and taken again every half minute until it is done. */
  finish(steps: readonly Step[]): Promise<void>
  /** A step: counts the rows anew. */
  count(): Promise<void>
  /** How many there were when they were last counted. */
  rows(): number
  /** Resolves when the step that is under way is done. No other is taken. */
  stop(): Promise<void>
}

type Step = () => Promise<unknown>

/** Deletes expired rows every half minute, a thousand at a time so that nothing else waits for long, and counts what is there. */
export const createChores = (store: Pick<Store, 'purge' | 'rows'>, log: Log): Chores => {
  const running = new Set<Promise<void>>()
  let unfinished: readonly Step[] = []
  let stopped = false
  let counting = false
  let rows = 0

  const take = async (steps: readonly Step[]): Promise<void> => {
    for (const step of steps) {
      if (stopped) return
      try {
        await step()
      } catch (cause) {
        log.warn('store.unfinished', { cause })
        unfinished = [...unfinished, step]
      }
    }
  }

  const finish = (steps: readonly Step[]): Promise<void> => {
    const taken = take(steps).finally(() => running.delete(taken))
    running.add(taken)
    return taken
  }

  const purge = async (): Promise<void> => {
    while (!stopped && (await store.purge(ROWS)) === ROWS);
  }

  const count = async (): Promise<void> => {
    // A large store may take longer to count than the next turn is away.
    if (counting) return
    counting = true
    try {
      const counted = await store.rows(() => !stopped)
      if (!stopped) rows = counted
    } finally {
      counting = false
    }
  }

  const doAll = (): Promise<void> => {
    const steps = [...unfinished, purge, count]
    unfinished = []
    // A purge or a count that failed is due again anyway.
    return finish(steps).then(() => {
      unfinished = unfinished.filter((step) => step !== purge && step !== count)
    })
  }

  const timer = setInterval(doAll, EVERY).unref()
  return {
    finish,
    count,
    rows: () => rows,
    async stop() {
      stopped = true
      clearInterval(timer)
      await Promise.all(running)
    },
  }
}

const EVERY = 30_000
const ROWS = 1000
