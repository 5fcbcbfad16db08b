import { mergeSnapshots, type Snapshot } from './telemetry/metrics.ts'

/** What those counted who are no more: a total must not fall because one of its parts ended. */
export type Departed = {
  add(last: Snapshot): void
  snapshot(): Snapshot
}

export const createDeparted = (): Departed => {
  let total: Snapshot = []
  let adding = Promise.resolve()
  return {
    add(last) {
      adding = adding.then(async () => {
        total = await mergeSnapshots([total, last.filter(isTotal)])
      })
    },
    snapshot: () => total,
  }
}

const isTotal = (metric: object): boolean =>
  'type' in metric && (metric.type === 'counter' || metric.type === 'histogram')
