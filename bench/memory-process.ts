import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../src/clock.ts'
import { openStores } from '../src/store/open.ts'
import type { Write } from '../src/store/store.ts'
import { account, recordingLog, storeConfig } from '../test/support/stores.ts'
import { type Aim, verdict } from './aim.ts'

// What a cached access token weighs: as many tokens as `COUNT`, each under a grant and a subject of its own, are written to
// SQLite; then a second opening of the same store, with nothing in memory, is asked for each. Prints bytes of heap a token.

const COUNT = 20_000
const AIM: Aim = { sign: '<=', wanted: 600 }
const folder = mkdtempSync(join(tmpdir(), 'portcullis-memory-'))
const base = storeConfig({
  store: { kind: 'sqlite', file: join(folder, 'store.db') },
  secret: [randomBytes(32).toString('base64url')],
  accounts: Array.from({ length: COUNT }, (_, at) => account(`person-${at}`)),
})
const config = { ...base, limits: { ...base.limits, cachedTokens: COUNT } }
const { log } = recordingLog()
const deps = { clock: systemClock, log }

const values: Buffer[] = []
const now = systemClock()
const writing = await openStores(config, deps)
for (let done = 0; done < COUNT; done += 500) {
  const writes: Write[] = []
  for (let count = 0; count < 500; count += 1) {
    const sub = `person-${done + count}`
    const grant = writing.grants.begin({
      ...{ client_id: 'web', sub, scope: ['orders.read', 'orders.write'], resource: [] },
      ...{ auth_time: now, created: now, expires: now + 86_400 },
    })
    const { client_id, scope } = grant
    const { value, write } = writing.tokens.mint({
      ...{ grant_id: grant.id, client_id, sub, scope, aud: [], iat: now, exp: now + 3600 },
    })
    values.push(Buffer.from(value))
    writes.push(writing.grants.write(grant), write)
  }
  await writing.store.batch(writes)
}
await writing.close()

const collect = (): number => {
  for (let turn = 0; turn < 4; turn += 1) globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const reading = await openStores(config, deps)
await reading.tokens.find(values[0]?.toString() ?? '')
const before = collect()
for (const value of values) {
  const found = await reading.tokens.find(value.toString())
  if (typeof found === 'string') throw new Error(`a token is ${found}`)
}
const { size } = reading.tokens.stats()
const bytes = Math.round((collect() - before) / size)
console.log(`memory of a cached token, of ${size}: ${bytes} bytes  ${verdict(bytes, AIM)}`)
await reading.close()
rmSync(folder, { recursive: true, force: true })
