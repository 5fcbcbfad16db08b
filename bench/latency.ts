import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Aim, median, verdict } from './aim.ts'
import { findClient } from './load.ts'
import { pin, pinAway } from './pin.ts'
import type { RateResult, RateTask } from './rate-process.ts'
import { startBare, startPortcullis, startUpstream, tokensFrom } from './servers.ts'

// p99 at half of the load that fast-proxy can take at most, the same requests a second for both; and p99 of 10 000 good
// tokens while a flood of values that nobody minted goes to the same server, beside the same flood to another one.

const ROUNDS = 5
const SECONDS = 5
const GOOD = 10_000
/** Requests a second, or less where a machine cannot take as many. */
const GOOD_RATE = 1_000
const FLOOD_RATE = 5_000
/** Of a round without the flood, as long as it may last. */
const CALM_SECONDS = 20
const HALF_LOAD: Aim = { sign: '<=', wanted: 1.5 }
const FLOODED: Aim = { sign: '<', wanted: 2 }
/** Values of the whole flood with `--full`; without it lasts `SECONDS` a round. */
const FLOOD = process.argv.includes('--full') ? 1_000_000 : undefined

const main = async (): Promise<void> => {
  const upstream = await startUpstream()
  const stops = [upstream.stop]
  pinAway(upstream.pid)
  try {
    const ours = await startPortcullis(upstream.origin)
    stops.push(ours.stop)
    const bare = await startBare('fast-proxy', upstream.origin)
    stops.push(bare.stop)
    for (const { pid } of [ours, bare]) pin(pid)
    const most = await mostOf(ours)
    await inTime(Math.floor((await mostOf(bare)) / 2), (rate) => halfLoad(ours, bare, rate))
    const elsewhere = Number(new URL(upstream.origin).port)
    await inTime(Math.min(FLOOD_RATE, Math.floor(most / 3)), (rate) => flood(ours, elsewhere, rate))
  } finally {
    await Promise.all(stops.map((stop) => stop()))
  }
}

type Measured = { readonly url: string; readonly headers: readonly string[] }

/** Requests a second with as many as it takes. */
const mostOf = async ({ url, headers }: Measured): Promise<number> =>
  (await findClient().run(url, headers, 3)).requests / 3

/** With less a second, as long as the machine is too slow to send and answer them all. */
const inTime = async (wanted: number, measure: (rate: number) => Promise<void>): Promise<void> => {
  for (let rate = wanted; rate >= LEAST_RATE; rate = Math.floor(rate * 0.7)) {
    const late = await measure(rate).catch((error: unknown) => {
      if (!(error instanceof Late)) throw error
      return error
    })
    if (late === undefined) return
    console.log(`${rate} requests/s are too many for this machine (${late.message}): with less`)
  }
  throw new Error('this machine is too slow, or too busy')
}

class Late extends Error {
  override readonly name = 'Late'
}

const LEAST_RATE = 100

const halfLoad = async (ours: Measured, bare: Measured, rate: number): Promise<void> => {
  const results = { ours: [] as RateResult[], bare: [] as RateResult[] }
  for (let round = 0; round < ROUNDS; round += 1) {
    results.ours.push(await send({ ...taskOf(ours), rate, seconds: SECONDS }))
    results.bare.push(await send({ ...taskOf(bare), rate, seconds: SECONDS }))
  }
  const [p99, other] = [medianOf(results.ours), medianOf(results.bare)]
  console.log(`p99 at ${rate} requests/s: ${p99.toFixed(2)} ms, fast-proxy ${other.toFixed(2)} ms`)
  console.log(`  ratio ${(p99 / other).toFixed(2)}  ${verdict(p99 / other, HALF_LOAD)}`)
}

const flood = async (ours: Measured, elsewhere: number, rate: number): Promise<void> => {
  const tokens = await tokensFrom(new URL(ours.url).origin, GOOD)
  const seconds = FLOOD === undefined ? SECONDS : FLOOD / rate / ROUNDS
  const good = { ...taskOf(ours), tokens, rate: Math.min(GOOD_RATE, Math.floor(rate / 3)), seconds }
  const bad = { ...taskOf(ours), tokens: [], rate, seconds }
  const brief = { seconds: Math.min(seconds, CALM_SECONDS) }
  await send({ ...good, ...brief })
  const results = { calm: [] as RateResult[], flooded: [] as RateResult[] }
  const statuses: Record<string, number> = {}
  for (let round = 0; round < ROUNDS; round += 1) {
    const [calm] = await Promise.all([
      send({ ...good, ...brief }),
      send({ ...bad, ...brief, port: elsewhere }),
    ])
    const [flooded, refused] = await Promise.all([send(good), send(bad)])
    results.calm.push(calm)
    results.flooded.push(flooded)
    for (const [status, count] of Object.entries(refused.statuses))
      statuses[status] = (statuses[status] ?? 0) + count
  }
  const [calm, flooded] = [medianOf(results.calm), medianOf(results.flooded)]
  console.log(
    `${Math.floor(seconds * rate) * ROUNDS} unknown values at ${rate}/s, answered ${JSON.stringify(statuses)}`,
  )
  console.log(`p99 of ${GOOD} good tokens: ${flooded.toFixed(2)} ms, without ${calm.toFixed(2)} ms`)
  console.log(`  ratio ${(flooded / calm).toFixed(2)}  ${verdict(flooded / calm, FLOODED)}`)
}

const taskOf = ({ url, headers }: Measured) => {
  const { port, pathname } = new URL(url)
  const token = headers[0]?.replace('Authorization: Bearer ', '') ?? ''
  return { port: Number(port), path: pathname, tokens: [token] }
}

const send = async (task: RateTask): Promise<RateResult> => {
  const child = fork(fileURLToPath(new URL('rate-process.ts', import.meta.url)))
  pinAway(child.pid)
  child.send(task)
  const [result]: [RateResult] = (await once(child, 'message')) as [RateResult]
  if (result.late > 0) throw new Late(`${result.late} were not answered in time`)
  return result
}

const medianOf = (results: readonly RateResult[]): number => median(results.map(({ p99 }) => p99))

await main()
