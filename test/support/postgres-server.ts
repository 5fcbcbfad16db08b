import { spawnSync } from 'node:child_process'
import { chownSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, until } from './portcullis.ts'
import { createProcesses, findProgram, type StoreServer } from './server-process.ts'
import { temporaryFolder } from './stores.ts'

// Debian keeps each version apart.
const FOLDERS = (() => {
  try {
    const root = '/usr/lib/postgresql'
    return readdirSync(root).map((version) => join(root, version, 'bin'))
  } catch {
    return []
  }
})()

export const postgresProgram = findProgram('postgres', FOLDERS)

/** A database of its own, empty at the first start. `settings` as `name=value`. */
export const startPostgres = async (settings: readonly string[] = []): Promise<StoreServer> => {
  const folder = temporaryFolder()
  const data = join(folder.path, 'data')
  const port = await freePort()
  const processes = createProcesses()
  const user = otherUser()
  if (user !== undefined) chownSync(folder.path, user, user)
  const as = user === undefined ? {} : { uid: user, gid: user }

  const initdb = findProgram('initdb', FOLDERS) ?? 'initdb'
  const made = spawnSync(
    initdb,
    ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '--no-locale', '-E', 'UTF8'],
    { encoding: 'utf8', cwd: '/', ...as },
  )
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`)

  const psql = findProgram('psql', FOLDERS) ?? 'psql'
  const ask = (text: string | readonly string[]): string => {
    const parts = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-X', '-A', '-t']
    const { stdout, stderr, status } = spawnSync(psql, [...parts, '-c', String(text), 'postgres'], {
      encoding: 'utf8',
      timeout: 30_000,
    })
    return status === 0 ? stdout.trim() : `failed: ${stderr}`
  }

  const start = async (): Promise<void> => {
    const fixed = [
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'log_min_messages=fatal',
    ]
    const parts = [...fixed, 'shared_buffers=32MB', ...settings].flatMap((one) => ['-c', one])
    const all = ['-D', data, '-p', String(port), ...parts]
    processes.start(postgresProgram ?? 'postgres', all, user)
    await until(() => ask('SELECT 1') === '1', 20)
  }

  await start()
  return {
    kind: 'postgres',
    port,
    url: (name) => `postgres://postgres@127.0.0.1:${port}/postgres?schema=${name}`,
    ask,
    pids: processes.pids,
    pause: () => processes.signal('SIGSTOP'),
    resume: () => processes.signal('SIGCONT'),
    kill: processes.kill,
    start,
    async stop() {
      await processes.kill()
      folder.remove()
    },
  }
}

/** PostgreSQL refuses to run as root. Undefined: it may run as we do. */
export const otherUser = (): number | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const found =
    users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  return Number(found?.[2] ?? 65_534)
}
