import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

/** Audit events and failures are counted under their names. */
export const counted = (log: Log, metrics: Metrics): Log => ({
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
  },
})
