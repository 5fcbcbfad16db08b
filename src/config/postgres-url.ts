import { Wrong } from './problem.ts'
import type { PostgresLocation, StoreTls } from './store-location.ts'
import { isSocket, parseStoreUrl, type StoreUrl, tlsFiles, wholeNumber } from './store-url.ts'

/**
 * `postgres[ql]://[USER[:PASSWORD]@][HOST][:PORT]/DATABASE`, with libpq's `sslmode`, `sslrootcert`, `sslcert`, `sslkey`
 * and `host` (the folder of a socket) behind a `?`, and ours: `schema` of all tables, and `connections` at most.
 */
export const parsePostgres = (text: string): PostgresLocation => {
  const url = parseStoreUrl(text, { kind: 'postgres', port: 5432, known: KNOWN })
  const schema = url.parameters.get('schema') ?? 'portcullis'
  // Written into statements, where nothing can be bound, and with 17 characters behind it the name of a channel, of 63.
  if (!/^[a-z_][a-z0-9_]{0,45}$/.test(schema))
    throw new Wrong('must have a schema of at most 46 small letters, digits and _')
  const { host, port, username = 'postgres', password } = url
  const tls = readTls(url)
  return {
    kind: 'postgres',
    ...{ host, port, username },
    ...(password !== undefined && { password }),
    database: url.path === '' ? username : url.path,
    schema,
    connections: wholeNumber(url, 'connections', { otherwise: 10, from: 2, to: 500 }),
    ...(tls !== undefined && { tls }),
  }
}

/** Undefined: in the clear. As libpq has it, `require` verifies no more than an authority that is given. */
const readTls = (url: StoreUrl): StoreTls | undefined => {
  const { parameters, host } = url
  const given = parameters.get('sslmode')
  const mode = given ?? (TLS_ONLY.some((name) => parameters.has(name)) ? 'verify-full' : 'disable')
  if (mode === 'disable') {
    if (TLS_ONLY.some((name) => parameters.has(name)))
      throw new Wrong('must not have sslmode=disable beside certificates')
    return undefined
  }
  const verify = MODES.get(mode)
  if (verify === undefined)
    throw new Wrong('must have disable, require, verify-ca or verify-full as sslmode')
  if (isSocket(host)) throw new Wrong('must not have an sslmode on a socket')
  const strict = verify === 'none' && parameters.has('sslrootcert') ? 'ca' : verify
  return tlsFiles(url, { ca: 'sslrootcert', cert: 'sslcert', key: 'sslkey' }, strict)
}

const MODES = new Map<string, StoreTls['verify']>([
  ['require', 'none'],
  ['verify-ca', 'ca'],
  ['verify-full', 'full'],
])
const TLS_ONLY = ['sslrootcert', 'sslcert', 'sslkey']
const KNOWN = ['sslmode', ...TLS_ONLY, 'host', 'schema', 'connections']
