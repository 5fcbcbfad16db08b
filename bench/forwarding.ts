import { availableParallelism } from 'node:os'
import { type Client, CONNECTIONS, findClient } from './load.ts'
import { isInstalled, startCaddy, startNginx } from './peers.ts'
import { pin } from './pin.ts'
import { type Server, startBare, startPortcullis, startUpstream } from './servers.ts'

// What a request costs the gateway, next to bare proxies that check nothing: CPU time of each server's process divided by
// the requests it answered, in rounds that take turns, so that what disturbs the machine disturbs all alike.

const ROUNDS = 9
const SECONDS = 2
const WARM_UP = 3

type Row = {
  readonly server: string
  /** µs of CPU a request: the median of the rounds, the least and the most. */
  readonly cpu: number
  readonly least: number
  readonly most: number
  /** Requests a second, the best round. */
  readonly rate: number
}

const WANTED: ReadonlyMap<string, number> = new Map([
  ['http-proxy-3', 0.5],
  ['fast-proxy', 1.1],
  ['nginx', 1.6],
])

/** Requests a second beside Caddy's, each on one core. */
const WANTED_RATE = 1.5

const main = async (): Promise<void> => {
  const client = findClient()
  const upstream = await startUpstream()
  const servers: Server[] = []
  try {
    for (const start of STARTS) servers.push(...(await start(upstream.origin)))
    for (const { pid } of servers) pin(pid)
    const rows = await measure(client, servers)
    if (process.argv.includes('--json')) console.log(JSON.stringify(report(client, rows), null, 2))
    else print(client, rows)
  } finally {
    await Promise.all([upstream, ...servers].map((one) => one.stop()))
  }
}

type Start = (target: string) => Promise<readonly Server[]>

const STARTS: readonly Start[] = [
  async (target) => [await startPortcullis(target)],
  async (target) => [await startBare('http-proxy-3', target)],
  async (target) => [await startBare('fast-proxy', target)],
  async (target) => [await startPortcullis(target, { name: 'access log', access: true })],
  async (target) => (isInstalled('nginx') ? [await startNginx(target)] : skipped('nginx')),
  async (target) => (isInstalled('caddy') ? [await startCaddy(target)] : skipped('caddy')),
]

const skipped = (program: string): readonly never[] => {
  console.log(`${program} is not installed: its row is left out`)
  return []
}

const measure = async (client: Client, servers: readonly Server[]): Promise<readonly Row[]> => {
  const rounds = new Map(servers.map((server) => [server, [] as { cpu: number; rate: number }[]]))
  for (const server of servers) await client.run(server.url, server.headers, WARM_UP)
  for (let round = 0; round < ROUNDS; round++) {
    for (const [server, results] of rounds) results.push(await measureOnce(client, server))
  }
  return [...rounds].map(([server, results]) => {
    const cpu = results.map((result) => result.cpu).sort((a, b) => a - b)
    return {
      server: server.name,
      cpu: median(cpu),
      least: cpu.at(0) ?? Number.NaN,
      most: cpu.at(-1) ?? Number.NaN,
      rate: Math.max(...results.map(({ rate }) => rate)),
    }
  })
}

const measureOnce = async (client: Client, server: Server) => {
  const before = await server.cpu()
  const { requests, failed } = await client.run(server.url, server.headers, SECONDS)
  const used = (await server.cpu()) - before
  if (failed > 0 || requests === 0) throw new Error(`${server.name}: ${failed} requests failed`)
  return { cpu: used / requests, rate: requests / SECONDS }
}

const median = (sorted: readonly number[]): number =>
  sorted[Math.floor(sorted.length / 2)] ?? Number.NaN

const report = (client: Client, rows: readonly Row[]) => {
  const ours = rows[0]?.cpu ?? Number.NaN
  return {
    what: 'CPU µs per authorised GET of a small document',
    node: process.version,
    cores: availableParallelism(),
    client: `${client.name}, ${CONNECTIONS} connections`,
    rounds: ROUNDS,
    rows,
    ratios: rows.slice(1).map(({ server, cpu }) => ({
      to: server,
      ratio: ours / cpu,
      wanted: WANTED.get(server),
      met: ours / cpu <= (WANTED.get(server) ?? Number.POSITIVE_INFINITY),
    })),
  }
}

const print = (client: Client, rows: readonly Row[]): void => {
  const { what, node, cores, ratios, client: by } = report(client, rows)
  console.log(`${what}; node ${node}, ${cores} cores, ${by}, ${ROUNDS} rounds of ${SECONDS} s\n`)
  console.log(line(['', 'median', 'least', 'most', 'requests/s', 'ratio', 'wanted']))
  for (const { server, cpu, least, most, rate } of rows) {
    const found = ratios.find(({ to }) => to === server)
    const wanted = found?.wanted === undefined ? '' : `<= ${found.wanted}`
    const ratio = found ? [found.ratio.toFixed(2), wanted] : ['', '']
    const times = [cpu, least, most].map((time) => time.toFixed(1))
    console.log(line([server, ...times, rate.toFixed(0), ...ratio]))
  }
  const caddy = rows.find(({ server }) => server === 'caddy')
  const ours = rows[0]
  if (caddy && ours)
    console.log(
      `\nrequests/s beside caddy: ${(ours.rate / caddy.rate).toFixed(2)} (wanted >= ${WANTED_RATE})`,
    )
}

const line = ([first = '', ...rest]: readonly string[]): string =>
  first.padEnd(14) + rest.map((cell) => cell.padStart(11)).join('')

await main()
