import type { Registry } from 'prom-client'
import type { Exchange } from './exchange.ts'
import { createHistogram, type Histogram, histogramValues, observeSeconds } from './histogram.ts'
import { statusClass } from './upstream-tally.ts'

type Labels = Readonly<Record<string, string>>

/**
 * Counters of the process. Counting is a few additions on plain objects; prom-client, which is loaded at the first scrape,
 * turns them into the Prometheus text format.
 */
export type Metrics = {
  exchange(exchange: Exchange): void
  /** Adds one to `portcullis_events_total{event}`. */
  event(name: string): void
  /** A value that is read when it is asked for. `over` says what several processes have together. */
  gauge(name: string, help: string, read: () => number, over?: Over): void
  /** A counter kept elsewhere, read when it is asked for. */
  counter(name: string, help: string, read: () => number): void
  /** The same with labels, of which there must be a bounded number. */
  series(
    name: string,
    help: string,
    type: Reading['type'],
    read: () => readonly Labelled[],
    over?: Over,
  ): void
  histogram(name: string, help: string, read: () => readonly LabelledHistogram[]): void
  /** All of it as data, to be put together with that of other processes. */
  snapshot(): Promise<Snapshot>
  exposition(): Promise<Exposition>
}

/** In the format of prom-client; what comes from another process is passed on as it is. */
export type Snapshot = readonly object[]

type Exposition = { readonly contentType: string; readonly text: string }
type Over = 'sum' | 'min' | 'max'

/** What several processes counted, as one. */
export const mergeSnapshots = async (snapshots: readonly Snapshot[]): Promise<Snapshot> =>
  (await merged(snapshots)).getMetricsAsJSON()

export const expositionOf = async (snapshots: readonly Snapshot[]): Promise<Exposition> => {
  const registry = await merged(snapshots)
  return { contentType: registry.contentType, text: await registry.metrics() }
}

export const createMetrics = (): Metrics => {
  const requests = new Map<string, Map<string, number>>()
  const durations = new Map<string, Histogram>()
  const refusals = new Map<string, { labels: Labels; value: number }>()
  const events = new Map<string, number>()
  const read: Reading[] = [
    {
      name: 'portcullis_refusals_total',
      help: 'Requests that were refused here, by route and the word of the access log',
      type: 'counter',
      value: () => [...refusals.values()],
    },
  ]
  const histograms: HistogramReading[] = [
    {
      name: 'portcullis_request_seconds',
      help: 'Seconds from the request head to the end of the answer, by route; WebSockets apart',
      value: () =>
        Array.from(durations, ([route, histogram]) => ({ labels: { route }, histogram })),
    },
  ]
  let registry: Promise<Registry> | undefined
  const load = () => {
    registry ??= expose({ requests, histograms, events, read })
    return registry
  }

  return {
    exchange(exchange) {
      const route = exchange.route ?? NO_ROUTE
      count(requests, route, classOf(exchange.status))
      if (exchange.refusal !== undefined) {
        const reason = exchange.refusal
        const refused = refusals.get(`${route} ${reason}`)
        if (refused) refused.value += 1
        else refusals.set(`${route} ${reason}`, { labels: { route, reason }, value: 1 })
      }
      if (!exchange.upgraded) observe(durations, route, exchange.seconds)
    },
    event(name) {
      events.set(name, (events.get(name) ?? 0) + 1)
    },
    gauge: (name, help, value, over) =>
      void read.push({
        ...{ name, help, over },
        type: 'gauge',
        value: () => [{ labels: {}, value: value() }],
      }),
    counter: (name, help, value) =>
      void read.push({
        name,
        help,
        type: 'counter',
        value: () => [{ labels: {}, value: value() }],
      }),
    series: (name, help, type, value, over) => void read.push({ name, help, type, value, over }),
    histogram: (name, help, value) => void histograms.push({ name, help, value }),
    snapshot: async () => (await load()).getMetricsAsJSON(),
    async exposition() {
      const known = await load()
      return { contentType: known.contentType, text: await known.metrics() }
    },
  }
}

const merged = async (snapshots: readonly Snapshot[]): Promise<Registry> => {
  const { AggregatorRegistry } = await import('prom-client')
  return AggregatorRegistry.aggregate([...snapshots])
}

/** The route label of what is not forwarded: our own endpoints, pages and 404s. */
const NO_ROUTE = '-'

const classOf = (status: number): string =>
  status === 0 ? 'aborted' : status === 503 ? '503' : statusClass(status)

type Labelled = { readonly labels: Labels; readonly value: number }
type LabelledHistogram = { readonly labels: Labels; readonly histogram: Histogram }

type Reading = {
  readonly name: string
  readonly help: string
  readonly type: 'gauge' | 'counter'
  readonly value: () => readonly Labelled[]
  readonly over?: Over | undefined
}

type HistogramReading = {
  readonly name: string
  readonly help: string
  readonly value: () => readonly LabelledHistogram[]
}

const count = (requests: Map<string, Map<string, number>>, route: string, status: string): void => {
  const statuses = requests.get(route)
  if (statuses === undefined) requests.set(route, new Map([[status, 1]]))
  else statuses.set(status, (statuses.get(status) ?? 0) + 1)
}

const observe = (durations: Map<string, Histogram>, route: string, seconds: number): void => {
  let histogram = durations.get(route)
  if (!histogram) {
    histogram = createHistogram()
    durations.set(route, histogram)
  }
  observeSeconds(histogram, seconds)
}

type Counted = {
  /** By route, then by class of status. */
  readonly requests: ReadonlyMap<string, ReadonlyMap<string, number>>
  readonly histograms: readonly HistogramReading[]
  readonly events: Map<string, number>
  readonly read: readonly Reading[]
}

const expose = async (counted: Counted): Promise<Registry> => {
  const { Registry, collectDefaultMetrics, Counter } = await import('prom-client')
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
      for (const [route, statuses] of counted.requests)
        for (const [status, count] of statuses) this.inc({ route, status }, count)
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
  // prom-client cannot take what was counted elsewhere: it is written in the registry's own format.
  for (const reading of counted.histograms) registry.registerMetric(histogramMetric(reading))
  for (const reading of counted.read) registry.registerMetric(valueMetric(reading))
  return registry
}

const valueMetric = ({ name, help, type, value, over = 'sum' }: Reading) => {
  const metric = { name, help, type, aggregator: over }
  return { ...metric, get: async () => ({ ...metric, values: [...value()] }) } as never
}

const histogramMetric = ({ name, help, value }: HistogramReading) => {
  const metric = { name, help, type: 'histogram', aggregator: 'sum' }
  const get = async () => ({
    ...metric,
    values: value().flatMap(({ labels, histogram }) => histogramValues(name, labels, histogram)),
  })
  return { ...metric, get } as never
}
