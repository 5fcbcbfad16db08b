import cluster, { type Worker } from 'node:cluster'
import type { LiveTarget } from './admin/room.ts'
import { type BackOff, createBackOff } from './back-off.ts'
import type { Config } from './config/config.ts'
import { Mistake } from './mistake.ts'
import type { StopOptions } from './server.ts'
import type { Log } from './telemetry/log.ts'
import type { Snapshot } from './telemetry/metrics.ts'
import { NO_REFUSALS, type RefusalPage, type RefusalQuery } from './telemetry/refusals.ts'
import type { Assignment, Stand } from './worker.ts'
import { createLine, type Line, type LineHandlers } from './worker-line.ts'

/** The place of one worker, which is taken by another when it ends. */
export type Post = {
  /** Starts a worker. Resolves when it listens; throws what it fails with. */
  man(): Promise<Stand>
  /** From here on whoever ends is replaced. */
  keep(): void
  ready(): boolean
  restarts(): number
  /** Once a second: one that answered nothing for several times is ended, and so replaced. */
  look(): void
  tell(name: string, body: unknown): void
  /** Its counts; the last that are known when it does not answer. */
  snapshot(): Promise<Snapshot>
  /** Its view of all targets; none when it does not answer. */
  targets(): Promise<readonly LiveTarget[]>
  /** What it remembers; nothing when it does not answer. */
  refusals(query: RefusalQuery): Promise<RefusalPage>
  /** First phase of a change. Never rejects. */
  prepare(config: Config): Promise<Change>
  /** Sees to it that whoever stands here has taken this configuration on. */
  renew(config: Config): void
  stop(options: StopOptions & { limit: number }): Promise<number>
}

type Change = { readonly refusal?: unknown; commit(): Promise<void>; abort(): Promise<void> }

export type PostDeps = {
  readonly number: number
  readonly assignment: (number: number) => Assignment
  readonly handlers: LineHandlers
  readonly log: Log
  readonly onDeparture: (last: Snapshot) => void
  readonly backOff?: BackOff
}

/** One worker, from its fork to its exit. */
type Holder = {
  readonly worker: Worker
  readonly line: Line
  readonly over: Promise<void>
  readonly since: number
  config: Config
  ready: boolean
  /** How it ended. */
  end?: string
  silent: number
  counts: Snapshot
}

