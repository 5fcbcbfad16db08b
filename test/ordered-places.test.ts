import { describe, expect, it } from 'vitest'
import { createOrderedPlaces } from '../src/store/ordered-places.ts'

const idsOf = (places: Iterable<{ readonly id: number }>) => [...places].map(({ id }) => id)

/** The same at each run. */
const numbers = (seed: number) => {
  let last = seed
  return (below: number): number => {
    last = (last * 48_271) % 2_147_483_647
    return last % below
  }
}

describe('ordered places', () => {
  it.each([1, 2, 3])('are what a sorted list would be, whatever comes and goes: %i', (seed) => {
    const pick = numbers(seed)
    const places = createOrderedPlaces()
    const model = new Set<number>()
    const agree = () => {
      const sorted = [...model].sort((a, b) => a - b)
      expect(places.isEmpty()).toBe(sorted.length === 0)
      for (const from of [0, pick(20_000), pick(20_000), Number.MAX_SAFE_INTEGER]) {
        expect(idsOf(places.above(from))).toEqual(sorted.filter((id) => id > from))
        expect(idsOf(places.below(from))).toEqual(sorted.filter((id) => id < from).reverse())
      }
    }
    for (let step = 0; step < 40_000; step += 1) {
      // Grows in order at first, then anywhere, then shrinks.
      const id = step < 10_000 ? step + 1 : 1 + pick(20_000)
      const comes = step < 10_000 || pick(10) < (step < 25_000 ? 6 : 2)
      if (comes) places.add({ id, key: `row-${id}` })
      else places.remove(id)
      if (comes) model.add(id)
      else model.delete(id)
      if (step % 5000 === 0) agree()
    }
    agree()
    for (const id of model) places.remove(id)
    model.clear()
    agree()
  })

  it('a place that is added again is there once', () => {
    const places = createOrderedPlaces()
    for (const id of [2, 1, 2, 1]) places.add({ id, key: `row-${id}` })
    expect(idsOf(places.above(0))).toEqual([1, 2])
  })
})
