import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { endMessage } from '../src/store/ended.ts'
import { openStores } from '../src/store/open.ts'
import { MISSED, StoreUnavailable } from '../src/store/store.ts'
import { tokenKey } from '../src/store/token-row.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { until } from './support/portcullis.ts'
import { authorize, openRoom } from './support/rooms.ts'
import { client, startStoreProcess, storeConfig, temporaryFolder } from './support/stores.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const openSqlite = async () => {
  const folder = temporaryFolder()
  closers.push(folder.remove)
  const config = storeConfig({ store: { kind: 'sqlite', file: join(folder.path, 'store.db') } })
  const open = async () => {
    const stores = await openStores(config, { clock: systemClock, log: silentLog })
    closers.push(stores.close)
    return stores
  }
  return { config, open, file: join(folder.path, 'store.db') }
}

describe('a cached token', () => {
  it('is read once, then answered synchronously with the same object', async () => {
    const { stores, troubles, authorize } = await openRoom()
    const { access, token } = await authorize()
    const first = await stores.tokens.find(access)
    expect(first).toMatchObject(token)
    const reads = troubles.reads.length
    expect(stores.tokens.find(access)).toBe(first)
    expect(stores.tokens.find(access)).toBe(first)
    expect(troubles.reads).toHaveLength(reads)
    expect(stores.tokens.stats()).toMatchObject({ size: 1, hits: 2, misses: 1 })
  })

  it('R-42 1000 callers of one uncached token cause one read', async () => {
    const { stores, troubles, authorize } = await openRoom()
    const { access, token } = await authorize()
    const found = await Promise.all(Array.from({ length: 1000 }, () => stores.tokens.find(access)))
    expect(new Set(found).size).toBe(1)
    expect(troubles.reads.filter((key) => key === tokenKey(token.id))).toHaveLength(1)
    expect(stores.tokens.stats()).toMatchObject({ coalesced: 999 })
  })

  it('A27 is never good beyond its exp, and the cache keeps it no longer than it may', async () => {
    const { stores, troubles, clock, authorize } = await openRoom({}, { cache: 300 })
    const { access } = await authorize()
    const first = await stores.tokens.find(access)
    const reads = troubles.reads.length
    clock.move(299)
    expect(stores.tokens.find(access)).toBe(first)
    expect(troubles.reads).toHaveLength(reads)
    clock.move(2)
    expect(await stores.tokens.find(access)).toBe(first)
    expect(troubles.reads.length).toBeGreaterThan(reads)
    clock.move(299)
    expect(await stores.tokens.find(access)).toBe('expired')
  })

  it('R-31 a clock that steps back makes it read again, and never longer-lived', async () => {
    const { stores, troubles, clock, authorize } = await openRoom()
    const { access } = await authorize()
    await stores.tokens.find(access)
    const reads = troubles.reads.length
    clock.move(-3600)
    await stores.tokens.find(access)
    expect(troubles.reads.length).toBeGreaterThan(reads)
  })

  it('P8 the cache is bounded, and what falls out is read anew', async () => {
    const { stores, config, authorize } = await openRoom()
    const values = []
    for (let i = 0; i < config.limits.cachedTokens + 50; i += 1) {
      values.push((await authorize()).access)
    }
    for (const value of values) await stores.tokens.find(value)
    expect(stores.tokens.stats().size).toBe(config.limits.cachedTokens)
    expect(await stores.tokens.find(values[0] ?? '')).toMatchObject({ sub: 'ada' })
  })

  it.each([
    ['its grant', async (room, { grant }) => room.stores.grants.end(grant.id, 'test')],
    ['all grants of its client', (room) => room.stores.grants.endAllOfClient('web', 'test')],
    ['all grants of its person', (room) => room.stores.grants.endAllOfAccount('ada', 'test')],
    ['the token', (room, { access }) => room.stores.tokens.revoke(access)],
  ] satisfies [string, End][])('A3 is refused from the moment that %s ended', async (_, end) => {
    const room = await openRoom()
    const authorized = await room.authorize()
    const other = await room.authorize({ client_id: 'native', sub: 'bob' })
    await room.stores.tokens.find(authorized.access)
    const kept = await room.stores.tokens.find(other.access)
    await end(room, authorized)
    expect(room.stores.tokens.find(authorized.access)).toBe('revoked')
    expect(room.stores.tokens.find(other.access)).toBe(kept)
  })

  it('a person whose grants all ended may be granted anew', async () => {
    const { stores, authorize } = await openRoom()
    const before = await authorize()
    await stores.tokens.find(before.access)
    expect(await stores.grants.endAllOfAccount('ada', 'test')).toBe(1)
    const { access } = await authorize()
    expect(await stores.tokens.find(access)).toMatchObject({ sub: 'ada' })
    expect(stores.tokens.find(access)).toMatchObject({ sub: 'ada' })
    expect(stores.tokens.find(before.access)).toBe('revoked')
  })

  it('who listens hears of every end', async () => {
    const { stores, authorize } = await openRoom()
    const { grant, access, token } = await authorize()
    const ends: unknown[] = []
    const stop = stores.tokens.onEnded((ended) => ends.push(ended))
    await stores.tokens.revoke(access)
    await stores.grants.end(grant.id, 'test')
    await stores.clients.disable('web', 'test')
    await stores.grants.endAllOfAccount('ada', 'test')
    stop()
    await stores.grants.end('other', 'test')
    const heard = [
      { token: token.id },
      { grant_id: grant.id },
      { client_id: 'web' },
      { sub: 'ada' },
    ]
    expect(ends).toEqual(heard)
  })
})

