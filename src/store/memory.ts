import type { Clock } from '../clock.ts'
import type { Log } from '../telemetry/log.ts'
import { type Committed, createStore, type ListedRow } from './adapter.ts'
import { createListeners } from './listeners.ts'
import { createOrderedPlaces, type OrderedPlaces, type Place } from './ordered-places.ts'
import { type Store, StoreUnavailable, type Write } from './store.ts'

/** A store for one process, gone with it. Each step is synchronous inside, and so atomic. */
export const memoryStore = (deps: { readonly clock: Clock; readonly log: Log }): Store => {
  const listeners = createListeners<string>(deps.log)
  const table = createTable(() => deps.clock() * 1000)
  let closed = false

  const whileOpen = async <Result>(step: () => Result): Promise<Result> => {
    if (closed) throw new StoreUnavailable('the store is closed')
    return step()
  }

  return createStore({
    read: (keys) => whileOpen(() => keys.map((key) => table.live(key)?.value)),
    list: (index, after, limit, newest) => whileOpen(() => table.list(index, after, limit, newest)),
    commit: (writes, publish) =>
      whileOpen(() => {
        const committed = table.commit(writes)
        if (committed.won) for (const message of publish) listeners.tell(message)
        return committed
      }),
    subscribe: listeners.add,
    channel: { healthy: () => true, silence: () => 0, lag: () => 0 },
    ping: () => whileOpen(() => undefined),
    purge: (limit) => whileOpen(() => table.purge(limit)),
    rows: () => whileOpen(() => table.size()),
    close: async () => {
      closed = true
    },
  })
}

type Row = {
  readonly place: Place
  readonly value: string
  readonly expires: number
  readonly indexes: readonly string[]
}

type Table = {
  live(key: string): Row | undefined
  commit(writes: readonly Write[]): Committed
  list(index: string, after: number, limit: number, newest: boolean): ListedRow[]
  purge(limit: number): number
  size(): number
}

const createTable = (now: () => number): Table => {
  const rows = new Map<string, Row>()
  const indexes = new Map<string, OrderedPlaces>()
  let lastId = 0

  const live = (key: string): Row | undefined => {
    const row = rows.get(key)
    return row !== undefined && row.expires > now() ? row : undefined
  }

  const remove = (key: string): void => {
    const row = rows.get(key)
    if (row === undefined) return
    rows.delete(key)
    for (const name of row.indexes) unlist(indexes, name, row.place.id)
  }

  const put = (key: string, value: string, expires: number, names: readonly string[]): void => {
    const old = rows.get(key)
    const place = old?.place ?? { id: ++lastId, key }
    rows.set(key, { place, value, expires, indexes: names })
    for (const name of old?.indexes ?? [])
      if (!names.includes(name)) unlist(indexes, name, place.id)
    for (const name of names) {
      if (old?.indexes.includes(name)) continue
      const listed = indexes.get(name) ?? createOrderedPlaces()
      listed.add(place)
      indexes.set(name, listed)
    }
  }

  const apply = (write: Write): void => {
    if (write.op === 'delete') remove(write.key)
    else {
      const value = write.op === 'set' ? write.value : write.next
      put(write.key, value, write.expires, write.indexes ?? [])
    }
  }

  return {
    live,
    commit(writes) {
      const before = writes.map((write) => live(write.key)?.value)
      const lost = writes.some((w, at) => w.op === 'swap' && before[at] !== w.expected)
      if (!lost) writes.forEach(apply)
      return { won: !lost, stood: before.map((value) => value !== undefined) }
    },
    list(index, after, limit, newest) {
      const found: ListedRow[] = []
      const listed = indexes.get(index)
      for (const place of (newest ? listed?.below(after) : listed?.above(after)) ?? []) {
        const row = live(place.key)
        if (row !== undefined && found.push({ ...place, value: row.value }) === limit) break
      }
      return found
    },
    size: () => rows.size,
    purge(limit) {
      let purged = 0
      for (const [key, row] of rows) {
        if (purged === limit) break
        if (row.expires > now()) continue
        remove(key)
        purged += 1
      }
      return purged
    },
  }
}

const unlist = (indexes: Map<string, OrderedPlaces>, name: string, id: number): void => {
  const listed = indexes.get(name)
  listed?.remove(id)
  if (listed?.isEmpty()) indexes.delete(name)
}
