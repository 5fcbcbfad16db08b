/**
 * The name that was most likely meant, not counting case and `_` or `-`: the one with the fewest edits, if they are no more
 * than a third of the letters, else one that begins like the word or that the word begins like. Undefined when none is near.
 */
export const nearest = (word: string, names: Iterable<string>): string | undefined => {
  const plain = plainly(word)
  let best: string | undefined
  let least = Math.max(1, Math.floor(plain.length / 3)) + 1
  let alike: string | undefined
  for (const name of names) {
    const candidate = plainly(name)
    const distance = edits(plain, candidate, least)
    if (distance < least) {
      best = name
      least = distance
    }
    if (isBeginning(plain, candidate) || isBeginning(candidate, plain)) alike ??= name
  }
  return best ?? alike
}

const isBeginning = (short: string, long: string): boolean =>
  short.length >= 4 && long.startsWith(short)

/** `; did you mean "x"?`, or the names to choose from when none is near and they are few; `none` when there are none. */
export const suggestion = (word: string, names: readonly string[], none = ''): string => {
  const name = nearest(word, names)
  if (name !== undefined) return `; did you mean "${name}"?`
  if (names.length === 0) return none
  return names.length > 24 ? '' : `; known: ${names.join(', ')}`
}

const plainly = (name: string): string => name.slice(0, LONGEST).toLowerCase().replace(/[_-]/g, '')

const LONGEST = 100

/** Insertions, deletions, replacements and swaps of neighbours; `limit` when they are not fewer than that. */
const edits = (from: string, to: string, limit: number): number => {
  if (Math.abs(from.length - to.length) >= limit) return limit
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row += 1) {
    const next = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1]
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      next[column] = Math.min(
        (last[column] ?? limit) + 1,
        (next[column - 1] ?? limit) + 1,
        (last[column - 1] ?? limit) + (same ? 0 : 1),
        swapped ? (before[column - 2] ?? limit) + 1 : limit,
      )
    }
    before = last
    last = next
  }
  return Math.min(last[to.length] ?? limit, limit)
}
