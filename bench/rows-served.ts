import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../src/clock.ts'
import { openStore } from '../src/store/open-store.ts'
import type { Store } from '../src/store/store.ts'
import { silentLog } from '../src/telemetry/log.ts'
import type { StoreServer } from '../test/support/server-process.ts'
import { postgres, redis } from '../test/support/store-servers.ts'
import { locationOf, temporaryFolder } from '../test/support/stores.ts'
import { isMet, median, verdict } from './aim.ts'
import { loadPostgres, loadRedis, loadSqlite } from './bulk-load.ts'
import { issueCodes, overRows, type Row, rowsOf, type Sample } from './grant-rows.ts'
import { basic, REDIRECT, type Served, serve } from './served.ts'
import { startUpstream } from './servers.ts'

// What a caller's operations cost beside 10 000 grants, and beside a million: two running gateways in turns, each with its
// token, people and lists; `node bench/rows-served.ts sqlite redis`, all three without a name. `--grants`, `--rounds`.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    grants: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '11' },
  },
})
const FEW = 10_000
const MANY = Number(values.grants)
const ROUNDS = Number(values.rounds)
const STARTS = 5
const TIMES = 100
const PURGED = 1000
const AIM = { sign: '<=', wanted: 1.2 } as const
// Four operations use up a token each.
const SAMPLES = (ROUNDS + 1) * TIMES * 4
const VERIFIER = 'a-verifier-of-the-bench-that-is-long-enough-for-pkce'
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url')

/** A store with its rows, a gateway over it, and what clients hold. */
type Full = {
  readonly grants: number
  readonly served: Served
  /** Ours, for what no caller asks for. */
  readonly store: Store
  readonly samples: Sample[]
  codes: string[]
  /** µs of CPU that its server has used. */
  storeCpu(): number
  remove(): Promise<void>
}

type Place = {
  readonly url: string
  fill(rows: Iterable<Row>): Promise<void> | void
  storeCpu(): number
  remove(): Promise<void> | void
}

const sqlitePlace = async (): Promise<Place> => {
  const folder = temporaryFolder()
  const file = join(folder.path, 'rows.db')
  const fill = (rows: Iterable<Row>) => loadSqlite(file, rows)
  return { url: file, fill, storeCpu: () => 0, remove: folder.remove }
}

const serverPlace = (server: StoreServer, fill: (rows: Iterable<Row>) => Promise<void>): Place => ({
  ...{ url: server.url('rows'), fill, remove: server.stop },
  storeCpu: () => server.pids().reduce((sum, pid) => sum + cpuOfThread(pid), 0),
})

const PLACES = new Map<string, { absent: boolean; open(): Promise<Place> }>([
  ['sqlite', { absent: false, open: sqlitePlace }],
  [
    'redis',
    {
      absent: redis.absent,
      async open() {
        const server = await redis.start(['--appendonly', 'no'])
        return serverPlace(server, (rows) => loadRedis(server.port, 'rows:', rows))
      },
    },
  ],
  [
    'postgres',
    {
      absent: postgres.absent,
      async open() {
        const server = await postgres.start(['shared_buffers=512MB', 'max_wal_size=1GB'])
        return serverPlace(server, (rows) => loadPostgres(server.port, 'rows', rows))
      },
    },
  ],
])

/** Of one thread, which both servers do their work in. */
const cpuOfThread = (pid: number): number => {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1000
  } catch {
    return 0
  }
}

const openAt = (place: string): Promise<Store> =>
  openStore(locationOf(place), { clock: systemClock, log: silentLog, deadline: 60 })

const fill = async (place: Place, grants: number, upstream: string): Promise<Full> => {
  const samples: Sample[] = []
  // Its tables.
  await (await openAt(place.url)).close()
  await place.fill(rowsOf(grants, SAMPLES * 1.05, (sample) => void samples.push(sample)))
  shuffle(samples)
  const store = await openAt(place.url)
  const url = place.url.includes('://') ? place.url : `sqlite:${place.url}`
  const served = await serve(url, upstream)
  return {
    ...{ grants, served, store, samples, codes: [], storeCpu: place.storeCpu },
    async remove() {
      await served.remove()
      await store.close()
      await place.remove()
    },
  }
}

const shuffle = (list: unknown[]): void => {
  for (let at = list.length - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1))
    ;[list[at], list[other]] = [list[other], list[at]]
  }
}

const next = <Kept>(list: Kept[]): Kept => {
  const one = list.pop()
  if (one === undefined) throw new Error('there is no more')
  return one
}

const token = ({ served }: Full, client_id: string, form: Readonly<Record<string, string>>) =>
  served.ask('/oauth/token', basic(client_id), form)

type Operation = readonly [string, (full: Full) => ReturnType<Served['ask']>]

