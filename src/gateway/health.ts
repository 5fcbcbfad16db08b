import type { UpstreamSettings } from '../config/config.ts'
import { describeError } from '../telemetry/describe-error.ts'
import type { Seat, Target } from './target.ts'
import { isExhausted } from './upstream-failure.ts'

type Settings = NonNullable<UpstreamSettings['health']>

/** Asks a target for a path, on a connection of its own; gives the status. Rejects after so many seconds. */
export type Probe = (target: Target, path: string, seconds: number) => Promise<number>

/** The checks of one target. */
export type Health = { begin(probe: Probe): void; close(): void }

/**
 * One check at a time a target, the next after it has ended. A target is well until two in a row fail, the second of them
 * soon after the first, and well again with the first that does not.
 */
export const createHealth = (settings: Settings, seats: readonly Seat[]): Health[] =>
  seats.map((seat) => {
    let failed = 0
    let closed = false
    let timer: NodeJS.Timeout | undefined

    const check = async (probe: Probe) => {
      const wrong = await problemOf(probe, seat.target, settings)
      if (closed) return
      if (wrong !== UNKNOWN) failed = wrong === undefined ? 0 : failed + 1
      if (wrong !== UNKNOWN && failed !== 1) seat.judge(wrong === undefined, wrong)
      const { interval } = settings
      next(probe, failed === 1 ? Math.min(interval, RECHECK) : interval)
    }
    const next = (probe: Probe, seconds: number) => {
      timer = setTimeout(() => void check(probe), jittered(seconds) * 1000).unref()
    }
    return {
      begin(probe) {
        if (!closed && timer === undefined) next(probe, Math.min(settings.interval, FIRST))
      },
      close() {
        closed = true
        clearTimeout(timer)
      },
    }
  })

/** Seconds. */
const FIRST = 0.05
const RECHECK = 0.5

const UNKNOWN = 'unknown'

const problemOf = async (
  probe: Probe,
  target: Target,
  { path, timeout, status: expected }: Settings,
): Promise<string | undefined> => {
  try {
    const status = await probe(target, path, timeout)
    const fits = expected === undefined ? status >= 200 && status < 400 : status === expected
    return fits ? undefined : `status ${status}`
  } catch (error) {
    // That we have no more files says nothing of the target.
    if (error instanceof Error && 'code' in error && isExhausted(String(error.code))) return UNKNOWN
    return describeError(error)
  }
}

/** A tenth more or less, so that those who start together do not ask together for ever. */
const jittered = (seconds: number): number => seconds * (0.9 + (performance.now() % 1) * 0.2)
