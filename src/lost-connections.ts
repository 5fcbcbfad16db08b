import { describeError } from './telemetry/describe-error.ts'
import type { Log } from './telemetry/log.ts'

/**
 * Notes connections that could not be taken, for want of files (EMFILE) or above `limits.connections`: one line at once, then
 * one every ten seconds at most, with their number. A flood of them must not become a flood of lines.
 */
export const createLostConnections = (log: Pick<Log, 'warn'>, wait = 10_000) => {
  let count = 0
  let timer: NodeJS.Timeout | undefined
  let last: 'dropped' | Error = 'dropped'
  const tell = () => {
    timer = undefined
    if (count === 0) return
    log.warn('connections.lost', {
      count,
      error: last === 'dropped' ? 'as many as may be are open' : describeError(last),
    })
    count = 0
    timer = setTimeout(tell, wait).unref()
  }
  return (why: 'dropped' | Error): void => {
    count += 1
    last = why
    if (timer === undefined) tell()
  }
}