const OPERATIONS: readonly Operation[] = [
  [
    'authorised GET, token not in memory',
    ({ served, samples }) =>
      served.ask('/orders/1', { Authorization: `Bearer ${next(samples).access}` }),
  ],
  [
    'refresh',
    (full) => {
      const { client_id, refresh } = next(full.samples)
      return token(full, client_id, { grant_type: 'refresh_token', refresh_token: refresh })
    },
  ],
  ['client credentials', (full) => token(full, 'bench', { grant_type: 'client_credentials' })],
  [
    'code redeemed',
    (full) =>
      token(full, 'web', {
        ...{ grant_type: 'authorization_code', code: next(full.codes) },
        ...{ redirect_uri: REDIRECT, code_verifier: VERIFIER },
      }),
  ],
  [
    'introspection',
    ({ served, samples }) =>
      served.ask('/oauth/introspect', basic('api'), { token: next(samples).access }),
  ],
  [
    'revocation',
    ({ served, samples }) => {
      const { client_id, access } = next(samples)
      return served.ask('/oauth/revoke', basic(client_id), { token: access })
    },
  ],
  [
    'a page of 100 grants of a client',
    ({ served, grants }) => {
      // Far enough from the end of the list for a whole page.
      const cursor = 1 + Math.floor(Math.random() * grants * 0.8)
      return served.askAdmin(`/api/v1/grants?client_id=tenth&limit=100&cursor=${cursor}`)
    },
  ],
]

type Cost = { readonly cpu: number; readonly wall: number }

/** One after the other, so that each has all of its answer to itself. µs each. */
const cost = async (full: Full, step: Operation[1]): Promise<Cost> => {
  const before = (await full.served.cpu()) + full.storeCpu()
  const began = performance.now()
  for (let n = 0; n < TIMES; n += 1) {
    const { status, body } = await step(full)
    if (status !== 200) throw new Error(`${status} ${body}`)
  }
  const wall = performance.now() - began
  const cpu = (await full.served.cpu()) + full.storeCpu() - before
  return { cpu: cpu / TIMES, wall: (wall * 1000) / TIMES }
}

/** As many as go at once, half of them in lists; with what our own process does for it. */
const purge = async ({ store, storeCpu, grants }: Full): Promise<Cost> => {
  // Later than they are written: what is over by then is not written at all.
  const expires = Date.now() + 500
  await store.batch(overRows(PURGED, grants / 10, expires))
  while (Date.now() <= expires) await new Promise((resolve) => setTimeout(resolve, 20))
  const cpu = () => process.cpuUsage().user + process.cpuUsage().system + storeCpu()
  const before = cpu()
  const began = performance.now()
  await store.purge(PURGED)
  const wall = ((performance.now() - began) * 1000) / PURGED
  return { cpu: (cpu() - before) / PURGED, wall }
}

const start = async ({ served }: Full): Promise<Cost> => {
  await served.stop()
  const { took, cpu } = await served.start()
  return { cpu, wall: took * 1000 }
}

type Pairs = Map<string, (readonly [Cost, Cost])[]>

const measure = async (few: Full, many: Full): Promise<Pairs> => {
  const pairs: Pairs = new Map()
  const take = async (name: string, step: (full: Full) => Promise<Cost>, round: number) => {
    // In turns, whose first changes.
    const late = round % 2 === 1
    const first = await step(late ? many : few)
    const second = await step(late ? few : many)
    const pair = late ? ([second, first] as const) : ([first, second] as const)
    if (round > 0) pairs.set(name, [...(pairs.get(name) ?? []), pair])
  }
  for (let round = 0; round <= STARTS; round += 1) await take('start until ready', start, round)
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const full of [few, many]) full.codes = await codesOf(full)
    for (const [name, step] of OPERATIONS) await take(name, (full) => cost(full, step), round)
    await take('purge of a thousand, each', purge, round)
  }
  return pairs
}

const codesOf = async ({ store, grants }: Full): Promise<string[]> => {
  const people = Math.floor(grants / 10)
  return [
    ...(await issueCodes(store, TIMES, {
      ...{ redirect_uri: REDIRECT, code_challenge: CHALLENGE, people },
    })),
  ]
}

const report = (kind: string, pairs: Pairs): void => {
  for (const [name, all] of pairs) {
    const of = (pick: (pair: readonly [Cost, Cost]) => number) => median(all.map(pick))
    const ratio = of(([few, many]) => many.cpu / few.cpu)
    const figures = [
      of(([few]) => few.cpu).toFixed(0),
      of(([, many]) => many.cpu).toFixed(0),
      ratio.toFixed(2),
      of(([few]) => few.wall).toFixed(0),
      of(([, many]) => many.wall).toFixed(0),
      of(([few, many]) => many.wall / few.wall).toFixed(2),
    ]
    console.log(`| ${kind} | ${name} | ${figures.join(' | ')} | ${verdict(ratio, AIM)} |`)
    if (!isMet(ratio, AIM)) process.exitCode = 1
  }
}

const upstream = await startUpstream()
console.log(
  `| store | operation | µs of CPU at ${FEW} grants | at ${MANY} | ratio | µs at ${FEW} | at ${MANY} | ratio | aim |`,
)
console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |')
for (const [kind, { absent, open }] of PLACES) {
  if (positionals.length > 0 && !positionals.includes(kind)) continue
  if (absent) {
    console.error(`${kind} is not installed`)
    continue
  }
  const full: Full[] = []
  try {
    for (const grants of [FEW, MANY]) {
      const began = performance.now()
      full.push(await fill(await open(), grants, upstream.origin))
      console.error(
        `${kind}: ${grants} grants in ${((performance.now() - began) / 1000).toFixed(0)} s`,
      )
    }
    const [few, many] = full
    if (few && many) report(kind, await measure(few, many))
  } finally {
    for (const one of full) await one.remove()
  }
}
await upstream.stop()
