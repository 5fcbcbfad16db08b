import type { Log } from '../telemetry/log.ts'
import type { Store } from './store.ts'

/** What the room does by itself, now and then. */
export type Chores = {
  /** Takes each step; one that fails is logged, and taken again every half minute until it is done. */
  finish(steps: readonly Step[]): Promise<void>
  /** Resolves when the step that is under way is done. No other is taken. */
  stop(): Promise<void>
}

type Step = () => Promise<unknown>

/** Deletes expired rows every half minute, a thousand at a time, so that nothing else waits for long. */
export const createChores = (store: Pick<Store, 'purge'>, log: Log): Chores => {
  const running = new Set<Promise<void>>()
  let unfinished: readonly Step[] = []
  let stopped = false

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

  const doAll = (): Promise<void> => {
    const steps = [...unfinished, purge]
    unfinished = []
    // A purge that failed is due again anyway.
    return finish(steps).then(() => {
      unfinished = unfinished.filter((step) => step !== purge)
    })
  }

  const timer = setInterval(doAll, EVERY).unref()
  return {
    finish,
    async stop() {
      stopped = true
      clearInterval(timer)
      await Promise.all(running)
    },
  }
}

const EVERY = 30_000
const ROWS = 1000
