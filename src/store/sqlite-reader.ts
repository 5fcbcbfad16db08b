import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import type { ListedRow } from './adapter.ts'
import { ticks } from './sqlite-jobs.ts'
import { StoreUnavailable } from './store.ts'

export type Reader = {
  read(keys: readonly string[], now: number): Promise<readonly (string | undefined)[]>
  list(
    index: string,
    now: number,
    after: number,
    limit: number,
    newest: boolean,
  ): Promise<readonly ListedRow[]>
  ping(): Promise<void>
}

/** Reads on the event loop: microseconds each, and never a wait inside SQLite. `deadline` in milliseconds. */
export const createReader = (database: DatabaseSync, deadline: number): Reader => {
  const get = database.prepare('SELECT value FROM rows WHERE key = ? AND expires > ?')
  const pages = (beyond: '<' | '>', order: 'ASC' | 'DESC') =>
    database.prepare(
      `SELECT rows.id, rows.key, rows.value FROM listed JOIN rows ON rows.id = listed.id
       WHERE listed.name = ? AND listed.id ${beyond} ? AND rows.expires > ?
       ORDER BY listed.id ${order} LIMIT ?`,
    )
  const oldest = pages('>', 'ASC')
  const latest = pages('<', 'DESC')
  const ping = database.prepare('SELECT count(*) FROM sqlite_schema')

  const value = (key: string, now: number): string | undefined => {
    const row = get.get(key, now)
    return row === undefined ? undefined : String(row.value)
  }

  return {
    read: (keys, now) => patiently(() => keys.map((key) => value(key, now)), deadline),
    list: (index, now, after, limit, newest) =>
      patiently(
        () => (newest ? latest : oldest).all(index, after, now, limit).map(asListed),
        deadline,
      ),
    ping: () => patiently(() => void ping.get(), deadline),
  }
}

const asListed = (row: Record<string, unknown>): ListedRow => ({
  id: Number(row.id),
  key: String(row.key),
  value: String(row.value),
})

const BUSY = 5

const patiently = async <Result>(step: () => Result, deadline: number): Promise<Result> => {
  const end = ticks() + deadline
  for (;;) {
    try {
      return step()
    } catch (cause) {
      if (!isBusy(cause) || ticks() > end) {
        throw new StoreUnavailable('the store could not be read', { cause })
      }
    }
    await pause(5)
  }
}

const isBusy = (cause: unknown): boolean =>
  cause instanceof Error && 'errcode' in cause && (Number(cause.errcode) & 0xff) === BUSY
