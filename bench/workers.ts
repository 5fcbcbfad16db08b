import { CONNECTIONS, findClient } from './load.ts'
import { childrenOf, cpuOf } from './peers.ts'
import { pin } from './pin.ts'
import { type Server, startPortcullis, startUpstream } from './servers.ts'

/**
 * What a second worker costs: CPU of all processes together for each request, with one worker and with two, over kept
 * connections and over one connection a request; and how evenly the two share. Each worker has as many connections as the
 * one has: the fewer requests come at a time, the more each costs. Rounds take turns, so that whatever else the
 * machine does falls on all alike.
 */
const ROUNDS = 4
const SECONDS = 5
const LIMIT = 1.15

const client = findClient()
const upstream = await startUpstream()
const store = 'sqlite:data/portcullis.db'
const one = await startPortcullis(upstream.origin, { name: '1 worker', store })
const two = await startPortcullis(upstream.origin, { name: '2 workers', store, workers: 2 })

// On one core: what two processes cost, and not what two cores that share a cache do.
for (const { pid } of [one, two]) pin(pid)

const processes = ({ pid }: Server) => [pid, ...childrenOf(pid)]

/** µs of CPU of each process for all of the requests, and the number of these. */
const measure = async (server: Server, fields: readonly string[]) => {
  const pids = processes(server)
  const before = pids.map(cpuOf)
  const headers = [...server.headers, ...fields]
  const connections = server === two ? 2 * CONNECTIONS : CONNECTIONS
  const { requests, failed } = await client.run(server.url, headers, SECONDS, connections)
  if (failed > 0) throw new Error(`${server.name}: ${failed} requests failed`)
  return { requests, cpu: pids.map((pid, at) => cpuOf(pid) - (before[at] ?? 0)) }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

let worst = 0
for (const [what, fields] of [
  ['kept connections', []],
  ['a connection each', ['Connection: close']],
] as const) {
  const costs = new Map<string, number[]>()
  let shares: number[] = []
  for (let round = 0; round < ROUNDS; round++)
    for (const server of round % 2 === 0 ? [one, two] : [two, one]) {
      const { requests, cpu } = await measure(server, fields)
      costs.set(server.name, [...(costs.get(server.name) ?? []), sum(cpu) / requests])
      if (server === two) shares = cpu.map((each, at) => (shares[at] ?? 0) + each)
    }
  const median = ({ name }: Server) =>
    [...(costs.get(name) ?? [])].sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0
  const ratio = median(two) / median(one)
  if (what === 'kept connections') worst = ratio
  const share = shares.map((each) => `${Math.round((100 * each) / sum(shares))} %`)
  console.log(
    `${what}: ${median(one).toFixed(1)} µs a request with one worker, ${median(two).toFixed(1)} with two (× ${ratio.toFixed(2)}); CPU of supervisor and workers ${share.join(', ')}`,
  )
}
await Promise.all([one.stop(), two.stop(), upstream.stop()])
if (worst > LIMIT) {
  console.error(`more than × ${LIMIT} over kept connections`)
  process.exitCode = 1
}
