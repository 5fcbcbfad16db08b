import type { Config } from './config.ts'
import { fileStamps } from './file-stamp.ts'
import type { LoadResult } from './load.ts'
import type { Problem } from './problem.ts'

type Watched = {
  readonly file: string
  load(): Promise<LoadResult>
  /** Puts a configuration into force as a whole; rejects, with the old one in force, when that cannot be done. */
  apply(config: Config, warnings: readonly Problem[]): Promise<void> | void
  /** Told why a change was not applied. The last good configuration stays. */
  refuse(problems: readonly Problem[]): void
  /** Stamp of what is in force now, and its files, from `load`; without it, the file as it is found first. */
  readonly since?: string
  readonly files?: readonly string[]
}

export type ConfigurationWatch = {
  /** Reads the file now (SIGHUP). Resolves when it was applied or refused; calls that come meanwhile share one more turn. */
  reload(): Promise<void>
  /** What keeps the file, as it was read last, from being applied; none when it is in force. */
  problems(): readonly Problem[]
  close(): void
}

/**
 * Applies changes of a configuration file, and of those that it names (secrets, certificates). Looks at them four times a second, as no notification of the system covers editors
 * that rename, links that turn and network file systems alike; reads it when it has been still for 300 ms.
 */
export const watchConfiguration = (watched: Watched): ConfigurationWatch => {
  let files = watched.files ?? [watched.file]
  let judged = watched.since
  let seen = watched.since
  let still = 0
  let problems: readonly Problem[] = []
  let closed = false
  let timer: NodeJS.Timeout | undefined

  const reload = oneByOne(async () => {
    const outcome = await attempt(watched)
    if (outcome === undefined) return
    judged = outcome.stamp
    files = outcome.files
    problems = outcome.problems
    if (problems.length > 0) watched.refuse(problems)
  })
  const look = async () => {
    const stamp = await fileStamps(files)
    judged ??= stamp
    still = stamp === seen ? still + SETTLING : 0
    seen = stamp
    if (stamp !== judged && still >= STILL && !closed) await reload()
  }
  const next = () => {
    if (closed) return
    timer = setTimeout(() => void look().finally(next), seen === judged ? IDLE : SETTLING)
    timer.unref()
  }
  next()

  return {
    reload,
    problems: () => problems,
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

type Outcome = Pick<LoadResult, 'stamp' | 'files'> & { readonly problems: readonly Problem[] }

/** Undefined when a file changed while it was read: what was read may be half of it, and there will be another look. */
const attempt = async ({ file, load, apply }: Watched): Promise<Outcome | undefined> => {
  const loaded = await load()
  const { stamp, files } = loaded
  if ((await fileStamps(files)) !== stamp) return undefined
  if ('problems' in loaded) return { stamp, files, problems: loaded.problems }
  try {
    await apply(loaded.config, loaded.warnings)
    return { stamp, files, problems: [] }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `is good, but could not be applied: ${reason}`
    return { stamp, files, problems: [{ file, line: 1, column: 1, path: '', message }] }
  }
}

/** Runs a task one at a time; calls that come while one runs share the next. */
const oneByOne = (task: () => Promise<void>): (() => Promise<void>) => {
  let last = Promise.resolve()
  let waiting: Promise<void> | undefined
  return () => {
    waiting ??= last.then(() => {
      waiting = undefined
      last = task()
      return last
    })
    return waiting
  }
}

// Milliseconds. A change is seen after IDLE, and read after STILL more, within a second in all.
const IDLE = 250
const SETTLING = 100
const STILL = 300
