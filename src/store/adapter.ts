import { type KeyvStorageEntry, keyvStorageCapability } from 'keyv'
import { inertEvents } from './inert-events.ts'
import type { Channel, Page, Store, Write } from './store.ts'

/** What differs between kinds of store. Everything here rejects with StoreUnavailable on failure. */
export type Engine = {
  /** Live values, in the order of the keys. */
  read(keys: readonly string[]): Promise<readonly (string | undefined)[]>
  /** All of it or nothing. */
  commit(writes: readonly Write[], publish: readonly string[]): Promise<Committed>
  /** Ids above `after`, growing; `newest`: below it, shrinking. */
  list(index: string, after: number, limit: number, newest: boolean): Promise<readonly ListedRow[]>
  subscribe(listener: (message: string) => void): () => void
  readonly channel: Channel
  ping(): Promise<void>
  purge(limit: number): Promise<number>
  rows(goOn?: () => boolean): Promise<number>
  /** Milliseconds that the store's clock is ahead of this process's; left out where they are one. */
  ahead?(): number
  close(): Promise<void>
}

export type Committed = {
  /** False: a swap lost, nothing was written. */
  readonly won: boolean
  /** For each write that deletes, whether a live row stood there before; of others it may not be known. */
  readonly stood: readonly boolean[]
}

/** `id` grows with the first write of a row, and stays when it is replaced. */
export type ListedRow = { readonly id: number; readonly key: string; readonly value: string }

/** The store contract over an engine: Keyv's surface, and ours beside it. */
export const createStore = (engine: Engine): Store => {
  const remove = async (keys: readonly string[]): Promise<boolean[]> => {
    const { stood } = await engine.commit(
      keys.map((key) => ({ op: 'delete', key })),
      [],
    )
    return [...stood]
  }

  const store: Store = Object.freeze({
    ...inertEvents(() => store),
    get capabilities() {
      return keyvStorageCapability(store)
    },
    get: async (key) => (await engine.read([key]))[0],
    getMany: async (keys) => [...(await engine.read(keys))],
    has: async (key: string) => (await engine.read([key]))[0] !== undefined,
    hasMany: async (keys: string[]) => (await engine.read(keys)).map((v) => v !== undefined),
    set: async (key: string, value: unknown, expires?: number) =>
      (await engine.commit([asWrite({ key, value, expires })], [])).won,
    async setMany(entries: KeyvStorageEntry[]) {
      const { won } = await engine.commit(entries.map(asWrite), [])
      return entries.map(() => won)
    },
    delete: async (key: string) => (await remove([key]))[0] ?? false,
    deleteMany: remove,
    clear: () => Promise.reject(new TypeError('a store of grants is never cleared as a whole')),
    disconnect: async () => {},
    swap: async (swap) => (await engine.commit([{ op: 'swap', ...swap }], [])).won,
    batch: async (writes, publish = []) => (await engine.commit(writes, publish)).won,
    async list(index, options = {}) {
      const limit = Math.min(options.limit ?? 100, 1000)
      const newest = options.order === 'newest'
      const start = options.cursor ?? (newest ? Number.MAX_SAFE_INTEGER : 0)
      return asPage(await engine.list(index, Number(start), limit, newest), limit)
    },
    publish: async (message) => void (await engine.commit([], [message])),
    subscribe: engine.subscribe,
    channel: engine.channel,
    ping: engine.ping,
    purge: engine.purge,
    rows: engine.rows,
    ahead: () => (engine.ahead?.() ?? 0) / 1000,
    close: engine.close,
  } satisfies Store)
  return store
}

const asWrite = (entry: { key: string; value?: unknown; expires?: number | undefined }): Write => {
  const { key, value, expires } = entry
  if (typeof value !== 'string') throw new TypeError('a stored value must be text')
  if (expires === undefined) throw new TypeError('everything stored expires: give a ttl')
  return { op: 'set', key, value, expires }
}

const asPage = (rows: readonly ListedRow[], limit: number): Page => ({
  rows: rows.map(({ id, key, value }) => ({ key, value, cursor: String(id) })),
  cursor: rows.length < limit ? undefined : String(rows.at(-1)?.id),
})
