/** Counts what is there, and tells when nothing is left. */
export type Count = { add(step: number): void; zero(): Promise<void> }

export const createCount = (): Count => {
  let count = 0
  let waiting: (() => void)[] = []
  return {
    add(step) {
      count += step
      if (count > 0 || waiting.length === 0) return
      for (const tell of waiting) tell()
      waiting = []
    },
    zero: () =>
      new Promise((tell) => {
        if (count === 0) tell()
        else waiting.push(tell)
      }),
  }
}
