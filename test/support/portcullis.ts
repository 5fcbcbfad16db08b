import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Clock, systemClock } from '../../src/clock.ts'
import { formatProblem, loadConfiguration } from '../../src/config/load.ts'
import { type RunningServer, startServer } from '../../src/server.ts'
import type { Log, LogFields } from '../../src/telemetry/log.ts'

/** A whole Portcullis on free ports of this machine, as the tests drive it. */
export type Portcullis = {
  /** `http://127.0.0.1:PORT`: the issuer, and where to send requests. */
  readonly origin: string
  readonly port: number
  readonly admin: string
  /** Folder of the configuration file and the store; removed at the end. */
  readonly folder: string
  /** Everything that was logged, in order. */
  readonly logged: readonly { readonly event: string; readonly fields: LogFields }[]
  readonly server: RunningServer
  stop(): Promise<void>
}

/**
 * Starts the whole program in this process. `yaml` is the configuration without `issuer`, `listen`, `admin` and (unless given)
 * `store`, which are filled in; `${ORIGIN}` and `${PORT}` in it stand for where it listens.
 */
export const startPortcullis = async (
  yaml: string,
  options: { clock?: Clock; env?: Record<string, string>; admin?: AdminPlace } = {},
): Promise<Portcullis> => {
  const { folder, file, port, admin, origin } = await layOut(yaml, options.admin)
  const env = { ORIGIN: origin, PORT: String(port), ...options.env }
  const loaded = await loadConfiguration(file, env)
  if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'))
  const { log, logged } = recordingLog()
  const server = await startServer(loaded.config, { clock: options.clock ?? systemClock, log })
  await server.warm()
  return {
    origin,
    port,
    admin,
    folder,
    logged,
    server,
    async stop() {
      await server.stop({ idle: 0, limit: 2 })
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export type SpawnedPortcullis = Omit<Portcullis, 'server' | 'logged'> & {
  readonly child: ChildProcess
  readonly file: string
  /** What the configuration takes from the environment. */
  readonly env: Readonly<Record<string, string>>
  /** Standard output and standard error. */
  output(): string
  /** Ends it, and leaves its files. */
  end(): Promise<void>
}

/** `host`: 127.0.0.1 unless given. `tls`: PEM, written to `admin.crt` and `admin.key` in the folder. */
type AdminPlace = {
  readonly host?: string
  readonly tls?: { readonly cert: string; readonly key: string }
}

type SpawnOptions = {
  readonly admin?: AdminPlace
  readonly env?: Record<string, string>
  readonly execArgv?: readonly string[]
  /** How many files it may have open; `most`: as many as it is allowed to ask for. */
  readonly files?: number | 'most'
  /** What a shell does first, in the process that becomes it. */
  readonly first?: string
}

/** Starts it as a process of its own, `portcullis start`, and waits until it is ready. */
export const spawnPortcullis = async (
  yaml: string,
  options: SpawnOptions = {},
): Promise<SpawnedPortcullis> => {
  const { folder, file, port, admin, origin } = await layOut(yaml, options.admin)
  const env = { ORIGIN: origin, PORT: String(port), ...options.env }
  return launch({ folder, file, port, admin, origin, env }, options)
}

/** The same once more, after it ended. */
export const respawnPortcullis = (
  ended: SpawnedPortcullis,
  options: Omit<SpawnOptions, 'env'> = {},
): Promise<SpawnedPortcullis> => launch(ended, options)

const launch = async (
  laid: Omit<SpawnedPortcullis, 'child' | 'output' | 'stop' | 'end'>,
  options: SpawnOptions,
): Promise<SpawnedPortcullis> => {
  const { folder, file, port, admin, origin, env } = laid
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
  const command = [process.execPath, ...(options.execArgv ?? []), main, 'start', '--config', file]
  const files = options.files === 'most' ? '"$(ulimit -Hn)"' : options.files
  const limited = files === undefined ? '' : `ulimit -n ${files}; `
  const first = options.first === undefined ? '' : `${options.first}; `
  const child = spawn('/bin/sh', ['-c', `${limited}${first}exec "$@"`, 'sh', ...command], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${output}`)
    // Of a certificate of ours fetch knows nothing; when it listens in public, it is ready.
    const place = admin.startsWith('https:') ? `${origin}${METADATA}` : `${admin}/readyz`
    return (await fetch(place).catch(() => undefined))?.status === 200
  }, 30)
  const end = (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT')
    return ended
  }
  return {
    ...{ folder, file, port, admin, origin, env, child, end },
    output: () => output,
    async stop() {
      await end()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Polls until `condition` holds; throws after `seconds`. What it throws itself ends the wait. */
export const until = async (
  condition: () => boolean | Promise<boolean>,
  seconds = 10,
): Promise<void> => {
  const deadline = performance.now() + seconds * 1000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A port that was free a moment ago. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = address !== null && typeof address === 'object' ? address.port : 0
      server.close(() => resolve(port))
    })
  })

const METADATA = '/.well-known/oauth-authorization-server'

const ADMIN_TOKEN = 'an-admin-token-of-the-tests-long-enough'

const layOut = async (yaml: string, { host = '127.0.0.1', tls }: AdminPlace = {}) => {
  const [port, adminPort] = await Promise.all([freePort(), freePort()])
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-'))
  const origin = `http://127.0.0.1:${port}`
  const file = join(folder, 'portcullis.yaml')
  // Needed where the store is shared.
  const token = /^store: .*:\/\//m.test(yaml) ? `, token: ${ADMIN_TOKEN}` : ''
  const given = (key: string) => new RegExp(`^${key}:`, 'm').test(yaml)
  const head = [
    given('issuer') ? '' : `issuer: ${origin}`,
    given('listen') ? '' : `listen: 127.0.0.1:${port}`,
    given('admin') ? '' : `admin: { listen: '${host}:${adminPort}'${token}${tls ? TLS : ''} }`,
    given('store') ? '' : 'store: sqlite:data/portcullis.db',
  ]
  await writeFile(file, `${head.filter(Boolean).join('\n')}\n${yaml}`)
  for (const [name, pem] of Object.entries({ crt: tls?.cert, key: tls?.key }))
    if (pem !== undefined) await writeFile(join(folder, `admin.${name}`), pem, { mode: 0o600 })
  const admin = `http${tls ? 's' : ''}://127.0.0.1:${adminPort}`
  return { folder, file, port, admin, origin }
}

const TLS = ', tls: { cert: admin.crt, key: admin.key }'

const recordingLog = (): { log: Log; logged: { event: string; fields: LogFields }[] } => {
  const logged: { event: string; fields: LogFields }[] = []
  const record = (event: string, fields: LogFields = {}) => void logged.push({ event, fields })
  return {
    logged,
    log: { debug: record, info: record, warn: record, error: record, audit: record },
  }
}
