import { afterEach, describe, expect, it, vi } from 'vitest'
import { createLastUsed, type LastUsed } from '../src/store/last-used.ts'
import { type NotedUse, noteUse, unused, usedScopes } from '../src/store/noted-use.ts'
import { openRoom, type Room } from './support/rooms.ts'
import { movableClock } from './support/stores.ts'

afterEach(() => {
  vi.useRealTimers()
})

const route = (path: string, ...scopes: string[]) => ({ path, scopes })
const READ = route('/orders/*', 'orders.read')
const WRITE = route('/orders/*', 'orders.write')
const GRANTED = ['orders.read', 'orders.write']

const tokenOf = async ({ stores }: Room, access: string) => {
  const token = await stores.tokens.find(access)
  if (typeof token === 'string' || token.use === undefined) throw new Error('no token')
  return { ...token, use: token.use }
}

/** As the gateway does. */
const use = async (room: Room, access: string, on = READ): Promise<void> => {
  const token = await tokenOf(room, access)
  noteUse(token.use, room.clock(), on, token.scope)
}

const noted = (held: NotedUse, at: number, on: typeof READ): void => noteUse(held, at, on, GRANTED)

/** What is told of one grant of a person. */
const told = async (lastUsed: LastUsed, id: string) =>
  (await lastUsed.of([{ id, client_id: 'web', sub: 'ada' }])).get(id)

/** Another process on the store of the room. */
const another = ({ stores: { store }, clock }: Room): LastUsed =>
  createLastUsed({ store, clock, terms: { of: () => undefined }, life: () => 3600 })

const rowOf = async ({ troubles }: Room, name: string) => {
  const row = await troubles.store.get(`last-used:${name}`)
  return row === undefined ? undefined : JSON.parse(row)
}

describe('when and where a grant was last used', () => {
  it('is known here at once, and elsewhere once it is written, without a write a request', async () => {
    const room = await openRoom()
    const { stores, clock } = room
    const { access, grant } = await room.authorize()
    for (let n = 0; n < 100; n += 1) await use(room, access, route(`/orders/${n}`, 'orders.read'))
    expect((await stores.lastUsed.of([grant])).get(grant.id)).toEqual({
      ...{ at: clock(), route: '/orders/99' },
      scopes: new Map([['orders.read', clock()]]),
    })
    expect(await rowOf(room, grant.id)).toBeUndefined()
    await stores.lastUsed.flush()
    expect(await rowOf(room, grant.id)).toEqual({
      ...{ at: clock(), route: '/orders/99' },
      scopes: { 'orders.read': clock() },
    })
  })

  it('is written by itself, every five seconds', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] })
    const room = await openRoom()
    const { access, grant } = await room.authorize()
    await use(room, access)
    vi.advanceTimersByTime(5000)
    await vi.waitFor(async () => expect(await rowOf(room, grant.id)).toBeDefined())
  })

  it('all tokens of a grant share it', async () => {
    const room = await openRoom()
    const { access, grant } = await room.authorize()
    const other = room.stores.tokens.mint({
      ...{ grant_id: grant.id, client_id: 'web', sub: 'ada', scope: [], aud: [] },
      ...{ iat: room.clock(), exp: room.clock() + 60 },
    })
    await room.stores.store.batch([other.write])
    const [one, two] = [await tokenOf(room, access), await tokenOf(room, other.value)]
    expect(one.use).toBe(two.use)
  })

  it('A35 what is used without pause is written once a minute, and a bounded number at a time, each in its turn', async () => {
    const clock = movableClock()
    const batches: number[] = []
    const keys = new Set<string>()
    const lastUsed = createLastUsed({
      store: {
        getMany: async (names) => names.map(() => undefined),
        batch: async (writes) => {
          batches.push(writes.length)
          for (const { key } of writes) keys.add(key)
          return true
        },
      },
      clock,
      terms: { of: () => undefined },
      life: () => 3600,
    })
    const held = Array.from({ length: 1200 }, (_, n) => lastUsed.hold(`grant-${n}`))
    for (let second = 0; second < 20; second += 1) {
      for (const one of held) noted(one, clock(), READ)
      await lastUsed.flush()
      clock.move(1)
    }
    // A busy minute's worth at once, however many they are.
    expect(batches).toEqual([500, 500, 200])
    expect(keys.size).toBe(1200)
    await lastUsed.close()
  })

  it('a store that is away costs nothing but time', async () => {
    const room = await openRoom()
    const { access, grant } = await room.authorize()
    await use(room, access)
    room.troubles.down = true
    await room.stores.lastUsed.flush()
    room.troubles.down = false
    await room.stores.lastUsed.flush()
    expect(await rowOf(room, grant.id)).toBeDefined()
  })

  it('ends with the grant', async () => {
    const room = await openRoom()
    const { access, grant } = await room.authorize()
    await use(room, access)
    await room.stores.lastUsed.flush()
    await room.stores.grants.end(grant.id, 'test')
    await room.stores.lastUsed.flush()
    expect(await rowOf(room, grant.id)).toBeUndefined()
    expect((await room.stores.lastUsed.of([grant])).size).toBe(0)
  })

  it('is written when the program stops', async () => {
    const room = await openRoom()
    const { access, grant } = await room.authorize()
    await use(room, access)
    const keys: string[] = []
    const { batch } = room.troubles.store
    room.troubles.store.batch = (writes, publish) => {
      keys.push(...writes.map(({ key }) => key))
      return batch(writes, publish)
    }
    await room.stores.close()
    expect(keys).toEqual([`last-used:${grant.id}`])
  })

  it('is not written with a token that is revoked by itself', async () => {
    const room = await openRoom()
    const { access, token } = await room.authorize()
    await use(room, access)
    await room.stores.tokens.revoke(access)
    expect(await room.troubles.store.get(`access-token:${token.id}`)).not.toContain('/orders')
  })
})

