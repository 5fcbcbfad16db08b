import type { Clock } from '../clock.ts'
import type { Log } from '../telemetry/log.ts'
import { type Committed, createStore, type ListedRow } from './adapter.ts'
import { createListeners } from './listeners.ts'
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
  readonly id: number
  readonly key: string
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
  const indexes = new Map<string, Map<number, string>>()
  let lastId = 0

  const live = (key: string): Row | undefined => {
    const row = rows.get(key)
    return row !== undefined && row.expires > now() ? row : undefined
  }

  const remove = (key: string): void => {
    const row = rows.get(key)
    if (row === undefined) return
    rows.delete(key)
    for (const name of row.indexes) unlist(indexes, name, row.id)
  }

  const put = (key: string, value: string, expires: number, names: readonly string[]): void => {
    const old = rows.get(key)
    const id = old?.id ?? ++lastId
    rows.set(key, { id, key, value, expires, indexes: names })
    for (const name of old?.indexes ?? []) if (!names.includes(name)) unlist(indexes, name, id)
    for (const name of names) {
      const listed = indexes.get(name) ?? new Map<number, string>()
      indexes.set(name, listed.set(id, key))
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
      const listed = [...(indexes.get(index) ?? [])].sort(([a], [b]) => (newest ? b - a : a - b))
      for (const [id, key] of listed) {
        const row = (newest ? id < after : id > after) ? live(key) : undefined
        if (row !== undefined && found.push(row) === limit) break
      }
      return found
    },
    size: () => rows.size,
    purge(limit) {
      let purged = 0
      for (const row of rows.values()) {
        if (purged === limit) break
        if (row.expires > now()) continue
        remove(row.key)
        purged += 1
      }
      return purged
    },
  }
}

const unlist = (indexes: Map<string, Map<number, string>>, name: string, id: number): void => {
  const listed = indexes.get(name)
  listed?.delete(id)
  if (listed?.size === 0) indexes.delete(name)
}
