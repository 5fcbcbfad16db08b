import type { Clock } from '../../clock.ts'
import { type ExposedValue, readExposition } from '../../telemetry/exposition.ts'

/** How busy the gateway was in one stretch of time. */
export type Sample = {
  /** The end of the stretch, seconds since the epoch. */
  readonly at: number
  /** A second. */
  readonly requests: number
  /** Answers of 5xx, a second, the upstreams' and ours. */
  readonly failures: number
  /** Refusals and other answers of 4xx, a second. */
  readonly refusals: number
  /** Seconds that half, and 99 of 100, took at most; undefined without requests. */
  readonly median: number | undefined
  readonly p99: number | undefined
  /** Of the checks of tokens, the share that memory answered; undefined without any. */
  readonly hits: number | undefined
  /** Seconds from a revocation to its arrival, at the end of the stretch. */
  readonly lag: number
  readonly streams: number
}

/** Looks at the metrics every few seconds, and remembers an hour. */
export type Samples = {
  all(): readonly Sample[]
  /** The newest readings, of which the samples are made. */
  now(): readonly ExposedValue[]
  close(): void
}

export const createSamples = (deps: {
  readonly exposition: () => Promise<string>
  readonly clock: Clock
}): Samples => {
  let samples: readonly Sample[] = []
  let last: { readonly at: number; readonly values: readonly ExposedValue[] } | undefined
  let looking = false

  const look = async (): Promise<void> => {
    if (looking) return
    looking = true
    try {
      const values = readExposition(await deps.exposition())
      const at = deps.clock()
      if (last !== undefined && at > last.at)
        samples = [...samples.slice(1 - KEPT), sampleBetween(last, { at, values })]
      last = { at, values }
    } catch {
      // The next look may succeed; a gap is what there was to see.
    } finally {
      looking = false
    }
  }
  const timer = setInterval(look, EVERY).unref()
  void look()

  return {
    all: () => samples,
    now: () => last?.values ?? [],
    close: () => clearInterval(timer),
  }
}

type Reading = { readonly at: number; readonly values: readonly ExposedValue[] }

const sampleBetween = (before: Reading, after: Reading): Sample => {
  const seconds = after.at - before.at
  const grown = (name: string, fits?: Fits) =>
    Math.max(0, sum(after.values, name, fits) - sum(before.values, name, fits))
  const requests = grown('portcullis_requests_total')
  const buckets = grownBuckets(before.values, after.values)
  const hits = grown('portcullis_token_cache_hits_total')
  const checks = hits + grown('portcullis_token_cache_misses_total')
  return {
    at: after.at,
    requests: requests / seconds,
    failures: grown('portcullis_requests_total', isFailure) / seconds,
    refusals: grown('portcullis_requests_total', ({ status }) => status === '4xx') / seconds,
    median: quantile(buckets, 0.5),
    p99: quantile(buckets, 0.99),
    hits: checks === 0 ? undefined : hits / checks,
    lag: greatest(after.values, 'portcullis_revocation_lag_seconds'),
    streams: sum(after.values, 'portcullis_streams'),
  }
}

type Fits = (labels: ExposedValue['labels']) => boolean

const isFailure: Fits = ({ status }) => status === '5xx' || status === '503'

export const sum = (
  values: readonly ExposedValue[],
  wanted: string,
  fits: Fits = () => true,
): number =>
  values.reduce(
    (total, { name, labels, value }) => (name === wanted && fits(labels) ? total + value : total),
    0,
  )

const greatest = (values: readonly ExposedValue[], wanted: string): number =>
  values.reduce((most, { name, value }) => (name === wanted ? Math.max(most, value) : most), 0)

type Bucket = { readonly below: number; readonly count: number }

/** Cumulative counts by upper bound, of all routes. */
const grownBuckets = (
  before: readonly ExposedValue[],
  after: readonly ExposedValue[],
): readonly Bucket[] => {
  const counts = new Map<number, number>()
  for (const [values, sign] of [
    [after, 1],
    [before, -1],
  ] as const)
    for (const { name, labels, value } of values) {
      if (name !== `${SECONDS}_bucket`) continue
      const below = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le)
      counts.set(below, (counts.get(below) ?? 0) + sign * value)
    }
  return [...counts].map(([below, count]) => ({ below, count })).sort((a, b) => a.below - b.below)
}

/** As exact as the bounds of the buckets; between two of them on a straight line. */
const quantile = (buckets: readonly Bucket[], share: number): number | undefined => {
  const total = buckets.at(-1)?.count ?? 0
  if (total <= 0) return undefined
  const wanted = total * share
  const at = buckets.findIndex(({ count }) => count >= wanted)
  const [found, former] = [buckets[at], buckets[at - 1]]
  if (found === undefined) return undefined
  const [low, under] = [former?.below ?? 0, former?.count ?? 0]
  if (found.below === Number.POSITIVE_INFINITY) return low
  return low + ((found.below - low) * (wanted - under)) / Math.max(1, found.count - under)
}

const SECONDS = 'portcullis_request_seconds'
const EVERY = 5000
const KEPT = 720
