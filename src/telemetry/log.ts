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
  /** Loads the writer; what was logged before follows. */
  begin(): Promise<void>
  setLevel(level: string): void
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, audit() {} }

/**
 * JSON lines on a file descriptor, asynchronously: the event loop never waits for a reader. At most 4 MiB wait;
 * what comes on top is dropped and counted. Lines are kept until `begin` has loaded the writer.
 */
export const openLog = (level: string, fd = 1): OpenLog => {
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
      writer = await openWriter(level, fd)
      for (const act of early.splice(0)) act()
    },
    dropped: () => writer?.lost() ?? 0,
    flush: () => write(({ stream }) => stream.flushSync()),
    setLevel: (next) =>
      write(({ logger }) => {
        logger.level = next
      }),
  }
}

type Writer = Awaited<ReturnType<typeof openWriter>>

const openWriter = async (level: string, fd: number) => {
  const { default: pino } = await import('pino')
  let lost = 0
  const stream = pino.destination({
    fd,
    sync: false,
    minLength: 8_192,
    periodicFlush: 200,
    maxLength: 4_194_304,
  })
  const lose = () => {
    lost += 1
  }
  stream.on('drop', lose)
  stream.on('error', lose)
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
  return { logger, stream, lost: () => lost, soon: createSoon(() => stream.flush()) }
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
