import type { Exchange, Observe } from './exchange.ts'
import type { Log } from './log.ts'

/** One line a request: `{"event":"request","request_id":…,"method":…,"path":…,"status":…,"ms":…}` and what is known besides. */
export const createAccessLog =
  (log: Log): Observe =>
  (exchange) =>
    log.info('request', accessFields(exchange))

/** Who is remembered as refused is told of in the same words (refusals.ts). */
export const accessFields = ({ id, seconds, ...rest }: Exchange) => ({
  request_id: id,
  ...rest,
  ms: Math.round(seconds * 1e5) / 100,
})
