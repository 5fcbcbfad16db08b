import { availableParallelism } from 'node:os'
import { type Aim, isMet, median, verdict } from './aim.ts'
import { type Client, CONNECTIONS, findClient } from './load.ts'
import { isInstalled, startCaddy, startNginx } from './peers.ts'
import { pin } from './pin.ts'
import { type Server, startBare, startPortcullis, startUpstream } from './servers.ts'

// What a request costs the gateway, next to bare proxies that check nothing: CPU time of each server's process divided by
// the requests it answered, in rounds that take turns, so that what disturbs the machine disturbs all alike. Ratios are made
// round by round, and the median of them counts: a machine that others use gets slower and faster from one to the next.

const ROUNDS = 11
const SECONDS = 2
const WARM_UP = 3

type Round = { readonly cpu: number; readonly rate: number }

type Row = {
  readonly server: string
  /** µs of CPU a request: the median of the rounds, the least and the most. */
  readonly cpu: number
  readonly least: number
  readonly most: number
  /** Requests a second, the median of the rounds. */
  readonly rate: number
  readonly rounds: readonly Round[]
}

type Ratio = { readonly what: string; readonly value: number; readonly aim: Aim | undefined }

/** CPU a request, ours divided by theirs. */
const AIMS: ReadonlyMap<string, Aim> = new Map([
  ['http-proxy-3', { sign: '<=', wanted: 0.5 }],
  ['fast-proxy', { sign: '<=', wanted: 1.1 }],
  ['nginx', { sign: '<=', wanted: 1.6 }],
])

/** Requests a second beside Caddy's, each on one core. */
const RATE_AIM: Aim = { sign: '>=', wanted: 1.5 }

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
  const rounds = new Map(servers.map((server) => [server, [] as Round[]]))
  for (const server of servers) await client.run(server.url, server.headers, WARM_UP)
  for (let round = 0; round < ROUNDS; round++) {
    for (const [server, results] of rounds) results.push(await measureOnce(client, server))
  }
  return [...rounds].map(([server, results]) => {
    const cpu = results.map((result) => result.cpu)
    return {
      server: server.name,
      cpu: median(cpu),
      least: Math.min(...cpu),
      most: Math.max(...cpu),
      rate: median(results.map(({ rate }) => rate)),
      rounds: results,
    }
  })
}

const measureOnce = async (client: Client, server: Server): Promise<Round> => {
  const before = await server.cpu()
  const { requests, failed } = await client.run(server.url, server.headers, SECONDS)
  const used = (await server.cpu()) - before
  if (failed > 0 || requests === 0) throw new Error(`${server.name}: ${failed} requests failed`)
  return { cpu: used / requests, rate: requests / SECONDS }
}

const ratiosOf = ([ours, ...others]: readonly Row[]): readonly Ratio[] => {
  if (ours === undefined) return []
  const cpu = others.map((other) => ({
    what: `CPU / ${other.server}`,
    value: paired(ours, other, (round) => round.cpu),
    aim: AIMS.get(other.server),
  }))
  const caddy = others.filter(({ server }) => server === 'caddy')
  const rate = caddy.map((other) => ({
    what: 'requests/s / caddy',
    value: paired(ours, other, (round) => round.rate),
    aim: RATE_AIM,
  }))
  return [...cpu, ...rate]
}

const paired = (ours: Row, other: Row, of: (round: Round) => number): number =>
  median(ours.rounds.map((round, at) => of(round) / of(other.rounds[at] ?? NOTHING)))

const NOTHING: Round = { cpu: Number.NaN, rate: Number.NaN }

const report = (client: Client, rows: readonly Row[]) => ({
  what: 'CPU µs per authorised GET of a small document',
  node: process.version,
  cores: availableParallelism(),
  client: `${client.name}, ${CONNECTIONS} connections`,
  rounds: ROUNDS,
  rows,
  ratios: ratiosOf(rows).map((ratio) => ({
    ...ratio,
    met: ratio.aim && isMet(ratio.value, ratio.aim),
  })),
})

const print = (client: Client, rows: readonly Row[]): void => {
  const { what, node, cores, client: by } = report(client, rows)
  console.log(`${what}; node ${node}, ${cores} cores, ${by}, ${ROUNDS} rounds of ${SECONDS} s\n`)
  console.log(line(['', 'median', 'least', 'most', 'requests/s']))
  for (const { server, cpu, least, most, rate } of rows)
    console.log(
      line([server, ...[cpu, least, most].map((time) => time.toFixed(1)), rate.toFixed(0)]),
    )
  console.log()
  for (const { what: ratio, value, aim } of ratiosOf(rows))
    console.log(`${ratio.padEnd(22)}${value.toFixed(2)}  ${aim ? verdict(value, aim) : ''}`)
}

const line = ([first = '', ...rest]: readonly string[]): string =>
  first.padEnd(14) + rest.map((cell) => cell.padStart(11)).join('')

await main()
