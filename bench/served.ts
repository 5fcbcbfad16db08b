import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LIVES, SECRET } from './grant-rows.ts'
import { cpuOf, file, freePort, REPORTING, stop } from './servers.ts'

/** A gateway over a store that is full already. */
export type Served = {
  /** Milliseconds until it is ready, and µs of CPU until then. */
  start(): Promise<{ readonly took: number; readonly cpu: number }>
  stop(): Promise<void>
  /** µs of CPU of the gateway since its start. */
  cpu(): Promise<number>
  ask(path: string, headers?: Headers, form?: Readonly<Record<string, string>>): Promise<Answer>
  askAdmin(path: string): Promise<Answer>
  remove(): Promise<void>
}

type Headers = Readonly<Record<string, string>>
export type Answer = { readonly status: number; readonly body: string }

export const ADMIN_TOKEN = 'an-admin-token-of-the-bench-long-enough'
export const REDIRECT = 'https://app.example/callback'

/** `store` as in the configuration. */
export const serve = async (store: string, upstream: string): Promise<Served> => {
  const [port, admin] = await Promise.all([freePort(), freePort()])
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-served-'))
  const settings = join(folder, 'portcullis.yaml')
  await writeFile(settings, configuration({ port, admin, store, upstream }))
  const agent = new Agent({ keepAlive: true })
  let child: ChildProcess | undefined
  const running = (): ChildProcess => {
    if (child === undefined) throw new Error('it does not run')
    return child
  }
  const end = async () => {
    // As whoever has it restarted does: what it holds in memory is written.
    if (child !== undefined) await stop(child, 'SIGTERM')
    child = undefined
  }
  const askAdmin = (path: string) =>
    send(agent, admin, path, { Authorization: `Bearer ${ADMIN_TOKEN}` })
  return {
    cpu: () => cpuOf(running()),
    stop: end,
    async start() {
      const began = performance.now()
      child = fork(file('../src/main.ts'), ['start', '--config', settings], {
        execArgv: REPORTING,
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      })
      // Read, as whoever collects logs would.
      child.stdout?.resume()
      while (!(await isReady(askAdmin, running())))
        await new Promise((resolve) => setTimeout(resolve, 2))
      const took = performance.now() - began
      return { took, cpu: await cpuOf(running()) }
    },
    ask: (path, headers, form) => send(agent, port, path, headers, form),
    askAdmin,
    async remove() {
      agent.destroy()
      await end()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const isReady = async (askAdmin: Served['askAdmin'], child: ChildProcess): Promise<boolean> => {
  if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
  const answer = await askAdmin('/readyz').catch(() => undefined)
  return answer?.status === 200
}

const send = (
  agent: Agent,
  port: number,
  path: string,
  headers: Headers = {},
  form?: Readonly<Record<string, string>>,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const body = form && new URLSearchParams(form).toString()
    const fields = body === undefined ? headers : { ...headers, ...FORM }
    const method = body === undefined ? 'GET' : 'POST'
    const asked = request({ agent, host: '127.0.0.1', port, path, method, headers: fields })
    asked.on('error', reject)
    asked.on('response', (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        text += chunk
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text }))
    })
    asked.end(body)
  })

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }

const configuration = (given: {
  readonly port: number
  readonly admin: number
  readonly store: string
  readonly upstream: string
}): string => `
issuer: http://127.0.0.1:${given.port}
listen: 127.0.0.1:${given.port}
admin: { listen: '127.0.0.1:${given.admin}', token: ${ADMIN_TOKEN} }
store: '${given.store}'
secret: ${SECRET}
drainDelay: 0s
log: { level: info, access: false }
tokens: { accessToken: ${LIVES.accessToken}s, refreshToken: ${LIVES.refreshToken}s, authorizationCode: 10m }
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams: { orders: '${given.upstream}' }
routes: [{ path: /orders/*, upstream: orders, scope: orders.read }]
clients:
${['web', 'tenth'].map(ofPeople).join('')}
  - { client_id: bench, client_secret: ${secretOf('bench')}, grant_types: [client_credentials], scope: orders.read }
  - { client_id: api, client_secret: ${secretOf('api')}, grant_types: [client_credentials], introspect: true }
`

const ofPeople = (client_id: string): string => `
  - client_id: ${client_id}
    client_secret: ${secretOf(client_id)}
    redirect_uris: ['${REDIRECT}']
    grant_types: [authorization_code, refresh_token]
    scope: orders.read orders.write`

const secretOf = (client_id: string): string => `the-secret-of-${client_id}-for-the-bench-alone`

export const basic = (client_id: string): Headers => ({
  Authorization: `Basic ${btoa(`${client_id}:${secretOf(client_id)}`)}`,
})
