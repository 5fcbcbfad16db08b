import type { Log, LogFields } from './log.ts'
import type { Metrics } from './metrics.ts'

/** Audit events and failures are counted under their names; `heard` is told of the audit events. */
export const counted = (
  log: Log,
  metrics: Metrics,
  heard: (event: string, fields: LogFields | undefined) => void,
): Log => ({
  ...log,
  warn(event, fields) {
    metrics.event(event)
    log.warn(event, fields)
  },
  error(event, fields) {
    metrics.event(event)
    log.error(event, fields)
  },
  audit(event, fields) {
    metrics.event(event)
    log.audit(event, fields)
    heard(event, fields)
  },
})
