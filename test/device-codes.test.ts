import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import {
  type AllowedDevice,
  createDeviceCodes,
  type DeviceCode,
} from '../src/store/device-codes.ts'
import { nextPoll, type Poll } from '../src/store/device-poll.ts'
import { memoryStore } from '../src/store/memory.ts'
import { openStores, type Stores } from '../src/store/open.ts'
import { createSecrets } from '../src/store/secrets.ts'
import { StoreUnavailable } from '../src/store/store.ts'
import { mintUserCode, readUserCode } from '../src/store/user-code.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { newGrant, newToken, openRoom } from './support/rooms.ts'
import {
  account,
  client,
  movableClock,
  recordingLog,
  startStoreProcess,
  storeConfig,
  temporaryFolder,
} from './support/stores.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const REQUEST = { client_id: 'web', scope: ['orders.read'], resource: [], remote: '192.0.2.1' }

const pendingOf = async (stores: Stores, value: string): Promise<DeviceCode> => {
  const found = await stores.deviceCodes.find(value)
  if (found.state !== 'pending') throw new Error(`it is ${found.state}`)
  return found
}

const allowedOf = async (stores: Stores, value: string): Promise<AllowedDevice> => {
  const found = await stores.deviceCodes.find(value)
  if (found.state !== 'allowed') throw new Error(`it is ${found.state}`)
  return found
}

const openBegun = async () => {
  const room = await openRoom()
  const { stores, clock, config } = room
  const { device_code, user_code } = await stores.deviceCodes.begin(REQUEST, 600)
  const grant = newGrant(stores, clock())
  const allow = async () => stores.deviceCodes.allow(await pendingOf(stores, device_code), grant)
  const redeem = async (code?: AllowedDevice) => {
    const found = code ?? (await allowedOf(stores, device_code))
    const { grant: redeemed } = stores.refreshTokens.first(found.grant, config.tokens)
    const access = stores.tokens.mint(newToken(redeemed, clock()))
    const result = await stores.deviceCodes.redeem(found, redeemed, [access.write])
    return { result, access: access.value }
  }
  return { ...room, device_code, user_code, grant, allow, redeem }
}

