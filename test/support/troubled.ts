import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import { COLLECTING, filesOf, heldBy } from './held.ts'
import { respawnPortcullis, type SpawnedPortcullis, spawnPortcullis, until } from './portcullis.ts'
import { issue, RECOVERY, recovery } from './recovery.ts'
import type { StoreServer } from './server-process.ts'
import { postgres, redis } from './store-servers.ts'
import { createWitness, witnessed } from './witness.ts'

type Place = {
  readonly gateway: SpawnedPortcullis
  readonly server: StoreServer
  readonly proxy: FaultProxy
  /** What a fault has to keep until it is over. */
  held?: { close(): void }
}

/** Something that a store suffers for a while, with the gateway under load. */
export type Trouble = {
  readonly name: string
  /** Of security.md. */
  readonly row: string
  readonly kind: 'sqlite' | 'redis' | 'postgres'
  /** Nothing can be written meanwhile; otherwise it is only slow. */
  readonly total: boolean
  begin(place: Place): unknown
  end(place: Place): unknown
}

const READ_ONLY = 'ALTER SYSTEM SET default_transaction_read_only ='

export const TROUBLES: readonly Trouble[] = [
  ...(['redis', 'postgres'] as const).flatMap((kind): Trouble[] => [
    {
      ...{ name: `${kind} is killed, and started again`, row: 'R-20', kind, total: true },
      begin: ({ server }) => server.kill(),
      end: ({ server }) => server.start(),
    },
    {
      ...{ name: `${kind} hangs (SIGSTOP)`, row: 'R-21', kind, total: true },
      begin: ({ server }) => server.pause(),
      end: ({ server }) => server.resume(),
    },
    {
      ...{ name: `${kind} is 200 ms late`, row: 'R-22', kind, total: false },
      begin: ({ proxy }) => proxy.delay(100),
      end: ({ proxy }) => proxy.delay(0),
    },
    {
      ...{ name: `the network to ${kind} swallows everything`, row: 'R-21', kind, total: true },
      begin: ({ proxy }) => proxy.swallow(true),
      end: ({ proxy }) => proxy.swallow(false),
    },
  ]),
  {
    ...{ name: 'redis becomes a replica', row: 'R-25', kind: 'redis', total: true },
    begin: ({ server }) => server.ask('REPLICAOF 127.0.0.1 1'),
    end: ({ server }) => server.ask('REPLICAOF NO ONE'),
  },
  {
    ...{ name: 'redis is out of memory', row: 'R-25', kind: 'redis', total: true },
    begin: ({ server }) => server.ask('CONFIG SET maxmemory 1'),
    end: ({ server }) => server.ask('CONFIG SET maxmemory 0'),
  },
  {
    ...{ name: 'postgres becomes read-only', row: 'R-25', kind: 'postgres', total: true },
    begin: ({ server }) => [server.ask(`${READ_ONLY} on`), server.ask('SELECT pg_reload_conf()')],
    end: ({ server }) => [server.ask(`${READ_ONLY} off`), server.ask('SELECT pg_reload_conf()')],
  },
  {
    ...{ name: 'another program locks the SQLite file', row: 'R-27', kind: 'sqlite', total: true },
    begin(place) {
      const database = new DatabaseSync(join(place.gateway.folder, 'data/portcullis.db'))
      database.exec('PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE')
      place.held = database
    },
    end: ({ held }) => held?.close(),
  },
  {
    // No file may grow beyond a byte: what is written is refused, as on a full disk.
    ...{ name: 'the disk under SQLite is full', row: 'R-27', kind: 'sqlite', total: true },
    begin: ({ gateway }) => limitFiles(gateway, '1'),
    end: ({ gateway }) => limitFiles(gateway, 'unlimited'),
  },
]

