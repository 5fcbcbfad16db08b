import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import type { Config } from '../src/config/config.ts'
import { AccountRefused } from '../src/store/account-registry.ts'
import { openStores, type Stores } from '../src/store/open.ts'
import { hashPassword } from '../src/store/passwords.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { until } from './support/portcullis.ts'
import { type Authorized, authorize, openRoom } from './support/rooms.ts'
import { storeConfig, temporaryFolder } from './support/stores.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const NEW = {
  username: 'eve',
  password: '$argon2id$of-the-test',
  name: 'Eve',
  scope: 'orders.read',
}

const refusalOf = async (attempt: Promise<unknown>): Promise<string | undefined> => {
  const error = await attempt.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  return error instanceof AccountRefused ? error.reason : undefined
}

/** Processes on one SQLite file. */
const onSqlite = () => {
  const folder = temporaryFolder()
  closers.push(folder.remove)
  const store = { kind: 'sqlite', file: join(folder.path, 'store.db') } as const
  return async (settings: Partial<Config> = {}): Promise<Stores> => {
    const config = { ...storeConfig({ store }), ...settings }
    const stores = await openStores(config, { clock: systemClock, log: silentLog })
    closers.push(stores.close)
    return stores
  }
}

/** A token of the account as it is now. */
const give = (stores: Stores, sub: string): Promise<Authorized> =>
  authorize(stores, storeConfig(), systemClock(), { sub })

const isGood = async (stores: Stores, { access }: Authorized): Promise<boolean> =>
  typeof (await stores.tokens.find(access)) !== 'string'

describe('accounts that are made while it runs', () => {
  it('are made, found by name and subject, read, changed, listed and removed', async () => {
    const { stores } = await openRoom()
    const { accounts } = stores
    const eve = await accounts.create(NEW)
    const { password: _, ...shown } = NEW
    expect(eve).toMatchObject({ ...shown, source: 'operator' })
    expect(eve).not.toHaveProperty('password')
    expect(await accounts.find('eve')).toMatchObject({ ...NEW, sub: eve.sub })
    expect(await accounts.findBySub(eve.sub)).toMatchObject(shown)
    const changes = { name: 'Eve X', scope: undefined }
    const changed = await accounts.change(eve.sub, eve.version, changes)
    expect(changed).toMatchObject({ name: 'Eve X', sub: eve.sub })
    expect(changed.scope).toBeUndefined()
    expect(await accounts.read(eve.sub)).toEqual(changed)
    const { accounts: listed } = await accounts.list()
    expect(listed.map(({ username }) => username)).toEqual(['ada', 'bob', 'eve'])
    await accounts.remove(eve.sub)
    expect(await accounts.find('eve')).toBeUndefined()
    expect(await refusalOf(accounts.remove(eve.sub))).toBe('unknown')
  })

  it('the list goes on from the file to the others, by cursor, each once', async () => {
    const { stores } = await openRoom()
    for (const username of ['eve', 'kim', 'lea'])
      await stores.accounts.create({ ...NEW, username, sub: `sub-${username}` })
    const seen: string[] = []
    let cursor: string | undefined
    let pages = 0
    do {
      const page = await stores.accounts.list({ limit: 2, ...(cursor && { cursor }) })
      seen.push(...page.accounts.map(({ username }) => username))
      cursor = page.cursor
      pages += 1
    } while (cursor !== undefined && pages < 10)
    expect(seen).toEqual(['ada', 'bob', 'eve', 'kim', 'lea'])
  })

  it('a subject never begins with client:, nor is it or the username somebody else’s', async () => {
    const { stores } = await openRoom()
    const { accounts } = stores
    await accounts.create({ ...NEW, sub: 'sub-eve' })
    for (const [account, reason] of [
      [{ ...NEW, username: 'x', sub: 'client:web' }, 'reserved'],
      [{ ...NEW, username: 'x', sub: 'ada' }, 'taken'],
      [{ ...NEW, username: 'x', sub: 'sub-eve' }, 'taken'],
      [{ ...NEW, username: 'ada', sub: 'x' }, 'taken'],
      [{ ...NEW, sub: 'x' }, 'taken'],
    ] as const)
      expect(await refusalOf(accounts.create(account))).toBe(reason)
  })

  it('two that are made at once with one name: one is', async () => {
    const start = onSqlite()
    const [one, two] = [await start(), await start()]
    const made = await Promise.all(
      [one, two, one, two].map(({ accounts }) =>
        refusalOf(accounts.create(NEW)).then((reason) => reason ?? 'made'),
      ),
    )
    expect(made.toSorted()).toEqual(['made', 'taken', 'taken', 'taken'])
  })

  it('a change of what is no longer so is a conflict; another name frees the former one', async () => {
    const { stores } = await openRoom()
    const { accounts } = stores
    const eve = await accounts.create(NEW)
    const { version } = await accounts.change(eve.sub, eve.version, { username: 'eva' })
    expect(await refusalOf(accounts.change(eve.sub, eve.version, { name: 'X' }))).toBe('conflict')
    expect(await refusalOf(accounts.change(eve.sub, version, { username: 'bob' }))).toBe('taken')
    expect(await accounts.find('eve')).toBeUndefined()
    expect(await accounts.find('eva')).toMatchObject({ sub: eve.sub })
    const other = await accounts.create(NEW)
    expect(other.sub).not.toBe(eve.sub)
  })

  it('those of the file are changed there', async () => {
    const { stores } = await openRoom()
    expect(await refusalOf(stores.accounts.change('ada', '', { name: 'X' }))).toBe('of the file')
    expect(await refusalOf(stores.accounts.remove('ada'))).toBe('of the file')
    expect(await refusalOf(stores.accounts.change('nobody', '', {}))).toBe('unknown')
  })

  it('A38 what was given to an account that is removed is over, and a namesake gets none of it', async () => {
    const { stores } = await openRoom()
    await stores.accounts.create({ ...NEW, sub: 'sub-eve' })
    const given = await give(stores, 'sub-eve')
    expect(await isGood(stores, given)).toBe(true)
    await stores.accounts.remove('sub-eve')
    expect(await isGood(stores, given)).toBe(false)
    await stores.accounts.create({ ...NEW, sub: 'sub-eve' })
    expect(await isGood(stores, given)).toBe(false)
    expect((await stores.grants.ofAccount('sub-eve')).grants).toEqual([])
  })

  it('A39 a smaller scope narrows tokens that are cached, in every process', async () => {
    const start = onSqlite()
    const [one, two] = [await start(), await start()]
    const { sub, version } = await one.accounts.create({
      ...{ ...NEW, scope: 'orders.read orders.write' },
    })
    const { access } = await give(one, sub)
    expect(await two.tokens.find(access)).toMatchObject({ scope: ['orders.read', 'orders.write'] })
    await one.accounts.change(sub, version, { scope: 'orders.read' })
    await until(async () => {
      const found = await two.tokens.find(access)
      return typeof found !== 'string' && found.scope.length === 1
    })
  })

  it('the file goes before what was made with the same name', async () => {
    const start = onSqlite()
    const one = await start({ accounts: [] })
    await one.accounts.create({ ...NEW, username: 'ada', sub: 'ada' })
    const two = await start()
    expect(await two.accounts.find('ada')).toMatchObject({ source: 'file' })
    expect((await two.accounts.list()).accounts.map(({ sub }) => sub)).toEqual(['ada', 'bob'])
  })
})