describe('device codes (RFC 8628 §3)', () => {
  it('8628-04 a person answers once: of 50 that allow or deny at the same time, one is heard', async () => {
    const { stores, device_code, clock } = await openBegun()
    const code = await pendingOf(stores, device_code)
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        n % 2
          ? stores.deviceCodes.allow(code, newGrant(stores, clock()))
          : stores.deviceCodes.deny(code),
      ),
    )
    expect(answers.filter(Boolean)).toHaveLength(1)
    const { rows } = await stores.store.list('grants:account:ada')
    const allowed = (await stores.deviceCodes.find(device_code)).state === 'allowed'
    expect(rows).toHaveLength(allowed ? 1 : 0)
  })

  it('8628-04 of 50 that redeem it at once, one wins, and only its token is written', async () => {
    const { stores, device_code, allow, redeem } = await openBegun()
    await allow()
    const code = await allowedOf(stores, device_code)
    const results = await Promise.all(Array.from({ length: 50 }, () => redeem(code)))
    expect(results.filter(({ result }) => result === 'redeemed')).toHaveLength(1)
    for (const { result, access } of results)
      expect(await stores.tokens.find(access)).toEqual(
        result === 'redeemed' ? expect.objectContaining({ sub: 'ada' }) : 'unknown',
      )
  })

  it('8628-06 whatever was decided, it is over when its time is, and everything of it goes', async () => {
    const { stores, device_code, user_code, allow, redeem, clock, grant, troubles } =
      await openBegun()
    const pending = await pendingOf(stores, device_code)
    await stores.deviceCodes.poll(pending)
    await allow()
    const code = await allowedOf(stores, device_code)
    clock.move(600)
    expect(await stores.deviceCodes.find(device_code)).toEqual({ state: 'expired' })
    expect((await redeem(code)).result).toBe('lost')
    expect(await stores.deviceCodes.deny(pending)).toBe(false)
    expect(await stores.deviceCodes.findByUserCode(user_code)).toBeUndefined()
    clock.move(600)
    expect(await stores.grants.find(grant.id)).toBeUndefined()
    for (const row of ['device-code', 'device-code-poll'])
      expect(await troubles.store.get(`${row}:${code.id}`)).toBeUndefined()
  })

  it('8628-03 a user code leads to what waits, and to nothing once it has its answer', async () => {
    const { stores, user_code, allow, device_code } = await openBegun()
    const found = await stores.deviceCodes.findByUserCode(user_code.toLowerCase())
    expect(found).toMatchObject({ ...REQUEST, state: 'pending' })
    await allow()
    expect(await stores.deviceCodes.findByUserCode(user_code)).toBeUndefined()
    const { id } = await allowedOf(stores, device_code)
    expect(await stores.deviceCodes.findPending(id)).toBeUndefined()
  })

  it('8628-03 no two that wait have the same user code', async () => {
    const { stores, user_code } = await openBegun()
    const { letters } = createSecrets(['a secret for tests, long enough'])
    const drawn = [user_code.replace('-', ''), user_code.replace('-', '')]
    const secrets = {
      ...stores.secrets,
      letters: (...a: Parameters<typeof letters>) => drawn.shift() ?? letters(...a),
    }
    const clock = movableClock()
    const store = stores.store
    const deps = { store, secrets, clock, terms: { of: () => undefined }, tokenLife: () => 600 }
    const second = await createDeviceCodes(deps).begin(REQUEST, 600)
    expect(second.user_code).not.toBe(user_code)
    expect(drawn).toEqual([])
  })

  it('8628-03 a key that is replaced fails nobody: the code is found by the old one', async () => {
    const clock = movableClock()
    const { log } = recordingLog()
    const config = storeConfig()
    const stores = await openStores(config, { clock, log, store: memoryStore({ clock, log }) })
    const { device_code, user_code } = await stores.deviceCodes.begin(REQUEST, 600)
    await stores.reload({
      ...config,
      secret: ['another secret for tests, as long', ...config.secret],
    })
    expect(await stores.deviceCodes.findByUserCode(user_code)).toMatchObject({ state: 'pending' })
    expect(await stores.deviceCodes.find(device_code)).toMatchObject({ state: 'pending' })
    await stores.close()
  })

  it('A38 a client or an account that was removed takes its device codes with it', async () => {
    const clock = movableClock()
    const { log } = recordingLog()
    const config = storeConfig()
    const stores = await openStores(config, { clock, log, store: memoryStore({ clock, log }) })
    const begin = async () => (await stores.deviceCodes.begin(REQUEST, 600)).device_code
    const [waiting, allowed] = [await begin(), await begin()]
    await stores.deviceCodes.allow(await pendingOf(stores, allowed), newGrant(stores, clock()))
    await stores.reload({ ...config, clients: [client('native')] })
    await stores.reload(config)
    for (const value of [waiting, allowed])
      expect(await stores.deviceCodes.find(value)).toEqual({ state: 'unknown' })
    const again = await begin()
    await stores.deviceCodes.allow(await pendingOf(stores, again), newGrant(stores, clock()))
    const code = await allowedOf(stores, again)
    await stores.reload({ ...config, accounts: [account('bob')] })
    expect(await stores.deviceCodes.redeem(code, { ...code.grant, redeemed: true }, [])).toBe(
      'lost',
    )
    await stores.reload(config)
    expect(await stores.deviceCodes.find(again)).toEqual({ state: 'unknown' })
    await stores.close()
  })

  it('F10 an outage is an exception, and changes nothing', async () => {
    const { stores, device_code, user_code, allow, redeem, troubles } = await openBegun()
    const pending = await pendingOf(stores, device_code)
    const { deviceCodes } = stores
    troubles.down = true
    for (const step of [
      () => deviceCodes.begin(REQUEST, 600),
      () => deviceCodes.find(device_code),
      () => deviceCodes.findByUserCode(user_code),
      () => deviceCodes.findPending(pending.id),
      () => deviceCodes.deny(pending),
      () => deviceCodes.poll(pending),
    ])
      await expect(step()).rejects.toThrow(StoreUnavailable)
    troubles.down = false
    expect(await deviceCodes.poll(pending)).toBe('pending')
    await allow()
    const code = await allowedOf(stores, device_code)
    troubles.down = true
    await expect(redeem(code)).rejects.toThrow(StoreUnavailable)
    troubles.down = false
    expect((await redeem(code)).result).toBe('redeemed')
  })
})

