/** Looks a name up; undefined: it is not there. */
export type NameTable<Found> = (name: string) => Found | undefined

/**
 * A map from names that come out of the parser as new strings each time. A `Map` would put each of them into V8's table of
 * strings first, which takes longer than to compare it with the one or two that have its length and its ends. For names of
 * the program's own only: who chose them could choose some that all fall together.
 */
export const createNameTable = <Found>(
  entries: Iterable<readonly [string, Found]>,
): NameTable<Found> => {
  const places = Array.from({ length: PLACES }, (): { name: string; found: Found }[] => [])
  for (const [name, found] of new Map(entries)) places[placeOf(name)]?.push({ name, found })
  return (name) => {
    for (const entry of places[placeOf(name)] ?? []) if (entry.name === name) return entry.found
    return undefined
  }
}

const PLACES = 512

const placeOf = (name: string): number =>
  (name.length * 31 + (name.charCodeAt(0) || 0) * 7 + (name.charCodeAt(name.length - 1) || 0)) %
  PLACES
