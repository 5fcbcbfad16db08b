import { spawnSync } from 'node:child_process'
import { freePort, until } from './portcullis.ts'
import { createProcesses, findProgram, type StoreServer } from './server-process.ts'
import { temporaryFolder } from './stores.ts'

export const redisProgram = findProgram('redis-server') ?? findProgram('valkey-server')

/** Keeps what it acknowledged in a file, and is empty at the first start. `settings` as on its command line. */
export const startRedis = async (settings: readonly string[] = []): Promise<StoreServer> => {
  const folder = temporaryFolder()
  const port = await freePort()
  const processes = createProcesses()

  const ask = (text: string | readonly string[]): string => {
    const words = typeof text === 'string' ? text.split(' ') : text
    const parts = ['-p', String(port), '--raw', ...words]
    return spawnSync('redis-cli', parts, { encoding: 'utf8', timeout: 10_000 }).stdout.trim()
  }

  const start = async (): Promise<void> => {
    const common = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder.path]
    const kept = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec']
    processes.start(redisProgram ?? 'redis-server', [...common, ...kept, ...settings])
    await until(() => ask('PING') === 'PONG')
  }

  await start()
  return {
    kind: 'redis',
    port,
    url: (name) => `redis://127.0.0.1:${port}?prefix=${name}:`,
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
