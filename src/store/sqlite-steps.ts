import type { DatabaseSync } from 'node:sqlite'
import type { Committed } from './adapter.ts'
import type { CountedPart, JobWork, Outcome } from './sqlite-jobs.ts'
import type { Write } from './store.ts'

type Result =
  | Omit<Extract<Outcome, { committed: Committed }>, 'id'>
  | { readonly purged: number }
  | CountedPart

type Row = { readonly id: number; readonly value: string; readonly expires: number }

/** Does jobs inside the transaction that is open. A job whose swap lost writes nothing. */
export const createSteps = (database: DatabaseSync): ((work: JobWork) => Result) => {
  const find = database.prepare('SELECT id, value, expires FROM rows WHERE key = ?')
  const insert = database.prepare(
    'INSERT INTO rows (key, value, expires) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING',
  )
  const update = database.prepare('UPDATE rows SET value = ?, expires = ? WHERE id = ?')
  const namesOf = database.prepare('SELECT name FROM listed WHERE id = ?')
  const unlist = database.prepare('DELETE FROM listed WHERE id = ?')
  const list = database.prepare('INSERT OR IGNORE INTO listed (name, id) VALUES (?, ?)')
  const remove = database.prepare('DELETE FROM rows WHERE id = ?')
  const publish = database.prepare('INSERT INTO events (message, at) VALUES (?, ?)')
  const beat = database.prepare(
    `INSERT INTO beats (process, sent, at) VALUES (?, ?, ?)
     ON CONFLICT (process) DO UPDATE SET sent = excluded.sent, at = excluded.at`,
  )
  const purgeRows = database.prepare(
    'DELETE FROM rows WHERE id IN (SELECT id FROM rows WHERE expires <= ? LIMIT ?)',
  )
  // By their keys, of which none is there twice: with ends, the many that are kept for ever would be passed again and again.
  const lastOfPart = database.prepare(
    `SELECT key FROM rows WHERE key > ? ORDER BY key LIMIT 1 OFFSET ${PART - 1}`,
  )
  const countRest = database.prepare('SELECT count(*) AS rows FROM rows WHERE key > ?')
  const purgeEvents = database.prepare('DELETE FROM events WHERE at < ?')
  const purgeBeats = database.prepare('DELETE FROM beats WHERE at < ?')

  const lookUp = (key: string): Row | undefined => {
    const row = find.get(key)
    if (row === undefined) return undefined
    return { id: Number(row.id), value: String(row.value), expires: Number(row.expires) }
  }

  const apply = (write: Write, row: Row | undefined): void => {
    if (write.op === 'delete') {
      if (row !== undefined) remove.run(row.id)
      return
    }
    const value = write.op === 'set' ? write.value : write.next
    const names = write.indexes ?? []
    if (row === undefined) {
      const { changes, lastInsertRowid } = insert.run(write.key, value, write.expires)
      // Most rows are new: the others are looked for only now.
      if (changes === 0) apply(write, lookUp(write.key))
      else for (const name of names) list.run(name, lastInsertRowid)
    } else {
      update.run(value, write.expires, row.id)
      relist(row.id, names)
    }
  }

  // Mostly they are the same, as of a grant that takes another step.
  const relist = (id: number, names: readonly string[]): void => {
    const listed = namesOf.all(id).map(({ name }) => String(name))
    const same = listed.length === names.length && names.every((name) => listed.includes(name))
    if (same) return
    unlist.run(id)
    for (const name of names) list.run(name, id)
  }

  const commit = (work: Extract<JobWork, { kind: 'commit' }>): Result => {
    const rows = work.writes.map(({ op, key }) => (op === 'set' ? undefined : lookUp(key)))
    const values = rows.map((row) =>
      row !== undefined && row.expires > work.now ? row.value : undefined,
    )
    const lost = work.writes.some((w, i) => w.op === 'swap' && values[i] !== w.expected)
    if (!lost) {
      // What a batch writes twice has a row by the second time.
      const written = new Set<string>()
      work.writes.forEach((write, i) => {
        apply(write, written.has(write.key) ? lookUp(write.key) : rows[i])
        written.add(write.key)
      })
      for (const message of work.publish) publish.run(message, work.at)
    }
    return {
      committed: { won: !lost, stood: values.map((value) => value !== undefined) },
      told: !lost && work.publish.length > 0,
    }
  }

  const count = (after: string): CountedPart => {
    const last = lastOfPart.get(after)
    if (last === undefined) return { counted: Number(countRest.get(after)?.rows) }
    return { counted: PART, after: String(last.key) }
  }

  return (work) => {
    if (work.kind === 'commit') return commit(work)
    if (work.kind === 'count') return count(work.after)
    if (work.kind === 'beat') {
      beat.run(work.process, work.sent, work.at)
      return { purged: 0 }
    }
    purgeEvents.run(work.at - EVENT_LIFE)
    purgeBeats.run(work.at - BEAT_LIFE)
    return { purged: Number(purgeRows.run(work.now, work.limit).changes) }
  }
}

// Rows that are counted at a time: a millisecond.
const PART = 10_000
// Milliseconds. A process that slept for longer finds the gap and forgets what it had cached.
const EVENT_LIFE = 60_000
const BEAT_LIFE = 3_600_000
