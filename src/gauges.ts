import type { Stores } from './store/open.ts'
import type { Log } from './telemetry/log.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** Exports what others count: the token cache, the push channel, the log. */
export const exportGauges = (
  metrics: Metrics,
  { tokens, store, rows, audit }: Stores,
  log: Log & { dropped?(): number },
): void => {
  metrics.gauge('portcullis_store_rows', 'Rows of the store, about, each half minute', rows)
  metrics.gauge('portcullis_cached_tokens', 'Access tokens in memory', () => tokens.stats().size)
  metrics.counter(
    'portcullis_token_cache_hits_total',
    'Checks answered from memory',
    () => tokens.stats().hits,
  )
  metrics.counter(
    'portcullis_token_cache_misses_total',
    'Checks that read the store',
    () => tokens.stats().misses,
  )
  metrics.gauge(
    'portcullis_revocation_lag_seconds',
    'From publishing to delivery of the last message',
    () => store.channel.lag(),
    'max',
  )
  metrics.gauge(
    'portcullis_channel_healthy',
    '1 while the push channel delivers',
    () => (store.channel.healthy() ? 1 : 0),
    'min',
  )
  metrics.counter(
    'portcullis_log_lines_dropped_total',
    'Log lines lost for want of a reader',
    () => log.dropped?.() ?? 0,
  )
  metrics.counter(
    'portcullis_audit_events_dropped_total',
    'Audit events that are in the log alone',
    audit.dropped,
  )
}
