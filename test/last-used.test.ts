import { afterEach, describe, expect, it, vi } from 'vitest'
import { createLastUsed } from '../src/store/last-used.ts'
import { openRoom, type Room } from './support/rooms.ts'
import { movableClock } from './support/stores.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** As the gateway does. */
const use = async ({ stores, clock }: Room, access: string, route: string): Promise<void> => {
  const token = await stores.tokens.find(access)
  if (typeof token === 'string' || token.use === undefined) throw new Error('no token')
  token.use.at = clock()
  token.use.route = route
}

describe('when and where a grant was last used', () => {
  it('is known here at once, and elsewhere once it is written, without a write a request', async () => {
    const room = await openRoom()
    const { stores, clock, troubles } = room
    const { access, grant } = await room.authorize()
    const written = () => troubles.store.get(`last-used:${grant.id}`)
    for (let n = 0; n < 100; n += 1) await use(room, access, `/orders/${n}`)
    expect((await stores.lastUsed.of([grant.id])).get(grant.id)).toEqual({
      ...{ at: clock(), route: '/orders/99' },
    })
    expect(await written()).toBeUndefined()
    await stores.lastUsed.flush()
    expect(await written()).toBe(JSON.stringify({ at: clock(), route: '/orders/99' }))
  })

  it('is written by itself, every five seconds', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] })
    const room = await openRoom()
    const { access, grant } = await room.authorize()
    await use(room, access, '/orders/*')
    vi.advanceTimersByTime(5000)
    await vi.waitFor(async () =>
      expect(await room.troubles.store.get(`last-used:${grant.id}`)).toBeDefined(),
    )
  })

  it('all tokens of a grant share it; what a client got for itself has none', async () => {
    const room = await openRoom()
    const { access, grant } = await room.authorize()
    const other = room.stores.tokens.mint({
      ...{ grant_id: grant.id, client_id: 'web', sub: 'ada', scope: [], aud: [] },
      ...{ iat: room.clock(), exp: room.clock() + 60 },
    })
    await room.stores.store.batch([other.write])
    const [one, two] = [
      await room.stores.tokens.find(access),
      await room.stores.tokens.find(other.value),
    ]
    if (typeof one === 'string' || typeof two === 'string') throw new Error('no token')
    expect(one.use).toBeDefined()
    expect(one.use).toBe(two.use)
    const own = await room.authorize({ sub: 'client:web' })
    expect(await room.stores.tokens.find(own.access)).toMatchObject({ use: undefined })
  })

  it('processes are merged by the later one', async () => {
    const room = await openRoom()
    const { store, lastUsed } = room.stores
    const other = createLastUsed({ store, clock: room.clock, life: () => 3600 })
    const [here, there] = [lastUsed.hold('g'), other.hold('g')]
    const now = room.clock()
    Object.assign(there, { at: now - 20, route: '/later' })
    Object.assign(here, { at: now - 100, route: '/earlier' })
    await other.flush()
    await lastUsed.flush()
    for (const one of [lastUsed, other])
      expect((await one.of(['g'])).get('g')).toEqual({ at: now - 20, route: '/later' })
    await other.close()
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
      life: () => 3600,
    })
    const held = Array.from({ length: 1200 }, (_, n) => lastUsed.hold(`grant-${n}`))
    for (let second = 0; second < 20; second += 1) {
      for (const one of held) one.at = clock()
      await lastUsed.flush()
      clock.move(1)
    }
    expect(batches).toEqual([500, 500, 200])
    expect(keys.size).toBe(1200)
    await lastUsed.close()
  })

  it('a store that is away costs nothing but time', async () => {
    const room = await openRoom()
    const { access, grant } = await room.authorize()
    await use(room, access, '/orders/*')
    room.troubles.down = true
    await room.stores.lastUsed.flush()
    room.troubles.down = false
    await room.stores.lastUsed.flush()
    expect(await room.troubles.store.get(`last-used:${grant.id}`)).toBeDefined()
  })

  it('ends with the grant', async () => {
    const room = await openRoom()
    const { access, grant } = await room.authorize()
    await use(room, access, '/orders/*')
    await room.stores.lastUsed.flush()
    await room.stores.grants.end(grant.id, 'test')
    await room.stores.lastUsed.flush()
    expect(await room.troubles.store.get(`last-used:${grant.id}`)).toBeUndefined()
    expect((await room.stores.lastUsed.of([grant.id])).size).toBe(0)
  })

  it('is written when the program stops', async () => {
    const room = await openRoom()
    const { access, grant } = await room.authorize()
    await use(room, access, '/orders/*')
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
    await use(room, access, '/orders/*')
    await room.stores.tokens.revoke(access)
    expect(await room.troubles.store.get(`access-token:${token.id}`)).not.toContain('/orders')
  })
})
