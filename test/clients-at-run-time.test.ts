import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import type { StoredClient } from '../src/store/clients.ts'
import { openStores, type Stores } from '../src/store/open.ts'
import { digest } from '../src/store/secrets.ts'
import { FOR_EVER, MISSED, StoreUnavailable } from '../src/store/store.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { REGISTRATION_POLICY } from './support/base-config.ts'
import { until } from './support/portcullis.ts'
import { authorize, openRoom } from './support/rooms.ts'
import {
  client,
  movableClock,
  recordingLog,
  storeConfig,
  temporaryFolder,
} from './support/stores.ts'

const opened: Stores[] = []
const folders: { remove(): void }[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((stores) => stores.close()))
})
afterAll(() => {
  for (const folder of folders) folder.remove()
})

const config = { ...storeConfig(), registrationPolicy: REGISTRATION_POLICY }
const open = async (settings = config, clock = systemClock, log = silentLog) => {
  const stores = await openStores(settings, { clock, log })
  opened.push(stores)
  return stores
}
/** Processes on one file, as far as one test process can have them. */
const onFile = () => {
  const folder = temporaryFolder()
  folders.push(folder)
  const store = { kind: 'sqlite', file: `${folder.path}/portcullis.db` } as const
  return (settings = config) => open({ ...settings, store })
}

const stored = (client_id: string, more: Partial<StoredClient> = {}): StoredClient => ({
  ...client(client_id),
  ...{ source: 'operator', created: 100, secrets: [{ digest: digest(`${client_id}-secret`) }] },
  ...more,
})

