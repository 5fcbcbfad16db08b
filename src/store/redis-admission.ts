import type { RedisLocation } from '../config/store-location.ts'
import type { Log } from '../telemetry/log.ts'
import { wordsOf } from './calls.ts'
import { tlsRefusal } from './connection-tls.ts'
import type { RedisLink } from './redis-link.ts'
import { StoreRefused } from './store.ts'

/** Looks at a server before anything is entrusted to it. Throws StoreRefused, or whatever else fails. */
export const admitRedis = async (
  link: RedisLink,
  location: RedisLocation,
  log: Log,
): Promise<void> => {
  const name = nameOf(location)
  const info = parseInfo(await link.command<string>('INFO'))
  const refuse = (problem: string, remedy: string): never => {
    throw new StoreRefused(`${name}: ${problem}`, remedy)
  }
  if (info.get('loading') === '1') throw new Error('it is loading its data')
  if (!isRecent(info.get('redis_version') ?? '0')) {
    refuse(`is too old (${info.get('redis_version')})`, 'Use Redis 6.2 or newer, or Valkey.')
  }
  if (info.get('cluster_enabled') === '1') {
    refuse(
      'is a node of a cluster, where rows that change together may lie on different nodes',
      'Name a server of its own (with replicas, if you like).',
    )
  }
  if (info.get('role') !== 'master') {
    refuse('is a replica, which takes no writes', 'Name the primary, or promote this one.')
  }
  const policy = info.get('maxmemory_policy') ?? 'noeviction'
  if (info.get('maxmemory') !== '0' && policy !== 'noeviction') {
    refuse(
      `may throw away what it holds (maxmemory-policy ${policy})`,
      'Set maxmemory-policy noeviction: what is revoked must not be forgotten, nor what is granted.',
    )
  }
  if (info.get('aof_enabled') !== '1') {
    log.warn('store.durability', {
      problem: `${name}: appendonly is off: what was granted and revoked since the last snapshot is lost when it ends`,
      remedy: 'Set appendonly yes, and appendfsync always where no second may be lost.',
    })
  }
  await checkSchema(link, location, refuse)
}

const checkSchema = async (
  link: RedisLink,
  { prefix }: RedisLocation,
  refuse: (problem: string, remedy: string) => never,
): Promise<void> => {
  const key = `${prefix}schema`
  const found = await link.command<string | null>('GET', key)
  if (found === VERSION) return
  if (found !== null) {
    refuse(
      `was written by ${Number(found) > Number(VERSION) ? 'a newer' : 'another'} version (schema ${found}, this program knows ${VERSION})`,
      'Run the version that wrote it, or give this one another ?prefix=.',
    )
  }
  // The one key besides configuration:names that stays.
  await link.command('SET', key, VERSION, 'NX')
}

/** What waiting does not mend becomes a refusal; the rest stays what it is. */
export const redisRefusal = (location: RedisLocation, cause: unknown): unknown => {
  if (cause instanceof StoreRefused) return cause
  const name = nameOf(location)
  const words = wordsOf(cause)
  const found = REFUSALS.find(([pattern]) => pattern.test(words))
  if (found !== undefined) {
    return new StoreRefused(`${name}: ${found[1]} (${words})`, found[2], { cause })
  }
  return tlsRefusal(name, cause) ?? cause
}

const REFUSALS: readonly (readonly [RegExp, string, string])[] = [
  [
    /^(WRONGPASS|NOAUTH|ERR AUTH|ERR invalid password)/,
    'does not let us in',
    'See that user and password in the URL of store: are those of its ACL.',
  ],
  [
    /^NOPERM/,
    'does not let this user do what we need',
    'Give the user the rights that docs/operations.md lists.',
  ],
  [/^ERR DB index/, 'has no such database', 'Name another number behind the host.'],
]

/** Without user and password. */
export const nameOf = ({ host, port, tls }: RedisLocation): string =>
  `${tls === undefined ? 'redis' : 'rediss'}://${host.includes(':') ? `[${host}]` : host}:${port}`

const parseInfo = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':')
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)]]
    }),
  )

const isRecent = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 6 || (major === 6 && minor >= 2)
}

const VERSION = '1'
