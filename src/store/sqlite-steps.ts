import type { DatabaseSync } from 'node:sqlite'
import type { Committed } from './adapter.ts'
import type { JobWork, Outcome } from './sqlite-jobs.ts'
import type { Write } from './store.ts'

type Result =
  | Omit<Extract<Outcome, { committed: Committed }>, 'id'>
  | { readonly purged: number }
  | { readonly counted: number }

/** Does jobs inside the transaction that is open. A job whose swap lost writes nothing. */
export const createSteps = (database: DatabaseSync): ((work: JobWork) => Result) => {
  const find = database.prepare('SELECT id, value, expires FROM rows WHERE key = ?')
  const upsert = database.prepare(
    `INSERT INTO rows (key, value, expires) VALUES (?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires RETURNING id`,
  )
  const unlist = database.prepare('DELETE FROM listed WHERE id = ?')
  const list = database.prepare('INSERT OR IGNORE INTO listed (name, id) VALUES (?, ?)')
  const remove = database.prepare('DELETE FROM rows WHERE key = ?')
  const publish = database.prepare('INSERT INTO events (message, at) VALUES (?, ?)')
  const beat = database.prepare(
    `INSERT INTO beats (process, sent, at) VALUES (?, ?, ?)
     ON CONFLICT (process) DO UPDATE SET sent = excluded.sent, at = excluded.at`,
  )
  const purgeRows = database.prepare(
    'DELETE FROM rows WHERE id IN (SELECT id FROM rows WHERE expires <= ? LIMIT ?)',
  )
  const count = database.prepare('SELECT count(*) AS rows FROM rows')
  const purgeEvents = database.prepare('DELETE FROM events WHERE at < ?')
  const purgeBeats = database.prepare('DELETE FROM beats WHERE at < ?')

  const live = (key: string, now: number): string | undefined => {
    const row = find.get(key)
    return row !== undefined && Number(row.expires) > now ? String(row.value) : undefined
  }

  const apply = (write: Write): void => {
    if (write.op === 'delete') {
      remove.run(write.key)
      return
    }
    const value = write.op === 'set' ? write.value : write.next
    const id = Number(upsert.get(write.key, value, write.expires)?.id)
    unlist.run(id)
    for (const name of write.indexes ?? []) list.run(name, id)
  }

  const commit = (work: Extract<JobWork, { kind: 'commit' }>): Result => {
    const values = work.writes.map((write) => live(write.key, work.now))
    const lost = work.writes.some((w, i) => w.op === 'swap' && values[i] !== w.expected)
    if (!lost) {
      work.writes.forEach(apply)
      for (const message of work.publish) publish.run(message, work.at)
    }
    return { committed: { won: !lost, stood: values.map((value) => value !== undefined) } }
  }

  return (work) => {
    if (work.kind === 'commit') return commit(work)
    if (work.kind === 'count') return { counted: Number(count.get()?.rows) }
    if (work.kind === 'beat') {
      beat.run(work.process, work.sent, work.at)
      return { purged: 0 }
    }
    purgeEvents.run(work.at - EVENT_LIFE)
    purgeBeats.run(work.at - BEAT_LIFE)
    return { purged: Number(purgeRows.run(work.now, work.limit).changes) }
  }
}

// Milliseconds. A process that slept for longer finds the gap and forgets what it had cached.
const EVENT_LIFE = 60_000
const BEAT_LIFE = 3_600_000
