import type { Clock } from './clock.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** How changes of the configuration went. */
export type ReloadTally = { succeeded(): void; failed(): void }

/** Exported by the names that Prometheus has for its own. */
export const createReloadTally = (metrics: Metrics, clock: Clock): ReloadTally => {
  const results = { success: 0, failure: 0 }
  let good = true
  let last = clock()
  metrics.series(
    'portcullis_config_reloads_total',
    'Changes of the configuration file that were put in force (success) or refused (failure)',
    'counter',
    () => Object.entries(results).map(([result, value]) => ({ labels: { result }, value })),
  )
  metrics.gauge(
    'portcullis_config_last_reload_successful',
    '1 while the configuration file, as it was read last, is in force',
    () => (good ? 1 : 0),
    'min',
  )
  metrics.gauge(
    'portcullis_config_last_reload_success_timestamp_seconds',
    'When the configuration that is in force was put in force',
    () => last,
    'max',
  )
  return {
    succeeded() {
      results.success += 1
      good = true
      last = clock()
    },
    failed() {
      results.failure += 1
      good = false
    },
  }
}
