import type { StoreLocation } from '../../config/store-location.ts'
import { openStore } from '../../store/open-store.ts'
import { StoreRefused, StoreUnavailable } from '../../store/store.ts'
import type { Log } from '../../telemetry/log.ts'
import { compared } from './clocks.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

/** A store that is a server: it is opened as a gateway opens it, and one row written, which is over at once. */
export const examineServer = async (
  location: StoreLocation,
  now: number,
): Promise<readonly Finding[]> => {
  const warned: Finding[] = []
  try {
    const store = await openStore(location, { clock: () => now, log: collecting(warned) })
    let ahead: number
    try {
      await store.ping()
      await store.batch([
        { op: 'set', key: 'doctor:write', value: '1', expires: (now + 1) * 1000 },
        { op: 'delete', key: 'doctor:write' },
      ])
      ahead = store.ahead()
    } finally {
      await store.close()
    }
    const good = ok('store', `the ${location.kind} store answers, and takes writes`)
    return [good, ...warned, compared('clock.store', 'the store’s clock', ahead)]
  } catch (error) {
    return [...warned, refusal(location.kind, error)]
  }
}

const refusal = (kind: string, error: unknown): Finding => {
  if (error instanceof StoreRefused) {
    const { message, remedy } = error
    return problem('store', message.replace(`. ${remedy}`, ''), remedy)
  }
  if (error instanceof StoreUnavailable)
    return problem(
      'store',
      `the ${kind} store does not take a write: ${error.message}`,
      'See that it runs, that this machine reaches it, and that its disk is not full.',
    )
  throw error
}

/** What a gateway would write to its log when it opens the store. */
const collecting = (warned: Finding[]): Log => {
  const take = (_: string, fields: Readonly<Record<string, unknown>> = {}) => {
    const { problem: message, remedy } = fields
    if (typeof message === 'string' && typeof remedy === 'string')
      warned.push(warning('store.durable', message, remedy))
  }
  const ignore = () => {}
  return { debug: ignore, info: ignore, audit: ignore, warn: take, error: take }
}
