import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { systemClock } from '../src/clock.ts'
import { openStore } from '../src/store/open-store.ts'
import type { Store } from '../src/store/store.ts'
import { silentLog } from '../src/telemetry/log.ts'
import type { StoreServer } from '../test/support/server-process.ts'
import { serverKinds } from '../test/support/store-servers.ts'
import { locationOf, temporaryFolder } from '../test/support/stores.ts'

// What each operation of a store costs beside 10 000 rows, and beside a million of the same kind.

const FEW = 10_000
const MANY = Number(process.argv.find((part) => /^\d+$/.test(part)) ?? 1_000_000)
const ONLY = process.argv.find((part) => /^(sqlite|redis|postgres)$/.test(part))
const ROUNDS = 15
const TIMES = 100

/** Every row is a grant's size, in a list of its person and in one that holds a tenth of all. */
const VALUE = 'v'.repeat(300)
const END = Date.now() + 3_600_000

const main = async (): Promise<void> => {
  console.log(`| store | operation | µs at ${FEW} rows | at ${MANY} | ratio |`)
  console.log('| --- | --- | --- | --- | --- |')
  if (ONLY === undefined || ONLY === 'sqlite') await compare('sqlite', sqlite)
  for (const { kind, absent, start } of serverKinds) {
    if (absent || (ONLY !== undefined && ONLY !== kind)) continue
    await compare(kind, async (rows) => {
      const server = await start()
      const url = server.url('rows')
      await (await open(url)).close()
      if (kind === 'redis') fillRedis(rows, server.ask)
      else fillPostgres(rows, server.ask)
      const store = await open(url)
      return { store, stop: server.stop }
    })
  }
}

const open = (place: string): Promise<Store> =>
  openStore(locationOf(place), { clock: systemClock, log: silentLog, deadline: 30 })

type Filled = { readonly store: Store; stop(): Promise<void> | void }

const compare = async (name: string, fill: (rows: number) => Promise<Filled>): Promise<void> => {
  const [few, many] = [await fill(FEW), await fill(MANY)]
  for (const [operation, step] of OPERATIONS) {
    const [less, more] = [few, many].map(() => [] as number[]) as [number[], number[]]
    // In turns, so that what else the machine does meets both; the first round warms up.
    for (let round = 0; round <= ROUNDS; round += 1) {
      const [one, other] = [await time(few.store, step, FEW), await time(many.store, step, MANY)]
      if (round > 0) less.push(one) && more.push(other)
    }
    const [a, b] = [median(less), median(more)]
    console.log(
      `| ${name} | ${operation} | ${a.toFixed(0)} | ${b.toFixed(0)} | ${(b / a).toFixed(2)} |`,
    )
  }
  for (const { store, stop } of [few, many]) {
    await store.close()
    await stop()
  }
}

let serial = 0
const fresh = (): number => {
  serial += 1
  return serial
}

const OPERATIONS: readonly (readonly [string, (store: Store, rows: number) => Promise<unknown>])[] =
  [
    ['get', (store, rows) => store.get(`grant:${pick(rows)}`)],
    ['get of nothing', (store, rows) => store.get(`nothing:${pick(rows)}`)],
    ['swap of a row in two lists', (store, rows) => swap(store, pick(rows))],
    ['set, new, in two lists', (store) => set(store, `new:${fresh()}`, END)],
    [
      'list, a page of 100 of a tenth of all',
      (store, rows) => store.list('tenth', { cursor: String(pick(rows / 2)) }),
    ],
    [
      'purge of one',
      async (store) => {
        await set(store, `old:${fresh()}`, Date.now() + 1)
        await store.purge(1000)
      },
    ],
  ]

const set = (store: Store, key: string, expires: number) =>
  store.batch([{ op: 'set', key, value: VALUE, expires, indexes: ['person:new', 'new'] }])

