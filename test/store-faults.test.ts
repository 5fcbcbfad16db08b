import { chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { openStores } from '../src/store/open.ts'
import { openStore } from '../src/store/open-store.ts'
import { MISSED, type Store, StoreRefused, StoreUnavailable } from '../src/store/store.ts'
import { createAuthority } from './support/certificates.ts'
import { startFaultProxy, withoutNotifications } from './support/fault-proxy.ts'
import { freePort, until } from './support/portcullis.ts'
import { otherUser } from './support/postgres-server.ts'
import type { StoreServer } from './support/server-process.ts'
import { postgres, redis, serverKinds } from './support/store-servers.ts'
import { locationOf, recordingLog, storeConfig, temporaryFolder } from './support/stores.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const inAMinute = () => Date.now() + 60_000

let places = 0
const freshName = (): string => {
  places += 1
  return `f${places}`
}

const openAt = async (place: string, deadline = 1) => {
  const { log, logged } = recordingLog()
  const store = await openStore(locationOf(place), { clock: systemClock, log, deadline })
  closers.push(() => store.close())
  return { ...store, logged }
}

const through = async (port: number, answers?: () => (chunk: Buffer) => Buffer) => {
  const proxy = await startFaultProxy(port, answers)
  closers.push(proxy.close)
  return proxy
}

const refusalOf = async (place: string): Promise<StoreRefused> => {
  const opened = await openAt(place).catch((error: unknown) => error)
  if (opened instanceof StoreRefused) return opened
  throw new Error(`it was not refused: ${opened}`)
}

const works = (store: Store) => async (): Promise<boolean> =>
  store.set('works', 'yes', inAMinute()).catch(() => false)

/** Every call, each of which must say that the store is unavailable, and no more. */
const expectAllUnavailable = async (store: Store): Promise<void> => {
  const calls = [
    store.get('a'),
    store.getMany(['a', 'b']),
    store.set('a', '1', inAMinute()),
    store.delete('a'),
    store.swap({ key: 'a', expected: undefined, next: '1', expires: inAMinute() }),
    store.batch([{ op: 'delete', key: 'a' }], ['message']),
    store.list('x'),
    store.publish('message'),
    store.ping(),
    store.purge(10),
  ]
  for (const result of await Promise.allSettled(calls)) {
    expect(result.status === 'rejected' && result.reason).toBeInstanceOf(StoreUnavailable)
  }
}

/** Connections that the server has from us. */
const connectionsTo = (server: StoreServer): number =>
  server.kind === 'redis'
    ? server.ask('CLIENT LIST').split('\n').length - 1
    : Number(
        server.ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'portcullis'"),
      )

for (const { kind, absent, start, durable } of serverKinds) {
  describe.skipIf(absent)(`a ${kind} server that fails`, () => {
    let server: StoreServer

    beforeAll(async () => {
      server = await start(durable)
    }, 60_000)
    afterEach(() => server.resume())
    afterAll(() => server.stop())

    it('R-20 is down at the start: no reason not to start, every call says so, and it works when it comes', async () => {
      await server.kill()
      const store = await openAt(server.url(freshName()))
      await expectAllUnavailable(store)
      expect(store.channel.healthy()).toBe(false)
      expect(store.logged.map(({ event }) => event)).toContain('store.lost')
      await server.start()
      await until(works(store))
      await until(() => store.channel.healthy())
      expect(await store.get('works')).toBe('yes')
    })

    it('R-20 dies and returns: what was acknowledged is there, and those who listen know that they missed something', async () => {
      const store = await openAt(server.url(freshName()))
      const told: string[] = []
      store.subscribe((message) => told.push(message))
      await store.batch([{ op: 'set', key: 'a', value: '1', expires: inAMinute(), indexes: ['x'] }])
      await server.kill()
      await until(() => !store.channel.healthy())
      await expectAllUnavailable(store)
      await server.start()
      await until(works(store))
      await until(() => store.channel.healthy())
      expect(told).toEqual([MISSED])
      expect(await store.get('a')).toBe('1')
      expect((await store.list('x')).rows).toMatchObject([{ key: 'a', value: '1' }])
      await store.publish('after')
      expect(told).toEqual([MISSED, 'after'])
    })

    it('R-21 hangs: calls end at their deadline, no more wait than may, and none takes effect afterwards', async () => {
      const store = await openAt(server.url(freshName()), 0.5)
      await store.set('a', 'before', inAMinute())
      server.pause()
      const late = Array.from({ length: 20 }, (_, i) =>
        store.swap({ key: `code ${i}`, expected: undefined, next: 'late', expires: inAMinute() }),
      )
      late.push(store.set('a', 'late', inAMinute()))
      for (const result of await Promise.allSettled(late)) {
        expect(result.status === 'rejected' && result.reason).toBeInstanceOf(StoreUnavailable)
      }
      await until(() => !store.channel.healthy())
      const more = Array.from({ length: 2100 }, () => store.get('a'))
      let refused = 0
      for (const call of more) void call.catch(() => (refused += 1))
      await new Promise((resolve) => setImmediate(resolve))
      expect(refused).toBeGreaterThanOrEqual(100)
      await Promise.allSettled(more)
      server.resume()
      await until(works(store))
      expect(await store.get('a')).toBe('before')
      const codes = Array.from({ length: 20 }, (_, i) => `code ${i}`)
      expect(await store.hasMany(codes)).not.toContain(true)
      const again = codes.map((key) =>
        store.swap({ key, expected: undefined, next: 'won', expires: inAMinute() }),
      )
      expect(new Set(await Promise.all(again))).toEqual(new Set([true]))
    })

    it('P3 R-29 kill -9 of the server in the midst of writing, 5 times: what was acknowledged is there, none of it by half', async () => {
      const store = await openAt(server.url(freshName()))
      const acknowledged: string[] = []
      let stopped = false
      const write = async (writer: number): Promise<void> => {
        for (let n = 0; !stopped; n += 1) {
          const key = `${writer}-${n}`
          const twins = [key, `${key}-too`].map(
            (one) =>
              ({
                op: 'set',
                key: one,
                value: key,
                expires: inAMinute(),
                indexes: ['all'],
              }) as const,
          )
          const written = await store.batch(twins).catch(() => false)
          if (written) acknowledged.push(key)
          else await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
      const writers = Array.from({ length: 4 }, (_, writer) => write(writer))
      for (let round = 0; round < 5; round += 1) {
        const enough = acknowledged.length + 20 + 10 * round
        await until(() => acknowledged.length >= enough)
        await server.kill()
        await server.start()
      }
      stopped = true
      await Promise.all(writers)
      await until(works(store))
      expect(await store.getMany(acknowledged)).toEqual(acknowledged)
      let cursor: string | undefined
      const listed = new Set<string>()
      do {
        const page = await store.list('all', { limit: 1000, ...(cursor && { cursor }) })
        for (const { key } of page.rows) listed.add(key)
        cursor = page.cursor
      } while (cursor !== undefined)
      const alone = [...listed].filter(
        (key) => !listed.has(key.endsWith('-too') ? key.slice(0, -4) : `${key}-too`),
      )
      expect(alone).toEqual([])
      expect(acknowledged.filter((key) => !listed.has(key))).toEqual([])
    }, 60_000)

    it('R-22 is slow: 200 ms are waited for, what comes after the deadline is not, and then it is fast again', async () => {
      const proxy = await through(server.port)
      const place = server.url(freshName()).replace(`:${server.port}`, `:${proxy.port}`)
      const store = await openAt(place, 3)
      await store.set('a', '1', inAMinute())
      proxy.delay(100)
      const reads = await Promise.all(Array.from({ length: 20 }, () => store.get('a')))
      expect(new Set(reads)).toEqual(new Set(['1']))
      proxy.delay(3000)
      await expectAllUnavailable(store)
      proxy.delay(0)
      await until(works(store))
      await until(() => store.channel.healthy())
    })

    it('R-21 a network that swallows everything is given up, and found again', async () => {
      const proxy = await through(server.port)
      const place = server.url(freshName()).replace(`:${server.port}`, `:${proxy.port}`)
      const store = await openAt(place)
      const told: string[] = []
      store.subscribe((message) => told.push(message))
      proxy.swallow(true)
      await expectAllUnavailable(store)
      await until(() => store.logged.some(({ event }) => event === 'store.lost'))
      proxy.swallow(false)
      await until(works(store))
      await until(() => store.channel.healthy())
      expect(told).toContain(MISSED)
    })

    it('R-21 connections that go silent are given up, the second time as the first, and others found', async () => {
      const proxy = await through(server.port)
      const place = server.url(freshName()).replace(`:${server.port}`, `:${proxy.port}`)
      const store = await openAt(place)
      await until(() => store.channel.healthy())
      for (const times of [1, 2]) {
        proxy.freeze()
        await until(
          () => store.logged.filter(({ event }) => event === 'store.lost').length === times,
        )
        await until(works(store))
        await until(() => store.channel.healthy())
      }
    })

    it('R-36 a stall of our own is not its fault: nothing is given up', async () => {
      const store = await openAt(server.url(freshName()))
      const told: string[] = []
      store.subscribe((message) => told.push(message))
      const end = performance.now() + 3000
      while (performance.now() < end);
      await until(works(store))
      await until(() => store.channel.healthy())
      expect(told).toEqual([])
      expect(store.logged).not.toContainEqual(expect.objectContaining({ event: 'store.lost' }))
    })

    it('P5 connections that are reset, again and again, leave nothing behind', async () => {
      const before = connectionsTo(server)
      const proxy = await through(server.port)
      const place = server.url(freshName()).replace(`:${server.port}`, `:${proxy.port}`)
      const store = await openAt(place)
      for (let round = 0; round < 5; round += 1) {
        proxy.reset()
        await until(works(store))
        await until(() => store.channel.healthy())
      }
      await store.close()
      await until(() => proxy.connections() === 0)
      await until(() => connectionsTo(server) <= before)
    })
  })
}

describe.skipIf(redis.absent)('redis', () => {
  let server: StoreServer

  beforeAll(async () => {
    server = await redis.start()
  })
  beforeEach(() => {
    server.ask('CONFIG SET maxmemory 0')
    server.ask('CONFIG SET maxmemory-policy noeviction')
    server.ask('REPLICAOF NO ONE')
  })
  afterAll(() => server.stop())

  it('R-24 a server that may throw away what it holds is refused', async () => {
    server.ask('CONFIG SET maxmemory 100mb')
    server.ask('CONFIG SET maxmemory-policy allkeys-lru')
    const refusal = await refusalOf(server.url(freshName()))
    expect(refusal.message).toMatch(/may throw away what it holds \(maxmemory-policy allkeys-lru\)/)
    expect(refusal.remedy).toContain('noeviction')
  })

  it('R-24 a limit on its memory is no problem where it throws nothing away', async () => {
    server.ask('CONFIG SET maxmemory 100mb')
    await (await openAt(server.url(freshName()))).ping()
  })

  it('R-25 a replica is refused', async () => {
    server.ask('REPLICAOF 127.0.0.1 1')
    const refusal = await refusalOf(server.url(freshName()))
    expect(refusal.message).toMatch(/is a replica, which takes no writes.*primary/)
  })

  it('R-43 what a newer version wrote is refused', async () => {
    const name = freshName()
    server.ask(`SET ${name}:schema 2`)
    const refusal = await refusalOf(server.url(name))
    expect(refusal.message).toMatch(/newer version \(schema 2, this program knows 1\)/)
  })

  it('R-20 a wrong password, and a user without the rights, are refused', async () => {
    server.ask('ACL SETUSER portcullis on >right ~portcullis:* +@read +ping')
    const at = (user: string) => `redis://${user}@127.0.0.1:${server.port}`
    expect((await refusalOf(at('portcullis:wrong'))).message).toContain('does not let us in')
    const refusal = await refusalOf(at('portcullis:right'))
    expect(refusal.message).toContain('does not let this user do what we need')
    expect(refusal.message).not.toContain('right@')
  })

  it('the rights that docs/operations.md gives are enough, and reach no other keys', async () => {
    server.ask(`ACL SETUSER portcullis reset on >right ${RIGHTS}`)
    const store = await openAt(`redis://portcullis:right@127.0.0.1:${server.port}`)
    const told: string[] = []
    store.subscribe((message) => told.push(message))
    const write = { op: 'set', key: 'a', value: '1', expires: inAMinute(), indexes: ['x'] } as const
    expect(await store.batch([write], ['hello'])).toBe(true)
    expect((await store.list('x')).rows).toMatchObject([{ key: 'a', value: '1' }])
    expect(await store.purge(10)).toBe(0)
    expect(await store.rows()).toBeGreaterThan(0)
    await store.ping()
    await until(() => store.channel.lag() > 0)
    expect(told).toEqual(['hello'])
    expect(
      (await refusalOf(`redis://portcullis:right@127.0.0.1:${server.port}?prefix=other:`)).message,
    ).toContain('does not let this user')
  })

  it('P3 a server that forgets all when it ends is told of at the start', async () => {
    server.ask('CONFIG SET appendonly no')
    const store = await openAt(server.url(freshName()))
    server.ask('CONFIG SET appendonly yes')
    expect(store.logged.map(({ event }) => event)).toContain('store.durability')
  })

  it('R-25 out of memory: nothing is written, reads go on, and what ends something still does', async () => {
    const store = await openAt(server.url(freshName()))
    await store.set('a', '1', inAMinute())
    server.ask('CONFIG SET maxmemory 1mb')
    await expect(store.set('b', '1', inAMinute())).rejects.toThrow(StoreUnavailable)
    expect(await store.getMany(['a', 'b'])).toEqual(['1', undefined])
    await until(() => !store.channel.healthy())
    expect(await store.get('a')).toBe('1')
    expect(await store.delete('a')).toBe(true)
    server.ask('CONFIG SET maxmemory 0')
    await until(() => store.channel.healthy())
    expect(await works(store)()).toBe(true)
  })

  it('R-25 made a replica while we run: no write is said to be done, and it works when it is primary again', async () => {
    const store = await openAt(server.url(freshName()))
    await store.set('a', '1', inAMinute())
    server.ask('REPLICAOF 127.0.0.1 1')
    await expect(store.set('a', '2', inAMinute())).rejects.toThrow(StoreUnavailable)
    await until(() => store.logged.some(({ event }) => event === 'store.refused'))
    server.ask('REPLICAOF NO ONE')
    await until(works(store))
    expect(await store.get('a')).toBe('1')
  })

  it('R-25 a key of a wrong type: the batch that meets it writes nothing', async () => {
    const name = freshName()
    const store = await openAt(server.url(name))
    for (const key of [`${name}:row:odd`, `${name}:list:odd`]) server.ask(`LPUSH ${key} x`)
    const set = (key: string, indexes: readonly string[] = []) =>
      ({ op: 'set', key, value: '1', expires: inAMinute(), indexes }) as const
    await expect(store.batch([set('a'), set('odd')])).rejects.toThrow(StoreUnavailable)
    await expect(store.batch([set('a'), set('b', ['odd'])])).rejects.toThrow(StoreUnavailable)
    expect(await store.getMany(['a', 'b'])).toEqual([undefined, undefined])
  })

  it('R-24 emptied under us: who listens is told to forget', async () => {
    const store = await openAt(server.url(freshName()))
    const told: string[] = []
    store.subscribe((message) => told.push(message))
    await until(() => store.channel.lag() > 0)
    server.ask('FLUSHALL')
    await until(() => told.includes(MISSED))
    expect(store.logged.map(({ event }) => event)).toContain('store.emptied')
  })

  it('a server that forgot our scripts is told them again', async () => {
    const store = await openAt(server.url(freshName()))
    server.ask('SCRIPT FLUSH')
    expect(await store.set('a', '1', inAMinute())).toBe(true)
  })

  it('R-23 a write that too few replicas have is not said to be done', async () => {
    const store = await openAt(`${server.url(freshName())}&replicas=1`, 2)
    await expect(store.set('a', '1', inAMinute())).rejects.toThrow('only 0 replicas')
    const replica = await redis.start(['--replicaof', '127.0.0.1', String(server.port)])
    closers.push(replica.stop)
    await until(works(store), 20)
  })

  it('P8 what expired leaves neither rows nor places in lists behind', async () => {
    const name = freshName()
    const store = await openAt(server.url(name))
    const write = (key: string) =>
      ({ op: 'set', key, value: '1', expires: Date.now() + 50, indexes: ['x'] }) as const
    await store.batch([write('a'), write('b')])
    await until(async () => (await store.purge(10)) === 2)
    expect(server.ask(`EXISTS ${name}:row:a ${name}:places ${name}:due ${name}:list:x`)).toBe('0')
  })
})

/** As docs/operations.md has them. */
const RIGHTS =
  'resetchannels ~portcullis:* &portcullis:* -@all +info +get +set +mget +time +dbsize +ping +select +evalsha +eval +script|load +publish +subscribe +unsubscribe +wait +del +incr +hget +hset +hdel +zadd +zrem +zcard +zrangebyscore +zrevrangebyscore'

describe.skipIf(postgres.absent)('postgres', () => {
  let server: StoreServer

  beforeAll(async () => {
    server = await postgres.start(['max_connections=12', 'superuser_reserved_connections=3'])
  }, 60_000)
  afterAll(() => server.stop())

  const client = async (): Promise<pg.Client> => {
    const connection = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres' })
    await connection.connect()
    closers.push(() => connection.end())
    return connection
  }

  it('R-43 what a newer version wrote is refused', async () => {
    const name = freshName()
    await (await openAt(server.url(name))).close()
    server.ask(`UPDATE ${name}.version SET number = 99`)
    expect((await refusalOf(server.url(name))).message).toMatch(/newer version \(schema 99, /)
  })

  it('R-25 a database that is read-only for us is refused', async () => {
    server.ask('ALTER DATABASE postgres SET default_transaction_read_only = on')
    const refusal = await refusalOf(server.url(freshName()))
    server.ask('SET transaction_read_only = off; ALTER DATABASE postgres RESET ALL')
    const db = await client()
    await db.query('SET default_transaction_read_only = off')
    await db.query('ALTER DATABASE postgres RESET ALL')
    expect(refusal.message).toContain('is read-only for us')
  })

  it('R-20 no such database, and no right to make our tables, are refused', async () => {
    const nowhere = server.url('x').replace('/postgres?', '/nowhere?')
    expect((await refusalOf(nowhere)).message).toContain('has no such database')
    server.ask('CREATE ROLE stranger LOGIN')
    const stranger = server.url(freshName()).replace('postgres@', 'stranger@')
    expect((await refusalOf(stranger)).message).toContain('does not let this user')
  })

  it('a user that owns its schema needs no more, and is given 46 letters for its name', async () => {
    server.ask('CREATE ROLE gateway LOGIN')
    const schema = 's'.repeat(46)
    server.ask(`CREATE SCHEMA ${schema} AUTHORIZATION gateway`)
    const store = await openAt(server.url(schema).replace('postgres@', 'gateway@'))
    const told: string[] = []
    store.subscribe((message) => told.push(message))
    await store.publish('hello')
    expect(told).toEqual(['hello'])
  })

  it('P4 a pooler that loses what is published is refused', async () => {
    const proxy = await through(server.port, withoutNotifications)
    const place = server.url(freshName()).replace(`:${server.port}`, `:${proxy.port}`)
    const refusal = await refusalOf(place)
    expect(refusal.message).toMatch(/\(NOTIFY\) does not reach who listens \(LISTEN\).*pooler/)
  })

  it('R-26 fewer connections than we would like: calls take turns', async () => {
    const store = await openAt(`${server.url(freshName())}&connections=50`, 10)
    const writes = Array.from({ length: 200 }, (_, i) => store.set(`k${i}`, '1', inAMinute()))
    expect(new Set(await Promise.all(writes))).toEqual(new Set([true]))
  })

  it('R-26 a table that is locked: calls end at their deadline, and take no effect afterwards', async () => {
    const name = freshName()
    const store = await openAt(server.url(name), 0.5)
    await store.set('a', '1', inAMinute())
    const db = await client()
    await db.query(`BEGIN; LOCK TABLE ${name}.rows`)
    const late = Array.from({ length: 5 }, (_, i) => store.set('a', `late ${i}`, inAMinute()))
    for (const result of await Promise.allSettled(late)) {
      expect(result.status === 'rejected' && result.reason).toBeInstanceOf(StoreUnavailable)
    }
    expect(store.channel.healthy()).toBe(true)
    await db.query('ROLLBACK')
    await until(works(store))
    expect(await store.get('a')).toBe('1')
  })

  it.each(['40001', '40P01'])(
    'R-26 %s, once: it was taken back, and is done again',
    async (code) => {
      const name = freshName()
      const store = await openAt(server.url(name))
      server.ask(`
      CREATE SEQUENCE ${name}.tries;
      CREATE FUNCTION ${name}.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('${name}.tries') = 1 THEN RAISE EXCEPTION 'now' USING ERRCODE = '${code}'; END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER fails BEFORE INSERT ON ${name}.rows FOR EACH ROW EXECUTE FUNCTION ${name}.fail()`)
      const swap = { key: 'a', expected: undefined, next: '1', expires: inAMinute() }
      expect(await store.swap(swap)).toBe(true)
      expect(server.ask(`SELECT last_value FROM ${name}.tries`)).toBe('2')
    },
  )

  it('R-26 the server ends all our connections: reads are asked again, and nothing is left of it', async () => {
    const store = await openAt(server.url(freshName()))
    await store.set('a', '1', inAMinute())
    server.ask(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'portcullis'",
    )
    await until(async () => (await store.get('a').catch(() => undefined)) === '1')
    await until(works(store))
    await until(() => store.channel.healthy())
  })

  it('P3 a write is on the disk when it is acknowledged, whatever the server’s default', async () => {
    server.ask('ALTER DATABASE postgres SET synchronous_commit = off')
    const name = freshName()
    const store = await openAt(server.url(name))
    server.ask(`
      CREATE TABLE ${name}.seen (mode text);
      CREATE FUNCTION ${name}.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO ${name}.seen VALUES (current_setting('synchronous_commit'));
        RETURN NEW;
      END $$;
      CREATE TRIGGER notes BEFORE INSERT ON ${name}.rows FOR EACH ROW EXECUTE FUNCTION ${name}.note()`)
    await store.set('a', '1', inAMinute())
    server.ask('ALTER DATABASE postgres RESET synchronous_commit')
    expect(server.ask(`SELECT mode FROM ${name}.seen`)).toBe('on')
  })

  it('a key with the one character that PostgreSQL’s text cannot hold is a key like any other', async () => {
    const store = await openAt(server.url(freshName()))
    const keys = ['a\0b', 'a\\0b', '\\', '\0\0']
    for (const key of keys) {
      await store.batch([
        { op: 'set', key, value: key.replaceAll('\0', '0'), expires: inAMinute(), indexes: ['x'] },
      ])
    }
    expect(await store.getMany(keys)).toEqual(keys.map((key) => key.replaceAll('\0', '0')))
    expect((await store.list('x')).rows.map(({ key }) => key)).toEqual(keys)
  })

  it('R-25 a standby is refused', async () => {
    server.ask("COPY (SELECT '') TO PROGRAM 'touch standby.signal'")
    await server.kill()
    await server.start()
    expect((await refusalOf(server.url(freshName()))).message).toContain('is a standby')
  })
})

describe('TLS', () => {
  const authority = createAuthority()
  const { cert, key } = authority.issue('DNS:localhost')
  const folder = temporaryFolder()
  const file = (name: string, text: string): string => {
    const path = join(folder.path, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const ca = file('ca.pem', authority.ca)
  const other = file('other.pem', createAuthority('another').ca)
  const files = { cert: file('cert.pem', cert), key: file('key.pem', key) }
  const user = otherUser()
  if (user !== undefined) {
    for (const path of [folder.path, files.cert, files.key]) chownSync(path, user, user)
  }
  afterAll(folder.remove)

  /** `at` names a host and what follows the `?`. */
  const check = async (at: (host: string, parameters: string) => string, caName: string) => {
    await (await openAt(at('localhost', `${caName}=${ca}`))).ping()
    const refusals = [at('localhost', `${caName}=${other}`), at('127.0.0.1', `${caName}=${ca}`)]
    for (const place of refusals) {
      expect((await refusalOf(place)).message).toMatch(/its certificate is not one that we take/)
    }
  }

  it.skipIf(redis.absent)('rediss:// verifies the authority and the host', async () => {
    const port = await freePort()
    const server = await redis.start([
      ...['--tls-port', String(port), '--tls-auth-clients', 'no', '--tls-ca-cert-file', ca],
      ...['--tls-cert-file', files.cert, '--tls-key-file', files.key],
    ])
    closers.push(server.stop)
    await check((host, parameters) => `rediss://${host}:${port}?${parameters}`, 'ca')
  })

  it.skipIf(postgres.absent)(
    'sslmode=verify-full does, verify-ca only the authority, require neither',
    async () => {
      const server = await postgres.start([
        ...['ssl=on', `ssl_cert_file=${files.cert}`, `ssl_key_file=${files.key}`],
      ])
      closers.push(server.stop)
      const at = (host: string, parameters: string) =>
        `postgres://postgres@${host}:${server.port}/postgres?schema=tls&${parameters}`
      await check(
        (host, parameters) => at(host, `sslmode=verify-full&${parameters}`),
        'sslrootcert',
      )
      await (await openAt(at('127.0.0.1', `sslmode=verify-ca&sslrootcert=${ca}`))).ping()
      await (await openAt(at('127.0.0.1', 'sslmode=require'))).ping()
      const encrypted =
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'portcullis'"
      expect(server.ask(encrypted)).toBe('t')
    },
    60_000,
  )
})

describe('a shared store', () => {
  it.each(['redis://127.0.0.1:1', 'postgres://127.0.0.1:1/p'])(
    '%s without a secret is refused',
    async (place) => {
      const config = storeConfig({ store: locationOf(place), secret: [] })
      const refused = openStores(config, { clock: systemClock, log: recordingLog().log })
      await expect(refused).rejects.toThrow(StoreRefused)
      await expect(refused).rejects.toThrow('secret: is empty, and the store is shared')
    },
  )
})