const limitFiles = ({ child: { pid } }: SpawnedPortcullis, bytes: string): void => {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`])
}

export type Troubled = {
  /** What was not as it must be, in words. */
  readonly problems: readonly string[]
  readonly probes: number
  /** Milliseconds that the slowest answer took meanwhile. */
  readonly slowest: number
  /** Until it answered as before, milliseconds. */
  readonly recovered: number
}

/** Has a gateway under load suffer it for so many seconds, and says what it did not bear. */
export const suffer = async (trouble: Trouble, seconds: number): Promise<Troubled> => {
  const upstream = createServer((_, res) => res.end('an order'))
  await once(upstream.listen(0, '127.0.0.1'), 'listening')
  const server = await startServer(trouble.kind)
  const proxy = await startFaultProxy(server?.port ?? 1)
  const gateway = await startGateway(portOf(upstream), server, proxy)
  const place = { gateway, server: server ?? NO_SERVER, proxy }
  const problems: string[] = []
  try {
    const witness = createWitness(gateway.origin)
    const load = witness.begin(3)
    await until(() => witness.acknowledged() > 30, 60)
    await load.stop()
    problems.push(...(await witness.hold()))
    const before = await heldBy(gateway)
    const again = witness.begin(3)
    await trouble.begin(place)
    const probed = await probe(gateway, trouble.total, seconds)
    await trouble.end(place)
    const recovered = await recovery(gateway)
    if (recovered > RECOVERY * 1000) problems.push(`well again after ${Math.round(recovered)} ms`)
    await again.stop()
    problems.push(...probed.problems, ...(await witness.hold()))
    await until(() => proxy.connections() <= MOST_CONNECTIONS, 20)
    await until(() => filesOf(gateway) <= before.files + SLACK, 20)
    const grown = ((await heldBy(gateway)).heap - before.heap) / 2 ** 20
    if (grown > MOST_GROWN) problems.push(`${grown.toFixed(1)} MiB more`)
    if (/unhandledRejection|uncaughtException/.test(gateway.output()))
      problems.push('a mistake of ours')
    return { ...probed, problems, recovered }
  } finally {
    await gateway.stop()
    await proxy.close()
    server?.resume()
    await server?.stop()
    upstream.closeAllConnections()
    upstream.close()
  }
}

// Of a pool, and the one that listens.
const MOST_CONNECTIONS = 12
// Those, and what looks from outside.
const SLACK = 14
// MiB: what it caches of what was asked meanwhile.
const MOST_GROWN = 12

const NO_SERVER = new Proxy({} as StoreServer, {
  get(_, name) {
    throw new Error(`SQLite has no server to ${String(name)}`)
  },
})

const startServer = async (kind: Trouble['kind']): Promise<StoreServer | undefined> => {
  if (kind === 'sqlite') return undefined
  return kind === 'redis' ? redis.start(redis.durable) : postgres.start()
}

const portOf = (server: ReturnType<typeof createServer>): number => {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const startGateway = async (
  upstream: number,
  server: StoreServer | undefined,
  proxy: FaultProxy,
): Promise<SpawnedPortcullis> => {
  const url = server?.url('troubled').replace(`:${server.port}`, `:${proxy.port}`)
  const store = url === undefined ? '' : `store: '${url}'`
  const yaml = `${store}${witnessed(upstream)}`
  // A file that may not grow is an error, and no signal.
  const options = { env: COLLECTING, first: 'trap "" XFSZ' }
  const first = await spawnPortcullis(yaml, options)
  await first.end()
  return respawnPortcullis(first, options)
}

/** A call begins so late at the most that it may still have been answered from before, milliseconds. */
const WHILE_IT_BEGINS = 1500
/** The deadline of a call to a store is a second; a busy machine is given two more. */
const LONGEST = 3000

const probe = async (gateway: SpawnedPortcullis, total: boolean, seconds: number) => {
  const problems = new Set<string>()
  let [probes, slowest] = [0, 0]
  const began = performance.now()
  const end = began + seconds * 1000
  while (performance.now() < end) {
    const early = performance.now() < began + WHILE_IT_BEGINS
    const { status, error, after, took } = await issue(gateway)
    probes += 1
    slowest = Math.max(slowest, took)
    if (took > LONGEST) problems.add(`an answer after ${Math.round(took)} ms`)
    const refused = status === 503 && error === 'temporarily_unavailable' && after !== null
    if (!refused && (status !== 200 || (total && !early))) problems.add(`${status} ${error}`)
    for (const url of [`${gateway.admin}/healthz`, `${gateway.origin}${METADATA}`]) {
      const answer = await fetch(url, { headers: { Connection: 'close' } })
      await answer.arrayBuffer()
      if (answer.status !== 200) problems.add(`${url}: ${answer.status}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return { problems: [...problems], probes, slowest }
}

const METADATA = '/.well-known/oauth-authorization-server'
