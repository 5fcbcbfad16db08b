import { vi } from 'vitest'
import { movableClock } from './stores.ts'

/** A clock and intervals that pass when they are told to, for a program in this process. To be made before it starts. */
export const passingTime = () => {
  // What beats must not stand still in between.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'], shouldAdvanceTime: true })
  const clock = movableClock()
  return {
    clock,
    /** Resolves when what the intervals began has had its turns. */
    async pass(seconds: number): Promise<void> {
      clock.move(seconds)
      vi.advanceTimersByTime(seconds * 1000)
      await new Promise((resolve) => setTimeout(resolve, 5))
    },
    close: () => void vi.useRealTimers(),
  }
}
