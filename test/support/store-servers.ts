import { postgresProgram, startPostgres } from './postgres-server.ts'
import { redisProgram, startRedis } from './redis-server.ts'
import type { StoreServer } from './server-process.ts'

type ServerKind = {
  readonly kind: StoreServer['kind']
  /** Not installed here: its tests are skipped, but in CI they fail. */
  readonly absent: boolean
  start(settings?: readonly string[]): Promise<StoreServer>
  /** Settings under which what it acknowledged survives a `kill -9` of the server itself. */
  readonly durable: readonly string[]
}

const kindOf = (
  kind: StoreServer['kind'],
  program: string | undefined,
  start: ServerKind['start'],
  durable: readonly string[] = [],
): ServerKind => {
  const absent = program === undefined && process.env.CI === undefined
  if (absent) console.info(`tests on ${kind} are skipped: its server is not installed`)
  return { kind, absent, start, durable }
}

export const redis = kindOf('redis', redisProgram, startRedis, [
  // With `everysec` a write waits up to two seconds for a sync that is going on, in memory that is lost.
  '--appendfsync',
  'always',
])
export const postgres = kindOf('postgres', postgresProgram, startPostgres)
export const serverKinds: readonly ServerKind[] = [redis, postgres]
