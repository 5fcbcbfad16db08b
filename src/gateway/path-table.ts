import { type RoutePattern, routePattern } from '../config/route-pattern.ts'

/** Finds what belongs to a path, by its key (config/route-pattern.ts). */
export type PathTable<Found> = { find(key: string): Found | undefined }

/**
 * Compiles patterns into maps, so that a look-up costs the same with ten of them and with ten thousand. Exact goes before
 * prefix and the longer prefix first; of those that are equal in this, the first segment in which they differ decides:
 * a literal goes before a parameter. Patterns with parameters in the same places share a map, whose keys are the literals.
 */
export const createPathTable = <Found>(
  places: readonly { readonly path: string; readonly found: Found }[],
): PathTable<Found> => {
  const exact = new Map<string, Found>()
  const prefixes = new Map<string, Found>()
  const varied: { readonly pattern: RoutePattern; readonly found: Found }[] = []
  for (const { path, found } of places) {
    const pattern = routePattern(path)
    if (pattern.parameters.size > 0) varied.push({ pattern, found })
    else (pattern.open ? prefixes : exact).set(keyOf(pattern), found)
  }
  if (varied.length > 0) return createVariedTable(exact, prefixes, varied)
  const depth = depthOf(prefixes)
  return {
    find: (key) =>
      exact.get(key) ?? (prefixes.size === 0 ? undefined : longest(prefixes, depth, key)),
  }
}

/** Of the literal segments. */
const keyOf = ({ segments }: RoutePattern): string =>
  segments.map((segment) => (segment === undefined ? '' : `/${segment}`)).join('')

const depthOf = (prefixes: ReadonlyMap<string, unknown>): number =>
  [...prefixes.keys()].reduce((most, prefix) => Math.max(most, prefix.split('/').length - 1), 0)

/** From the deepest prefix that is configured upwards, one look a segment. */
const longest = <Found>(
  prefixes: ReadonlyMap<string, Found>,
  depth: number,
  key: string,
): Found | undefined => {
  let end = 0
  for (let segment = 0; segment < depth && end < key.length; segment++) {
    const slash = key.indexOf('/', end + 1)
    end = slash < 0 ? key.length : slash
  }
  while (end > 0) {
    const found = prefixes.get(key.slice(0, end))
    if (found !== undefined) return found
    end = key.lastIndexOf('/', end - 1)
  }
  return prefixes.get('')
}

/** Patterns of one length that have their parameters in the same places. */
type Shape<Found> = {
  readonly places: readonly number[]
  /** Where literal segments that stand together begin and end. */
  readonly runs: readonly (readonly [from: number, to: number])[]
  readonly found: Map<string, Found>
}

const createVariedTable = <Found>(
  exact: ReadonlyMap<string, Found>,
  prefixes: ReadonlyMap<string, Found>,
  varied: readonly { readonly pattern: RoutePattern; readonly found: Found }[],
): PathTable<Found> => {
  const shapesOf = (open: boolean) =>
    shapesByLength(varied.filter(({ pattern }) => pattern.open === open))
  const exactShapes = shapesOf(false)
  const openShapes = shapesOf(true)
  const depth = Math.max(depthOf(prefixes), ...exactShapes.keys(), ...openShapes.keys())
  // Where each segment of the path ends; used again by each look-up.
  const ends = [0]
  return {
    find(key) {
      const whole = exact.get(key)
      if (whole !== undefined) return whole
      const count = measure(key, depth, ends)
      const found = first(exactShapes.get(count), key, ends)
      if (found !== undefined) return found
      for (let length = Math.min(count, depth); length >= 0; length--) {
        const prefix =
          prefixes.get(key.slice(0, ends[length])) ?? first(openShapes.get(length), key, ends)
        if (prefix !== undefined) return prefix
      }
      return undefined
    },
  }
}

/** Counts the segments, up to one more than `most`, and notes where they end. */
const measure = (key: string, most: number, ends: number[]): number => {
  let count = 0
  for (let end = 0; count <= most && end < key.length; ) {
    const slash = key.indexOf('/', end + 1)
    end = slash < 0 ? key.length : slash
    count += 1
    ends[count] = end
  }
  return count
}

const first = <Found>(
  shapes: readonly Shape<Found>[] | undefined,
  key: string,
  ends: readonly number[],
): Found | undefined => {
  if (shapes === undefined) return undefined
  for (const { places, runs, found } of shapes) {
    // A parameter is never empty.
    if (places.some((at) => (ends[at + 1] ?? 0) - (ends[at] ?? 0) < 2)) continue
    let literals = ''
    for (const [from, to] of runs) literals += key.slice(ends[from], ends[to])
    const match = found.get(literals)
    if (match !== undefined) return match
  }
  return undefined
}

const shapesByLength = <Found>(
  varied: readonly { readonly pattern: RoutePattern; readonly found: Found }[],
): ReadonlyMap<number, readonly Shape<Found>[]> => {
  const byMask = Map.groupBy(varied, ({ pattern }) => maskOf(pattern))
  // In the order of the masks: `l` for literal comes before `p`.
  const ordered = [...byMask].toSorted(([one], [other]) => (one < other ? -1 : 1))
  const shapes = ordered.map(([mask, members]) => ({
    length: mask.length,
    places: [...mask].flatMap((kind, at) => (kind === 'p' ? [at] : [])),
    runs: [...mask.matchAll(/l+/g)].map(
      ({ index, 0: run }) => [index, index + run.length] as const,
    ),
    found: new Map(members.map(({ pattern, found }) => [keyOf(pattern), found])),
  }))
  return Map.groupBy(shapes, ({ length }) => length)
}

const maskOf = ({ segments }: RoutePattern): string =>
  segments.map((segment) => (segment === undefined ? 'p' : 'l')).join('')
