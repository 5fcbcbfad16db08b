import type { Metrics } from './metrics.ts'
import type { Tallies, Tally } from './upstream-tally.ts'

/** Exports the tallies of targets. Labels are bounded by the configuration and by the words for what can go wrong. */
export const exportUpstreams = (metrics: Metrics, tallies: Tallies): void => {
  const each = (value: (tally: Tally) => number) => () =>
    Array.from(tallies.all(), (tally) => ({ labels: labelsOf(tally), value: value(tally) }))

  metrics.series(
    'portcullis_upstream_in_flight',
    'Requests and WebSockets that a target has now',
    'gauge',
    each(({ inFlight }) => inFlight),
  )
  metrics.series(
    'portcullis_upstream_up',
    '1 while a target gets requests, 0 while it is unwell or left out',
    'gauge',
    each(({ up }) => up),
    'min',
  )
  metrics.series(
    'portcullis_upstream_retries_total',
    'Requests sent again on a fresh connection, as a reused one had just been closed',
    'counter',
    each(({ retries }) => retries),
  )
  metrics.series(
    'portcullis_upstream_ejections_total',
    'Times that a target was left out for its failures',
    'counter',
    each(({ ejections }) => ejections),
  )
  metrics.series(
    'portcullis_upstream_requests_total',
    'Requests that were given to a target, by class of status or what went wrong',
    'counter',
    () =>
      Array.from(tallies.all(), (tally) =>
        Array.from(tally.outcomes, ([outcome, value]) => ({
          labels: { ...labelsOf(tally), outcome },
          value,
        })),
      ).flat(),
  )
  metrics.histogram(
    'portcullis_upstream_first_byte_seconds',
    'Seconds from setting out for a target to the head of its answer',
    () =>
      Array.from(tallies.all(), (tally) => ({
        labels: labelsOf(tally),
        histogram: tally.firstByte,
      })),
  )
}

const labelsOf = ({ upstream, target }: Tally) => ({ upstream, target })
