import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** A server that a test starts, hurts and starts again. Always on the same port of 127.0.0.1. */
export type StoreServer = {
  readonly kind: 'redis' | 'postgres'
  readonly port: number
  /** What `store:` says: rows of their own under each name (small letters and digits). */
  url(name: string): string
  /** A command (its words, where one has spaces in it) or a statement, as the server's administrator. */
  ask(text: string | readonly string[]): string
  /** Its processes. */
  pids(): readonly number[]
  /** SIGSTOP to all of it. */
  pause(): void
  resume(): void
  /** SIGKILL to all of it; resolves when it is gone. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

export type Processes = {
  start(command: string, parts: readonly string[], as?: number): ChildProcess
  signal(signal: NodeJS.Signals): void
  pids(): readonly number[]
  kill(): Promise<void>
}

/** One program with all that it starts. */
export const createProcesses = (): Processes => {
  let child: ChildProcess | undefined
  let ended = Promise.resolve()
  let said = ''

  const family = (): number[] => (child?.pid === undefined ? [] : familyOf(child.pid))

  const signal = (name: NodeJS.Signals): void => {
    for (const pid of family()) attempt(() => process.kill(pid, name))
  }

  // With us, whatever happens.
  process.once('exit', () => signal('SIGKILL'))

  return {
    signal,
    pids: family,
    start(command, parts, as) {
      said = ''
      child = spawn(command, parts, {
        stdio: ['ignore', 'pipe', 'pipe'],
        cwd: '/',
        ...(as !== undefined && { uid: as, gid: as }),
      })
      const { promise, resolve } = Promise.withResolvers<void>()
      child.once('exit', () => resolve())
      ended = promise
      const hear = (chunk: Buffer) => {
        said = (said + chunk).slice(-20_000)
      }
      child.stdout?.on('data', hear)
      child.stderr?.on('data', hear)
      child.on('error', (error) => {
        said += error.message
      })
      return child
    },
    async kill() {
      // It starts no other while we look: that would outlive it, and hold what its successor needs.
      attempt(() => child?.kill('SIGSTOP'))
      const all = family()
      for (const pid of all) attempt(() => process.kill(pid, 'SIGKILL'))
      // Fetched by us: until then its number is taken, and its successor believes that it lives.
      await ended
      while (all.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 5))
    },
  }
}

const attempt = (step: () => unknown): boolean => {
  try {
    step()
    return true
  } catch {
    return false
  }
}

// What is dead but not yet fetched by its parent is dead.
const isAlive = (pid: number): boolean => {
  if (process.platform !== 'linux') return attempt(() => process.kill(pid, 0))
  let state = 'Z'
  attempt(() => {
    state = /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? 'Z'
  })
  return state !== 'Z'
}

/** A process and its children: those of PostgreSQL are in sessions of their own. */
const familyOf = (pid: number): number[] => {
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
    return [pid, ...stdout.split('\n').filter(Boolean).map(Number)]
  }
  const children = readdirSync('/proc').filter((name) => {
    let parent = ''
    attempt(() => {
      parent = /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8'))?.[1] ?? ''
    })
    return parent === String(pid)
  })
  return [pid, ...children.map(Number)]
}

/** The way to a program, if it is installed here. */
export const findProgram = (name: string, folders: readonly string[] = []): string | undefined =>
  [name, ...folders.map((folder) => `${folder}/${name}`)].find(
    (candidate) => spawnSync(candidate, ['--version'], { stdio: 'ignore' }).status === 0,
  )
