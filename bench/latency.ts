import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { findClient } from './load.ts'
import { pin } from './pin.ts'
import type { RateResult, RateTask } from './rate-process.ts'
import { startBare, startPortcullis, startUpstream, tokensFrom } from './servers.ts'

// p99 at half of the load that fast-proxy can take at most, the same requests a second for both; and p99 of 10 000 good
// tokens while a flood of values that nobody minted goes to the same server, beside the same flood to another one.

const ROUNDS = 5
const SECONDS = 5
const GOOD = 10_000
const GOOD_RATE = 1_000
const FLOOD_RATE = 5_000
/** Values of the whole flood: `--full` is the million. */
const FLOOD = process.argv.includes('--full') ? 1_000_000 : 100_000

const main = async (): Promise<void> => {
  const upstream = await startUpstream()
  const stops = [upstream.stop]
  try {
    const ours = await startPortcullis(upstream.origin)
    stops.push(ours.stop)
    const bare = await startBare('fast-proxy', upstream.origin)
    stops.push(bare.stop)
    for (const { pid } of [ours, bare]) pin(pid)
    await halfLoad(ours, bare)
    await flood(ours, Number(new URL(upstream.origin).port))
  } finally {
    await Promise.all(stops.map((stop) => stop()))
  }
}

type Measured = { readonly url: string; readonly headers: readonly string[] }

const halfLoad = async (ours: Measured, bare: Measured): Promise<void> => {
  const { run } = findClient()
  await run(ours.url, ours.headers, 3)
  const { requests } = await run(bare.url, bare.headers, 3)
  const rate = Math.floor(requests / 3 / 2)
  const results = { ours: [] as RateResult[], bare: [] as RateResult[] }
  for (let round = 0; round < ROUNDS; round += 1) {
    results.ours.push(await send({ ...taskOf(ours), rate, seconds: SECONDS }))
    results.bare.push(await send({ ...taskOf(bare), rate, seconds: SECONDS }))
  }
  const [p99, other] = [medianOf(results.ours), medianOf(results.bare)]
  console.log(`p99 at ${rate} requests/s: ${p99.toFixed(2)} ms, fast-proxy ${other.toFixed(2)} ms`)
  console.log(`  ratio ${(p99 / other).toFixed(2)} (wanted <= 1.5)`)
}

const flood = async (ours: Measured & { cpu(): Promise<number> }, elsewhere: number) => {
  const tokens = await tokensFrom(new URL(ours.url).origin, GOOD)
  const seconds = FLOOD / FLOOD_RATE / ROUNDS
  const good = { ...taskOf(ours), tokens, rate: GOOD_RATE, seconds }
  const bad = { ...taskOf(ours), tokens: [], rate: FLOOD_RATE, seconds }
  await send(good)
  const results = { calm: [] as RateResult[], flooded: [] as RateResult[] }
  const statuses: Record<string, number> = {}
  for (let round = 0; round < ROUNDS; round += 1) {
    const [calm] = await Promise.all([send(good), send({ ...bad, port: elsewhere })])
    const [flooded, refused] = await Promise.all([send(good), send(bad)])
    results.calm.push(calm)
    results.flooded.push(flooded)
    for (const [status, count] of Object.entries(refused.statuses))
      statuses[status] = (statuses[status] ?? 0) + count
  }
  const [calm, flooded] = [medianOf(results.calm), medianOf(results.flooded)]
  console.log(`${FLOOD} unknown values at ${FLOOD_RATE}/s, answered ${JSON.stringify(statuses)}`)
  console.log(`p99 of ${GOOD} good tokens: ${flooded.toFixed(2)} ms, without ${calm.toFixed(2)} ms`)
  console.log(`  ratio ${(flooded / calm).toFixed(2)} (wanted < 2)`)
}

const taskOf = ({ url, headers }: Measured) => {
  const { port, pathname } = new URL(url)
  const token = headers[0]?.replace('Authorization: Bearer ', '') ?? ''
  return { port: Number(port), path: pathname, tokens: [token] }
}

const send = async (task: RateTask): Promise<RateResult> => {
  const child = fork(fileURLToPath(new URL('rate-process.ts', import.meta.url)))
  child.send(task)
  const [result]: [RateResult] = (await once(child, 'message')) as [RateResult]
  if (result.late > 0) throw new Error(`${result.late} requests were not answered`)
  return result
}

const medianOf = (results: readonly RateResult[]): number =>
  results.map(({ p99 }) => p99).sort((a, b) => a - b)[Math.floor(results.length / 2)] ?? Number.NaN

await main()
