import { describeError } from './describe-error.ts'
import { createLineSink, type LineSink } from './line-sink.ts'

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
  /** Resolves when everything is written, or cannot be within so many seconds. */
  drained(seconds: number): Promise<void>
  /** Loads the writer; what was logged before follows. */
  begin(): Promise<void>
  setLevel(level: string): void
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, audit() {} }

/**
 * JSON lines on standard output, each with `base`, asynchronously: the event loop never waits for a reader. At most 4 MiB wait;
 * what comes on top is dropped and counted. Lines are kept until `begin` has loaded the writer.
 */
export const openLog = (level: string, base?: LogFields): OpenLog => {
  // Lines of processes that share a pipe stay whole as long as a write is no longer than PIPE_BUF.
  const sink = createLineSink(1, base === undefined ? undefined : PIPE_BUF)
  let writer: Writer | undefined
  const early: (() => void)[] = []
  const write = (act: (to: Writer) => void) => {
    if (writer) act(writer)
    else early.push(() => writer && act(writer))
  }
  const line =
    (method: 'debug' | 'info' | 'warn' | 'error' | 'audit', urgent: boolean) =>
    (event: string, fields?: LogFields): void =>
      write(({ logger, soon }) => {
        logger[method]({ event, ...(urgent ? plainErrors(fields) : fields) })
        if (urgent) soon()
      })
  return {
    debug: line('debug', false),
    info: line('info', false),
    warn: line('warn', true),
    error: line('error', true),
    audit: line('audit', true),
    async begin() {
      writer = await openWriter(level, sink, base)
      for (const act of early.splice(0)) act()
    },
    dropped: sink.dropped,
    flush: () => write(sink.flush),
    drained: sink.drained,
    setLevel: (next) =>
      write(({ logger }) => {
        logger.level = next
      }),
  }
}

/** The longest write to a pipe that nobody else's gets into, on Linux. */
const PIPE_BUF = 4096

type Writer = Awaited<ReturnType<typeof openWriter>>

// A sink of ours: pino's own waits for the reader when it flushes and at exit, for ever when there is none.
const openWriter = async (level: string, sink: LineSink, base: LogFields = {}) => {
  const { default: pino } = await import('pino')
  const logger = pino(
    {
      level,
      base: { ...base },
      timestamp: createTimestamp(),
      customLevels: { audit: 55 },
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  )
  return { logger, soon: createSoon(sink.flush) }
}

/** As pino's `isoTime`, but the lines of one millisecond share the text. */
const createTimestamp = (): (() => string) => {
  let last = 0
  let text = ''
  return () => {
    const now = Date.now()
    if (now !== last) text = `,"time":"${new Date(now).toISOString()}"`
    last = now
    return text
  }
}

/** Runs `act` once within `SOON_MS`, however often it was asked: a write a turn of a busy loop costs more than its lines. */
const createSoon = (act: () => void): (() => void) => {
  let asked = false
  return () => {
    if (asked) return
    asked = true
    setTimeout(() => {
      asked = false
      act()
    }, SOON_MS)
  }
}

const SOON_MS = 20

/** Errors as `message (code)` with their causes: stacks only help at debug level, and never hold request data. */
const plainErrors = (fields: LogFields | undefined): LogFields => {
  if (!fields) return {}
  if (!Object.values(fields).some((value) => value instanceof Error)) return fields
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Error ? describeError(value) : value,
    ]),
  )
}
