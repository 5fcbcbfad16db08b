import type { DatabaseSync } from 'node:sqlite'
import { systemClock } from '../clock.ts'
import { ticks } from './sqlite-jobs.ts'
import { type Channel, MISSED } from './store.ts'

export type PolledChannel = Channel & {
  /** Delivers what was committed since the last time; in order, each message once. */
  poll(): void
}

/**
 * Messages by the table of events: looked at each 20 ms, read only when something was committed. Our own heartbeats come
 * back the same way, and tell that thread, lock, disk and reading all work.
 */
export const createChannel = (
  database: DatabaseSync,
  process: string,
  deliver: (message: string) => void,
): PolledChannel => {
  const version = database.prepare('PRAGMA data_version')
  const newest = database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
  const since = database.prepare('SELECT id, message, at FROM events WHERE id > ? ORDER BY id')
  const beat = database.prepare('SELECT sent FROM beats WHERE process = ?')
  let seen = 0
  let last = Number(newest.get()?.seq ?? 0)
  let heard = ticks()
  let lag = 0

  const deliverNew = (): void => {
    const end = Number(newest.get()?.seq ?? 0)
    if (end === last) return
    const rows = since.all(last)
    const whole = rows.length > 0 && Number(rows[0]?.id) === last + 1
    // Before the first delivery: a listener may publish, and poll again.
    last = Math.max(end, Number(rows.at(-1)?.id ?? 0))
    if (!whole) deliver(MISSED)
    for (const row of rows) {
      lag = Math.max(0, systemClock() - Number(row.at) / 1000)
      deliver(String(row.message))
    }
  }

  const hear = (sent: number): void => {
    if (sent <= heard) return
    heard = sent
    lag = (ticks() - sent) / 1000
  }

  const silence = (): number => (ticks() - heard) / 1000

  return {
    poll() {
      const current = Number(version.get()?.data_version)
      if (current === seen) return
      deliverNew()
      hear(Number(beat.get(process)?.sent ?? 0))
      seen = current
    },
    silence,
    healthy: () => silence() < LONGEST_SILENCE,
    lag: () => lag,
  }
}

// Seconds: two heartbeats missed, and the time that a commit may take.
const LONGEST_SILENCE = 0.75
