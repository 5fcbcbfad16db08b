import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'
import { WebSocketServer } from 'ws'
import { COLLECTING, heldBy, metricOf } from '../test/support/held.ts'
import { spawnPortcullis, until } from '../test/support/portcullis.ts'
import { serverKinds } from '../test/support/store-servers.ts'
import { soakLoad } from './soak-load.ts'

// Everything at once, for long: `npm run soak -- --minutes 30 [--rate 300] [--store sqlite|redis|postgres]`. A line a minute,
// and a verdict: heap, files and rows must be flat, and nothing may be answered otherwise than it must be.

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '300' },
    store: { type: 'string', default: 'sqlite' },
  },
})
const MINUTES = Number(values.minutes)
const RATE = Number(values.rate)
const MIB = 1024 * 1024

const upstream = createServer((req, res) => {
  if (req.url !== '/slow') return void res.end(req.url)
  // A kilobyte each tenth of a second, ten times; a body that is never whole is no reason to wait.
  let sent = 0
  const timer = setInterval(() => {
    res.write('x'.repeat(1024))
    sent += 1
    if (sent === 10) res.end()
  }, 100)
  res.on('close', () => clearInterval(timer))
  req.on('error', () => {}).resume()
})
const sockets = new WebSocketServer({ server: upstream })
sockets.on('connection', (peer) => {
  peer.on('error', () => {})
  peer.on('message', (data, binary) => peer.send(data, { binary }))
})
await once(upstream.listen(0, '127.0.0.1'), 'listening')
const address = upstream.address()
const port = typeof address === 'object' && address !== null ? address.port : 0

const server = await serverKinds.find(({ kind }) => kind === values.store)?.start()

// Lives are short and the cache is small, so that both are as full as they get from the fifth minute on. A note that a
// request was answered is kept for forty minutes whatever the configuration: `due` reckons with that.
const yaml = `
${server === undefined ? '' : `store: '${server.url('soak')}'`}
secret: a-secret-of-the-soak-that-is-long-enough
demo: true
log: { access: false }
tokens: { authorizationCode: 45s, accessToken: 45s, refreshToken: 90s, grant: 120s, refreshRetry: 5s, cache: 30s }
sessions: { idle: 2m, absolute: 4m }
limits: { cachedTokens: 500 }
audit: { keep: 0s }
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams: { orders: 'http://127.0.0.1:${port}' }
routes:
  - { path: /orders/*, upstream: orders, scope: orders.read }
  - { path: /slow, upstream: orders, scope: orders.read }
  - { path: /socket, upstream: orders, scope: orders.read }
clients:
  - client_id: web
    client_secret: web-secret
    redirect_uris: [https://app.example/callback]
    grant_types: [authorization_code, refresh_token, client_credentials]
    introspect: true
accounts: [{ username: ada, password: ada-password }]
`
const gateway = await spawnPortcullis(yaml, { env: COLLECTING })
const text = await readFile(gateway.file, 'utf8')
const load = soakLoad(gateway.origin, RATE)

const reload = async (round: number): Promise<void> => {
  const before = await metricOf(gateway, RELOADS)
  await writeFile(
    gateway.file,
    `${text}\n# change ${round}\n`.replace('See your orders', `See your orders (${round % 2})`),
  )
  await until(async () => (await metricOf(gateway, RELOADS)) > before, 20)
}
const RELOADS = /^portcullis_config_reloads_total\{[^}]*result="success"[^}]*\} (\S+)$/m

const percentile = (times: number[], share: number): number =>
  times.sort((a, b) => a - b)[Math.floor(times.length * share)] ?? 0

type Line = {
  readonly heap: number
  readonly resident: number
  readonly files: number
  readonly rows: number
  readonly due: number
  readonly answers: number
  readonly p50: number
  readonly p99: number
  readonly lag: number
}
const look = async (): Promise<Line> => {
  const times = load.take()
  const rows = await metricOf(gateway, /^portcullis_store_rows (\S+)$/m)
  const lag = await metricOf(gateway, /^portcullis_event_loop_lag_seconds (\S+)$/m)
  const held = await heldBy(gateway)
  load.take()
  return {
    heap: held.heap / MIB,
    resident: held.resident / MIB,
    files: held.files,
    ...{ rows, due: load.due(), lag: lag * 1000, answers: times.length },
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
  }
}

/** MiB each ten minutes, by least squares. */
const slope = (heaps: readonly number[]): number => {
  const middle = (heaps.length - 1) / 2
  const mean = heaps.reduce((sum, heap) => sum + heap, 0) / heaps.length
  const over = heaps.reduce((sum, heap, at) => sum + (at - middle) * (heap - mean), 0)
  const under = heaps.reduce((sum, _, at) => sum + (at - middle) ** 2, 0)
  return under === 0 ? 0 : (10 * over) / under
}

console.log(
  `${MINUTES} minutes on ${server?.kind ?? 'sqlite'}, ${RATE} steps a second, a reload a minute\n`,
)
console.log(
  '| minute | heap MiB | RSS MiB | files | rows | due | answers | p50 ms | p99 ms | loop lag ms | surprises |',
)
console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |')
const unexpected = (): string =>
  [...load.surprises].map(([what, many]) => `${what} (${many})`).join(', ') || 'nothing'
let told = 'nothing'
const lines: Line[] = []
const began = performance.now()
for (let minute = 1; minute <= MINUTES; minute += 1) {
  await new Promise((resolve) => setTimeout(resolve, began + minute * 60_000 - performance.now()))
  const line = await look()
  lines.push(line)
  const surprises = [...load.surprises.values()].reduce((sum, many) => sum + many, 0)
  const { heap, resident, files, rows, due, answers, p50, p99, lag } = line
  console.log(
    `| ${minute} | ${heap.toFixed(1)} | ${resident.toFixed(0)} | ${files} | ${rows} | ${due} | ${answers} | ${p50.toFixed(1)} | ${p99.toFixed(1)} | ${lag.toFixed(0)} | ${surprises} |`,
  )
  await reload(minute)
  // What they are, as soon as they come.
  if (unexpected() !== told) console.error(unexpected())
  told = unexpected()
}
await load.stop()
const settled = lines.slice(Math.floor(lines.length / 3))
const reloads = await metricOf(gateway, RELOADS)
const alive = gateway.child.exitCode === null && gateway.child.signalCode === null
const rising = slope(settled.map(({ heap }) => heap))
const most = Math.max(...settled.map(({ rows, due }) => rows / due))
console.log(`
heap, of the last two thirds: ${rising.toFixed(2)} MiB each ten minutes
rows: at most ${most.toFixed(2)} of what must be there
reloads: ${reloads}
steps: ${[...load.done].map(([name, many]) => `${name} ${many}`).join(', ')}
unexpected: ${unexpected()}
still alive: ${alive ? 'yes' : 'no'}`)
const clean = load.surprises.size === 0 && alive && reloads >= MINUTES
process.exitCode = clean && rising < 1 && most <= 1 ? 0 : 1
await gateway.stop()
await server?.stop()
for (const peer of sockets.clients) peer.terminate()
upstream.closeAllConnections()
upstream.close()
