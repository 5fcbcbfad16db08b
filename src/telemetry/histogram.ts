/** Durations counted by upper bound; filled on the hot path, read by metrics.ts. */
export type Histogram = { readonly buckets: number[]; sum: number; count: number }

/** Upper bounds of the buckets, in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export const createHistogram = (): Histogram => ({
  buckets: BUCKETS.map(() => 0),
  sum: 0,
  count: 0,
})

export const observeSeconds = (histogram: Histogram, seconds: number): void => {
  histogram.sum += seconds
  histogram.count += 1
  for (let at = 0; at < BUCKETS.length; at++) {
    if (seconds > (BUCKETS[at] ?? 0)) continue
    histogram.buckets[at] = (histogram.buckets[at] ?? 0) + 1
    return
  }
}

/** In the format of prom-client's registry. */
export const histogramValues = (
  name: string,
  labels: Readonly<Record<string, string>>,
  histogram: Histogram,
) => {
  let below = 0
  const buckets = BUCKETS.map((le, index) => {
    below += histogram.buckets[index] ?? 0
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: histogram.count },
    { metricName: `${name}_sum`, labels, value: histogram.sum },
    { metricName: `${name}_count`, labels, value: histogram.count },
  ]
}
