import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { syncFolder } from './kept-secret.ts'
import { randomSecret } from './secrets.ts'
import { APPLICATION, SCHEMA, VERSION } from './sqlite-schema.ts'
import { StoreRefused } from './store.ts'

/**
 * Opens the database in `file` for reading, making it where there is none. Throws StoreRefused for anything that is not
 * a sound store of this version: what is damaged is never made anew over what it held.
 */
export const openFile = (file: string): DatabaseSync => {
  try {
    if (!existsSync(file)) make(file)
    return check(file)
  } catch (cause) {
    throw cause instanceof StoreRefused ? cause : refusal(file, cause)
  }
}

const make = (file: string): void => {
  if (existsSync(`${file}-wal`)) {
    throw new StoreRefused(
      `${file}: the database is gone, but its log (${file}-wal) is still there`,
      'Restore both from a backup, or move the log away to begin with an empty store.',
    )
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  // Complete before it has its name: no process ever sees half a schema, and an empty file is never taken for a new one.
  const draft = `${file}.${randomSecret().slice(0, 8)}.new`
  try {
    closeSync(openSync(draft, 'wx', 0o600))
    const database = new DatabaseSync(draft)
    database.exec(`PRAGMA synchronous = OFF; ${SCHEMA}`)
    database.close()
    syncFile(draft)
    link(draft, file)
  } finally {
    if (existsSync(draft)) unlinkSync(draft)
  }
  syncFolder(dirname(file))
}

const syncFile = (file: string): void => {
  const descriptor = openSync(file, 'r+')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

// The first of several processes wins; the others use what it made.
const link = (draft: string, file: string): void => {
  try {
    linkSync(draft, file)
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause
  }
}

const check = (file: string): DatabaseSync => {
  if (!statSync(file).isFile()) throw notADatabase(file)
  if (!hasHeader(file)) throw notADatabase(file)
  accessSync(file, constants.R_OK | constants.W_OK)
  accessSync(dirname(file), constants.W_OK)
  const database = new DatabaseSync(file, { timeout: 1000 })
  try {
    checkVersion(file, database)
    checkPages(file, database)
    database.exec(`PRAGMA query_only = ON; PRAGMA busy_timeout = 0; PRAGMA cache_size = -${CACHE}`)
    return database
  } catch (cause) {
    database.close()
    throw cause
  }
}

// KiB of pages that the reader keeps, at most: with a million rows those of the index, so that a read by key costs what it
// does with few.
const CACHE = 65_536

const HEADER = 'SQLite format 3\0'

const hasHeader = (file: string): boolean => {
  const descriptor = openSync(file, 'r')
  try {
    const found = Buffer.alloc(HEADER.length)
    readSync(descriptor, found, 0, found.length, 0)
    return found.toString('latin1') === HEADER
  } finally {
    closeSync(descriptor)
  }
}

const checkVersion = (file: string, database: DatabaseSync): void => {
  const application = database.prepare('PRAGMA application_id').get()?.application_id
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
  if (application !== APPLICATION) {
    throw new StoreRefused(
      `${file}: is a database of another program`,
      'Name another file in store: — a new one is made where there is none.',
    )
  }
  if (version !== VERSION) {
    throw new StoreRefused(
      `${file}: was written by ${version > VERSION ? 'a newer' : 'another'} version (schema ${version}, this program knows ${VERSION})`,
      'Run the version that wrote it, or restore a backup that is as old as this program.',
    )
  }
}

// About 2 ms a megabyte: what is small is read through at every start. In a larger one damage shows when a page is read.
const SMALL = 8 * 1024 * 1024

const checkPages = (file: string, database: DatabaseSync): void => {
  if (statSync(file).size > SMALL) return
  const found = database.prepare('PRAGMA quick_check(1)').get()?.quick_check
  if (found !== 'ok') throw damaged(file, String(found))
}

const CORRUPT = 11
const NOT_A_DATABASE = 26

const refusal = (file: string, cause: unknown): StoreRefused => {
  const code = cause instanceof Error && 'errcode' in cause ? cause.errcode : undefined
  if (code === NOT_A_DATABASE) return notADatabase(file)
  const words = cause instanceof Error ? cause.message : String(cause)
  if (typeof code === 'number' && (code & 0xff) === CORRUPT) return damaged(file, words)
  return new StoreRefused(
    `${file}: cannot be opened for writing (${words})`,
    'Give this user read and write access to the file and its folder, or name another file in store:.',
    { cause },
  )
}

const notADatabase = (file: string): StoreRefused =>
  new StoreRefused(
    `${file}: is not an SQLite database`,
    'Restore it from a backup, or move it away to begin with an empty store.',
  )

const damaged = (file: string, words: string): StoreRefused =>
  new StoreRefused(
    `${file}: the database is damaged (${words})`,
    'Restore it from a backup (the file and its -wal), or move it away to begin with an empty store.',
  )
