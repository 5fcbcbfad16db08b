import cluster from 'node:cluster'
import type { Terminal } from './cli/terminal.ts'
import { systemClock } from './clock.ts'
import type { Config, Listen } from './config/config.ts'
import type { Binding } from './listener.ts'
import { openServer, type PreparedChange, type Server, type StopOptions } from './server.ts'
import { openLog } from './telemetry/log.ts'
import { NO_REFUSALS, type RefusalQuery } from './telemetry/refusals.ts'
import { createLine, type Line } from './worker-line.ts'

/** What a worker is told at its start. */
export type Assignment = {
  readonly config: Config
  /** From 1; its successor has the same. */
  readonly number: number
  /** Where its fellows listen, when the configuration leaves the port open. */
  readonly listen: Listen
  readonly binding: Binding
  /** Ask for the turn before the admin address is bound. */
  readonly inTurn: boolean
  readonly problems: readonly string[]
  /** All workers listen, or did once: else this one is told when they do. */
  readonly complete: boolean
}

/** Where a worker came to listen. */
export type Stand = { readonly listen: Listen; readonly admin: Listen }

/** A worker from the first message to its end. Resolves to the exit code. */
export const runWorker = (terminal: Terminal): Promise<number> =>
  new Promise((done) => {
    let desk: Desk | undefined
    let complete = false
    const line: Line = createLine((message) => process.send?.(message), {
      async start(assignment: Assignment): Promise<Stand> {
        complete = assignment.complete
        desk = await openDesk(assignment, line, { done, complete: () => complete })
        return desk.stand
      },
      prepare: (config: Config) => desk?.prepare(config),
      commit: () => desk?.commit(),
      abort: () => desk?.abort(),
      report: (problems: readonly string[]) => desk?.server.report(problems),
      metrics: () => desk?.server.metrics.snapshot() ?? [],
      targets: () => desk?.server.targets() ?? [],
      refusals: (query: RefusalQuery) => desk?.server.refusals(query) ?? NO_REFUSALS,
      ping: () => true,
      complete() {
        complete = true
      },
      stop: (options: StopOptions) => desk?.stop(options),
    })
    process.on('message', line.receive)
    // They come to the whole group, and are for the process that supervises.
    terminal.onSignal('SIGINT', () => {})
    terminal.onSignal('SIGHUP', () => {})
    // Meant for this one alone: it goes, and another one comes.
    terminal.onSignal('SIGTERM', () => void desk?.stop({}))
    terminal.onFailure((kind, error) => desk?.fail(kind, error))
    cluster.worker?.on('disconnect', line.lost)
  })

type Desk = {
  readonly stand: Stand
  readonly server: Server
  prepare(config: Config): Promise<void>
  commit(): Promise<readonly string[]>
  abort(): Promise<void>
  /** Drains; the process ends with 0, or 1 when connections had to be cut. */
  stop(options: StopOptions): Promise<number>
  fail(kind: string, error: unknown): void
}

const openDesk = async (
  { config, number, listen, binding, inTurn, problems }: Assignment,
  line: Line,
  { done, complete }: { done(code: number): void; complete(): boolean },
): Promise<Desk> => {
  const log = openLog(config.log.level, { worker: number })
  await log.begin()
  const server = await openServer(
    { ...config, listen },
    {
      clock: systemClock,
      log,
      bindings: {
        main: binding,
        later: { beside: true },
        configured: config.listen,
        ...(inTurn && { turn: () => line.ask<void>('turn', undefined, TURN) }),
      },
      fellows: {
        metrics: () => line.ask('metrics'),
        targets: () => line.ask('targets'),
        refusals: (query) => line.ask('refusals', query),
        complete,
      },
      onTakeover: () => void line.ask('takeover').catch(() => {}),
    },
  )
  server.report(problems)
  await server.warm()

  let prepared: { readonly change: PreparedChange; readonly level: string } | undefined
  let stopping: Promise<number> | undefined
  const end = async (code: number): Promise<void> => {
    await log.drained(LAST_WORDS)
    done(code)
  }
  const stop = (options: StopOptions, code = 0): Promise<number> => {
    stopping ??= server.stop(options)
    // After the answer to whoever asked.
    void stopping.then(
      (cut) => setImmediate(() => void end(cut > 0 ? 1 : code)),
      (error: unknown) => {
        log.error('stop.failed', { error })
        void end(1)
      },
    )
    return stopping
  }
  return {
    stand: { listen: server.listen, admin: server.admin },
    server,
    async prepare(next) {
      prepared = { change: await server.prepare(next), level: next.log.level }
    },
    async commit() {
      const { change, level } = prepared ?? {}
      prepared = undefined
      if (level !== undefined) log.setLevel(level)
      return (await change?.commit()) ?? []
    },
    async abort() {
      await prepared?.change.abort()
      prepared = undefined
    },
    stop,
    fail(kind, error) {
      log.error(`process.${kind}`, { error, stack: error instanceof Error ? error.stack : '' })
      if (kind === 'uncaughtException') void stop({ idle: 1 }, 1).catch(() => {})
    },
  }
}

/** Seconds: until the fellows are ready, too, and for the rest of the log. */
const TURN = 60
const LAST_WORDS = 0.5
