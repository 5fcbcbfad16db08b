import type { Clock } from '../clock.ts'
import type { StoreLocation } from '../config/store-location.ts'
import type { Log } from '../telemetry/log.ts'
import { memoryStore } from './memory.ts'
import type { Store } from './store.ts'

/** `deadline`: seconds after which a call rejects. */
type OpenDeps = { readonly clock: Clock; readonly log: Log; readonly deadline?: number }

/** The store at a place. A driver is loaded where it is needed. Throws StoreRefused when we will not start on it. */
export const openStore = async (location: StoreLocation, deps: OpenDeps): Promise<Store> => {
  switch (location.kind) {
    case 'memory':
      return memoryStore(deps)
    case 'sqlite':
      return (await import('./sqlite.ts')).sqliteStore(location.file, deps)
    case 'redis':
      return (await import('./redis.ts')).redisStore(location, deps)
    case 'postgres':
      return (await import('./postgres.ts')).postgresStore(location, deps)
  }
}
