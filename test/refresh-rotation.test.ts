import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { openStores, type Stores } from '../src/store/open.ts'
import type { RefreshLifetimes } from '../src/store/refresh-tokens.ts'
import { StoreUnavailable } from '../src/store/store.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { authorize, newToken, openRoom } from './support/rooms.ts'
import { startStoreProcess, storeConfig, temporaryFolder } from './support/stores.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** What the token endpoint does with a refresh token, without its HTTP. */
const refreshWith =
  (stores: Stores, now: () => number) => async (value: string, lifetimes: RefreshLifetimes) => {
    const presented = await stores.refreshTokens.present(value, lifetimes)
    if (!('value' in presented)) {
      if (presented.state === 'replayed') await stores.grants.end(presented.grant.id, 'replay')
      return presented.state
    }
    const access = stores.tokens.mint(newToken(presented.grant, now()))
    const step = await stores.refreshTokens.step(presented, [access.write])
    return step === 'lost' ? step : { ...step, access: access.value }
  }

const openAuthorized = async (tokens: Parameters<typeof openRoom>[1] = {}) => {
  const room = await openRoom({}, tokens)
  const { refresh: r0, grant, access } = await room.authorize()
  const refresh = (value: string, lifetimes: RefreshLifetimes = room.config.tokens) =>
    refreshWith(room.stores, room.clock)(value, lifetimes)
  const stepped = async (value: string) => {
    const answer = await refresh(value)
    if (typeof answer === 'string') throw new Error(`not refreshed: ${answer}`)
    return answer
  }
  const isLive = async () => (await room.stores.grants.find(grant.id)) !== undefined
  return { ...room, r0, grant, access, refresh, stepped, isLive }
}

