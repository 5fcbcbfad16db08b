import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { COLLECTING, filesOf, type Held, heldBy, metricOf } from './held.ts'
import { respawnPortcullis, spawnPortcullis, until } from './portcullis.ts'
import { RECOVERY, recovery } from './recovery.ts'
import type { StoreServer } from './server-process.ts'
import { createWitness, witnessed } from './witness.ts'

/** What is killed: the gateway, or the server of its store. */
export type Victim = 'gateway' | 'store'

export type Killed = {
  readonly rounds: number
  readonly acknowledged: number
  /** What did not hold any more after a round, and how the store is damaged. */
  readonly problems: readonly string[]
  readonly before: Held
  readonly after: Held
  readonly rows: number
}

/**
 * so many times, at a random moment under load, SIGKILL; then everything that was acknowledged must hold. `server`
 * undefined: SQLite.
 */
export const killUnderLoad = async (
  server: StoreServer | undefined,
  victim: Victim,
  rounds: number,
): Promise<Killed> => {
  const upstream = createServer((_, res) => res.end('an order'))
  await once(upstream.listen(0, '127.0.0.1'), 'listening')
  const address = upstream.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const store = server === undefined ? '' : `store: '${server.url('killed')}'`
  let gateway = await spawnPortcullis(`${store}${witnessed(port)}`, { env: COLLECTING })
  const witness = createWitness(gateway.origin)
  const problems: string[] = []

  const kill = async (): Promise<void> => {
    if (victim === 'store') {
      await server?.kill()
      await server?.start()
      const recovered = await recovery(gateway)
      if (recovered > RECOVERY * 1000) problems.push(`well again after ${Math.round(recovered)} ms`)
      return
    }
    const gone = once(gateway.child, 'exit')
    gateway.child.kill('SIGKILL')
    await gone
    gateway = await respawnPortcullis(gateway)
  }

  try {
    const warm = witness.begin(4)
    await until(() => witness.acknowledged() > 40, 60)
    await warm.stop()
    problems.push(...(await witness.hold()))
    const before = await heldBy(gateway)
    for (let round = 1; round <= rounds; round += 1) {
      const load = witness.begin(4)
      const enough = witness.acknowledged() + 5 + Math.floor(Math.random() * 30)
      await until(() => witness.acknowledged() >= enough, 60)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
      // What is still asked fails while nobody answers, or is answered after the start.
      const killed = kill()
      const stopped = load.stop()
      await killed
      await stopped
      for (const problem of await witness.hold()) problems.push(`round ${round}: ${problem}`)
    }
    await until(() => filesOf(gateway) <= before.files + SLACK, 20)
    const rows = await metricOf(gateway, /^portcullis_store_rows (\S+)$/m)
    const after = await heldBy(gateway)
    if (after.heap - before.heap > MOST_HEAP)
      problems.push(`heap ${before.heap} bytes before, ${after.heap} after`)
    await gateway.end()
    const damage = server === undefined ? damageOfFile(gateway.folder) : damageOf(server)
    if (damage !== '') problems.push(`the store: ${damage}`)
    return { rounds, acknowledged: witness.acknowledged(), problems, before, after, rows }
  } finally {
    await gateway.stop()
    upstream.closeAllConnections()
    upstream.close()
  }
}

/** Connections of a pool, and what looks from outside. */
const SLACK = 14

/** Bytes that the heap may have grown by: what is cached, not what every round leaves behind. */
const MOST_HEAP = 16 * 2 ** 20

const damageOfFile = (folder: string): string => {
  const database = new DatabaseSync(join(folder, 'data/portcullis.db'))
  const found = [
    ...database.prepare('PRAGMA integrity_check').all(),
    ...database.prepare('PRAGMA foreign_key_check').all(),
  ]
  database.close()
  return found.length === 1 && found[0]?.integrity_check === 'ok' ? '' : JSON.stringify(found)
}

/** Places in lists without a row, and rows without their place. */
const damageOf = (server: StoreServer): string => {
  if (server.kind === 'redis') {
    const [places, due] = ['HLEN killed:places', 'ZCARD killed:due'].map((text) => server.ask(text))
    return places === due ? '' : `${places} places, ${due} due`
  }
  const stray = server.ask(`
    SELECT (SELECT count(*) FROM killed.listed LEFT JOIN killed.rows USING (id) WHERE rows.id IS NULL)
      + (SELECT count(*) FROM killed.rows, unnest(lists) AS name
         WHERE NOT EXISTS (SELECT FROM killed.listed WHERE listed.name = name AND listed.id = rows.id))`)
  return stray === '0' ? '' : `${stray} rows and places do not fit together`
}
