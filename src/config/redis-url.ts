import { Wrong } from './problem.ts'
import type { RedisLocation } from './store-location.ts'
import { parseStoreUrl, tlsFiles, wholeNumber } from './store-url.ts'

/**
 * `redis[s]://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`, as it is registered with IANA; `rediss` is TLS. Behind a `?`:
 * `prefix` of all keys, `replicas` that must have a write before it counts, and with TLS `ca`, `cert`, `key` and
 * `servername`.
 */
export const parseRedis = (text: string): RedisLocation => {
  const secure = text.startsWith('rediss:')
  const url = parseStoreUrl(text, { kind: 'redis', port: 6379, known: secure ? TLS : PLAIN })
  if (!/^\d{0,5}$/.test(url.path)) throw new Wrong('must have the number of a database as its path')
  const prefix = url.parameters.get('prefix') ?? 'portcullis:'
  if (!/^[!-~]{1,64}$/.test(prefix))
    throw new Wrong('must have a prefix of 1 to 64 printable ASCII characters')
  const { host, port, username, password, parameters } = url
  const servername = parameters.get('servername')
  return {
    kind: 'redis',
    ...{ host, port },
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    database: Number(url.path),
    prefix,
    replicas: wholeNumber(url, 'replicas', { otherwise: 0, from: 0, to: 10 }),
    ...(secure && {
      tls: {
        ...tlsFiles(url, { ca: 'ca', cert: 'cert', key: 'key' }, 'full'),
        ...(servername !== undefined && { servername }),
      },
    }),
  }
}

const PLAIN = ['prefix', 'replicas']
const TLS = [...PLAIN, 'ca', 'cert', 'key', 'servername']