type OpenRoom = Awaited<ReturnType<typeof openRoom>>
type End = (
  room: OpenRoom,
  authorized: Awaited<ReturnType<OpenRoom['authorize']>>,
) => Promise<unknown>

describe('a read that an end overtakes', () => {
  it.each([
    ['its grant ended', (room, { grant }) => room.stores.grants.end(grant.id, 'test')],
    ['it was revoked', (room, { access }) => room.stores.tokens.revoke(access)],
    ['all of its client ended', (room) => room.stores.grants.endAllOfClient('web', 'test')],
  ] satisfies [string, End][])('is neither used nor kept: %s', async (_, end) => {
    const room = await openRoom()
    const authorized = await room.authorize()
    // Everything is read while it is good, and waits at the gate.
    const gate = room.troubles.hold()
    const found = room.stores.tokens.find(authorized.access)
    await new Promise((resolve) => setImmediate(resolve))
    await end(room, authorized)
    gate.open()
    expect(['revoked', 'unknown']).toContain(await found)
    expect(['revoked', 'unknown']).toContain(await room.stores.tokens.find(authorized.access))
  })

  it('every point of the read is covered: the end comes before each of its steps', async () => {
    for (let turns = 0; turns < 12; turns += 1) {
      const { stores, authorize } = await openRoom()
      const { grant, access } = await authorize()
      const found = stores.tokens.find(access)
      for (let turn = 0; turn < turns; turn += 1) await undefined
      await stores.grants.end(grant.id, 'test')
      const early = await found
      // Either it was refused, or it was answered before the end and is refused from now on.
      if (typeof early !== 'string') expect(stores.tokens.find(access)).toBe('revoked')
      expect(['revoked', 'unknown']).toContain(await stores.tokens.find(access))
    }
  })

  it('ends of others do not hold it up', async () => {
    const room = await openRoom()
    const { access, token } = await room.authorize()
    const gate = room.troubles.hold()
    const found = room.stores.tokens.find(access)
    await new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; i < 10; i += 1) await room.stores.grants.end(`other ${i}`, 'test')
    gate.open()
    expect(await found).toMatchObject(token)
    expect(room.troubles.reads.filter((key) => key === tokenKey(token.id))).toHaveLength(1)
  })

  it('when messages were missed, everything is read anew', async () => {
    const room = await openRoom()
    const { access, token } = await room.authorize()
    await room.stores.tokens.find(access)
    await room.troubles.store.publish(MISSED)
    expect(room.stores.tokens.stats().size).toBe(0)
    expect(await room.stores.tokens.find(access)).toMatchObject(token)
  })
})