describe('which scopes of a grant were used, and when', () => {
  const BOTH = route('/both', 'orders.read', 'orders.write')

  it('routes on one path are told apart, and those that had their turn before are not forgotten', async () => {
    const room = await openRoom()
    const { access, grant } = await room.authorize()
    const start = room.clock()
    await use(room, access, WRITE)
    room.clock.move(10)
    await use(room, access, READ)
    room.clock.move(10)
    await use(room, access, route('/open'))
    const expected = {
      ...{ at: start + 20, route: '/open' },
      scopes: { 'orders.write': start, 'orders.read': start + 10 },
    }
    const { scopes, ...rest } = (await told(room.stores.lastUsed, grant.id)) ?? {}
    expect({ ...rest, scopes: Object.fromEntries(scopes ?? []) }).toEqual(expected)
    await room.stores.lastUsed.flush()
    expect(await rowOf(room, grant.id)).toEqual(expected)
  })

  it('the last use of each counts, in whatever order they come, and is kept once written', async () => {
    const room = await openRoom()
    const { access, grant } = await room.authorize()
    const start = room.clock()
    for (let turn = 0; turn < 5; turn += 1) {
      await use(room, access, WRITE)
      room.clock.move(30)
      await use(room, access, READ)
      room.clock.move(30)
      await room.stores.lastUsed.flush()
    }
    expect((await rowOf(room, grant.id))?.scopes).toEqual({
      'orders.write': start + 240,
      'orders.read': start + 270,
    })
    expect((await tokenOf(room, access)).use.former, 'memory keeps what is not written').toEqual([])
  })

  it('a route that asks for several uses each that the token has: all of them, or of any those', () => {
    const held = unused()
    noteUse(held, 100, BOTH, ['orders.read'])
    expect([...usedScopes(held)]).toEqual([['orders.read', 100]])
    noteUse(held, 200, BOTH, GRANTED)
    expect(Object.fromEntries(usedScopes(held))).toEqual({
      ...{ 'orders.read': 200, 'orders.write': 200 },
    })
  })

  it('routes that take turns cost no memory a request', () => {
    const held = unused()
    for (const at of [1, 2]) for (const one of [READ, WRITE]) noted(held, at, one)
    const { former } = held
    for (let at = 3; at < 100; at += 1) for (const one of [READ, WRITE]) noted(held, at, one)
    expect(held.former).toBe(former)
    expect(former).toHaveLength(2)
    expect([...usedScopes(held).values()]).toEqual([99, 99])
  })

  it('a scope may have any name', async () => {
    const room = await openRoom()
    const odd = '__proto__'
    const { lastUsed } = room.stores
    noteUse(lastUsed.hold('g'), room.clock() - 10, route('/odd', odd), [odd])
    await lastUsed.flush()
    const read = await told(another(room), 'g')
    expect([...(read?.scopes ?? [])]).toEqual([[odd, room.clock() - 10]])
  })

  it('what nobody has used for as long as a row is kept is left out', async () => {
    const room = await openRoom()
    const process = another(room)
    const held = process.hold('g')
    noted(held, room.clock() - 10, READ)
    await process.flush()
    room.clock.move(3590)
    noted(held, room.clock() - 10, WRITE)
    await process.flush()
    room.clock.move(1000)
    noted(held, room.clock() - 10, WRITE)
    await process.flush()
    expect(Object.keys((await rowOf(room, 'g'))?.scopes)).toEqual(['orders.write'])
    await process.close()
  })
})

