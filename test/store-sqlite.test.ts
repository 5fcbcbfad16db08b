import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { type SqliteDeps, sqliteStore } from '../src/store/sqlite.ts'
import { MISSED, type Store, StoreRefused, StoreUnavailable } from '../src/store/store.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { until } from './support/portcullis.ts'
import {
  movableClock,
  recordingLog,
  type StoreProcess,
  startStoreProcess,
  temporaryFolder,
} from './support/stores.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const inFolder = (): string => {
  const folder = temporaryFolder()
  closers.push(folder.remove)
  return join(folder.path, 'store.db')
}

const open = (file: string, deps: Partial<SqliteDeps> = {}): Store => {
  const store = sqliteStore(file, { clock: systemClock, log: silentLog, ...deps })
  closers.push(() => store.close())
  return store
}

const startProcess = async (file: string): Promise<StoreProcess> => {
  const started = await startStoreProcess(file)
  closers.push(() => started.kill())
  return started
}

const inAMinute = () => Date.now() + 60_000

const refusalOf = (file: string): StoreRefused => {
  try {
    sqliteStore(file, { clock: systemClock, log: silentLog })
  } catch (error) {
    if (error instanceof StoreRefused) return error
    throw error
  }
  throw new Error('it was not refused')
}

/** A sound store with a few hundred rows, closed. */
const filled = async (file: string): Promise<void> => {
  const store = sqliteStore(file, { clock: systemClock, log: silentLog })
  const rows = Array.from({ length: 300 }, (_, i) => ({
    ...{ key: `key ${i}`, value: 'v'.repeat(300), expires: inAMinute() },
  }))
  await store.setMany(rows)
  await store.close()
}