describe('what is no token', () => {
  it('A28 what we did not mint causes no read and takes no room', async () => {
    const { stores, troubles, authorize } = await openRoom()
    const { access, refresh } = await authorize()
    const reads = troubles.reads.length
    const flipped = `${access.slice(0, -1)}${access.endsWith('A') ? 'B' : 'A'}`
    const values: [string, string][] = [
      ['', 'malformed'],
      [access.slice(0, -1), 'malformed'],
      [`${access}A`, 'malformed'],
      [access.toUpperCase(), 'malformed'],
      [` ${access.slice(1)}`, 'malformed'],
      [`${access.slice(0, -1)}+`, 'malformed'],
      [`${access.slice(0, -1)}\u0141`, 'malformed'],
      [refresh, 'malformed'],
      ['x'.repeat(100_000), 'malformed'],
      [flipped, 'foreign'],
      [`pc_at_${'A'.repeat(64)}`, 'foreign'],
    ]
    for (const [value, refusal] of values) expect(stores.tokens.find(value)).toBe(refusal)
    expect(troubles.reads).toHaveLength(reads)
    expect(stores.tokens.stats()).toMatchObject({ size: 0, negative: 0 })
  })

  it('A28 unknown ones are remembered apart from good ones, and push none of them out', async () => {
    const { stores, troubles, config, authorize } = await openRoom()
    const { access } = await authorize()
    const good = await stores.tokens.find(access)
    const unknown = Array.from({ length: config.limits.cachedTokens * 3 }, () =>
      stores.secrets.mint('access-token'),
    )
    for (const value of unknown) expect(await stores.tokens.find(value)).toBe('unknown')
    expect(stores.tokens.find(access)).toBe(good)
    const reads = troubles.reads.length
    for (const value of unknown) expect(stores.tokens.find(value)).toBe('unknown')
    expect(troubles.reads).toHaveLength(reads)
    expect(stores.tokens.stats()).toMatchObject({ size: 1, negative: unknown.length })
  })

  it('A29 one that was unknown and is written now is found within 5 s', async () => {
    const { stores, clock, authorize, troubles } = await openRoom()
    const { grant, token } = await authorize()
    const value = stores.secrets.mint('access-token')
    expect(await stores.tokens.find(value)).toBe('unknown')
    const { write } = stores.tokens.mint(token)
    const id = (await import('../src/store/secrets.ts')).digest(value)
    await troubles.store.batch([{ ...write, key: tokenKey(id) } as typeof write])
    clock.move(5)
    expect(await stores.tokens.find(value)).toMatchObject({ grant_id: grant.id })
  })

  it.each([
    ['a client that does not exist', { client_id: 'gone' }],
    ['a person who does not exist', { sub: 'gone' }],
  ])('a token of %s is refused', async (_, grant) => {
    const { stores, authorize } = await openRoom()
    const { access } = await authorize(grant)
    expect(await stores.tokens.find(access)).toBe('revoked')
  })

  it('a client’s own token needs no person, and nobody else’s client: name will do', async () => {
    const { stores, authorize } = await openRoom()
    const own = await authorize({ sub: 'client:web' })
    expect(await stores.tokens.find(own.access)).toMatchObject({ sub: 'client:web' })
    const other = await authorize({ sub: 'client:native' })
    expect(await stores.tokens.find(other.access)).toBe('revoked')
  })
})