describe('what several processes noted of one grant', () => {
  it('the later one counts, of each scope, whoever writes last', async () => {
    const room = await openRoom()
    const { lastUsed } = room.stores
    const other = another(room)
    const now = room.clock()
    const [here, there] = [lastUsed.hold('g'), other.hold('g')]
    noted(here, now - 200, READ)
    noted(here, now - 100, WRITE)
    noted(there, now - 150, READ)
    noted(there, now - 20, route('/later'))
    await other.flush()
    await lastUsed.flush()
    const scopes = new Map([
      ['orders.read', now - 150],
      ['orders.write', now - 100],
    ])
    for (const one of [lastUsed, other, another(room)])
      expect(await told(one, 'g')).toEqual({ at: now - 20, route: '/later', scopes })
    await other.close()
  })

  it('who writes at the same time takes nothing of the other away', async () => {
    const room = await openRoom()
    const { lastUsed } = room.stores
    const other = another(room)
    const now = room.clock()
    noted(lastUsed.hold('g'), now - 50, READ)
    noted(other.hold('g'), now - 40, WRITE)
    const gate = room.troubles.hold()
    const both = [lastUsed.flush(), other.flush()]
    gate.open()
    await Promise.all(both)
    expect(await rowOf(room, 'g')).toEqual({
      ...{ at: now - 40, route: '/orders/*' },
      scopes: { 'orders.read': now - 50, 'orders.write': now - 40 },
    })
    await other.close()
  })

  it('a row of an earlier release is read, and its uses up to then are of scopes that are not known', async () => {
    const room = await openRoom()
    const { lastUsed } = room.stores
    const now = room.clock()
    const value = JSON.stringify({ at: now - 90, route: '/old' })
    const write = { op: 'set', key: 'last-used:g', value, expires: (now + 60) * 1000 } as const
    await room.troubles.store.batch([write])
    expect(await told(lastUsed, 'g')).toEqual({
      ...{ at: now - 90, route: '/old', scopes: new Map(), unscoped: now - 90 },
    })
    noted(lastUsed.hold('g'), now - 10, READ)
    await lastUsed.flush()
    // An earlier release reads `at` and `route`.
    expect(await rowOf(room, 'g')).toEqual({
      ...{ at: now - 10, route: '/orders/*', unscoped: now - 90 },
      scopes: { 'orders.read': now - 10 },
    })
  })
})