describe('R-27 a file that we will not start on is refused, says what to do, and is left alone', () => {
  it.each<[string, (file: string) => unknown, RegExp]>([
    ['is text', (file) => writeFileSync(file, 'not a database'.repeat(99)), /not an SQLite data/],
    ['is empty', (file) => writeFileSync(file, ''), /not an SQLite database/],
    ['is a folder', (file) => mkdirSync(file), /not an SQLite database/],
    [
      'is the database of another program',
      (file) => new DatabaseSync(file).exec('CREATE TABLE t (a)'),
      /another program/,
    ],
    [
      'was written by a newer version',
      async (file) => {
        await filled(file)
        new DatabaseSync(file).exec('PRAGMA user_version = 99')
      },
      /newer version \(schema 99/,
    ],
    [
      'was overwritten in the middle',
      async (file) => {
        await filled(file)
        overwrite(file, 0xff, 8192, statSync(file).size - 8192)
      },
      /damaged/,
    ],
    [
      'was cut off',
      async (file) => {
        await filled(file)
        writeFileSync(file, readFileSync(file).subarray(0, 9000))
      },
      /damaged/,
    ],
    [
      'is gone, while its log is not',
      async (file) => {
        await filled(file)
        renameSync(file, `${file}-wal`)
      },
      /its log .* is still there/,
    ],
  ])('%s', async (_what, damage, words) => {
    const file = inFolder()
    await damage(file)
    const before = snapshot(file)
    const refusal = refusalOf(file)
    expect(refusal.message).toMatch(words)
    expect(refusal.message).toContain(file)
    expect(refusal.remedy).toMatch(/^[A-Z].*\.$/)
    expect(snapshot(file)).toEqual(before)
  })

  it('a folder that cannot be written', () => {
    const file = inFolder()
    writeFileSync(file, 'a file where a folder should be')
    const refusal = refusalOf(join(file, 'store.db'))
    expect(refusal.message).toContain('cannot be opened for writing')
    expect(refusal.remedy).toContain('folder')
  })
})

describe('the file', () => {
  it('A24 is its owner’s alone, and so is the folder that we make', async () => {
    const file = join(inFolder(), 'deep', 'store.db')
    const store = open(file)
    await store.set('a', '1', inAMinute())
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(`${file}-wal`).mode & 0o777).toBe(0o600)
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700)
    await store.close()
    expect(readdirSync(join(file, '..'))).toEqual(['store.db'])
  })

  it('keeps a folder as it was found', () => {
    const file = inFolder()
    chmodSync(join(file, '..'), 0o755)
    open(file)
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o755)
  })

  it('P3 what was written is there at the next start', async () => {
    const file = inFolder()
    const first = open(file)
    await first.batch([{ op: 'set', key: 'a', value: '1', expires: inAMinute(), indexes: ['x'] }])
    await first.close()
    const second = open(file)
    expect(await second.get('a')).toBe('1')
    expect((await second.list('x')).rows).toMatchObject([{ key: 'a', value: '1' }])
  })

  it('P3 moved away while we run: nothing more is acknowledged, until it is back', async () => {
    const file = inFolder()
    const { log, logged } = recordingLog()
    const store = open(file, { log })
    await store.set('a', '1', inAMinute())
    renameSync(file, `${file}.moved`)
    await until(() => logged.some(({ event }) => event === 'store.file'))
    await expect(store.set('a', '2', inAMinute())).rejects.toThrow(StoreUnavailable)
    await expect(store.get('a')).rejects.toThrow(StoreUnavailable)
    await until(() => !store.channel.healthy())
    renameSync(`${file}.moved`, file)
    await until(() => store.channel.healthy())
    expect(await store.get('a')).toBe('1')
  })

  it('R-27 damaged while we run: the channel is not healthy, and one line of the log says why', async () => {
    const file = inFolder()
    const { log, logged } = recordingLog()
    const store = open(file, { log })
    await store.set('a', '1', inAMinute())
    const foreign = new DatabaseSync(file, { timeout: 5000 })
    closers.push(() => foreign.close())
    foreign.exec('DROP TABLE beats')
    await until(() => !store.channel.healthy())
    expect(logged.filter(({ event }) => event === 'store.poll')).toHaveLength(1)
  })

  it('P8 rows that expired are purged by the thread, without being asked', async () => {
    const file = inFolder()
    const clock = movableClock()
    const store = open(file, { clock })
    await store.set('a', '1', (clock() + 5) * 1000)
    clock.move(10)
    expect(await store.purge(1000)).toBe(1)
    const rows = new DatabaseSync(file, { readOnly: true })
    closers.push(() => rows.close())
    expect(rows.prepare('SELECT count(*) AS n FROM rows').get()).toEqual({ n: 0 })
  })
})

describe('P8 counting rows', () => {
  it('goes on in parts to the last of them, wherever they end, and stops when it is told to', async () => {
    const file = inFolder()
    const store = open(file, { deadline: 10 })
    const database = new DatabaseSync(file)
    closers.push(() => database.close())
    const total = 25_003
    // Many with the same end, as what is kept for ever has.
    database.exec(`
      WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${total})
      INSERT INTO rows (key, value, expires)
        SELECT 'row:' || n, 'value', ${inAMinute()} + CASE WHEN n < 12000 THEN n ELSE 0 END FROM numbers`)
    expect(await store.rows()).toBe(total)
    let parts = 0
    const partial = await store.rows(() => {
      parts += 1
      return parts < 3
    })
    expect(partial).toBe(20_000)
    database.exec('DELETE FROM rows')
    expect(await store.rows()).toBe(0)
  }, 60_000)
})