describe('while the channel is silent', () => {
  it('P4 every check reads the store again, coalesced, and sees what was not told', async () => {
    const { stores, troubles, authorize } = await openRoom()
    const { access, token, grant } = await authorize()
    const first = await stores.tokens.find(access)
    troubles.silence = 3
    const reads = troubles.reads.length
    const found = await Promise.all(Array.from({ length: 20 }, () => stores.tokens.find(access)))
    expect(new Set(found)).toEqual(new Set([first]))
    const again = troubles.reads.slice(reads).filter((key) => key === tokenKey(token.id))
    expect(again).toHaveLength(1)
    // Another process ends the grant, and its message does not arrive.
    await troubles.store.delete(`grant:${grant.id}`)
    expect(await stores.tokens.find(access)).toBe('revoked')
    troubles.silence = 0
    expect(await stores.tokens.find(access)).toBe('revoked')
  })
})

describe('while the store cannot be reached (P9, §6)', () => {
  it('uncached tokens: StoreUnavailable at once, and nothing of it is remembered', async () => {
    const { stores, troubles, authorize } = await openRoom()
    const { access, token } = await authorize()
    troubles.down = true
    await expect(stores.tokens.find(access)).rejects.toThrow(StoreUnavailable)
    await expect(stores.tokens.find(access)).rejects.toThrow(StoreUnavailable)
    troubles.down = false
    expect(await stores.tokens.find(access)).toMatchObject(token)
  })

  it('cached tokens pass for graceWithoutStore, then StoreUnavailable, then again', async () => {
    const { stores, troubles, clock, authorize } = await openRoom({}, { graceWithoutStore: 10 })
    const { access } = await authorize()
    const first = await stores.tokens.find(access)
    troubles.down = true
    troubles.silence = 1
    clock.move(9)
    expect(await stores.tokens.find(access)).toBe(first)
    clock.move(2)
    troubles.silence = 11
    await expect(stores.tokens.find(access)).rejects.toThrow(StoreUnavailable)
    troubles.down = false
    expect(await stores.tokens.find(access)).toBe(first)
    clock.move(9)
    troubles.down = true
    expect(await stores.tokens.find(access)).toBe(first)
  })

  it('the grace is counted from the last sign of life, of reading or of the channel', async () => {
    const { stores, troubles, clock, authorize } = await openRoom({}, { graceWithoutStore: 10 })
    const { access } = await authorize()
    const first = await stores.tokens.find(access)
    clock.move(200)
    expect(stores.tokens.find(access)).toBe(first)
    troubles.down = true
    troubles.silence = 1
    expect(await stores.tokens.find(access)).toBe(first)
    troubles.silence = 10
    await expect(stores.tokens.find(access)).rejects.toThrow(StoreUnavailable)
  })

  it('a grace of 0 refuses at once', async () => {
    const { stores, troubles, authorize } = await openRoom({}, { graceWithoutStore: 0 })
    const { access } = await authorize()
    await stores.tokens.find(access)
    troubles.down = true
    troubles.silence = 1
    await expect(stores.tokens.find(access)).rejects.toThrow(StoreUnavailable)
  })

  it('grace brings back nothing that was ended or has expired', async () => {
    const { stores, troubles, clock, authorize } = await openRoom({}, { graceWithoutStore: 9999 })
    const ended = await authorize()
    const expired = await authorize()
    await stores.tokens.find(ended.access)
    await stores.tokens.find(expired.access)
    await stores.grants.end(ended.grant.id, 'test')
    troubles.down = true
    troubles.silence = 1
    expect(await stores.tokens.find(ended.access)).toBe('revoked')
    clock.move(601)
    expect(await stores.tokens.find(expired.access)).toBe('expired')
  })
})