describe('a password of one’s own', () => {
  it('9700-4.14 ends what was given under the former one, everywhere, and outlives a restart', async () => {
    const start = onSqlite()
    const [one, two] = [await start(), await start()]
    const given = await give(one, 'ada')
    expect(await isGood(two, given)).toBe(true)
    const hash = await hashPassword('one of my own')
    await one.accounts.setPassword('ada', hash)
    await until(() => two.tokens.find(given.access) === 'revoked')
    const three = await start()
    expect((await three.accounts.find('ada'))?.password).toBe(hash)
    expect(await isGood(three, await give(three, 'ada'))).toBe(true)
    expect(await isGood(three, given)).toBe(false)
  })

  it('is void once the file has another password, and stays so', async () => {
    const start = onSqlite()
    const config = storeConfig()
    const passwordsAre = async (stores: Stores) => (await stores.accounts.find('ada'))?.password
    const one = await start()
    await one.accounts.setPassword('ada', '$argon2id$own')
    expect(await passwordsAre(await start())).toBe('$argon2id$own')
    const accounts = config.accounts.map((account) => ({ ...account, password: 'another' }))
    await one.reload({ ...config, accounts })
    expect(await passwordsAre(one)).toBe('another')
    await one.reload(config)
    expect(await passwordsAre(one)).toBe(config.accounts[0]?.password)
  })

  it('of an account of the store is kept with it', async () => {
    const { stores } = await openRoom()
    const { sub } = await stores.accounts.create(NEW)
    await stores.accounts.setPassword(sub, '$argon2id$own')
    expect(await stores.accounts.find('eve')).toMatchObject({
      password: '$argon2id$own',
      name: 'Eve',
    })
  })
})

