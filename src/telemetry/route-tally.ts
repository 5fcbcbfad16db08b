import { createHistogram, type Histogram } from './histogram.ts'
import type { Metrics } from './metrics.ts'

/** What is counted of the routes of one path. Written on the hot path: plain additions. */
export type RouteTally = {
  /** The path as configured. */
  readonly route: string
  inFlight: number
  /** Of these WebSockets and event streams. */
  streams: number
  /** From the head of a request to the head of the upstream's answer. */
  readonly firstByte: Histogram
}

/** The tallies of all routes; those that a new configuration names, too, go on. */
export type RouteTallies = {
  of(route: string): RouteTally
  all(): Iterable<RouteTally>
  /** Forgets the others. */
  keep(routes: ReadonlySet<string>): void
}

export const createRouteTallies = (): RouteTallies => {
  const tallies = new Map<string, RouteTally>()
  return {
    of(route) {
      const known = tallies.get(route)
      if (known !== undefined) return known
      const tally: RouteTally = { route, inFlight: 0, streams: 0, firstByte: createHistogram() }
      tallies.set(route, tally)
      return tally
    },
    all: () => tallies.values(),
    keep(routes) {
      for (const route of tallies.keys()) if (!routes.has(route)) tallies.delete(route)
    },
  }
}

/** Exports the tallies. The labels are the paths of the configuration. */
export const exportRoutes = (metrics: Metrics, tallies: RouteTallies): void => {
  const each = (value: (tally: RouteTally) => number) => () =>
    Array.from(tallies.all(), (tally) => ({
      labels: { route: tally.route },
      value: value(tally),
    }))
  metrics.series(
    'portcullis_route_in_flight',
    'Requests and WebSockets that a route has now',
    'gauge',
    each(({ inFlight }) => inFlight),
  )
  metrics.series(
    'portcullis_route_streams',
    'Of these WebSockets and event streams that are open',
    'gauge',
    each(({ streams }) => streams),
  )
  metrics.histogram(
    'portcullis_route_first_byte_seconds',
    'Seconds from the head of a request to the head of its answer from the upstream',
    () =>
      Array.from(tallies.all(), ({ route, firstByte }) => ({
        labels: { route },
        histogram: firstByte,
      })),
  )
}