describe('A6 rotation of refresh tokens', () => {
  it('a refresh answers the successor, and the successor refreshes', async () => {
    const { r0, stepped, stores } = await openAuthorized()
    const one = await stepped(r0)
    expect(one).toMatchObject({ retried: false, grant: { refresh: { generation: 1 } } })
    const two = await stepped(one.value)
    expect(new Set([r0, one.value, two.value]).size).toBe(3)
    expect(await stores.tokens.find(two.access)).toMatchObject({ sub: 'ada' })
  })

  it('(a) 50 at once: every answer is the same successor, and one step was made', async () => {
    const { r0, refresh, stores, grant } = await openAuthorized()
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(r0)))
    const values = answers.map((answer) => (typeof answer === 'string' ? answer : answer.value))
    expect(new Set(values).size).toBe(1)
    expect(answers.filter((a) => typeof a !== 'string' && !a.retried)).toHaveLength(1)
    expect((await stores.grants.find(grant.id))?.refresh?.generation).toBe(1)
    expect(await refresh(values[0] ?? '')).toMatchObject({ retried: false })
  })

  it('(b) again after its successor was used: a replay, and the grant ends', async () => {
    const { r0, refresh, stepped, isLive, stores, access } = await openAuthorized()
    await stores.tokens.find(access)
    const one = await stepped(r0)
    await stepped(one.value)
    expect(await refresh(r0)).toBe('replayed')
    expect(await isLive()).toBe(false)
    expect(stores.tokens.find(access)).toBe('revoked')
    expect(await stores.tokens.find(one.access)).toBe('revoked')
  })

  it('(c) within refreshRetry, its successor unused: the same successor', async () => {
    const { r0, stepped, clock, isLive } = await openAuthorized({ refreshRetry: 60 })
    const one = await stepped(r0)
    clock.move(5)
    const again = await stepped(r0)
    expect(again).toMatchObject({ value: one.value, retried: true })
    clock.move(55)
    expect(await stepped(r0)).toMatchObject({ value: one.value, retried: true })
    expect(await isLive()).toBe(true)
  })

  it('(c) past refreshRetry: a replay', async () => {
    const { r0, refresh, stepped, clock, isLive } = await openAuthorized({ refreshRetry: 60 })
    await stepped(r0)
    clock.move(61)
    expect(await refresh(r0)).toBe('replayed')
    expect(await isLive()).toBe(false)
  })

  it('(c) a retry does not make the window longer', async () => {
    const { r0, refresh, stepped, clock } = await openAuthorized({ refreshRetry: 60 })
    await stepped(r0)
    clock.move(40)
    expect(await stepped(r0)).toMatchObject({ retried: true })
    clock.move(40)
    expect(await refresh(r0)).toBe('replayed')
  })

  it('(c) a client’s own window holds for that client', async () => {
    const { r0, refresh, stepped, clock, config } = await openAuthorized({ refreshRetry: 60 })
    await stepped(r0)
    clock.move(600)
    const lifetimes = { ...config.tokens, refreshRetry: 1800 }
    expect(await refresh(r0, lifetimes)).toMatchObject({ retried: true })
  })

  it('(c) a window of 0 is none', async () => {
    const { r0, refresh, stepped, clock } = await openAuthorized({ refreshRetry: 0 })
    await stepped(r0)
    clock.move(0.1)
    expect(await refresh(r0)).toBe('replayed')
  })

  it('(d) only the immediate predecessor: one older is a replay at once', async () => {
    const { r0, refresh, stepped, isLive } = await openAuthorized()
    const one = await stepped(r0)
    const two = await stepped(one.value)
    expect(await refresh(one.value)).toMatchObject({ value: two.value, retried: true })
    expect(await refresh(r0)).toBe('replayed')
    expect(await isLive()).toBe(false)
  })

  it('(e) after a replay no token of the grant refreshes', async () => {
    const { r0, refresh, stepped } = await openAuthorized()
    const one = await stepped(r0)
    const two = await stepped(one.value)
    expect(await refresh(r0)).toBe('replayed')
    for (const value of [r0, one.value, two.value]) expect(await refresh(value)).toBe('unknown')
  })

  it('(f) what was not minted here says nothing, and ends nothing', async () => {
    const { r0, refresh, stores, grant, isLive } = await openAuthorized()
    const forged = `${r0.slice(0, -1)}${r0.endsWith('A') ? 'B' : 'A'}`
    expect(await refresh(forged)).toBe('unknown')
    const salt = stores.secrets.id()
    const parts = { grant_id: grant.id, generation: 0, salt }
    expect(await refresh(stores.secrets.refreshToken.make(parts))).toBe('unknown')
    expect(await isLive()).toBe(true)
  })

  it('a grant that ends between judging and stepping: lost, and no token is written', async () => {
    const { r0, stores, config, grant, clock } = await openAuthorized()
    const presented = await stores.refreshTokens.present(r0, config.tokens)
    if (!('value' in presented)) throw new Error(presented.state)
    await stores.grants.end(grant.id, 'test')
    const access = stores.tokens.mint(newToken(grant, clock()))
    expect(await stores.refreshTokens.step(presented, [access.write])).toBe('lost')
    expect(await stores.tokens.find(access.value)).toBe('unknown')
    expect(await stores.grants.find(grant.id)).toBeUndefined()
  })

  it('it ends when it is not used for its lifetime, and each use begins it anew', async () => {
    const { r0, refresh, stepped, clock } = await openAuthorized({ refreshToken: 1000 })
    clock.move(900)
    const one = await stepped(r0)
    clock.move(900)
    const two = await stepped(one.value)
    clock.move(1000)
    expect(await refresh(two.value)).toBe('expired')
    clock.move(10_000)
    expect(await refresh(two.value)).toBe('unknown')
  })

  it('it never outlives the grant, however often it is used', async () => {
    const { r0, refresh, stepped, clock } = await openAuthorized({ refreshToken: 500_000 })
    let value = r0
    for (let use = 0; use < 8; use += 1) {
      clock.move(100_000)
      value = (await stepped(value)).value
    }
    clock.move(64_000)
    expect(await refresh(value)).toBe('unknown')
  })

  it('F10 an outage is an exception, and takes no step', async () => {
    const { r0, refresh, stepped, troubles } = await openAuthorized()
    troubles.down = true
    await expect(refresh(r0)).rejects.toThrow(StoreUnavailable)
    troubles.down = false
    expect(await stepped(r0)).toMatchObject({ retried: false })
  })
})

describe('A6 (a) over processes on one SQLite file', () => {
  it('4 processes with 20 callers each: one successor, one live grant', async () => {
    const folder = temporaryFolder()
    closers.push(folder.remove)
    const file = join(folder.path, 'store.db')
    const config = storeConfig({ store: { kind: 'sqlite', file } })
    const stores = await openStores(config, { clock: systemClock, log: silentLog })
    closers.push(stores.close)
    const { refresh, grant } = await authorize(stores, config, systemClock())
    const processes = await Promise.all(Array.from({ length: 4 }, () => startStoreProcess(file)))
    for (const { kill } of processes) closers.push(() => kill())
    const answers = await Promise.all(
      processes.map(({ run }) => run<string[]>('refresh', { value: refresh, callers: 20 })),
    )
    expect(answers.flat()).toHaveLength(80)
    const values = new Set(answers.flat())
    expect(values.size).toBe(1)
    expect([...values][0]).toMatch(/^pc_rt_/)
    expect((await stores.grants.find(grant.id))?.refresh?.generation).toBe(1)
  })
})
