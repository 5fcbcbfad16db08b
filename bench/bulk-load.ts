import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import type { Writable } from 'node:stream'
import type { Row } from './grant-rows.ts'

// Rows into a store that the product has made and nobody uses, by the shortest way: what is there afterwards is what the
// product would have written (docs/storage.md).

export const loadSqlite = (file: string, rows: Iterable<Row>): void => {
  const database = new DatabaseSync(file)
  database.exec(
    'PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -600000; BEGIN',
  )
  const insert = database.prepare('INSERT INTO rows (key, value, expires) VALUES (?, ?, ?)')
  const list = database.prepare('INSERT INTO listed (name, id) VALUES (?, ?)')
  for (const { key, value, expires, indexes = [] } of rows) {
    const { lastInsertRowid } = insert.run(key, value, expires)
    for (const name of indexes) list.run(name, lastInsertRowid)
  }
  database.exec('COMMIT; PRAGMA journal_mode = WAL')
  database.close()
}

/** `prefix` as in the URL, with its colon. */
export const loadRedis = async (
  port: number,
  prefix: string,
  rows: Iterable<Row>,
): Promise<void> => {
  const pipe = startProgram('redis-cli', ['-p', String(port), '--pipe'])
  let id = 0
  for (const { key, value, expires, indexes = [] } of rows) {
    const end = String(expires)
    const ttl = String(Math.ceil(expires - Date.now()))
    await pipe.write(command('SET', `${prefix}row:${key}`, `${end} ${value}`, 'PX', ttl))
    if (indexes.length === 0) continue
    id += 1
    const place = JSON.stringify([String(id), ...indexes])
    for (const name of indexes)
      await pipe.write(command('ZADD', `${prefix}list:${name}`, String(id), key))
    await pipe.write(command('HSET', `${prefix}places`, key, place))
    await pipe.write(command('ZADD', `${prefix}due`, end, key))
  }
  await pipe.write(command('SET', `${prefix}sequence`, String(id)))
  await pipe.end()
}

const command = (...words: readonly string[]): string =>
  [`*${words.length}`, ...words.flatMap((word) => [`$${Buffer.byteLength(word)}`, word]), ''].join(
    '\r\n',
  )

/** Indexes are made when all is there. */
export const loadPostgres = async (
  port: number,
  schema: string,
  rows: Iterable<Row>,
): Promise<void> => {
  const connection = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-X', '-q', '-t']
  const run = (text: string) => startProgram('psql', [...connection, '-c', text, 'postgres'])
  const at = `SET search_path = ${schema}; SET synchronous_commit = off;`
  await run(
    `${at} ALTER TABLE rows DROP CONSTRAINT rows_pkey; DROP INDEX rows_expires;
     ALTER TABLE listed DROP CONSTRAINT listed_pkey`,
  ).end()
  const into = run(`COPY ${schema}.rows (key, id, value, expires, lists) FROM STDIN`)
  const lists = run(`COPY ${schema}.listed (name, id, key) FROM STDIN`)
  let id = 0
  for (const { key, value, expires, indexes = [] } of rows) {
    id += 1
    const text = value.replaceAll('\\', '\\\\')
    await into.write(`${key}\t${id}\t${text}\t${expires}\t{${indexes.join(',')}}\n`)
    for (const name of indexes) await lists.write(`${name}\t${id}\t${key}\n`)
  }
  await Promise.all([into.end(), lists.end()])
  await run(
    `${at} SET maintenance_work_mem = '256MB';
     ALTER TABLE rows ADD CONSTRAINT rows_pkey PRIMARY KEY (key); CREATE INDEX rows_expires ON rows (expires);
     ALTER TABLE listed ADD CONSTRAINT listed_pkey PRIMARY KEY (name, id);
     SELECT setval(pg_get_serial_sequence('rows', 'id'), ${id})`,
  ).end()
  for (const table of ['rows', 'listed']) await run(`VACUUM ANALYZE ${schema}.${table}`).end()
  await run('CHECKPOINT').end()
}

type Running = { write(text: string): Promise<void> | undefined; end(): Promise<void> }

/** A program that reads what it is given, a chunk at a time. */
const startProgram = (name: string, words: readonly string[]): Running => {
  const child = spawn(name, words, { stdio: ['pipe', 'ignore', 'pipe'] })
  const ended = once(child, 'close')
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk
  })
  child.stdin.on('error', () => {})
  let waiting = ''
  const send = async (to: Writable): Promise<void> => {
    const chunk = waiting
    waiting = ''
    if (!to.write(chunk)) await Promise.race([once(to, 'drain'), ended])
  }
  return {
    write(text) {
      waiting += text
      return waiting.length < CHUNK ? undefined : send(child.stdin)
    },
    async end() {
      child.stdin.end(waiting)
      const [code] = await ended
      if (code !== 0) throw new Error(`${name} ended with ${code}: ${said.slice(-500)}`)
    },
  }
}

const CHUNK = 262_144