describe('how often a device may ask (RFC 8628 §3.5)', () => {
  it('8628-02 of 50 polls at once one is counted, and one written', async () => {
    const { stores, device_code } = await openBegun()
    const code = await pendingOf(stores, device_code)
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => stores.deviceCodes.poll(code)),
    )
    expect(answers.filter((answer) => answer === 'pending')).toHaveLength(1)
  })

  it('8628-02 what is written is at most one poll an interval, and eleven steps, however fast it asks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: 200, maxLength: 400 }),
        (pauses) => {
          let [now, writes, accepted] = [1000, 0, 0]
          let last: Poll | undefined
          for (const pause of pauses) {
            now += pause
            const { slow, next } = nextPoll(last, now)
            if (!slow) accepted += 1
            if (next) writes += 1
            last = next ?? last
          }
          expect(writes).toBeLessThanOrEqual(accepted + 11)
          expect(accepted).toBeLessThanOrEqual((now - 1000) / 4 + 1)
          expect(last?.interval).toBeLessThanOrEqual(60)
        },
      ),
    )
  })

  it('8628-02 who heeds every answer is never told twice in a row', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 50 }), (impatient) => {
        let [now, interval] = [0, 5]
        let last: Poll | undefined
        for (const early of impatient) {
          now += early ? 0.5 : interval
          const { slow, next } = nextPoll(last, now)
          if (!early) expect(slow).toBe(false)
          if (slow) interval += 5
          last = next ?? last
        }
      }),
    )
  })
})

describe('user codes (RFC 8628 §6.1)', () => {
  const secrets = createSecrets(['a secret for tests, long enough'])

  it('8628-03 they are drawn fairly from 20^8, without vowels and what looks like a digit', () => {
    const counts = new Map<string, number>()
    for (let n = 0; n < 5000; n += 1) {
      const code = mintUserCode(secrets)
      expect(code).toMatch(/^[^AEIOUY01-]{4}-[^AEIOUY01-]{4}$/)
      for (const letter of code.replace('-', '')) counts.set(letter, (counts.get(letter) ?? 0) + 1)
    }
    expect([...counts.keys()].sort().join('')).toBe('BCDFGHJKLMNPQRSTVWXZ')
    // 2000 of each are due; a bias of a twentieth would be 100, more than two deviations.
    for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(250)
  })

  it.each([
    'WDJB-MJHT',
    'wdjbmjht',
    ' wdjb mjht ',
    'W.D.J.B.M.J.H.T',
    'wdjb–mjht',
    'ＷＤＪＢ－ＭＪＨＴ',
    '\u200eWDJB-MJHT\u200f',
  ])('8628-03 %j is WDJB-MJHT', (entered) => {
    expect(readUserCode(entered)).toBe('WDJB-MJHT')
  })

  it.each([
    '',
    'WDJB-MJH',
    'WDJB-MJHTT',
    'WDJB-MJHA',
    'WDJB-MJH1',
    'ДDJB-MJHT',
    'WDJB-MJHß',
    'x'.repeat(65),
  ])('8628-03 %j is none', (entered) => {
    expect(readUserCode(entered)).toBeUndefined()
  })

  it('8628-03 whatever is typed, it is one in its own spelling or none, at once', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (entered) => {
        const read = readUserCode(entered)
        if (read === undefined) return
        expect(read).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
        expect(readUserCode(read)).toBe(read)
      }),
    )
    const letter = fc.constantFrom(...'bcdfghjklmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ')
    const separator = fc.constantFrom('', '-', ' ', '.', '_', '–', '\u00a0')
    fc.assert(
      fc.property(
        fc.array(fc.tuple(letter, separator), { minLength: 8, maxLength: 8 }),
        (typed) => {
          const code = typed.map(([one]) => one.toUpperCase()).join('')
          expect(readUserCode(typed.flat().join(''))?.replace('-', '')).toBe(code)
        },
      ),
    )
  })
})

describe('8628-04 over processes on one SQLite file', () => {
  it('two processes with 20 callers each: every code is redeemed once, and polled once an interval', async () => {
    const folder = temporaryFolder()
    closers.push(folder.remove)
    const file = join(folder.path, 'store.db')
    const config = storeConfig({ store: { kind: 'sqlite', file } })
    const stores = await openStores(config, { clock: systemClock, log: silentLog })
    closers.push(stores.close)
    const begin = async (allowed: boolean) => {
      const { device_code } = await stores.deviceCodes.begin(REQUEST, 600)
      const code = await pendingOf(stores, device_code)
      if (allowed) await stores.deviceCodes.allow(code, newGrant(stores, systemClock()))
      return device_code
    }
    const values = await Promise.all(Array.from({ length: 20 }, () => begin(true)))
    const waiting = await Promise.all(Array.from({ length: 20 }, () => begin(false)))
    const processes = await Promise.all(Array.from({ length: 2 }, () => startStoreProcess(file)))
    for (const { kill } of processes) closers.push(() => kill())
    const redeemed = await Promise.all(
      processes.map(({ run }) => run<string[]>('redeem-devices', { values, callers: 20 })),
    )
    expect(redeemed.flat().sort()).toEqual([...values].sort())
    const polled = await Promise.all(
      processes.map(({ run }) => run<string[]>('poll-devices', { values: waiting, callers: 5 })),
    )
    expect(polled.flat().sort()).toEqual([...waiting].sort())
  })
})