describe('an account that is disabled', () => {
  it.each(['ada', 'sub-eve'])(
    'A38, A30 %s: tokens are refused in every process at once, cached or not, and after restarts',
    async (sub) => {
      const start = onSqlite()
      const [one, two] = [await start(), await start()]
      await one.accounts.create({ ...NEW, sub: 'sub-eve' })
      const [cached, uncached, others] = [
        await give(one, sub),
        await give(one, sub),
        await give(one, 'bob'),
      ]
      expect(await isGood(two, cached)).toBe(true)
      const ends: unknown[] = []
      two.tokens.onEnded((ended) => ends.push(ended))
      await one.accounts.disable(sub, 'left the company')
      await until(() => two.tokens.find(cached.access) === 'revoked')
      expect(ends).toContainEqual({ sub })
      const three = await start()
      for (const stores of [one, two, three]) {
        expect(await isGood(stores, cached)).toBe(false)
        expect(await isGood(stores, uncached)).toBe(false)
        expect(await isGood(stores, others)).toBe(true)
        expect(await stores.accounts.isDisabled(sub)).toBe(true)
        expect(await stores.accounts.findBySub(sub)).toBeUndefined()
        const account = await stores.accounts.read(sub)
        expect(account?.disabled).toMatchObject({ reason: 'left the company' })
      }
    },
  )

  it('A38 what was given before it was disabled does not come back when it is enabled', async () => {
    const { stores, logged } = await openRoom()
    const given = await give(stores, 'ada')
    const { accounts } = stores
    await accounts.disable('ada', 'lost her laptop')
    await accounts.enable('ada')
    expect(await accounts.isDisabled('ada')).toBe(false)
    expect(await isGood(stores, given)).toBe(false)
    expect(await isGood(stores, await give(stores, 'ada'))).toBe(true)
    const events = logged.map(({ event }) => event)
    expect(events).toContain('account.disabled')
    expect(events).toContain('account.enabled')
  })

  it.each(['run time', 'file'])(
    'an operator is told why its tokens are refused: at %s',
    async (by) => {
      const { stores, clock } = await openRoom()
      const { access } = await give(stores, 'ada')
      const config = storeConfig()
      const accounts = config.accounts.map((one) => ({ ...one, disabled: one.sub === 'ada' }))
      if (by === 'file') await stores.reload({ ...config, accounts })
      else await stores.accounts.disable('ada', 'left the company')
      const ended =
        by === 'file'
          ? { what: 'account', reason: 'disabled in the configuration' }
          : { what: 'account', at: clock(), reason: 'left the company' }
      expect(await stores.tokens.inspect(access)).toMatchObject({ refusal: 'revoked', ended })
    },
  )

  it('A38 a store that fails once it is disabled brings nothing back', async () => {
    const { stores, troubles } = await openRoom()
    const given = await give(stores, 'ada')
    const { batch } = troubles.store
    let writes = 0
    // The first write is the one that disables.
    troubles.store.batch = async (...parts) => {
      writes += 1
      if (writes > 1) troubles.down = true
      return batch(...parts)
    }
    await stores.accounts.disable('ada', 'lost her laptop')
    Object.assign(troubles.store, { batch })
    troubles.down = false
    expect(await troubles.store.get(`grant:${given.grant.id}`)).toBeDefined()
    await stores.accounts.enable('ada')
    expect(await isGood(stores, given)).toBe(false)
  })

  it('A38 disabled: true in the file is applied by a reload, and false gives nothing back', async () => {
    const { stores, logged } = await openRoom()
    const config = storeConfig()
    const disabled = config.accounts.map((one) => ({ ...one, disabled: one.sub === 'ada' }))
    const [given, others] = [await give(stores, 'ada'), await give(stores, 'bob')]
    expect(await isGood(stores, given)).toBe(true)
    const reloaded = stores.reload({ ...config, accounts: disabled })
    expect(stores.tokens.find(given.access)).toBe('revoked')
    await reloaded
    expect(await stores.accounts.isDisabled('ada')).toBe(true)
    expect(await stores.accounts.find('ada')).toBeUndefined()
    expect(await isGood(stores, others)).toBe(true)
    expect(await stores.accounts.enable('ada')).toBe(false)
    expect(await stores.accounts.isDisabled('ada')).toBe(true)
    await stores.reload(config)
    expect(await isGood(stores, given)).toBe(false)
    expect(await isGood(stores, await give(stores, 'ada'))).toBe(true)
    const ends = logged.filter(({ event }) => event === 'account.grants_ended')
    expect(ends[0]?.fields.reason).toBe('disabled in the configuration')
  })

  it('there is none to disable where there is no account', async () => {
    const { stores } = await openRoom()
    expect(await stores.accounts.disable('nobody', '')).toBe(false)
    expect(await stores.accounts.isDisabled('nobody')).toBe(false)
  })
})
