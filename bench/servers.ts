import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A server under measurement, in a process of its own. */
export type Server = {
  readonly name: string
  readonly pid: number
  readonly url: string
  readonly headers: readonly string[]
  /** µs of CPU, user and system, since its start. */
  cpu(): Promise<number>
  stop(): Promise<void>
}

export const startUpstream = async (): Promise<{
  origin: string
  pid: number
  stop(): Promise<void>
}> => {
  const port = await freePort()
  const child = fork(file('upstream-process.ts'), [String(port)])
  await answering(port)
  return { origin: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, stop: () => stop(child) }
}

/** A bare proxy: no routes, no tokens, no fields of its own. */
export const startBare = async (name: string, target: string): Promise<Server> => {
  const port = await freePort()
  const child = fork(file(`${name}-process.ts`), [String(port), target], { execArgv: REPORTING })
  await answering(port)
  return server(name, child, port, [`Authorization: Bearer ${'x'.repeat(70)}`])
}

/** The whole program as `portcullis start` runs it, with twenty routes and a token that its own token endpoint gave. */
export const startPortcullis = async (
  target: string,
  { name = 'portcullis', access = false, store = 'memory:', workers = 1 } = {},
): Promise<Server> => {
  const [port, admin] = await Promise.all([freePort(), freePort()])
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-bench-'))
  const settings = join(folder, 'portcullis.yaml')
  await writeFile(settings, configuration({ port, admin, target, access, store, workers }))
  const child = fork(file('../src/main.ts'), ['start', '--config', settings], {
    execArgv: REPORTING,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  // Read, as whoever collects logs would.
  child.stdout?.resume()
  await answering(port)
  const token = await tokenFrom(`http://127.0.0.1:${port}`)
  const running = server(name, child, port, [`Authorization: Bearer ${token}`])
  return {
    ...running,
    async stop() {
      await running.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

type Settings = {
  readonly port: number
  readonly admin: number
  readonly target: string
  readonly access: boolean
  readonly store: string
  readonly workers: number
}

const configuration = ({ port, admin, target, access, store, workers }: Settings): string => `
issuer: http://127.0.0.1:${port}
listen: 127.0.0.1:${port}
admin: { listen: '127.0.0.1:${admin}' }
store: '${store}'
workers: ${workers}
log: { level: info, access: ${access} }
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams: { orders: '${target}' }
routes:
  - { path: /orders/*, methods: [GET, HEAD], upstream: orders, scope: orders.read }
  - { path: /orders/*, methods: [POST, PUT, DELETE], upstream: orders, scope: orders.write }
  - { path: /status, upstream: orders, access: public }
${others}
clients:
  - client_id: bench
    client_secret: a-secret-for-the-bench-alone
    grant_types: [client_credentials]
    scope: orders.read orders.write
`

/** With those that count there are twenty. */
const others = Array.from(
  { length: 17 },
  (_, at) => `  - { path: /service-${at}/*, upstream: orders, scope: orders.read }`,
).join('\n')

/** So many access tokens of the client of the bench. */
export const tokensFrom = async (origin: string, count: number): Promise<readonly string[]> => {
  const tokens: string[] = []
  while (tokens.length < count)
    tokens.push(...(await Promise.all(Array.from({ length: 50 }, () => tokenFrom(origin)))))
  return tokens
}

const tokenFrom = async (origin: string): Promise<string> => {
  const response = await fetch(`${origin}/oauth/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa('bench:a-secret-for-the-bench-alone')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  const answer = (await response.json()) as { access_token?: string }
  if (answer.access_token === undefined) throw new Error(`no token: ${JSON.stringify(answer)}`)
  return answer.access_token
}

const server = (
  name: string,
  child: ChildProcess,
  port: number,
  headers: readonly string[],
): Server => ({
  name,
  pid: child.pid ?? 0,
  url: `http://127.0.0.1:${port}/orders/1`,
  headers: [...headers, 'Accept: application/json', 'User-Agent: bench/1.0'],
  cpu: () => cpuOf(child),
  stop: () => stop(child),
})

/** µs of CPU that a process which was started with `REPORTING` has used. */
export const cpuOf = async (child: ChildProcess): Promise<number> => {
  child.send('cpu')
  const [{ cpu }]: [{ cpu: number }] = (await once(child, 'message')) as [{ cpu: number }]
  return cpu
}

export const stop = async (
  child: ChildProcess,
  signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL',
): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

export const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

export const REPORTING = ['--import', new URL('cpu-reporter.ts', import.meta.url).href]

export const answering = async (port: number): Promise<void> => {
  const deadline = performance.now() + 10_000
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/status`).catch(() => undefined)
    if (answer !== undefined) return
    if (performance.now() > deadline) throw new Error(`nothing answers on port ${port}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