describe('a configuration that is read anew', () => {
  const opened = async () => {
    const room = await openRoom()
    const { access, refresh, grant } = await room.authorize()
    await room.stores.tokens.find(access)
    return { ...room, access, refresh, grant }
  }

  it('ends what a removed client had, here before it resolves', async () => {
    const { stores, config, access, refresh, grant } = await opened()
    const ends: unknown[] = []
    stores.tokens.onEnded((ended) => ends.push(ended))
    const reloaded = stores.reload({ ...config, clients: [client('native')] })
    expect(stores.tokens.find(access)).toBe('revoked')
    expect(ends).toEqual([{ client_id: 'web' }])
    await reloaded
    expect(await stores.grants.find(grant.id)).toBeUndefined()
    expect(await stores.refreshTokens.present(refresh, config.tokens)).toEqual({ state: 'unknown' })
    await stores.reload(config)
    expect(await stores.tokens.find(access)).toBe('revoked')
  })

  it('ends what a removed person had, sessions included', async () => {
    const { stores, config, access, clock } = await opened()
    const session = await stores.sessions.start({ sub: 'ada', auth_time: clock() })
    const accounts = config.accounts.filter(({ username }) => username !== 'ada')
    await stores.reload({ ...config, accounts })
    expect(stores.tokens.find(access)).toBe('revoked')
    expect(await stores.sessions.find(session)).toBeUndefined()
  })

  it('takes a removed scope from the tokens that have it', async () => {
    const { stores, config, access } = await opened()
    await stores.reload({ ...config, scopes: new Map([['orders.read', 'See your orders']]) })
    expect(await stores.tokens.find(access)).toMatchObject({ scope: ['orders.read'] })
  })

  it('rotates secrets without failing anybody, until the old one is taken away', async () => {
    const { stores, config, access, refresh } = await opened()
    const next = 'another secret for tests, as long'
    await stores.reload({ ...config, secret: [next, ...config.secret] })
    expect(await stores.tokens.find(access)).toMatchObject({ sub: 'ada' })
    expect(await stores.refreshTokens.present(refresh, config.tokens)).toMatchObject({
      state: 'current',
    })
    await stores.reload({ ...config, secret: [next] })
    expect(stores.tokens.find(access)).toBe('foreign')
    expect(await stores.refreshTokens.present(refresh, config.tokens)).toEqual({ state: 'unknown' })
  })

  it('changes lifetimes for what is cached from then on', async () => {
    const { stores, config, troubles, clock, access } = await opened()
    await stores.reload({ ...config, tokens: { ...config.tokens, cache: 5 } })
    stores.tokens.find(access)
    clock.move(300)
    await stores.tokens.find(access)
    const reads = troubles.reads.length
    clock.move(5)
    await stores.tokens.find(access)
    expect(troubles.reads.length).toBeGreaterThan(reads)
  })
})

describe('several processes', () => {
  it('P4 an end in one is pushed to the others', async () => {
    const { config, open, file } = await openSqlite()
    const here = await open()
    const { access, grant } = await authorize(here, config, systemClock())
    expect(await here.tokens.find(access)).toMatchObject({ sub: 'ada' })
    const other = await startStoreProcess(file)
    closers.push(() => other.kill())
    await other.run('end', { grant_id: grant.id })
    await until(() => here.tokens.find(access) === 'revoked')
  })

  it('P4 two rooms on one file: a token revoked in one is refused by the other', async () => {
    const { config, open } = await openSqlite()
    const [one, two] = [await open(), await open()]
    const { access } = await authorize(one, config, systemClock())
    await one.tokens.find(access)
    const ends: unknown[] = []
    one.tokens.onEnded((ended) => ends.push(ended))
    await two.tokens.revoke(access)
    await until(() => one.tokens.find(access) === 'revoked')
    expect(ends).toHaveLength(1)
  })

  it('messages of ours are told apart from others', async () => {
    const { stores, troubles, authorize } = await openRoom()
    const { access, grant } = await authorize()
    const found = await stores.tokens.find(access)
    for (const message of ['', 'hello', 'grant', `other:${grant.id}`]) {
      await troubles.store.publish(message)
    }
    expect(stores.tokens.find(access)).toBe(found)
    await troubles.store.publish(endMessage({ grant_id: grant.id }))
    expect(stores.tokens.find(access)).toBe('revoked')
  })
})
