import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { COLLECTING, filesOf, type Held, heldBy, metricOf, type Program } from './held.ts'
import { spawnPortcullis, until } from './portcullis.ts'

export type Vanishing = {
  /** Before any, with all open, with the vanished half gone, with all gone. */
  readonly held: {
    readonly before: Held
    readonly open: Held
    readonly half: Held
    readonly after: Held
  }
  /** Of the half that stayed, when the other half was gone. */
  readonly stayed: number
  /** By the reason of their end, as the metrics tell. */
  readonly ended: { readonly idle: number; readonly client: number }
  /** Seconds until the vanished half was given up. */
  readonly seconds: number
}

/**
 * Opens `count` WebSockets, each with a token, through a gateway of its own; stops the process of one half of the clients
 * (SIGSTOP: their machine still acknowledges, they never speak again), waits until the gateway has given those up after an
 * `idle` limit of so many seconds, then has the other half leave.
 */
export const vanish = async (count: number, idle: number): Promise<Vanishing> => {
  const often = String(idle / 4)
  const started: ChildProcess[] = []
  const peers = (...given: string[]) => startPeers(started, given)
  const upstream = peers('upstream')
  const target = await upstream.port()
  const gateway = await spawnPortcullis(configuration(target, idle), {
    env: COLLECTING,
    files: 'most',
  })
  try {
    const token = await issue(gateway.origin)
    const some = peers('clients', String(gateway.port), '200', token, often)
    await some.all()
    some.child.kill('SIGKILL')
    await until(() => upstream.open() === 0, 60)
    const held = () => heldBy(gateway)
    const before = await held()
    const half = String(Math.floor(count / 2))
    const vanishing = peers('clients', String(gateway.port), half, token, often)
    const staying = peers('clients', String(gateway.port), half, token, often)
    await Promise.all([vanishing.all(), staying.all()])
    const open = await held()
    const began = performance.now()
    vanishing.child.kill('SIGSTOP')
    await until(() => upstream.open() <= Number(half), 120)
    const seconds = (performance.now() - began) / 1000
    // Its own end takes the close frame, and the moment that a client has to answer it.
    await until(() => filesOf(gateway) <= before.files + count + SLACK, 60)
    const withHalf = await held()
    const stayed = staying.open()
    staying.child.kill('SIGKILL')
    await until(() => upstream.open() === 0, 60)
    await until(() => filesOf(gateway) <= before.files + SLACK, 60)
    const after = await held()
    const ended = { idle: await over(gateway, 'idle'), client: await over(gateway, 'client') }
    return { held: { before, open, half: withHalf, after }, stayed, ended, seconds }
  } finally {
    await gateway.stop()
    for (const child of started) child.kill('SIGKILL')
  }
}

/** Files that come and go: whoever asks for the metrics. */
const SLACK = 8

const configuration = (port: number, idle: number) => `
log: { access: false }
scopes: { orders.read: See }
upstreams: { orders: { targets: ['http://127.0.0.1:${port}'], connections: 16384, timeout: { response: 60s, connect: 30s } } }
routes: [{ path: /socket, upstream: orders, scope: orders.read, websocket: { idle: ${idle}s } }]
clients:
  - { client_id: robot, client_secret: a secret of robots, grant_types: [client_credentials], scope: orders.read }
`

const startPeers = (started: ChildProcess[], given: readonly string[]) => {
  const file = fileURLToPath(new URL('./websocket-peers-process.ts', import.meta.url))
  const child = spawn(
    '/bin/sh',
    ['-c', 'ulimit -n "$(ulimit -Hn)"; exec "$@"', 'sh', process.execPath, file, ...given],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  started.push(child)
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text = (text + chunk).slice(-4096)
  })
  const told = async (pattern: RegExp) => {
    await until(() => {
      if (child.exitCode) throw new Error(`the peers ended with ${child.exitCode}`)
      return pattern.test(text)
    }, 400)
    return pattern.exec(text)?.[1]
  }
  return {
    child,
    port: async () => Number(await told(/^port (\d+)$/m)),
    all: () => told(/^all (\d+)$/m),
    /** As it said last. */
    open: () => Number(/(\d+)\n$/.exec(text)?.[1] ?? 0),
  }
}

const issue = async (origin: string): Promise<string> => {
  const answer = await fetch(`${origin}/oauth/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa('robot:a secret of robots')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  const { access_token }: { access_token: string } = JSON.parse(await answer.text())
  return access_token
}

const over = (gateway: Program, reason: string): Promise<number> =>
  metricOf(
    gateway,
    new RegExp(`^portcullis_streams_ended_total\\{[^}]*reason="${reason}"[^}]*\\} (\\S+)$`, 'm'),
  )
