import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { PostgresLocation } from '../config/store-location.ts'
import { codeOf } from './calls.ts'
import { tlsOptions } from './connection-tls.ts'
import { ticks } from './sqlite-jobs.ts'
import { StoreUnavailable } from './store.ts'

export type Row = Readonly<Record<string, unknown>>

/** A statement by the name under which a connection keeps it prepared. */
export type Statement = { readonly name: string; readonly text: string }

export type PostgresPool = {
  /** One statement, a transaction of its own. `end`, in `ticks`: later than that it is not sent. */
  run(statement: Statement, values: readonly unknown[], end: number): Promise<readonly Row[]>
  close(): Promise<void>
}

/** A connection of its own, which hears what is pushed. */
export type PostgresListener = {
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>
  close(): void
}

type Settings = {
  /** Milliseconds after which a statement is given up, here and there. */
  readonly patience: number
  /** Something is wrong with a connection that nobody uses. */
  idle(cause: unknown): void
}

export const openPool = (
  location: PostgresLocation,
  { patience, idle }: Settings,
): PostgresPool => {
  const pool = new pg.Pool({
    ...optionsOf(location, patience),
    max: location.connections,
    idleTimeoutMillis: IDLE,
    allowExitOnIdle: true,
    onConnect: (client) => prepare(client, location, patience),
  })
  // Without a listener an error would end the process; the pool's own is gone while a connection is in use.
  pool.on('error', idle)
  pool.on('connect', (client) => client.on('error', idle))

  const acquire = async (end: number): Promise<pg.PoolClient> => {
    for (;;) {
      try {
        const client = await pool.connect()
        if (ticks() < end) return client
        client.release()
        throw new StoreUnavailable('no connection before the deadline')
      } catch (cause) {
        // The server has no more for us, but one of ours will be free.
        if (codeOf(cause) !== TOO_MANY_CONNECTIONS || ticks() + PAUSE > end) throw cause
      }
      await pause(PAUSE)
    }
  }

  return {
    async run({ name, text }, values, end) {
      const client = await acquire(end)
      try {
        const { rows } = await client.query({ name, text, values: [...values] })
        client.release()
        return rows
      } catch (cause) {
        client.release(isFatal(cause))
        throw cause
      }
    },
    close: () => pool.end(),
  }
}

/** Connects once. `lost` hears when the connection ends, `heard` what is pushed. */
export const openListener = async (
  location: PostgresLocation,
  hooks: {
    /** Milliseconds that it may take to connect, and each statement then. */
    connecting: number
    patience: number
    lost(cause: unknown): void
    heard(message: string): void
  },
): Promise<PostgresListener> => {
  const client = new pg.Client({
    ...optionsOf(location, hooks.patience),
    connectionTimeoutMillis: hooks.connecting,
  })
  client.on('error', hooks.lost)
  client.on('end', () => hooks.lost(new Error('the connection was closed')))
  client.on('notification', ({ payload = '' }) => hooks.heard(payload))
  // The library's own way to close waits for an answer.
  const close = (): void => void client.end().catch(() => {})
  try {
    await client.connect()
    await prepare(client, location, hooks.patience)
  } catch (cause) {
    close()
    throw cause
  }
  return {
    query: async (text, values = []) => (await client.query(text, [...values])).rows ?? [],
    close,
  }
}

/**
 * A connection as we need it: it gives up when we do, sees what was committed last, waits for the disk, and is not one
 * to a standby, which would show what was revoked since.
 */
const prepare = async (
  client: pg.ClientBase,
  { schema }: PostgresLocation,
  patience: number,
): Promise<void> => {
  const answers: unknown = await client.query(`
    SET statement_timeout = ${patience};
    SET lock_timeout = ${patience};
    SET idle_in_transaction_session_timeout = ${10 * patience};
    SET default_transaction_isolation = 'read committed';
    SET search_path = ${schema};
    ${PLANS}
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SELECT pg_is_in_recovery() AS standby`)
  const last = Array.isArray(answers) ? answers.at(-1) : undefined
  if (last?.rows[0]?.standby !== false) throw new Standby()
}

/**
 * Every statement of ours finds its rows by an index, whatever the statistics say of a table that has just been made, or
 * filled: what one costs must not depend on how many there are.
 */
const PLANS = `
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET plan_cache_mode = force_generic_plan;
    SET jit = off;`

/** It takes no writes, and what it shows may be old. */
export class Standby extends Error {
  override readonly name = 'Standby'
}

const optionsOf = (location: PostgresLocation, patience: number): pg.ClientConfig => ({
  ...{ host: location.host, port: location.port, database: location.database },
  user: location.username,
  password: location.password ?? '',
  ssl: location.tls === undefined ? false : { host: location.host, ...tlsOptions(location.tls) },
  connectionTimeoutMillis: patience,
  query_timeout: patience,
  keepAlive: true,
  application_name: 'portcullis',
})

/** After what the connection is of no more use: no answer, none in time, the server ends, or is none that can write. */
const isFatal = (cause: unknown): boolean => !/^(?!57P|08|25006)[0-9A-Z]{5}$/.test(codeOf(cause))

const TOO_MANY_CONNECTIONS = '53300'
// Milliseconds.
const PAUSE = 20
const IDLE = 60_000