describe('clients of an operator', () => {
  it('are found like those of the file, and keep their source', async () => {
    const { clients } = await open()
    expect(await clients.create(stored('payroll'))).toBe(true)
    const found = await clients.find('payroll')
    expect(found).toMatchObject({ client_id: 'payroll', source: 'operator', created: 100 })
    expect(found).not.toHaveProperty('secrets')
    expect(clients.verifySecret(found, 'payroll-secret')).toBe(true)
    expect(clients.verifySecret(found, 'another')).toBe(false)
  })

  it('a name is given once; one of the file keeps its name', async () => {
    const { clients } = await open()
    const made = await Promise.all([1, 2, 3, 4].map(() => clients.create(stored('payroll'))))
    expect(made.filter(Boolean)).toEqual([true])
    expect(await clients.create(stored('web'))).toBe(false)
    expect(await clients.find('web')).toMatchObject({ source: 'file' })
    expect((await clients.change('web', undefined, (known) => known)).outcome).toBe('of the file')
    expect(await clients.rotateSecret('web', 60)).toBeUndefined()
    expect(await clients.remove('web', 'test')).toBe(false)
  })

  it('§2.2 a change that read an older version changes nothing', async () => {
    const { clients } = await open()
    await clients.create(stored('payroll'))
    const { version = '' } = (await clients.read('payroll')) ?? {}
    const name = (client_name: string) => (known: StoredClient) => ({ ...known, client_name })
    const racing = await Promise.all([
      clients.change('payroll', version, name('Wages')),
      clients.change('payroll', version, name('Salaries')),
    ])
    expect(racing.map(({ outcome }) => outcome).sort()).toEqual(['changed', 'conflict'])
    const [won] = racing.flatMap((one) => (one.outcome === 'changed' ? [one.known] : []))
    expect(await clients.read('payroll')).toEqual(won)
    expect(won?.version).not.toBe(version)
    expect((await clients.change('nobody', undefined, name('x'))).outcome).toBe('unknown')
  })

  it('without a version no change is lost', async () => {
    const { clients } = await open()
    await clients.create(stored('payroll', { redirect_uris: [] }))
    const add = (uri: string) =>
      clients.change('payroll', undefined, (known) => ({
        ...known,
        redirect_uris: [...known.redirect_uris, uri],
      }))
    await Promise.all(['https://a.example/', 'https://b.example/', 'https://c.example/'].map(add))
    const found = await clients.find('payroll')
    expect(found?.redirect_uris.toSorted()).toHaveLength(3)
  })

  it('two secrets are good during a rotation, and then the new one alone', async () => {
    const clock = movableClock()
    const { clients } = await open(config, clock)
    await clients.create(stored('payroll'))
    const second = (await clients.rotateSecret('payroll', 3600)) ?? ''
    const good = async (...secrets: string[]) => {
      const found = await clients.find('payroll')
      return secrets.map((secret) => clients.verifySecret(found, secret))
    }
    expect(await good('payroll-secret', second)).toEqual([true, true])
    const third = (await clients.rotateSecret('payroll', 3600)) ?? ''
    expect(await good('payroll-secret', second, third)).toEqual([false, true, true])
    clock.move(3601)
    expect(await good('payroll-secret', second, third)).toEqual([false, false, true])
  })

  it('one without a secret gets none by a rotation, and one whose secrets ran out is not public', async () => {
    const clock = movableClock()
    const { clients } = await open(config, clock)
    await clients.create(stored('spa', { secrets: [] }))
    expect(await clients.rotateSecret('spa', 60)).toBeUndefined()
    expect((await clients.find('spa'))?.secret_digests).toEqual([])
    const ended = [{ digest: digest('x'), until: clock() - 1 }]
    await clients.create(stored('ended', { secrets: ended }))
    const found = await clients.find('ended')
    expect(found?.secret_digests).toHaveLength(1)
    expect(clients.verifySecret(found, 'x')).toBe(false)
  })

  it('what one was given ends with it, and does not come back with its name', async () => {
    const { clients, tokens, refreshTokens, ...room } = await open()
    await clients.create(stored('payroll'))
    const stores = { clients, tokens, refreshTokens, ...room }
    const { access, refresh } = await authorize(stores, config, systemClock(), {
      client_id: 'payroll',
    })
    expect(await tokens.find(access)).toMatchObject({ client_id: 'payroll' })
    expect(await clients.remove('payroll', 'test')).toBe(true)
    expect(await clients.remove('payroll', 'test')).toBe(false)
    expect(await tokens.find(access)).toBe('revoked')
    await clients.create(stored('payroll'))
    expect(await tokens.find(access)).toBe('revoked')
    expect((await refreshTokens.present(refresh, config.tokens)).state).toBe('unknown')
    const fresh = await authorize(stores, config, systemClock(), { client_id: 'payroll' })
    expect(await tokens.find(fresh.access)).toMatchObject({ client_id: 'payroll' })
  })

  it('are listed page by page, those of the file first, with when each was last used', async () => {
    const clock = movableClock(1_800_000_000)
    const { clients } = await open(config, clock)
    for (let n = 0; n < 25; n += 1) await clients.create(stored(`c${n}`))
    const found = await clients.find('c3')
    if (found !== undefined) await clients.used(found)
    const names: string[] = []
    const used: unknown[] = []
    let cursor: string | undefined
    do {
      const page = await clients.list({ limit: 10, ...(cursor && { cursor }) })
      names.push(...page.clients.map((known) => known.client.client_id))
      used.push(...page.clients.flatMap(({ last_used }) => last_used ?? []))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(names).toEqual(['web', 'native', ...Array.from({ length: 25 }, (_, n) => `c${n}`)])
    expect(used).toEqual([1_800_000_000])
    expect((await clients.read('c4'))?.last_used).toBeUndefined()
  })
})

describe('clients that registered themselves', () => {
  const clock = movableClock()
  const registered = (client_id: string) =>
    stored(client_id, { source: 'registered', created: Math.floor(clock()) })

  it('7591-05 stay once they are used, for as long as their tokens could live and more', async () => {
    const idle = { ...REGISTRATION_POLICY, idle: 10 * 86_400 }
    const { clients } = await open({ ...config, registrationPolicy: idle }, clock)
    await clients.create(registered('mcp'))
    const found = await clients.find('mcp')
    if (found !== undefined) await clients.used(found)
    // storeConfig has grants of ten days.
    clock.move(10 * 86_400 - 1)
    expect(await clients.find('mcp')).toMatchObject({ client_id: 'mcp' })
    if (found !== undefined) await clients.used(found)
    clock.move(10 * 86_400 - 1)
    expect(await clients.find('mcp')).toMatchObject({ client_id: 'mcp' })
    clock.move(2)
    expect(await clients.find('mcp')).toBeUndefined()
  })

  it('7591-05 a use is written once an hour, and changes no version', async () => {
    const { clients, store } = await open(config, clock)
    await clients.create(registered('mcp'))
    const before = await clients.read('mcp')
    const found = await clients.find('mcp')
    if (found === undefined) throw new Error('no client')
    const noted = async () => (await store.get('client-use:mcp')) ?? ''
    await clients.used(found)
    const first = await noted()
    clock.move(3599)
    await clients.used(found)
    expect(await noted()).toBe(first)
    clock.move(2)
    await clients.used(found)
    expect(Number(await noted()) - Number(first)).toBe(3601)
    expect((await clients.read('mcp'))?.version).toBe(before?.version)
  })

  it('7591-03 what the policy takes back is refused to those that have it', async () => {
    const stores = await open(config, clock)
    await stores.clients.create({ ...registered('mcp'), scope: 'orders.read orders.write' })
    const policy = { ...REGISTRATION_POLICY, scope: 'orders.read', grant_types: ['refresh_token'] }
    await stores.reload({ ...config, registrationPolicy: policy })
    expect(await stores.clients.find('mcp')).toMatchObject({
      ...{ scope: 'orders.read', grant_types: ['refresh_token'] },
    })
  })
})

describe('A38 a client that is disabled', () => {
  const given = (stores: Stores, client_id = 'web') =>
    authorize(stores, config, systemClock(), { client_id })

  it.each(['web', 'payroll'])('is refused at once, of the file or not: %s', async (client_id) => {
    const { log, logged } = recordingLog()
    const stores = await open(config, systemClock, log)
    await stores.clients.create(stored('payroll'))
    const { access, refresh } = await given(stores, client_id)
    expect(await stores.tokens.find(access)).toMatchObject({ client_id })
    const ends: unknown[] = []
    stores.tokens.onEnded((ended) => ends.push(ended))
    expect(await stores.clients.disable(client_id, 'its secret leaked')).toBe(true)
    expect(stores.tokens.find(access)).toBe('revoked')
    expect(ends).toContainEqual({ client_id })
    expect(await stores.clients.find(client_id)).toBeUndefined()
    expect(await stores.clients.isDisabled(client_id)).toBe(true)
    expect((await stores.refreshTokens.present(refresh, config.tokens)).state).toBe('unknown')
    expect((await stores.clients.read(client_id))?.disabled).toEqual({
      at: expect.any(Number),
      reason: 'its secret leaked',
    })
    expect(await stores.tokens.inspect(access)).toMatchObject({
      ended: { what: 'client', reason: 'its secret leaked' },
    })
    expect(logged).toContainEqual({
      event: 'client.disabled',
      fields: { client_id, reason: 'its secret leaked' },
    })
    expect(await stores.clients.disable(client_id, 'again')).toBe(false)
    expect(await stores.clients.disable('nobody', 'x')).toBe(false)
  })

  it('asks anew when it is enabled: what it had stays over', async () => {
    const stores = await open()
    const { access, refresh } = await given(stores)
    await stores.clients.disable('web', 'test')
    // Made by a process that has not heard yet.
    const late = await given(stores)
    expect(await stores.clients.enable('web')).toBe(true)
    expect(await stores.clients.enable('web')).toBe(false)
    expect(await stores.clients.find('web')).toMatchObject({ client_id: 'web' })
    for (const token of [access, late.access]) {
      expect(await stores.tokens.find(token)).toBe('revoked')
    }
    expect((await stores.refreshTokens.present(refresh, config.tokens)).state).toBe('unknown')
    const fresh = await given(stores)
    expect(await stores.tokens.find(fresh.access)).toMatchObject({ client_id: 'web' })
  })

  it('is disabled in every process on the store, and after a restart', async () => {
    const start = onFile()
    const [one, two] = [await start(), await start()]
    const { access } = await given(one)
    expect(await two.tokens.find(access)).toMatchObject({ client_id: 'web' })
    await one.clients.disable('web', 'test')
    await until(() => two.tokens.find(access) === 'revoked', 5)
    expect(await two.clients.find('web')).toBeUndefined()
    const three = await start()
    expect(await three.clients.find('web')).toBeUndefined()
    expect(await three.tokens.find(access)).toBe('revoked')
    await three.clients.enable('web')
    await until(async () => (await one.clients.find('web')) !== undefined, 5)
    for (const room of [one, two, three]) expect(await room.tokens.find(access)).toBe('revoked')
    const fresh = await given(two)
    for (const room of [one, three]) {
      expect(await room.tokens.find(fresh.access)).toMatchObject({ client_id: 'web' })
    }
  })

  it('while the channel is silent the store tells, and after a gap in it', async () => {
    const { stores, troubles, authorize: allow } = await openRoom()
    const { access } = await allow()
    expect(await stores.tokens.find(access)).toMatchObject({ client_id: 'web' })
    troubles.silence = 5
    // As another process writes it, whose message does not come through.
    const row = JSON.stringify({ epoch: 'e', disabled: { at: 1, reason: 'elsewhere' } })
    const write = { op: 'set', key: 'standing:client:web', value: row, expires: FOR_EVER } as const
    await troubles.store.batch([{ ...write, indexes: ['standings'] }])
    expect(await stores.clients.find('web')).toBeUndefined()
    expect(await stores.tokens.find(access)).toBe('revoked')
    troubles.silence = 0
    await troubles.store.publish(MISSED)
    await until(async () => (await stores.clients.find('web')) === undefined, 5)
    expect(stores.clients.endOf('web')).toMatchObject({ reason: 'elsewhere' })
  })

  it('a store that does not answer disables nobody, and says so', async () => {
    const { stores, troubles } = await openRoom()
    troubles.down = true
    await expect(stores.clients.disable('web', 'test')).rejects.toThrow(StoreUnavailable)
    troubles.down = false
    expect(await stores.clients.find('web')).toMatchObject({ client_id: 'web' })
  })

  it('by the file: from the reload on, and what it had stays over', async () => {
    const stores = await open()
    const { access } = await given(stores)
    expect(await stores.tokens.find(access)).toMatchObject({ client_id: 'web' })
    const clients = config.clients.map((one) =>
      one.client_id === 'web' ? { ...one, disabled: true } : one,
    )
    await stores.reload({ ...config, clients })
    expect(await stores.tokens.find(access)).toBe('revoked')
    expect(await stores.clients.find('web')).toBeUndefined()
    expect(await stores.clients.isDisabled('web')).toBe(true)
    expect((await stores.clients.read('web'))?.disabled?.reason).toContain('configuration')
    await stores.reload(config)
    expect(await stores.clients.find('web')).toMatchObject({ client_id: 'web' })
    expect(await stores.tokens.find(access)).toBe('revoked')
    const fresh = await given(stores)
    expect(await stores.tokens.find(fresh.access)).toMatchObject({ client_id: 'web' })
  })

  it('by the file and by an operator: each has to let it in again', async () => {
    const stores = await open()
    const clients = config.clients.map((one) => ({ ...one, disabled: true }))
    await stores.reload({ ...config, clients })
    await stores.clients.disable('web', 'test')
    await stores.reload(config)
    expect(await stores.clients.find('web')).toBeUndefined()
    await stores.clients.enable('web')
    expect(await stores.clients.find('web')).toMatchObject({ client_id: 'web' })
  })
})
