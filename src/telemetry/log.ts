import pino from 'pino'
import { describeError } from './describe-error.ts'

/** Structured logging: one JSON line an event, the event's name first. Never a secret among the fields. */
export type Log = {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
  /** Audit events (`token.issued`, `grant.replayed`): written at every level but `silent`. */
  audit(event: string, fields?: LogFields): void
}

export type LogFields = Readonly<Record<string, unknown>>

/** A log and the stream behind it. */
export type OpenLog = Log & {
  /** Lines lost because nobody read standard output. */
  dropped(): number
  flush(): void
  setLevel(level: string): void
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, audit() {} }

/**
 * JSON lines on a file descriptor, asynchronously: the event loop never waits for a reader. At most 4 MiB wait;
 * what comes on top is dropped and counted.
 */
export const openLog = (level: string, fd = 1): OpenLog => {
  let lost = 0
  const stream = pino.destination({
    fd,
    sync: false,
    minLength: 8_192,
    periodicFlush: 200,
    maxLength: 4_194_304,
  })
  stream.on('drop', () => {
    lost += 1
  })
  stream.on('error', () => {
    lost += 1
  })
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      customLevels: { audit: 55 },
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  )
  const soon = createSoon(() => stream.flush())
  return {
    debug: (event, fields) => logger.debug({ event, ...fields }),
    info: (event, fields) => logger.info({ event, ...fields }),
    warn(event, fields) {
      logger.warn({ event, ...plainErrors(fields) })
      soon()
    },
    error(event, fields) {
      logger.error({ event, ...plainErrors(fields) })
      soon()
    },
    audit(event, fields) {
      logger.audit({ event, ...fields })
      soon()
    },
    dropped: () => lost,
    flush: () => stream.flushSync(),
    setLevel(next) {
      logger.level = next
    },
  }
}

/** Runs `act` once at the end of the current turn, however often it was asked. */
const createSoon = (act: () => void): (() => void) => {
  let asked = false
  return () => {
    if (asked) return
    asked = true
    setImmediate(() => {
      asked = false
      act()
    })
  }
}

/** Errors as `message (code)` with their causes: stacks only help at debug level, and never hold request data. */
const plainErrors = (fields: LogFields | undefined): LogFields => {
  if (!fields) return {}
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Error ? describeError(value) : value,
    ]),
  )
}
