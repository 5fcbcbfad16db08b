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

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, audit() {} }
