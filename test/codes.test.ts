import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import type { Code } from '../src/store/codes.ts'
import { openStores } from '../src/store/open.ts'
import { StoreUnavailable, type Write } from '../src/store/store.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { newGrant, newToken, openRoom } from './support/rooms.ts'
import { startStoreProcess, storeConfig, temporaryFolder } from './support/stores.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const REQUEST = {
  redirect_uri: 'https://app.example/callback',
  redirect_uri_given: true,
  code_challenge: 'challenge',
  lifetime: 60,
}

const openIssued = async () => {
  const room = await openRoom()
  const { stores, clock, config } = room
  const grant = newGrant(stores, clock())
  const value = (await stores.codes.issue({ ...REQUEST, grant })) ?? ''
  const find = async (): Promise<Code> => {
    const code = await stores.codes.find(value)
    if (code === undefined) throw new Error('no code')
    return code
  }
  const claim = async (code: Code, client_id = 'web') => {
    const { grant: redeemed } = stores.refreshTokens.first(code.grant, config.tokens)
    const access = stores.tokens.mint(newToken(redeemed, clock()))
    const result = await stores.codes.claim(code, { client_id, redeemed, writes: [access.write] })
    return { result, access: access.value }
  }
  return { ...room, grant, value, find, claim }
}

describe('authorization codes (RFC 6749 §4.1.2)', () => {
  it('§4.1.2 a code is found as it was issued, any number of times', async () => {
    const { find, grant, clock } = await openIssued()
    const { lifetime, ...request } = REQUEST
    expect(await find()).toMatchObject({
      ...{ ...request, grant, client_id: 'web', expires: clock() + lifetime },
    })
    expect(await find()).not.toHaveProperty('spent')
  })

  it('§4.1.2 it expires, and cannot be claimed then', async () => {
    const { find, claim, stores, value, clock, grant } = await openIssued()
    const code = await find()
    clock.move(60)
    expect(await stores.codes.find(value)).toBeUndefined()
    expect((await claim(code)).result).toBe('lost')
    clock.move(10)
    expect(await stores.grants.find(grant.id)).toBeUndefined()
  })

  it('A2 P1 of 50 that claim at once, one wins, and only its token is written', async () => {
    const { find, claim, stores } = await openIssued()
    const code = await find()
    const claims = await Promise.all(Array.from({ length: 50 }, () => claim(code)))
    expect(claims.filter(({ result }) => result === 'claimed')).toHaveLength(1)
    for (const { result, access } of claims) {
      const found = await stores.tokens.find(access)
      if (result === 'claimed') expect(found).toMatchObject({ sub: 'ada' })
      else expect(found).toBe('unknown')
    }
  })

  it('A3 a spent code is known for its life and ten minutes more: by whom, when, which grant', async () => {
    const { find, claim, stores, value, clock, grant } = await openIssued()
    await claim(await find())
    const at = clock()
    clock.move(659)
    expect((await find()).spent).toEqual({ at, client_id: 'web', grant_id: grant.id })
    clock.move(1)
    expect(await stores.codes.find(value)).toBeUndefined()
  })

  it('RFC 7636 §4.6 a wrong verifier burns it, with its grant', async () => {
    const { find, claim, stores, grant } = await openIssued()
    const code = await find()
    expect(await stores.codes.claim(code, { client_id: 'web' })).toBe('claimed')
    expect(await stores.grants.find(grant.id)).toBeUndefined()
    expect((await claim(code)).result).toBe('lost')
    expect(await find()).toHaveProperty('spent')
  })

  it('the claim is lost when the grant ended before', async () => {
    const { find, claim, stores, grant } = await openIssued()
    const code = await find()
    await stores.grants.end(grant.id, 'test')
    const { result, access } = await claim(code)
    expect(result).toBe('lost')
    expect(await stores.tokens.find(access)).toBe('unknown')
    expect(await stores.grants.find(grant.id)).toBeUndefined()
  })

  it('what is written with a code is written with it or not at all', async () => {
    const { stores, clock, troubles } = await openRoom()
    const marker: Write = {
      ...{ op: 'swap', key: 'request:1', expected: undefined, next: 'used' },
      expires: (clock() + 60) * 1000,
    }
    const issue = (grant = newGrant(stores, clock())) =>
      stores.codes
        .issue({ ...REQUEST, grant, writes: [marker] })
        .then((value) => ({ value, grant }))
    const first = await issue()
    expect(first.value).toMatch(/^pc_ac_/)
    const second = await issue()
    expect(second.value).toBeUndefined()
    expect(await stores.grants.find(first.grant.id)).toBeDefined()
    expect(await stores.grants.find(second.grant.id)).toBeUndefined()
    expect(await troubles.store.get('request:1')).toBe('used')
  })

  it('A4 nothing else passes for a code', async () => {
    const { stores, value, authorize, troubles } = await openIssued()
    const { access, refresh } = await authorize()
    const others = [
      ...[access, refresh, stores.secrets.id(), stores.secrets.seal('request', {}), ''],
      ...(['session', 'browser'] as const).map((purpose) => stores.secrets.mint(purpose)),
      ...[access, refresh].map((other) => `pc_ac_${other.slice('pc_ac_'.length)}`),
      value.toLowerCase(),
    ]
    const reads = troubles.reads.length
    for (const other of others) expect(await stores.codes.find(other)).toBeUndefined()
    expect(troubles.reads).toHaveLength(reads)
  })

  it('F10 an outage is an exception, and burns nothing', async () => {
    const { find, claim, stores, value, troubles } = await openIssued()
    const code = await find()
    troubles.down = true
    await expect(stores.codes.find(value)).rejects.toThrow(StoreUnavailable)
    await expect(claim(code)).rejects.toThrow(StoreUnavailable)
    troubles.down = false
    expect((await claim(code)).result).toBe('claimed')
  })
})

describe('P1 codes over processes on one SQLite file', () => {
  it('4 processes with 20 callers each: every code is claimed exactly once', async () => {
    const folder = temporaryFolder()
    closers.push(folder.remove)
    const file = join(folder.path, 'store.db')
    const config = storeConfig({ store: { kind: 'sqlite', file } })
    const stores = await openStores(config, { clock: systemClock, log: silentLog })
    closers.push(stores.close)
    const issue = () => stores.codes.issue({ ...REQUEST, grant: newGrant(stores, systemClock()) })
    const values = await Promise.all(Array.from({ length: 40 }, issue))
    const processes = await Promise.all(Array.from({ length: 4 }, () => startStoreProcess(file)))
    for (const { kill } of processes) closers.push(() => kill())
    const claimed = await Promise.all(
      processes.map(({ run }) => run<string[]>('claim', { values, callers: 20 })),
    )
    expect(claimed.flat().sort()).toEqual([...values].sort())
  })
})
