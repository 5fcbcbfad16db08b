import type { Registry } from 'prom-client'
import type { Exchange } from './exchange.ts'

type Labels = Readonly<Record<string, string>>

/**
 * Counters of the process. Counting is a few additions on plain objects; prom-client, which is loaded at the first scrape,
 * turns them into the Prometheus text format.
 */
export type Metrics = {
  exchange(exchange: Exchange): void
  /** Adds one to `portcullis_events_total{event}`. */
  event(name: string): void
  /** A value that is read when it is asked for. */
  gauge(name: string, help: string, read: () => number): void
  /** A counter kept elsewhere, read when it is asked for. */
  counter(name: string, help: string, read: () => number): void
  exposition(): Promise<{ readonly contentType: string; readonly text: string }>
}

/** Upper bounds of the duration buckets, in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export const createMetrics = (): Metrics => {
  const requests = new Map<string, { labels: Labels; count: number }>()
  const durations = new Map<string, Histogram>()
  const events = new Map<string, number>()
  const read: Reading[] = []
  let registry: Promise<Registry> | undefined

  return {
    exchange(exchange) {
      const route = exchange.route ?? NO_ROUTE
      const status = statusClass(exchange.status)
      const key = `${route} ${status}`
      const counted = requests.get(key)
      if (counted) counted.count += 1
      else requests.set(key, { labels: { route, status }, count: 1 })
      if (!exchange.upgraded) observe(durations, route, exchange.seconds)
    },
    event(name) {
      events.set(name, (events.get(name) ?? 0) + 1)
    },
    gauge: (name, help, value) => void read.push({ name, help, type: 'gauge', value }),
    counter: (name, help, value) => void read.push({ name, help, type: 'counter', value }),
    async exposition() {
      registry ??= expose({ requests, durations, events, read })
      const known = await registry
      return { contentType: known.contentType, text: await known.metrics() }
    },
  }
}

/** The route label of what is not forwarded: our own endpoints, pages and 404s. */
const NO_ROUTE = '-'

const statusClass = (status: number): string =>
  status === 0 ? 'aborted' : status === 503 ? '503' : `${Math.trunc(status / 100)}xx`

type Reading = {
  readonly name: string
  readonly help: string
  readonly type: 'gauge' | 'counter'
  readonly value: () => number
}

type Histogram = { readonly buckets: number[]; sum: number; count: number }

const observe = (durations: Map<string, Histogram>, route: string, seconds: number): void => {
  let histogram = durations.get(route)
  if (!histogram) {
    histogram = { buckets: BUCKETS.map(() => 0), sum: 0, count: 0 }
    durations.set(route, histogram)
  }
  histogram.sum += seconds
  histogram.count += 1
  const index = BUCKETS.findIndex((bound) => seconds <= bound)
  if (index >= 0) histogram.buckets[index] = (histogram.buckets[index] ?? 0) + 1
}

type Counted = {
  readonly requests: Map<string, { labels: Labels; count: number }>
  readonly durations: Map<string, Histogram>
  readonly events: Map<string, number>
  readonly read: readonly Reading[]
}

const expose = async (counted: Counted): Promise<Registry> => {
  const { Registry, collectDefaultMetrics, Counter, Gauge } = await import('prom-client')
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  new Counter({
    name: 'portcullis_requests_total',
    help: 'Requests by route and class of status (503 apart; aborted: the client left first)',
    labelNames: ['route', 'status'],
    registers,
    collect() {
      this.reset()
      for (const { labels, count } of counted.requests.values()) this.inc({ ...labels }, count)
    },
  })
  new Counter({
    name: 'portcullis_events_total',
    help: 'Audit events and failures by name',
    labelNames: ['event'],
    registers,
    collect() {
      this.reset()
      for (const [event, count] of counted.events) this.inc({ event }, count)
    },
  })
  // prom-client cannot take a histogram that was counted elsewhere: it is written in the registry's own format.
  registry.registerMetric(durationMetric(counted.durations))
  for (const { name, help, type, value } of counted.read) {
    if (type === 'gauge')
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value())
        },
      })
    else
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset()
          this.inc(value())
        },
      })
  }
  return registry
}

const durationMetric = (durations: Map<string, Histogram>) => {
  const name = 'portcullis_request_seconds'
  const metric = {
    name,
    help: 'Seconds from the request head to the end of the answer, by route; WebSockets apart',
    type: 'histogram',
    aggregator: 'sum',
    get: async () => ({
      ...metric,
      values: [...durations].flatMap(([route, histogram]) =>
        histogramValues(name, route, histogram),
      ),
    }),
  }
  return metric as never
}

const histogramValues = (name: string, route: string, histogram: Histogram) => {
  let below = 0
  const buckets = BUCKETS.map((le, index) => {
    below += histogram.buckets[index] ?? 0
    return { metricName: `${name}_bucket`, labels: { le, route }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { le: '+Inf', route }, value: histogram.count },
    { metricName: `${name}_sum`, labels: { route }, value: histogram.sum },
    { metricName: `${name}_count`, labels: { route }, value: histogram.count },
  ]
}
