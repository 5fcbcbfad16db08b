import { describe, expect, it } from 'vitest'
import { vanish } from './support/vanishing-websockets.ts'

const COUNT = 1_000
const MIB = 2 ** 20

describe('R-12 WebSockets whose clients vanish', () => {
  // `npm run chaos` does the same with five thousand.
  it(`of ${COUNT} one half is stopped: it is given up, the other stays, and files and memory are as before`, async () => {
    const { held, stayed, ended } = await vanish(COUNT, 10)
    expect(held.open.files - held.before.files).toBeGreaterThanOrEqual(2 * COUNT - 10)
    expect(stayed).toBe(COUNT / 2)
    expect(held.half.files - held.before.files).toBeLessThanOrEqual(COUNT + 10)
    expect(ended.idle).toBe(COUNT / 2)
    expect(held.after.files - held.before.files).toBeLessThanOrEqual(10)
    // Two kilobytes of anything that is kept of each would be more.
    expect(held.after.heap - held.before.heap).toBeLessThan(2 * MIB)
  }, 180_000)
})
