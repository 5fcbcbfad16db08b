import type { Committed, ListedRow } from './adapter.ts'
import { codeOf } from './calls.ts'
import type { PostgresPool, Row, Statement } from './postgres-connections.ts'
import { COMMIT, LIST, LIST_NEWEST, PURGE, READ, ROWS } from './postgres-schema.ts'
import type { PushChannel } from './push-channel.ts'
import type { Write } from './store.ts'

/** What a store does, each in one statement, and so in one transaction. `end` in `ticks`. */
export type Steps = {
  read(keys: readonly string[], end: number): Promise<readonly (string | undefined)[]>
  list(page: Listing, end: number): Promise<readonly ListedRow[]>
  commit(writes: readonly Write[], publish: readonly string[], end: number): Promise<Committed>
  ping(end: number): Promise<void>
  purge(limit: number, end: number): Promise<number>
  rows(end: number): Promise<number>
}

type Listing = {
  readonly index: string
  /** An id: those above it are listed, or with `newest` those below. */
  readonly start: number
  readonly limit: number
  readonly newest: boolean
}

type StepDeps = {
  readonly pool: Pick<PostgresPool, 'run'>
  readonly channel: Pick<PushChannel, 'wrap' | 'sent'>
  /** Milliseconds since the epoch, by our clock. */
  readonly now: () => number
  /** What stands on the server's clock at an `end`. */
  readonly until: (end: number) => number
  readonly publishOn: string
}

export const createSteps = ({ pool, channel, now, until, publishOn }: StepDeps): Steps => {
  /** Reads change nothing, so that they may be asked again on another connection. */
  const ask = async (statement: Statement, values: readonly unknown[], end: number) => {
    try {
      return await pool.run(statement, values, end)
    } catch (cause) {
      if (!ENDED.test(codeOf(cause))) throw cause
      return pool.run(statement, values, end)
    }
  }

  // Of what a write may fail with only these say for certain that it was taken back: a connection that ends may have
  // committed before, and so may a server that stops while it waits for a standby.
  const tell = async (values: readonly unknown[], end: number): Promise<readonly Row[]> => {
    try {
      return await pool.run(STATEMENTS.commit, values, end)
    } catch (cause) {
      if (!TAKEN_BACK.has(codeOf(cause))) throw cause
      return pool.run(STATEMENTS.commit, values, end)
    }
  }

  return {
    async read(keys, end) {
      const escaped = keys.map(asStored)
      const rows = await ask(STATEMENTS.read, [escaped, now()], end)
      const values = new Map(rows.map(({ key, value }) => [key, String(value)]))
      return escaped.map((key) => values.get(key))
    },
    async list({ index, start, limit, newest }, end) {
      const statement = newest ? STATEMENTS.newest : STATEMENTS.list
      const rows = await ask(statement, [asStored(index), start, now(), limit], end)
      return rows.map(({ id, key, value }) => ({
        ...{ id: Number(id), key: fromStored(String(key)), value: String(value) },
      }))
    },
    async commit(writes, publish, end) {
      const envelopes = channel.wrap(publish)
      // In the order of their keys, which is that of the locks.
      const order = writes.map((_, at) => at).sort((a, b) => compare(writes[a], writes[b]) || a - b)
      const sorted = JSON.stringify(order.map((at) => asJson(writes[at])))
      const values = [sorted, now(), until(end), publishOn, envelopes]
      try {
        const [row] = await tell(values, end)
        const flags = row?.stood
        if (!Array.isArray(flags)) return lost(writes)
        channel.sent(envelopes)
        return { won: true, stood: writes.map((_, at) => flags[order.indexOf(at)] === true) }
      } catch (cause) {
        if (codeOf(cause) === LOST) return lost(writes)
        throw cause
      }
    },
    async rows(end) {
      const [row] = await ask(STATEMENTS.rows, [], end)
      return Number(row?.estimate)
    },
    ping: async (end) => void (await ask(STATEMENTS.ping, [], end)),
    async purge(limit, end) {
      const [row] = await pool.run(STATEMENTS.purge, [now(), limit], end)
      return Number(row?.purged)
    },
  }
}

const compare = (a: Write | undefined, b: Write | undefined): number => {
  const [one, other] = [a?.key ?? '', b?.key ?? '']
  if (one === other) return 0
  return one < other ? -1 : 1
}

const asJson = (write: Write | undefined) => {
  if (write === undefined) return {}
  const { op } = write
  const key = asStored(write.key)
  if (op === 'delete') return { op, key }
  const value = op === 'swap' ? write.next : write.value
  const lists = (write.indexes ?? []).map(asStored)
  const expected = op === 'swap' ? write.expected : undefined
  return {
    op,
    key,
    value,
    expires: write.expires,
    lists,
    ...(expected !== undefined && { expected }),
  }
}

const lost = (writes: readonly Write[]): Committed => ({
  won: false,
  stood: writes.map(() => false),
})

// PostgreSQL's text holds every character but U+0000, which a stranger may well send as the name of a client.
const asStored = (text: string): string =>
  /[\0\\]/.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('\0', '\\0') : text

const fromStored = (text: string): string =>
  text.replace(/\\(.)/g, (_, escaped) => (escaped === '0' ? '\0' : escaped))

const STATEMENTS = {
  read: { name: 'read', text: READ },
  list: { name: 'list', text: LIST },
  newest: { name: 'newest', text: LIST_NEWEST },
  commit: { name: 'commit', text: COMMIT },
  purge: { name: 'purge', text: PURGE },
  rows: { name: 'rows', text: ROWS },
  ping: { name: 'ping', text: 'SELECT 1' },
} satisfies Record<string, Statement>

const LOST = 'PCL01'
// Serialization failure, deadlock.
const TAKEN_BACK = new Set(['40001', '40P01'])
// No answer but the end of the connection, or the server says that it ends it.
const ENDED = /^(|57P0[123]|ECONNRESET|EPIPE)$/
