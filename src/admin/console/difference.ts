import type { DiffLine } from '../../pages/console/configuration.ts'

/**
 * What differs between two texts, line by line, with three lines around. What begins and ends alike is set aside first;
 * between, by the longest common subsequence, or as a whole where that would be too much work.
 */
export const difference = (before: string, after: string): readonly DiffLine[] => {
  const [old, next] = [before.split('\n'), after.split('\n')]
  const start = commonStart(old, next)
  const end = commonStart(old.slice(start).reverse(), next.slice(start).reverse())
  const middle = between(old.slice(start, old.length - end), next.slice(start, next.length - end))
  const same = (lines: readonly string[]) => lines.map((text): DiffLine => ({ kind: 'same', text }))
  return [
    ...same(next.slice(Math.max(0, start - AROUND), start)),
    ...middle,
    ...same(next.slice(next.length - end, next.length - end + AROUND)),
  ]
}

const commonStart = (a: readonly string[], b: readonly string[]): number => {
  let count = 0
  while (count < a.length && count < b.length && a[count] === b[count]) count += 1
  return count
}

const between = (old: readonly string[], next: readonly string[]): readonly DiffLine[] => {
  if (old.length * next.length > MOST_WORK)
    return [
      ...old.map((text): DiffLine => ({ kind: 'removed', text })),
      ...next.map((text): DiffLine => ({ kind: 'added', text })),
    ]
  const lengths = tableOf(old, next)
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < old.length || j < next.length) {
    const [a, b] = [old[i], next[j]]
    if (a !== undefined && a === b) {
      lines.push({ kind: 'same', text: a })
      i += 1
      j += 1
    } else if (
      b === undefined ||
      (a !== undefined && at(lengths, i + 1, j) >= at(lengths, i, j + 1))
    ) {
      lines.push({ kind: 'removed', text: a ?? '' })
      i += 1
    } else {
      lines.push({ kind: 'added', text: b })
      j += 1
    }
  }
  return lines
}

/** Lengths of the longest common subsequences of all ends. */
const tableOf = (old: readonly string[], next: readonly string[]): readonly number[][] => {
  const lengths = Array.from({ length: old.length + 1 }, () =>
    new Array<number>(next.length + 1).fill(0),
  )
  for (let i = old.length - 1; i >= 0; i -= 1)
    for (let j = next.length - 1; j >= 0; j -= 1) {
      const row = lengths[i]
      if (row === undefined) continue
      row[j] =
        old[i] === next[j]
          ? at(lengths, i + 1, j + 1) + 1
          : Math.max(at(lengths, i + 1, j), at(lengths, i, j + 1))
    }
  return lengths
}

const at = (table: readonly number[][], i: number, j: number): number => table[i]?.[j] ?? 0

const AROUND = 3
const MOST_WORK = 4_000_000