describe('what a client uses of its own', () => {
  const own = (room: Room) => room.authorize({ sub: 'client:web' })
  const ofClient = async ({ stores }: Room, client_id = 'web') =>
    (await stores.clients.read(client_id))?.own_use

  it('is noted by client, whichever of its tokens it uses, and told of each of its grants', async () => {
    const room = await openRoom()
    const [one, two] = [await own(room), await own(room)]
    await use(room, one.access)
    expect((await tokenOf(room, one.access)).use).toBe((await tokenOf(room, two.access)).use)
    room.clock.move(10)
    await use(room, two.access, WRITE)
    await room.stores.lastUsed.flush()
    const expected = {
      ...{ at: room.clock(), route: '/orders/*' },
      scopes: new Map([
        ['orders.read', room.clock() - 10],
        ['orders.write', room.clock()],
      ]),
    }
    expect(await ofClient(room)).toEqual(expected)
    const uses = await room.stores.lastUsed.of([one.grant, two.grant])
    expect([uses.get(one.grant.id), uses.get(two.grant.id)]).toEqual([expected, expected])
    expect(await rowOf(room, 'client:web')).toMatchObject({ at: room.clock() })
  })

  it('the end of one token takes nothing of it away; what people gave is apart', async () => {
    const room = await openRoom()
    const [one, two, ada] = [await own(room), await own(room), await room.authorize()]
    await use(room, one.access)
    await room.stores.grants.end(one.grant.id, 'test')
    await room.stores.lastUsed.flush()
    expect((await room.stores.lastUsed.of([two.grant, ada.grant])).size).toBe(1)
    expect(await ofClient(room)).toMatchObject({ at: room.clock() })
  })

  it('ends with the client, what is noted and not yet written, too', async () => {
    const room = await openRoom()
    const { access } = await own(room)
    await use(room, access)
    await room.stores.lastUsed.flush()
    const { use: held, scope } = await tokenOf(room, access)
    await room.stores.clients.disable('web', 'test')
    await room.stores.clients.enable('web')
    // Somebody was still being answered.
    noteUse(held, room.clock() + 1, WRITE, scope)
    await room.stores.lastUsed.flush()
    expect(await ofClient(room)).toBeUndefined()
  })

  it('who is given the name of a client that was deleted has used nothing, whatever its former owner did', async () => {
    const room = await openRoom()
    const { stores, clock, troubles } = room
    const shop = {
      ...{ client_id: 'shop', redirect_uris: [], grant_types: ['client_credentials'] },
      ...{ require_pkce: true, introspect: false, tokens: {}, secrets: [] },
      ...{ source: 'operator' as const, created: clock() },
    } as const
    await stores.clients.create(shop)
    const { access } = await room.authorize({ client_id: 'shop', sub: 'client:shop' })
    await use(room, access)
    await stores.lastUsed.flush()
    const former = await troubles.store.get('last-used:client:shop')
    expect(former).toBeDefined()
    expect(await stores.clients.remove('shop', 'test')).toBe(true)
    expect(await rowOf(room, 'client:shop')).toBeUndefined()
    await stores.clients.create(shop)
    // Of a process that had not heard of it.
    const expires = (clock() + 60) * 1000
    const late = { op: 'set', key: 'last-used:client:shop', value: former ?? '', expires } as const
    await troubles.store.batch([late])
    expect(await ofClient(room, 'shop')).toBeUndefined()
    const again = await room.authorize({ client_id: 'shop', sub: 'client:shop' })
    await use(room, again.access, WRITE)
    await stores.lastUsed.flush()
    const { scopes } = (await ofClient(room, 'shop')) ?? {}
    expect([...(scopes?.keys() ?? [])]).toEqual(['orders.write'])
  })
})
