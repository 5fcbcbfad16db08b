import type { Metrics } from './metrics.ts'

/** What stays open: WebSockets and event streams. `http`: other answers, which are counted only when they were cut. */
export type StreamKind = 'websocket' | 'sse' | 'http'

export type StreamReason = (typeof REASONS)[number]

/**
 * `client`, `upstream`: who left first, in order; `cut`: the upstream broke off; `idle`, `lifetime`: a limit; `token`: it was
 * revoked, or its grant, client or person ended; `expired`: the token did; `stopping`: we go.
 */
const REASONS = [
  'client',
  'upstream',
  'cut',
  'idle',
  'lifetime',
  'token',
  'expired',
  'stopping',
  'failed',
] as const

/** Counts of streams, over all configurations that were in force. */
export type StreamCounts = {
  opened(kind: StreamKind): void
  /** Of one that was opened; of kind `http`: of one that was not. */
  ended(kind: StreamKind, reason: StreamReason): void
  open(): readonly StreamCount[]
  /** Since the start. */
  over(): readonly StreamCount[]
}

/** Exports the counts. The labels are the words above. */
export const exportStreams = (metrics: Metrics, counts: StreamCounts): void => {
  metrics.series(
    'portcullis_streams',
    'WebSockets and event streams that are open',
    'gauge',
    counts.open,
  )
  metrics.series(
    'portcullis_streams_ended_total',
    'WebSockets and event streams that ended, and other responses that were cut (http), by reason',
    'counter',
    counts.over,
  )
}

type StreamCount = {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export const createStreamCounts = (): StreamCounts => {
  const open = new Map<StreamKind, number>([
    ['websocket', 0],
    ['sse', 0],
  ])
  const over = new Map<string, StreamCount>()
  const add = (kind: StreamKind, step: number) => {
    const count = open.get(kind)
    if (count !== undefined) open.set(kind, count + step)
  }
  return {
    opened: (kind) => add(kind, 1),
    ended(kind, reason) {
      add(kind, -1)
      const key = `${kind} ${reason}`
      over.set(key, { labels: { kind, reason }, value: (over.get(key)?.value ?? 0) + 1 })
    },
    open: () => [...open].map(([kind, value]) => ({ labels: { kind }, value })),
    over: () => [...over.values()],
  }
}