export const createPost = (deps: PostDeps): Post => {
  const { number, log, backOff = createBackOff() } = deps
  let holder: Holder | undefined
  let restarts = 0
  let kept = false
  let stopping = false
  let timer: NodeJS.Timeout | undefined

  const man = async (): Promise<Stand> => {
    const assignment = deps.assignment(number)
    const fresh = fork(assignment.config, deps.handlers, (code, signal) =>
      left(fresh, code, signal),
    )
    holder = fresh
    try {
      const stand = await fresh.line.ask<Stand>('start', assignment, START)
      fresh.ready = true
      renew(deps.assignment(number).config)
      return stand
    } catch (error) {
      // It said nothing any more because it was gone, which says more than that.
      if (fresh.end !== undefined)
        throw new Mistake(`worker ${number} ended (${fresh.end}) while it started`)
      kill(fresh)
      throw error
    }
  }

  const left = (gone: Holder, code: number | null, signal: string | null): void => {
    gone.ready = false
    gone.end = signal ?? `exit code ${code}`
    gone.line.lost()
    deps.onDeparture(gone.counts)
    if (holder === gone) holder = undefined
    if (stopping || !kept) return
    const wait = backOff.after((performance.now() - gone.since) / 1000)
    const { pid } = gone.worker.process
    log.error('worker.ended', { worker: number, pid, code, signal, next_in: wait })
    restarts += 1
    timer = setTimeout(replace, wait * 1000)
  }

  const replace = (): void => {
    man().then(
      () => log.info('worker.replaced', { worker: number, pid: holder?.worker.process.pid }),
      (error: unknown) => log.error('worker.failed', { worker: number, error }),
    )
  }

  const change = async (to: Holder, config: Config): Promise<Change> => {
    try {
      await to.line.ask('prepare', config, PREPARE)
    } catch (refusal) {
      // Who is no more has nothing to say; who comes next starts with what is in force then.
      return { ...(to === holder && to.ready && { refusal }), commit: NOTHING, abort: NOTHING }
    }
    return {
      async commit() {
        to.config = config
        // One that cannot follow the others ends, and comes again as they are.
        await to.line.ask('commit', undefined, PREPARE).catch(() => kill(to))
      },
      async abort() {
        await to.line.ask('abort', undefined, PREPARE).catch(() => kill(to))
      },
    }
  }

  const renew = (config: Config): void => {
    const behind = holder
    if (behind?.ready !== true || behind.config === config) return
    void change(behind, config).then((late) => ('refusal' in late ? kill(behind) : late.commit()))
  }

  return {
    man,
    keep() {
      kept = true
      // It ended while the others began.
      if (holder === undefined) replace()
    },
    ready: () => holder?.ready === true,
    restarts: () => restarts,
    look() {
      const looked = holder
      if (looked?.ready !== true || stopping) return
      looked.silent += 1
      if (looked.silent > MOST_SILENT) {
        const { pid } = looked.worker.process
        log.error('worker.hung', { worker: number, pid, seconds: looked.silent })
        return kill(looked)
      }
      looked.line.ask('ping').then(
        () => {
          looked.silent = 0
        },
        () => {},
      )
    },
    tell: (name, body) => void holder?.line.ask(name, body).catch(() => {}),
    async snapshot() {
      const asked = holder
      if (asked === undefined) return []
      const counts = await asked.line
        .ask<Snapshot>('metrics', undefined, COUNT)
        .catch(() => undefined)
      if (counts !== undefined) asked.counts = counts
      // Else it has departed, and is counted among those.
      return asked === holder ? asked.counts : []
    },
    targets: async () =>
      (await holder?.line
        .ask<readonly LiveTarget[]>('targets', undefined, COUNT)
        .catch(() => [])) ?? [],
    refusals: async (query) =>
      (await holder?.line.ask<RefusalPage>('refusals', query, COUNT).catch(() => NO_REFUSALS)) ??
      NO_REFUSALS,
    prepare: async (config) => (holder === undefined ? NO_CHANGE : change(holder, config)),
    renew,
    async stop({ delay = 0, limit, ...options }) {
      stopping = true
      clearTimeout(timer)
      if (holder === undefined) return 0
      const { line, over, ready } = holder
      const told = { delay, limit, ...options }
      const cut = ready
        ? await line.ask<number>('stop', told, delay + limit + SPARE).catch(() => 1)
        : 0
      const late = setTimeout(kill, LAST_WORDS, holder)
      await over
      clearTimeout(late)
      return cut
    },
  }
}

const fork = (
  config: Config,
  handlers: LineHandlers,
  onExit: (code: number | null, signal: string | null) => void,
): Holder => {
  const worker = cluster.fork()
  // What cannot be sent any more was for one that is gone; its exit tells.
  const line = createLine((message) => {
    if (worker.isConnected()) worker.process.send?.(message, undefined, {}, () => {})
    else setImmediate(line.lost)
  }, handlers)
  const over = Promise.withResolvers<void>()
  worker.on('message', line.receive)
  worker.on('error', () => {})
  worker.process.once('exit', (code, signal) => {
    over.resolve()
    onExit(code, signal)
  })
  return {
    ...{ worker, line, config },
    over: over.promise,
    since: performance.now(),
    ready: false,
    silent: 0,
    counts: [],
  }
}

const kill = ({ worker }: Holder): void => void worker.process.kill('SIGKILL')

const NOTHING = async (): Promise<void> => {}
const NO_CHANGE: Change = { commit: NOTHING, abort: NOTHING }

/** Looks without an answer. Nothing of ours keeps a process busy for so long. */
const MOST_SILENT = 5

/** Seconds. */
const START = 90
const PREPARE = 10
const COUNT = 1
const SPARE = 5
/** Milliseconds, for the end of the log. */
const LAST_WORDS = 2000
