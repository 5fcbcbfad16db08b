import { DatabaseSync } from 'node:sqlite'
import { openFile } from './sqlite-file.ts'

/** What can be seen of a store in a SQLite file from outside. */
export type FileInspection = {
  /** `wal`, or what somebody has made of it. */
  readonly journalMode: string
  /** When the last process that has it open last said so, by its clock; seconds since the epoch. */
  readonly lastBeat: number | undefined
  /** Undefined: a write could begin. Otherwise why not. */
  readonly unwritable: string | undefined
}

/** Looks at a store that is there, and changes nothing. Throws StoreRefused for what no gateway would start on. */
export const inspectFile = (file: string): FileInspection => {
  const database = openFile(file)
  try {
    const { journal_mode } = database.prepare('PRAGMA journal_mode').get() ?? {}
    const { at } = database.prepare('SELECT max(at) AS at FROM beats').get() ?? {}
    return {
      journalMode: String(journal_mode),
      lastBeat: typeof at === 'number' ? at / 1000 : undefined,
      unwritable: whyUnwritable(file),
    }
  } finally {
    database.close()
  }
}

/** Takes the lock that every write takes, and gives it back. */
const whyUnwritable = (file: string): string | undefined => {
  const database = new DatabaseSync(file, { timeout: PATIENCE })
  try {
    database.exec('BEGIN IMMEDIATE')
    database.exec('ROLLBACK')
    return undefined
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause)
  } finally {
    database.close()
  }
}

/** Milliseconds; a gateway holds the lock for a few. */
const PATIENCE = 2000
