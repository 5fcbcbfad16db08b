import type { Log } from '../telemetry/log.ts'
import type { Store } from './store.ts'

/** What the room does by itself, now and then. */
export type Chores = {
  /** Takes each step; one that fails is logged, and taken again every half minute until it is done. */
  finish(steps: readonly Step[]): Promise<void>
  stop(): void
}

type Step = () => Promise<unknown>

/** Deletes expired rows every half minute, a thousand at a time, so that nothing else waits for long. */
export const createChores = (store: Pick<Store, 'purge'>, log: Log): Chores => {
  let unfinished: readonly Step[] = []

  const finish = async (steps: readonly Step[]): Promise<void> => {
    for (const step of steps) {
      try {
        await step()
      } catch (cause) {
        log.warn('store.unfinished', { cause })
        unfinished = [...unfinished, step]
      }
    }
  }

  const purge = async (): Promise<void> => {
    while ((await store.purge(ROWS)) === ROWS);
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
  return { finish, stop: () => clearInterval(timer) }
}

const EVERY = 30_000
const ROWS = 1000
