import type { Config } from './config.ts'
import { fileStamp } from './file-stamp.ts'
import type { LoadResult } from './load.ts'
import type { Problem } from './problem.ts'

type Watched = {
  readonly file: string
  load(): Promise<LoadResult>
  /** Puts a configuration into force as a whole; rejects, with the old one in force, when that cannot be done. */
  apply(config: Config, warnings: readonly Problem[]): Promise<void> | void
  /** Told why a change was not applied. The last good configuration stays. */
  refuse(problems: readonly Problem[]): void
  /** Stamp of what is in force now, from `load`; without it, the file as it is found first. */
  readonly since?: string
}

export type ConfigurationWatch = {
  /** Reads the file now (SIGHUP). Resolves when it was applied or refused; calls that come meanwhile share one more turn. */
  reload(): Promise<void>
  /** What keeps the file, as it was read last, from being applied; none when it is in force. */
  problems(): readonly Problem[]
  close(): void
}

/**
 * Applies changes of a configuration file. Looks at it four times a second, as no notification of the system covers editors
 * that rename, links that turn and network file systems alike; reads it when it has been still for 300 ms.
 */
export const watchConfiguration = (watched: Watched): ConfigurationWatch => {
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
    problems = outcome.problems
    if (problems.length > 0) watched.refuse(problems)
  })
  const look = async () => {
    const stamp = await fileStamp(watched.file)
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

type Outcome = { readonly stamp: string; readonly problems: readonly Problem[] }

/** Undefined when the file changed while it was read: what was read may be half of it, and there will be another look. */
const attempt = async ({ file, load, apply }: Watched): Promise<Outcome | undefined> => {
  const loaded = await load()
  const { stamp } = loaded
  if ((await fileStamp(file)) !== stamp) return undefined
  if ('problems' in loaded) return { stamp, problems: loaded.problems }
  try {
    await apply(loaded.config, loaded.warnings)
    return { stamp, problems: [] }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `is good, but could not be applied: ${reason}`
    return { stamp, problems: [{ file, line: 1, column: 1, path: '', message }] }
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
