import { resolve } from 'node:path'
import type { StoreLocation } from './config.ts'
import { Wrong } from './problem.ts'

/** Where the store is. The file of `sqlite:` stays as it was written; `locate` makes it absolute. */
export const parseStore = (text: string): StoreLocation => {
  if (text === 'memory') return { kind: 'memory' }
  const scheme = /^([a-z]+):/.exec(text)?.[1]
  const parse = SCHEMES.get(scheme ?? '')
  if (parse === undefined) throw new Wrong(FORMS)
  return parse(text)
}

/** A relative SQLite file starts at the folder of the configuration file. */
export const locate = (store: StoreLocation, folder: string): StoreLocation =>
  store.kind === 'sqlite' ? { kind: 'sqlite', file: resolve(folder, store.file) } : store

const FORMS =
  'must be memory:, sqlite:FILE, or a URL that begins with redis://, rediss://, postgres:// or postgresql://'

const memory = (text: string): StoreLocation => {
  if (text !== 'memory:') throw new Wrong('must be memory: alone: nothing follows the colon')
  return { kind: 'memory' }
}

const sqlite = (text: string): StoreLocation => {
  const file = text.slice('sqlite:'.length)
  if (file === '') throw new Wrong('must name a file: sqlite:data/portcullis.db')
  if (file === ':memory:') throw new Wrong('must be memory: for a store without a file')
  if (file.startsWith('//'))
    throw new Wrong('must be sqlite:FILE, without slashes that are not the path’s own')
  if (file.includes('\0')) throw new Wrong('must name a file')
  return { kind: 'sqlite', file }
}

const shared =
  (kind: 'redis' | 'postgres') =>
  (text: string): StoreLocation => {
    // The text may hold a password, so no message repeats it.
    if (!/^[a-z]+:\/\//.test(text) || !URL.canParse(text))
      throw new Wrong(`must be a ${kind}:// URL with a host`)
    return { kind, url: text }
  }

const SCHEMES = new Map([
  ['memory', memory],
  ['sqlite', sqlite],
  ['redis', shared('redis')],
  ['rediss', shared('redis')],
  ['postgres', shared('postgres')],
  ['postgresql', shared('postgres')],
])