describe('a lock that another program holds (R-27, R-21)', () => {
  it('writes fail at their deadline, reads go on, and the event loop turns all the while', async () => {
    const file = inFolder()
    const store = open(file, { deadline: 0.4 })
    await store.set('a', '1', inAMinute())
    const other = await startProcess(file)
    await other.run('lock')

    let turns = 0
    let failed = false
    const write = store.set('a', '2', inAMinute()).catch((error: unknown) => {
      failed = true
      return error
    })
    while (!failed) {
      turns += 1
      expect(await store.get('a')).toBe('1')
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await write).toBeInstanceOf(StoreUnavailable)
    // A loop that waited inside SQLite would have turned once or twice.
    expect(turns).toBeGreaterThan(100)
  })

  it('R-21 a write that was reported as failed takes no effect when the lock is gone', async () => {
    const file = inFolder()
    const store = open(file, { deadline: 0.4 })
    await store.set('a', '1', inAMinute())
    const other = await startProcess(file)
    await other.run('lock')
    const late = Array.from({ length: 20 }, (_, i) => store.set('a', `late ${i}`, inAMinute()))
    for (const result of await Promise.allSettled(late)) expect(result.status).toBe('rejected')
    await other.run('unlock')
    expect(await store.swap({ key: 'a', expected: '1', next: '2', expires: inAMinute() })).toBe(
      true,
    )
    expect(await store.get('a')).toBe('2')
  })

  it('a write waits for a lock that goes in time', async () => {
    const file = inFolder()
    const store = open(file, { deadline: 10 })
    await store.set('a', '1', inAMinute())
    const other = await startProcess(file)
    await other.run('lock')
    let done = false
    const write = store.set('a', '2', inAMinute()).finally(() => {
      done = true
    })
    for (let read = 0; read < 50; read += 1) expect(await store.get('a')).toBe('1')
    expect(done).toBe(false)
    await other.run('unlock')
    expect(await write).toBe(true)
  })

  it('P4 the channel is known to be unhealthy, and to be well again', async () => {
    const file = inFolder()
    const store = open(file)
    expect(store.channel.healthy()).toBe(true)
    const other = await startProcess(file)
    await other.run('lock')
    await until(() => !store.channel.healthy())
    await other.run('unlock')
    await until(() => store.channel.healthy())
  })

  it('R-21 what waits is bounded', async () => {
    const file = inFolder()
    const store = open(file, { deadline: 5 })
    await store.set('a', '1', inAMinute())
    const other = await startProcess(file)
    await other.run('lock')
    const writes = Array.from({ length: 10_100 }, () => store.publish('m'))
    // Heard at once: heartbeats wait in the same queue, so that one more may be refused.
    const settled = Promise.allSettled(writes)
    const refused = writes.slice(10_000)
    for (const result of await Promise.allSettled(refused)) expect(result.status).toBe('rejected')
    await other.run('unlock')
    await settled
    expect(await store.get('a')).toBe('1')
  })
})

describe('writing', () => {
  it('many writes at once share few commits', async () => {
    const file = inFolder()
    const store = open(file, { deadline: 10 })
    await store.set('a', '1', inAMinute())
    const before = commits(`${file}-wal`)
    await Promise.all(Array.from({ length: 200 }, (_, i) => store.set(`k${i}`, 'v', inAMinute())))
    expect(commits(`${file}-wal`) - before).toBeLessThan(50)
  })

  it('R-27 a full disk: writes fail, what was acknowledged stays, and there is life afterwards', async () => {
    const file = inFolder()
    const store = open(file, { maximumPages: 60, deadline: 10 })
    const value = 'v'.repeat(2000)
    const acknowledged: string[] = []
    let failure: unknown
    for (let i = 0; failure === undefined && i < 1000; i += 1) {
      await store.set(`k${i}`, value, inAMinute()).then(
        () => acknowledged.push(`k${i}`),
        (error: unknown) => {
          failure = error
        },
      )
    }
    expect(failure).toBeInstanceOf(StoreUnavailable)
    expect(acknowledged.length).toBeGreaterThan(10)
    expect(new Set(await store.getMany(acknowledged))).toEqual(new Set([value]))
    expect(await store.deleteMany(acknowledged.slice(0, 10))).toEqual(Array(10).fill(true))
    expect(await store.set('again', value, inAMinute())).toBe(true)
  })

  it('a write that cannot be done does not spoil those that share its commit', async () => {
    const file = inFolder()
    const store = open(file, { maximumPages: 60, deadline: 10 })
    await store.set('a', '1', inAMinute())
    const small = (name: string) =>
      Array.from({ length: 50 }, (_, i) => store.set(`${name} ${i}`, '1', inAMinute()))
    const before = small('before')
    const large = store.set('large', 'v'.repeat(1_000_000), inAMinute())
    const after = small('after')
    await expect(large).rejects.toThrow(StoreUnavailable)
    expect(new Set(await Promise.all([...before, ...after]))).toEqual(new Set([true]))
    expect(await store.get('after 49')).toBe('1')
    expect(await store.get('large')).toBeUndefined()
  })

  it('closing lets what is queued finish', async () => {
    const file = inFolder()
    const store = open(file, { deadline: 10 })
    const writes = Array.from({ length: 500 }, (_, i) => store.set(`k${i}`, 'v', inAMinute()))
    await store.close()
    expect(new Set(await Promise.all(writes))).toEqual(new Set([true]))
    const again = open(file)
    expect(await again.hasMany(writes.map((_, i) => `k${i}`))).not.toContain(false)
  })
})

