import { fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import type { Flow, FlowResult, FlowTask } from './oauth-client.ts'
import { type OAuthServer, startOidcProvider, startPortcullis } from './oauth-servers.ts'
import { pin } from './pin.ts'
import { file } from './servers.ts'

// What the authorization server does on one core, next to oidc-provider 9: whole flows a second, and the CPU time of the
// server's process for each, in rounds that take turns. --quick: two rounds; --profile=FOLDER: a CPU profile of each server.

const ROUNDS = process.argv.includes('--quick') ? 2 : 7
const SECONDS = 2
const WARM_UP = 4

const FLOWS: readonly Flow[] = ['client_credentials', 'refresh_token', 'authorization_code']

/** Flows a second beside oidc-provider's, at least. */
const WANTED: Readonly<Record<Flow, Readonly<Record<string, number>>>> = {
  client_credentials: { 'Portcullis, memory': 2, 'Portcullis, SQLite': 1 },
  refresh_token: { 'Portcullis, memory': 1.5 },
  authorization_code: { 'Portcullis, memory': 1.5 },
}

type Measured = { readonly rate: number; readonly cpu: number }

const main = async (): Promise<void> => {
  const servers: OAuthServer[] = []
  try {
    servers.push(await startPortcullis('memory'))
    servers.push(await startPortcullis('SQLite'))
    servers.push(await startOidcProvider())
    for (const { pid } of servers) pin(pid)
    print(await measure(servers))
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

const measure = async (servers: readonly OAuthServer[]) => {
  const results = FLOWS.map((flow) => ({
    flow,
    servers: servers.map((server) => ({ server, rounds: [] as Measured[] })),
  }))
  for (const { flow, servers: measured } of results)
    for (const { server } of measured) await run(server, flow, WARM_UP)
  for (let round = 0; round < ROUNDS; round++)
    for (const { flow, servers: measured } of results)
      for (const { server, rounds } of measured) rounds.push(await measureOnce(server, flow))
  return results
}

const measureOnce = async (server: OAuthServer, flow: Flow): Promise<Measured> => {
  const { done, cpu } = await run(server, flow, SECONDS)
  return { rate: done / SECONDS, cpu: cpu / done }
}

/** The generator is a process of its own, on the other core where there is one. */
const run = async (server: OAuthServer, flow: Flow, seconds: number) => {
  const { port, paths } = server
  const cookie = await server.signIn()
  const child = fork(file('flow-process.ts'))
  const before = await server.cpu()
  child.send({ port, flow, seconds, paths, cookie } satisfies FlowTask)
  const [{ done, failure }] = (await once(child, 'message')) as [FlowResult]
  if (failure !== undefined) throw new Error(`${server.name}, ${flow}: ${failure}`)
  return { done, cpu: (await server.cpu()) - before }
}

const print = (results: Awaited<ReturnType<typeof measure>>): void => {
  console.log(
    `Flows a second on one core; node ${process.version}, ${availableParallelism()} cores, 32 connections, ${ROUNDS} rounds of ${SECONDS} s\n`,
  )
  console.log(line(['flow', 'server', 'a second', 'ratio', 'wanted', 'CPU µs', 'ratio']))
  for (const { flow, servers } of results) {
    const rows = servers.map(({ server, rounds }) => ({
      name: server.name,
      rate: median(rounds.map(({ rate }) => rate)),
      cpu: median(rounds.map(({ cpu }) => cpu)),
    }))
    const other = rows.at(-1)
    for (const { name, rate, cpu } of rows) {
      const [faster, cheaper] = [rate / (other?.rate ?? 0), (other?.cpu ?? 0) / cpu]
      const wanted = WANTED[flow][name]
      const aim = wanted === undefined ? '' : `>= ${wanted}`
      const ratios = [faster.toFixed(2), aim, cpu.toFixed(0), cheaper.toFixed(2)]
      console.log(line([flow, name, rate.toFixed(0), ...ratios]))
    }
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const line = ([flow = '', name = '', ...rest]: readonly string[]): string =>
  flow.padEnd(20) + name.padEnd(26) + rest.map((cell) => cell.padStart(10)).join('')

await main()
