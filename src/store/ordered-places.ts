/** A row's place in lists: `id` grows with the first write of a row. */
export type Place = { readonly id: number; readonly key: string }

/** Places in the order of their ids. A step costs as much among a million as among a thousand, or nearly. */
export type OrderedPlaces = {
  add(place: Place): void
  remove(id: number): void
  isEmpty(): boolean
  /** Those with greater ids, growing. */
  above(id: number): Iterable<Place>
  /** Those with smaller ids, shrinking. */
  below(id: number): Iterable<Place>
}

/** In runs of bounded length, so that no step moves a whole list. */
export const createOrderedPlaces = (): OrderedPlaces => {
  const runs: Place[][] = []

  /** The run that an id is in, or would be. */
  const runOf = (id: number): number =>
    Math.max(0, firstWhere(runs, (run) => (run[0]?.id ?? 0) > id) - 1)

  const split = (at: number, run: Place[]): void => {
    // What is new comes last, as a rule: the run before it stays full.
    const from = at === runs.length - 1 ? LONGEST : LONGEST / 2
    runs.splice(at + 1, 0, run.splice(from))
  }

  return {
    add(place) {
      const at = runOf(place.id)
      const run = runs[at] ?? []
      if (runs.length === 0) runs.push(run)
      const within = firstWhere(run, ({ id }) => id >= place.id)
      const known = run[within]?.id === place.id
      run.splice(within, known ? 1 : 0, place)
      if (run.length > LONGEST) split(at, run)
    },
    remove(id) {
      const at = runOf(id)
      const run = runs[at] ?? []
      const within = firstWhere(run, (place) => place.id >= id)
      if (run[within]?.id !== id) return
      run.splice(within, 1)
      if (run.length === 0) runs.splice(at, 1)
    },
    isEmpty: () => runs.length === 0,
    *above(id) {
      for (let at = runOf(id); at < runs.length; at += 1) {
        const run = runs[at] ?? []
        for (let i = firstWhere(run, (place) => place.id > id); i < run.length; i += 1) {
          const place = run[i]
          if (place !== undefined) yield place
        }
      }
    },
    *below(id) {
      for (let at = runOf(id); at >= 0; at -= 1) {
        const run = runs[at] ?? []
        for (let i = firstWhere(run, (place) => place.id >= id) - 1; i >= 0; i -= 1) {
          const place = run[i]
          if (place !== undefined) yield place
        }
      }
    },
  }
}

const LONGEST = 1024

/** Where the first is that is so, in a list in which all behind it are so, too. */
const firstWhere = <Item>(list: readonly Item[], isSo: (item: Item) => boolean): number => {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const item = list[middle]
    if (item !== undefined && isSo(item)) high = middle
    else low = middle + 1
  }
  return low
}
