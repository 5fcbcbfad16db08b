import type { PostgresLocation } from '../config/store-location.ts'
import type { Log } from '../telemetry/log.ts'
import { codeOf, wordsOf } from './calls.ts'
import { tlsRefusal } from './connection-tls.ts'
import { type PostgresListener, Standby } from './postgres-connections.ts'
import { MIGRATIONS, VERSION } from './postgres-schema.ts'
import { StoreRefused } from './store.ts'

/** Looks at a database, and brings its schema up to date. Throws StoreRefused, or whatever else fails. */
export const admitPostgres = async (
  connection: PostgresListener,
  location: PostgresLocation,
  log: Log,
): Promise<void> => {
  const name = nameOf(location)
  const [settings] = await connection.query(`
    SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS words,
      current_setting('transaction_read_only') AS read_only, current_setting('fsync') AS fsync`)
  if (Number(settings?.version) < OLDEST) {
    throw new StoreRefused(
      `${name}: is too old (${settings?.words})`,
      'Use PostgreSQL 13 or newer.',
    )
  }
  if (settings?.read_only !== 'off') {
    throw new StoreRefused(
      `${name}: is read-only for us (default_transaction_read_only)`,
      'Name the primary, and a user that may write.',
    )
  }
  if (settings?.fsync !== 'on') {
    log.warn('store.durability', {
      problem: `${name}: fsync is off: what was granted and revoked is lost when the machine fails`,
      remedy: 'Set fsync = on.',
    })
  }
  await migrate(connection, location)
}

/** Of several that start at once one does it, the others wait. */
const migrate = async (connection: PostgresListener, location: PostgresLocation): Promise<void> => {
  const { schema } = location
  if ((await versionOf(connection, location)) === VERSION) return
  await connection.query('BEGIN')
  try {
    await connection.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`portcullis ${schema}`])
    const found = await versionOf(connection, location)
    if (found === undefined && !(await hasSchema(connection, schema))) {
      await connection.query(`CREATE SCHEMA ${schema}`)
    }
    for (const step of MIGRATIONS.slice(found ?? 0)) await connection.query(step)
    await connection.query('COMMIT')
  } catch (cause) {
    await connection.query('ROLLBACK').catch(() => {})
    throw cause
  }
}

/** Undefined: there is nothing of ours. */
const versionOf = async (
  connection: PostgresListener,
  location: PostgresLocation,
): Promise<number | undefined> => {
  // Asked of the catalogue itself: a look-up by name is answered from a cache that does not know what others just made.
  const [table] = await connection.query(
    "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'version') AS there",
    [location.schema],
  )
  if (table?.there !== true) return undefined
  const [row] = await connection.query('SELECT number FROM version')
  const version = Number(row?.number)
  if (version <= VERSION) return version
  throw new StoreRefused(
    `${nameOf(location)}: was written by a newer version (schema ${version}, this program knows ${VERSION})`,
    'Run the version that wrote it, or give this one another ?schema=.',
  )
}

const hasSchema = async (connection: PostgresListener, schema: string): Promise<boolean> => {
  const [row] = await connection.query(
    'SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1) AS there',
    [schema],
  )
  return row?.there === true
}

/** What was published did not come back. */
export const deaf = (location: PostgresLocation): StoreRefused =>
  new StoreRefused(
    `${nameOf(location)}: what is published there (NOTIFY) does not reach who listens (LISTEN)`,
    'A pooler that hands connections from one transaction to the next breaks that: name the server itself, or let the pooler keep a connection for a session.',
  )

/** What waiting does not mend becomes a refusal; the rest stays what it is. */
export const postgresRefusal = (location: PostgresLocation, cause: unknown): unknown => {
  if (cause instanceof StoreRefused) return cause
  const name = nameOf(location)
  if (cause instanceof Standby) {
    return new StoreRefused(
      `${name}: is a standby, which takes no writes`,
      'Name the primary, or promote this one.',
      { cause },
    )
  }
  const found = REFUSALS.get(codeOf(cause))
  if (found !== undefined) {
    return new StoreRefused(`${name}: ${found[0]} (${wordsOf(cause)})`, found[1], { cause })
  }
  return tlsRefusal(name, cause) ?? cause
}

const REFUSALS = new Map<string, readonly [string, string]>([
  ['28P01', ['does not let us in', 'See that user and password in the URL of store: are right.']],
  [
    '28000',
    [
      'does not let us in',
      'See what its pg_hba.conf asks of this user from here: TLS (sslmode), a password, a certificate.',
    ],
  ],
  ['3D000', ['has no such database', 'Make it: CREATE DATABASE … OWNER ….']],
  [
    '42501',
    [
      'does not let this user do what we need',
      'Let it own the database or the schema (docs/operations.md).',
    ],
  ],
  ['25006', ['is read-only', 'Name the primary, and a user that may write.']],
])

/** Without user and password. */
const nameOf = ({ host, port, database }: PostgresLocation): string =>
  `postgres://${host.includes(':') ? `[${host}]` : host}:${port}/${database}`

const OLDEST = 130_000
