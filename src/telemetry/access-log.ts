import type { Exchange, Observe } from './exchange.ts'
import type { Log } from './log.ts'

/** One line a request: `{"event":"request","request_id":…,"method":…,"path":…,"status":…,"ms":…}` and what is known besides. */
export const createAccessLog =
  (log: Log): Observe =>
  (exchange) =>
    log.info('request', accessFields(exchange))

const accessFields = ({ id, seconds, ...rest }: Exchange): Record<string, unknown> => ({
  request_id: id,
  ...rest,
  ms: Math.round(seconds * 1e5) / 100,
})
