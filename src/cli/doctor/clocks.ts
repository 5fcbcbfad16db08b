import { existsSync } from 'node:fs'
import type { Config } from '../../config/config.ts'
import { inspectFile } from '../../store/sqlite-inspection.ts'
import { type Finding, ok, problem, warning } from './finding.ts'
import type { RunningGateway } from './running-gateway.ts'

/** Whether the clocks of this machine, of the gateway and of the store agree, and go forward. */
export const examineClocks = (
  { store }: Pick<Config, 'store'>,
  gateway: RunningGateway | undefined,
  now: number,
): readonly Finding[] => [
  ...(gateway?.ahead ? [ofGateway(gateway.ahead)] : []),
  ...(store.kind === 'sqlite' && existsSync(store.file) ? ofStore(store.file, now) : []),
  steadiness(),
]

const ofGateway = ({ seconds, uncertainty }: NonNullable<RunningGateway['ahead']>): Finding =>
  compared('clock.gateway', 'the gateway’s clock', seconds, uncertainty)

/** A clock that is so many seconds ahead of this machine's, as far as that can be known. */
export const compared = (
  check: string,
  whose: string,
  seconds: number,
  uncertainty = 0,
): Finding => {
  const off = Math.max(0, Math.abs(seconds) - uncertainty)
  if (off < TOLERABLE) return ok(check, `${whose} and this machine’s agree`)
  const message = `${whose} is ${off.toFixed(1)} s ${seconds > 0 ? 'ahead of' : 'behind'} this machine’s`
  return (off < GRAVE ? warning : problem)(check, message, SYNCHRONISE)
}

/** Each process on the file leaves its time there four times a second. */
const ofStore = (file: string, now: number): readonly Finding[] => {
  const { lastBeat } = inspectFile(file)
  if (lastBeat === undefined) return []
  const ahead = lastBeat - now
  if (ahead < TOLERABLE) return [ok('clock.store', 'nothing in the store is of the future')]
  return [
    problem(
      'clock.store',
      `the store was written to ${ahead.toFixed(1)} s from now: the clock went back since, or another one writes`,
      SYNCHRONISE,
    ),
  ]
}

/** The clock of the wall against one that cannot be set, since this program started. */
const steadiness = (): Finding => {
  const drift = (Date.now() - performance.timeOrigin - performance.now()) / 1000
  return Math.abs(drift) < JUMP
    ? ok('clock.steady', 'the clock does not jump')
    : problem('clock.steady', `the clock jumped by ${drift.toFixed(1)} s just now`, SYNCHRONISE)
}

/** Seconds. */
const TOLERABLE = 2
const GRAVE = 30
const JUMP = 0.5

const SYNCHRONISE =
  'Let NTP set the clock on every machine (chrony, systemd-timesyncd), slowly: lifetimes are reckoned by it.'
