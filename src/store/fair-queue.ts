/** Runs steps `atOnce` at a time, the waiting ones in turn by where they come from. */
export type FairQueue = {
  /** Rejects with what `full` makes when too many wait, of this origin or of all. */
  run<Result>(from: string, step: () => Promise<Result>): Promise<Result>
}

/**
 * One origin with a thousand steps to run delays another by one step, not by a thousand: origins take turns. At most
 * `each` steps wait per origin and `all` together.
 */
export const createFairQueue = (
  { atOnce, each, all }: { atOnce: number; each: number; all: number },
  full: () => Error,
): FairQueue => {
  /** In the order of their turns. */
  const lines = new Map<string, (() => void)[]>()
  let running = 0
  let waiting = 0

  const enter = (from: string): Promise<void> => {
    if (running < atOnce) {
      running += 1
      return Promise.resolve()
    }
    const line = lines.get(from) ?? []
    if (line.length >= each || waiting >= all) throw full()
    waiting += 1
    lines.set(from, line)
    return new Promise((resolve) => line.push(resolve))
  }

  const leave = (): void => {
    const [next] = lines
    if (next === undefined) {
      running -= 1
      return
    }
    const [from, line] = next
    const begin = line.shift()
    waiting -= 1
    // To the end of the round, or out of it.
    lines.delete(from)
    if (line.length > 0) lines.set(from, line)
    begin?.()
  }

  return {
    async run(from, step) {
      await enter(from)
      try {
        return await step()
      } finally {
        leave()
      }
    },
  }
}