// With itself, as the retry of a refresh does.
const swap = (store: Store, number: number) =>
  store.batch([
    {
      ...{ op: 'swap', key: `grant:${number}`, expected: VALUE, next: VALUE, expires: END },
      indexes: listsOf(number),
    },
  ])

const listsOf = (number: number): string[] =>
  number % 10 === 0
    ? [`person:${Math.floor(number / 5)}`, 'tenth']
    : [`person:${Math.floor(number / 5)}`]

let seed = 1
/** One of the rows, spread over all of them, the same at each run. */
const pick = (rows: number): number => {
  seed = (seed * 48_271) % 2_147_483_647
  return 1 + (seed % Math.floor(rows))
}

const time = async (
  store: Store,
  step: (store: Store, rows: number) => Promise<unknown>,
  rows: number,
): Promise<number> => {
  const began = performance.now()
  for (let n = 0; n < TIMES; n += 1) await step(store, rows)
  return ((performance.now() - began) * 1000) / TIMES
}

const median = (numbers: number[]): number =>
  numbers.sort((a, b) => a - b)[numbers.length >> 1] ?? 0

const sqlite = async (rows: number): Promise<Filled> => {
  const folder = temporaryFolder()
  const file = join(folder.path, 'rows.db')
  await (await open(file)).close()
  const database = new DatabaseSync(file)
  database.exec(`
    PRAGMA synchronous = OFF;
    BEGIN;
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${rows})
    INSERT INTO rows (key, value, expires) SELECT 'grant:' || n, '${VALUE}', ${END} FROM numbers;
    INSERT INTO listed (name, id) SELECT 'person:' || (id / 5), id FROM rows;
    INSERT INTO listed (name, id) SELECT 'tenth', id FROM rows WHERE id % 10 = 0;
    COMMIT`)
  database.close()
  return { store: await open(file), stop: folder.remove }
}

const fillPostgres = (rows: number, ask: StoreServer['ask']): void => {
  // A million rows take longer than the administrator's patience; each tenth of them does not.
  const step = Math.min(rows, 50_000)
  for (let from = 1; from <= rows; from += step) {
    ask(`
      INSERT INTO rows.rows (key, value, expires, lists)
        SELECT 'grant:' || n, '${VALUE}', ${END},
          ARRAY['person:' || (n / 5)] || CASE WHEN n % 10 = 0 THEN ARRAY['tenth'] ELSE '{}'::text[] END
        FROM generate_series(${from}, ${Math.min(rows, from + step - 1)}) AS n`)
    ask(`
      INSERT INTO rows.listed (name, id, key)
        SELECT unnest(lists), id, key FROM rows.rows WHERE id BETWEEN ${from} AND ${from + step - 1}`)
  }
  ask('VACUUM ANALYZE rows.rows')
  ask('VACUUM ANALYZE rows.listed')
}

const fillRedis = (rows: number, ask: StoreServer['ask']): void => {
  const lines = [
    `for n = tonumber(ARGV[1]), tonumber(ARGV[2]) do`,
    `local key = 'grant:' .. n`,
    `local person = 'person:' .. math.floor(n / 5)`,
    `redis.call('SET', 'rows:row:' .. key, '${END} ${VALUE}', 'PX', 3600000)`,
    `redis.call('ZADD', 'rows:list:' .. person, n, key)`,
    `redis.call('ZADD', 'rows:due', ${END}, key)`,
    `local place = {tostring(n), person}`,
    `if n % 10 == 0 then place[3] = 'tenth' redis.call('ZADD', 'rows:list:tenth', n, key) end`,
    `redis.call('HSET', 'rows:places', key, cjson.encode(place)) end`,
    `redis.call('SET', 'rows:sequence', ARGV[2])`,
  ]
  for (let from = 1; from <= rows; from += 50_000) {
    ask(['EVAL', lines.join('\n'), '0', String(from), String(Math.min(rows, from + 49_999))])
  }
}

await main()
