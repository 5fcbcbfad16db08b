import { resolve } from 'node:path'
import { readPem } from './pem.ts'
import { parsePostgres } from './postgres-url.ts'
import { Wrong } from './problem.ts'
import { parseRedis } from './redis-url.ts'
import { withPem } from './store-url.ts'

export type StoreLocation =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly file: string }
  | RedisLocation
  | PostgresLocation

export type RedisLocation = {
  readonly kind: 'redis'
  readonly host: string
  readonly port: number
  readonly username?: string
  readonly password?: string
  readonly database: number
  /** Of every key, list and channel. */
  readonly prefix: string
  /** How many replicas must have a write before it counts as done. */
  readonly replicas: number
  readonly tls?: StoreTls
}

export type PostgresLocation = {
  readonly kind: 'postgres'
  /** A name, an address, or the folder of a socket. */
  readonly host: string
  readonly port: number
  readonly username: string
  readonly password?: string
  readonly database: string
  /** Where our tables are. */
  readonly schema: string
  /** At most, besides the one that listens. */
  readonly connections: number
  readonly tls?: StoreTls
}

/** PEM texts (file names, until the configuration is assembled). `verify`: nothing, the authority, or also the host. */
export type StoreTls = {
  readonly verify: 'none' | 'ca' | 'full'
  /** Instead of the authorities that Node trusts. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** Instead of the host, to ask for (SNI) and to verify. */
  readonly servername?: string
}

/** Where the store is. Files stay as they were written; `locate` makes them absolute, and reads PEM. */
export const parseStore = (text: string): StoreLocation => {
  if (text === 'memory') return { kind: 'memory' }
  const scheme = /^([a-z]+):/.exec(text)?.[1]
  const parse = SCHEMES.get(scheme ?? '')
  if (parse === undefined) throw new Wrong(FORMS)
  return parse(text)
}

/** Relative files start at the folder of the configuration file; PEM is read. Throws `Wrong` where it cannot be. */
export const locate = (store: StoreLocation, folder: string): StoreLocation => {
  if (store.kind === 'sqlite') return { kind: 'sqlite', file: resolve(folder, store.file) }
  if (store.kind === 'memory' || store.tls === undefined) return store
  return { ...store, tls: withPem(store.tls, (file) => readPem(file, folder)) }
}

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

const SCHEMES = new Map<string, (text: string) => StoreLocation>([
  ['memory', memory],
  ['sqlite', sqlite],
  ['redis', parseRedis],
  ['rediss', parseRedis],
  ['postgres', parsePostgres],
  ['postgresql', parsePostgres],
])
