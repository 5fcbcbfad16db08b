import { flushCompileCache } from 'node:module'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { type Clock, systemClock } from '../clock.ts'
import type { Config, Listen } from '../config/config.ts'
import { formatProblem, type LoadResult, loadConfiguration } from '../config/load.ts'
import { watchConfiguration } from '../config/reload.ts'
import type { Bindings } from '../listeners.ts'
import { type RunningServer, type StopOptions, startServer } from '../server.ts'
import { type OpenLog, openLog } from '../telemetry/log.ts'
import { configurationFile } from './configuration-file.ts'
import { inheritedSocket } from './inherited-socket.ts'
import type { Terminal } from './terminal.ts'

export type StartOptions = { readonly config?: string; readonly takeover?: boolean }

/**
 * `portcullis start`: runs until SIGTERM or SIGINT. SIGHUP reads the configuration again.
 * Resolves to 0 after a clean stop; 1 for a configuration with problems, a stop that a second signal or the limit of its
 * time cut short, and an exception that nobody caught.
 */
export const start = async (options: StartOptions, terminal: Terminal): Promise<number> => {
  const file = resolve(configurationFile(options.config))
  let reload = () => {}
  // From the first moment: without a listener it would end the process. What changes while we read is found by the watch.
  terminal.onSignal('SIGHUP', () => reload())
  const loaded = await loadConfiguration(file, terminal.env)
  if ('problems' in loaded) {
    for (const problem of loaded.problems) terminal.stderr.write(`${formatProblem(problem)}\n`)
    return 1
  }
  const { config, warnings } = loaded
  const log = openLog(config.log.level)
  for (const warning of warnings)
    log.warn('configuration.warning', { problem: formatProblem(warning) })

  // Before anything listens, and against what was read: no change is lost, however long the start takes.
  const started = Promise.withResolvers<RunningServer>()
  const watch = watchFile(file, loaded, terminal, started.promise, log)
  reload = () => void watch.reload()
  const takenOver = Promise.withResolvers<void>()
  const bindings = await bindingsOf(config, options, terminal)
  const onTakeover = takenOver.resolve
  const serving = serve(config, { clock: systemClock, log, bindings, onTakeover })
  // Workers take a moment to start, and some of them serve by then.
  const stopped = untilStopped(serving, { config, takenOver: takenOver.promise, terminal, log })
  const server = await Promise.race([serving, stopped])
  if (typeof server === 'number') return server
  keepFromBlocking(terminal)
  await log.begin()
  announce(server, config, log)
  const demo = config.demo ? await startDemo(config, terminal) : undefined
  await server.warm()
  // Else it is written only at a clean exit, which not every start comes to.
  flushCompileCache()
  started.resolve(server)

  const code = await stopped
  watch.close()
  demo?.stop()
  log.info('stopped')
  await log.drained(LAST_WORDS)
  return code
}

const serve = async (
  config: Config,
  deps: {
    readonly clock: Clock
    readonly log: OpenLog
    readonly bindings: Bindings
    readonly onTakeover: () => void
  },
): Promise<RunningServer> => {
  const count = config.workers === 'auto' ? availableParallelism() : config.workers
  if (count === 1) return startServer(config, deps)
  return (await import('../workers.ts')).startWorkers(config, count, deps)
}

const bindingsOf = async (
  config: Config,
  { takeover = false }: StartOptions,
  terminal: Terminal,
): Promise<Bindings> => {
  const fd = inheritedSocket(terminal.env)
  if (takeover) return (await import('./takeover.ts')).takeoverBindings(config, fd, terminal)
  return { main: fd === undefined ? {} : { fd }, later: {} }
}

/** Seconds for the rest of the log. */
const LAST_WORDS = 0.5

/** Node makes a pipe non-blocking when it opens it; else a reader that stops would hold a thread of ours, and the exit. */
const keepFromBlocking = ({ stdout }: Terminal): void => {
  stdout.on('error', () => {})
}

const announce = (server: RunningServer, config: Config, log: OpenLog): void => {
  log.info('listening', {
    listen: address(server.listen),
    admin: address(server.admin, config.admin.tls !== undefined),
    issuer: config.issuer,
    store: config.store.kind,
    configuration: config.file,
  })
  log.flush()
}

const untilStopped = (
  serving: Promise<RunningServer>,
  deps: {
    readonly config: Config
    readonly takenOver: Promise<void>
    readonly terminal: Terminal
    readonly log: OpenLog
  },
): Promise<number> =>
  new Promise((done) => {
    const { terminal, log, config } = deps
    let stopping = false
    const stop = (code: number, options: StopOptions) => {
      if (stopping) return done(1)
      stopping = true
      log.info('stopping', { ...(options.handOver && { taken_over: true }) })
      const over = serving.then((server) => server.stop(options))
      over.then(
        (cut) => {
          if (cut > 0) log.warn('stop.cut', { connections: cut })
          done(cut > 0 ? 1 : code)
        },
        (error: unknown) => {
          log.error('stop.failed', { error })
          done(1)
        },
      )
    }
    terminal.onSignal('SIGTERM', () => stop(0, { idle: 1, delay: config.drainDelay }))
    terminal.onSignal('SIGINT', () => stop(0, { idle: 0 }))
    void deps.takenOver.then(() => stop(0, { idle: 1, handOver: true }))
    terminal.onFailure((kind, error) => {
      log.error(`process.${kind}`, { error, stack: error instanceof Error ? error.stack : '' })
      // A rejection that nobody awaited leaves nothing half done; an exception in the open may.
      if (kind === 'uncaughtException') stop(1, { idle: 1 })
    })
  })

const startDemo = async (config: Config, terminal: Terminal) => {
  const { startDemoCompanion } = await import('../demo/companion.ts')
  return startDemoCompanion(config, terminal)
}

/** What changes while it starts is put in force, or told of, as soon as it has. */
const watchFile = (
  file: string,
  { stamp, files }: LoadResult,
  terminal: Terminal,
  started: Promise<RunningServer>,
  log: OpenLog,
) =>
  watchConfiguration({
    file,
    files,
    since: stamp,
    load: () => loadConfiguration(file, terminal.env),
    async apply(config) {
      const server = await started
      const waiting = await server.apply(config)
      log.setLevel(config.log.level)
      log.info('configuration.applied', waiting.length > 0 ? { needs_restart: waiting } : {})
    },
    refuse(problems) {
      const lines = problems.map(formatProblem)
      void started.then((server) => server.report(lines))
      log.error('configuration.refused', { problems: lines })
    },
  })

const address = ({ host, port }: Listen, isSecure = false): string =>
  `http${isSecure ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}:${port}`
