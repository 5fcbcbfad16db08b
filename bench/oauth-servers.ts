import { fork } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hashPassword } from '../src/store/passwords.ts'
import { createPerson, openBrowser } from '../test/support/person.ts'
import { CALLBACK, CHALLENGE, CLIENT, type Paths, SECRET } from './oauth-client.ts'
import { answering, cpuOf, file, freePort, REPORTING, stop } from './servers.ts'

/** An authorization server under measurement. */
export type OAuthServer = {
  readonly name: string
  readonly pid: number
  readonly port: number
  readonly paths: Paths
  /** Signs a person in who has allowed the client before; their cookies. */
  signIn(): Promise<string>
  /** µs of CPU, user and system, of all its threads, since its start. */
  cpu(): Promise<number>
  stop(): Promise<void>
}

/** The whole program as `portcullis start` runs it; audit lines are written, and read. */
export const startPortcullis = async (store: 'memory' | 'SQLite'): Promise<OAuthServer> => {
  const [port, admin] = await Promise.all([freePort(), freePort()])
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-bench-'))
  const settings = join(folder, 'portcullis.yaml')
  await writeFile(settings, configuration(port, admin, store, await hashPassword('ada-password')))
  const child = fork(file('../src/main.ts'), ['start', '--config', settings], {
    execArgv: [...REPORTING, ...profiling(`portcullis-${store}`)],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  child.stdout?.resume()
  await answering(port)
  const paths = { authorize: '/oauth/authorize', token: '/oauth/token' }
  return {
    ...{ name: `Portcullis, ${store}`, pid: child.pid ?? 0, port, paths },
    signIn: () => signedIn(port, paths),
    cpu: () => cpuOf(child),
    async stop() {
      await stop(child, PROFILE === undefined ? 'SIGKILL' : 'SIGTERM')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const configuration = (
  port: number,
  admin: number,
  store: 'memory' | 'SQLite',
  password: string,
): string => `
issuer: http://127.0.0.1:${port}
listen: 127.0.0.1:${port}
admin: { listen: '127.0.0.1:${admin}', token: a-token-for-the-bench-alone }
store: ${store === 'memory' ? "'memory:'" : 'sqlite:portcullis.db'}
log: { access: false }
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams: { orders: 'http://127.0.0.1:9' }
routes: [{ path: /orders/*, upstream: orders, scope: orders.read }]
clients:
  - client_id: ${CLIENT}
    client_secret: ${SECRET}
    redirect_uris: [${CALLBACK}]
    grant_types: [authorization_code, refresh_token, client_credentials]
    scope: orders.read orders.write
accounts: [{ username: ada, password: '${password}' }]
`

/** oidc-provider 9 with its store in memory, which keeps the newest thousand entries. */
export const startOidcProvider = async (): Promise<OAuthServer> => {
  const port = await freePort()
  const child = fork(file('oidc-provider-process.ts'), [String(port)], {
    execArgv: [...REPORTING, ...profiling('oidc-provider')],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  await answering(port)
  const paths = { authorize: '/auth', token: '/token' }
  return {
    ...{ name: 'oidc-provider 9, memory', pid: child.pid ?? 0, port, paths },
    signIn: () => signedIn(port, paths),
    cpu: () => cpuOf(child),
    stop: () => stop(child, PROFILE === undefined ? 'SIGKILL' : 'SIGTERM'),
  }
}

/** Goes through sign-in and consent once; the cookies of whoever did. */
const signedIn = async (port: number, { authorize }: Paths): Promise<string> => {
  const url = new URL(`http://127.0.0.1:${port}${authorize}`)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: CLIENT,
    redirect_uri: CALLBACK,
    scope: 'orders.read orders.write',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
  }).toString()
  const browser = openBrowser()
  const ada = createPerson('ada', 'ada-password', browser)
  let callback = await ada.authorize(url)
  // Its pages are redirects of its own.
  while (callback.origin === url.origin) callback = await ada.authorize(callback)
  if (!callback.searchParams.has('code')) throw new Error(`no code: ${callback.href}`)
  return [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
}

const [, PROFILE] = /^--profile=(.+)$/.exec(process.argv.at(-1) ?? '') ?? []

const profiling = (name: string): readonly string[] => {
  if (PROFILE === undefined) return []
  const into = [`--cpu-prof-dir=${PROFILE}`, `--cpu-prof-name=${name}.cpuprofile`]
  return ['--cpu-prof', '--cpu-prof-interval=200', ...into]
}
