import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { randomSecret } from './secrets.ts'
import { StoreRefused } from './store.ts'

/** The secret in `file`; made there (0600) when it is not there yet. Processes that race agree on one. */
export const keptSecret = (file: string): string => {
  try {
    return read(file) ?? make(file)
  } catch (cause) {
    if (cause instanceof StoreRefused) throw cause
    throw new StoreRefused(
      `${file}: cannot be read or made (${codeOf(cause)})`,
      'Give this user read and write access to the folder and the file.',
      { cause },
    )
  }
}

/** The secret in `file`, where it is there. Throws StoreRefused when it cannot be read. */
export const readSecret = (file: string): string | undefined => {
  try {
    return read(file)
  } catch (cause) {
    if (cause instanceof StoreRefused) throw cause
    throw new StoreRefused(
      `${file}: cannot be read (${codeOf(cause)})`,
      'Run this as the user that the gateway runs as.',
      { cause },
    )
  }
}

const read = (file: string): string | undefined => {
  try {
    const text = readFileSync(file, 'utf8').trim()
    if (text.length < 32) throw damaged(file)
    if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600)
    return text
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined
    throw cause
  }
}

// Written in full under another name, then linked: the name never stands for half a secret, and the first link wins.
const make = (file: string): string => {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${randomSecret().slice(0, 8)}`
  writeDurably(draft, `${randomSecret()}\n`)
  try {
    linkSync(draft, file)
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause
  } finally {
    unlinkSync(draft)
  }
  syncFolder(dirname(file))
  const kept = read(file)
  if (kept === undefined) throw damaged(file)
  return kept
}

const writeDurably = (file: string, text: string): void => {
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Makes new names in a folder durable. */
export const syncFolder = (folder: string): void => {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

const damaged = (file: string): StoreRefused =>
  new StoreRefused(
    `${file}: does not hold a secret`,
    'Restore it from a backup. To do without it, delete it: a new one is made, and what the old one made is refused.',
  )

const codeOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