describe('messages', () => {
  it('P4 those that can no longer be read are told of', async () => {
    const file = inFolder()
    const store = open(file)
    const told: string[] = []
    store.subscribe((message) => told.push(message))
    await store.publish('first')
    const other = new DatabaseSync(file)
    closers.push(() => other.close())
    other.exec(`
      BEGIN IMMEDIATE;
      INSERT INTO events (message, at) VALUES ('lost', 0), ('also lost', 0), ('third', 0);
      DELETE FROM events WHERE message LIKE '%lost';
      COMMIT`)
    await until(() => told.includes('third'))
    expect(told).toEqual(['first', MISSED, 'third'])
  })

  it('P4 a process that was stopped hears what was said in the meantime', async () => {
    const file = inFolder()
    const store = open(file)
    const other = await startProcess(file)
    await other.run('listen')
    other.child.kill('SIGSTOP')
    await store.publish('while it slept')
    other.child.kill('SIGCONT')
    await until(() => other.said.includes('while it slept'))
  })
})

describe('P3 R-29 kill -9 in the midst of writing', () => {
  it('20 times: every write that was acknowledged is there, none of them by half', async () => {
    const file = inFolder()
    for (let round = 0; round < 20; round += 1) {
      const writer = await startProcess(file)
      await writer.run('write', { round, callers: 8 })
      const enough = 20 + Math.floor(Math.random() * 100)
      await until(() => writer.said.length >= enough)
      await writer.kill()
      const store = sqliteStore(file, { clock: systemClock, log: silentLog })
      const acknowledged = writer.said.map(String)
      expect(await store.getMany(acknowledged)).toEqual(acknowledged)
      await store.close()
    }
    const store = open(file, { deadline: 10 })
    let cursor: string | undefined
    do {
      const page = await store.list('all', { limit: 1000, ...(cursor && { cursor }) })
      const twins = page.rows.map(({ key }) => key.slice(0, -'-too'.length))
      expect(await store.hasMany(twins)).not.toContain(false)
      cursor = page.cursor
    } while (cursor !== undefined)
  }, 120_000)
})

const overwrite = (file: string, byte: number, from: number, length: number): void => {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, Buffer.alloc(length, byte), 0, length, from)
  closeSync(descriptor)
}

/** What is in the folder: a refusal must change none of it. */
const snapshot = (file: string) => {
  const folder = join(file, '..')
  const seen = readdirSync(folder).filter((name) => !name.endsWith('-shm'))
  return seen.map((name) => {
    const path = join(folder, name)
    return [name, statSync(path).isFile() ? readFileSync(path).toString('latin1') : 'a folder']
  })
}

// https://www.sqlite.org/fileformat2.html §4.1: the frame that ends a transaction carries the size of the database.
const commits = (wal: string): number => {
  const bytes = readFileSync(wal)
  let count = 0
  for (let frame = 32; frame + 24 <= bytes.length; frame += 24 + 4096) {
    if (bytes.readUInt32BE(frame + 4) !== 0) count += 1
  }
  return count
}
