import type { Answering } from '../admin-answer.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

/** What a running gateway tells anyone who reaches its admin listener. */
export type RunningGateway = {
  readonly origin: string
  /** `ready`, `draining`, `store unreachable` */
  readonly status: string
  /** Of the configuration file, since the one in force. */
  readonly problems: readonly string[]
  /** Seconds that its clock is ahead of ours, to within `uncertainty`. */
  readonly ahead: { readonly seconds: number; readonly uncertainty: number } | undefined
  /** The value of a metric, and its labels. */
  metric(name: string): { readonly value: number; readonly labels: string } | undefined
}

/** Undefined: nobody answers there as a gateway does. */
export const findGateway = async (
  origin: URL,
  answer: Answering,
): Promise<RunningGateway | undefined> => {
  const asked = Date.now()
  const answers = Promise.all(
    ['/readyz', '/metrics'].map((path) => answer(new URL(path, origin), {}, BOUNDS)),
  )
  const [ready, metrics] = await answers.catch(() => [])
  const body = ready && jsonOf(ready.body)
  if (ready === undefined || typeof body?.status !== 'string') return undefined
  const { configuration } = body
  return {
    origin: origin.origin,
    status: body.status,
    problems: Array.isArray(configuration) ? configuration.map(String) : [],
    ahead: aheadOf(ready.headers.get('date'), asked, Date.now()),
    metric: (name) => metricOf(metrics?.body ?? '', name),
  }
}

const BOUNDS = { limit: 16 * 1024 * 1024, patience: 5000 }

const jsonOf = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A Date field says whole seconds: it was written at some time within that one, between the two of ours. */
const aheadOf = (date: string | null, asked: number, answered: number): RunningGateway['ahead'] => {
  const told = Date.parse(date ?? '')
  if (Number.isNaN(told)) return undefined
  const seconds = (told + 500 - (asked + answered) / 2) / 1000
  return { seconds, uncertainty: 0.5 + (answered - asked) / 2000 }
}

const metricOf = (text: string, name: string): ReturnType<RunningGateway['metric']> => {
  const [, labels = '', value] =
    new RegExp(`^${name}(?:\\{([^}]*)\\})? (\\S+)`, 'm').exec(text) ?? []
  return value === undefined ? undefined : { value: Number(value), labels }
}

/** Whether it runs, and what it says of itself. */
export const examineGateway = (
  gateway: RunningGateway | undefined,
  origin: string,
): readonly Finding[] => {
  if (gateway === undefined)
    return [
      warning(
        'gateway',
        `no gateway answers at ${origin}: what only a running one can tell is left out`,
        'Start it, or name its admin listener with --admin URL.',
      ),
    ]
  const state =
    gateway.status === 'ready'
      ? ok('gateway', `it runs, and is ready (${origin})`)
      : problem('gateway', `it runs, and is not ready: ${gateway.status}`, HOW_READY)
  const refused = gateway.problems.map((text) =>
    problem(
      'gateway.configuration',
      `the file has changed since, and is not in force: ${text}`,
      'Mend the file: it is read again as soon as it is written.',
    ),
  )
  return [state, ...refused]
}

const HOW_READY =
  'See its log for store.unavailable and store.file; draining ends with the process.'
