import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../src/clock.ts'
import type { Config } from '../src/config/config.ts'
import { memoryStore } from '../src/store/memory.ts'
import { openStores, type Stores } from '../src/store/open.ts'
import { type Store, StoreRefused, StoreUnavailable } from '../src/store/store.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { startAuthorizationServer } from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { createPerson, openBrowser } from './support/person.ts'
import { until } from './support/portcullis.ts'
import { type Authorized, authorize, newGrant, openRoom } from './support/rooms.ts'
import { account, client, recordingLog, storeConfig, temporaryFolder } from './support/stores.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  vi.useRealTimers()
  for (const close of closers.splice(0).reverse()) await close()
})

const config = storeConfig()
const without = (name: string, { clients, accounts }: Config = config): Config => ({
  ...config,
  clients: clients.filter(({ client_id }) => client_id !== name),
  accounts: accounts.filter(({ sub }) => sub !== name),
})
const withPassword = (password: string): Config => ({
  ...config,
  accounts: config.accounts.map((one) => (one.sub === 'ada' ? { ...one, password } : one)),
})
const withScope = (of: 'clients' | 'accounts', scope: string): Config => ({
  ...config,
  [of]: config[of].map((one) => ({ ...one, scope })),
})

/** One store, and starts on it with one configuration after the other. */
type Starts = {
  start(settings: Config): Promise<Stores>
  restart(settings: Config): Promise<Stores>
}

const onMemory = (): Starts => {
  const store = memoryStore({ clock: systemClock, log: silentLog })
  const start = (settings: Config) =>
    openStores(settings, { clock: systemClock, log: silentLog, store })
  return { start, restart: start }
}

const onSqlite = (): Starts & { file: string } => {
  const folder = temporaryFolder()
  closers.push(folder.remove)
  const file = join(folder.path, 'store.db')
  const open: Stores[] = []
  const start = async (settings: Config) => {
    const located = { ...settings, store: { kind: 'sqlite', file } } as const
    const stores = await openStores(located, { clock: systemClock, log: silentLog })
    closers.push(stores.close)
    open.push(stores)
    return stores
  }
  return {
    file,
    start,
    async restart(settings) {
      for (const stores of open.splice(0)) await stores.close()
      return start(settings)
    },
  }
}

type Given = Authorized & { code: string; session: string }

/** Everything that a client and a person can have: tokens, a code on its way, a session, a remembered consent. */
const give = async (stores: Stores, client_id = 'web', sub = 'ada'): Promise<Given> => {
  const now = systemClock()
  const session = await stores.sessions.start({ sub, auth_time: now })
  const remembered = { client_id, sub, scope: ['orders.read'], at: now, expires: now + 1000 }
  const code = await stores.codes.issue({
    grant: newGrant(stores, now, { client_id, sub }),
    redirect_uri: 'https://app.example/callback',
    redirect_uri_given: true,
    lifetime: 60,
    writes: [stores.consents.write(remembered)],
  })
  if (code === undefined) throw new Error('the code was not issued')
  return { ...(await authorize(stores, config, now, { client_id, sub })), code, session }
}

/** What of it is still good. */
const standing = async (stores: Stores, given: Given): Promise<string[]> => {
  const { client_id, sub } = given.grant
  const presented = await stores.refreshTokens.present(given.refresh, config.tokens)
  const found = {
    access: typeof (await stores.tokens.find(given.access)) !== 'string',
    refresh: presented.state !== 'unknown',
    code: (await stores.codes.find(given.code)) !== undefined,
    session: (await stores.sessions.find(given.session)) !== undefined,
    consent: (await stores.consents.find(client_id, sub)) !== undefined,
  }
  return Object.entries(found).flatMap(([name, stands]) => (stands ? [name] : []))
}

/** What one gives to bob is good in all, and none is in the middle of a change. */
const agree = async (rooms: readonly Stores[]): Promise<boolean> => {
  for (const room of rooms) {
    const given = await give(room, 'web', 'bob').catch(() => undefined)
    if (given === undefined) return false
    for (const other of rooms) {
      if ((await standing(other, given)).length < ALL.length) return false
    }
  }
  return true
}

const ALL = ['access', 'refresh', 'code', 'session', 'consent']

describe.each([
  ['SQLite', onSqlite],
  ['memory', onMemory],
] satisfies [string, () => Starts][])('names in the file, over restarts, on %s', (_, place) => {
  it('a restart with the same file ends nothing', async () => {
    const { start, restart } = place()
    const given = await give(await start(config))
    const stores = await restart(config)
    expect(await standing(stores, given)).toEqual(ALL)
    expect(await standing(await restart(config), given)).toEqual(ALL)
  })

  it.each([
    ['with another password', withPassword('another password of the test')],
    ['with the same password', config],
  ])('A38 what a removed person had stays ended when the name comes back %s', async (_, back) => {
    const { start, restart } = place()
    const first = await start(config)
    const [given, others] = [await give(first), await give(first, 'native', 'bob')]
    await restart(without('ada'))
    const stores = await restart(back)
    expect(await standing(stores, given)).toEqual([])
    expect(await standing(stores, others)).toEqual(ALL)
    expect(await standing(stores, await give(stores))).toEqual(ALL)
  })

  it('A38 what a removed client had stays ended when the name comes back', async () => {
    const { start, restart } = place()
    const first = await start(config)
    const [given, others] = [await give(first), await give(first, 'native')]
    await restart(without('web'))
    const stores = await restart(config)
    expect(await standing(stores, given)).toEqual(['session'])
    expect(await standing(stores, others)).toEqual(ALL)
  })

  it.each(['ada', 'web'])('A38 the start without %s deletes what it had', async (name) => {
    const { start, restart } = place()
    await give(await start(config))
    const { store } = await restart(without(name))
    const lists = [
      name === 'ada' ? 'grants:account:ada' : 'grants:client:web',
      name === 'ada' ? 'consents:account:ada' : 'consents:client:web',
      ...(name === 'ada' ? ['sessions:account:ada'] : []),
    ]
    await until(async () => {
      const pages = await Promise.all(lists.map((list) => store.list(list)))
      return pages.every(({ rows }) => rows.length === 0)
    })
  })

  it('9700-4.14 another password ends what was given under the former one, from the start on', async () => {
    const { start, restart } = place()
    const first = await start(config)
    const [given, others] = [await give(first), await give(first, 'web', 'bob')]
    const stores = await restart(withPassword('another password of the test'))
    expect(await standing(stores, given)).toEqual([])
    expect(await standing(stores, others)).toEqual(ALL)
    const fresh = await give(stores)
    const again = await restart(withPassword('another password of the test'))
    expect(await standing(again, fresh)).toEqual(ALL)
    expect(await standing(await restart(config), fresh)).toEqual([])
  })

  it('another secret of a client ends nothing', async () => {
    const { start, restart } = place()
    const given = await give(await start(config))
    const next = { ...config, clients: [client('web', 'another secret of the test')] }
    expect(await standing(await restart(next), given)).toEqual(ALL)
  })

  it('keys that are rotated end nothing, while the old one is in the list', async () => {
    const { start, restart } = place()
    const given = await give(await start(config))
    const next = 'another secret for tests, as long'
    await restart({ ...config, secret: [next, ...config.secret] })
    const stores = await restart({ ...config, secret: [next, ...config.secret] })
    expect(await standing(stores, given)).toEqual(ALL)
    const fresh = await give(stores)
    expect(await standing(await restart({ ...config, secret: [next] }), fresh)).toEqual(ALL)
  })

  it.each(['clients', 'accounts'] as const)(
    'A39 a token opens no more than the scope of the %s, after a restart',
    async (of) => {
      const { start, restart } = place()
      const { access } = await give(await start(config))
      const stores = await restart(withScope(of, 'orders.read'))
      expect(await stores.tokens.find(access)).toMatchObject({ scope: ['orders.read'] })
    },
  )
})

describe('names in the file that change while it runs', () => {
  it('9700-4.14 another password ends sessions, tokens and streams, here before it resolves', async () => {
    const { stores } = await openRoom()
    const given = await give(stores)
    const others = await give(stores, 'web', 'bob')
    await stores.tokens.find(given.access)
    const ends: unknown[] = []
    stores.tokens.onEnded((ended) => ends.push(ended))
    const reloaded = stores.reload(withPassword('another password of the test'))
    expect(stores.tokens.find(given.access)).toBe('revoked')
    expect(ends).toEqual([{ sub: 'ada' }])
    expect(await standing(stores, given)).toEqual([])
    await reloaded
    expect(await stores.grants.find(given.grant.id)).toBeUndefined()
    expect((await stores.store.list('grants:account:ada')).rows).toEqual([])
    expect(await standing(stores, others)).toEqual(ALL)
    expect(await standing(stores, await give(stores))).toEqual(ALL)
  })

  it.each(['clients', 'accounts'] as const)(
    'A39 a smaller scope of the %s narrows tokens that are cached, a larger one widens them',
    async (of) => {
      const { stores } = await openRoom()
      const { access } = await give(stores)
      expect(await stores.tokens.find(access)).toMatchObject({
        scope: ['orders.read', 'orders.write'],
      })
      await stores.reload(withScope(of, 'orders.read'))
      expect(await stores.tokens.find(access)).toMatchObject({ scope: ['orders.read'] })
      await stores.reload(withScope(of, 'orders.write orders.read'))
      expect(await stores.tokens.find(access)).toMatchObject({
        scope: ['orders.read', 'orders.write'],
      })
    },
  )

  it('A39 a client’s own token is narrowed by the client’s scope', async () => {
    const { stores, authorize } = await openRoom()
    const { access } = await authorize({ sub: 'client:web' })
    await stores.tokens.find(access)
    await stores.reload(withScope('clients', 'orders.write'))
    expect(await stores.tokens.find(access)).toMatchObject({ scope: ['orders.write'] })
    await stores.reload(withScope('accounts', 'orders.read'))
    expect(await stores.tokens.find(access)).toMatchObject({
      scope: ['orders.read', 'orders.write'],
    })
  })

  it('A38 a store that is away meanwhile is told later, and what was given since is left alone', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] })
    const { stores, troubles, logged } = await openRoom()
    const given = await give(stores)
    troubles.down = true
    await stores.reload(without('ada'))
    await stores.reload(config)
    troubles.down = false
    expect(logged.map(({ event }) => event)).toContain('store.unfinished')
    expect(await standing(stores, given)).toEqual([])
    const fresh = await give(stores)
    await stores.tokens.find(fresh.access)
    vi.advanceTimersByTime(30_000)
    const isLeft = (id: string) => troubles.store.get(`grant:${id}`)
    await until(async () => (await isLeft(given.grant.id)) === undefined)
    expect(await standing(stores, fresh)).toEqual(ALL)
    const next = await openStores(config, {
      ...{ clock: systemClock, log: silentLog, store: troubles.store },
    })
    expect(await standing(next, fresh)).toEqual(ALL)
    // There is one consent of a person for a client, and it was given anew.
    expect(await standing(next, given)).toEqual(['consent'])
  })

  it('a removal is logged with its reason', async () => {
    const { stores, logged } = await openRoom()
    await give(stores)
    await stores.reload(withPassword('another password of the test'))
    await stores.reload(without('ada'))
    const reasons = logged
      .filter(({ event }) => event === 'account.grants_ended')
      .map(({ fields }) => fields)
    expect(reasons).toMatchObject([
      { sub: 'ada', reason: 'another password', count: 2 },
      { sub: 'ada', reason: 'removed from the configuration', count: 0 },
    ])
  })
})

describe('names in the file, of several processes on one store', () => {
  it('processes that start at once with the same file agree', async () => {
    const { start, restart } = onSqlite()
    const given = await give(await start(config))
    await restart(without('ada'))
    await restart(without('bob'))
    const rooms = await Promise.all([start(config), start(config), start(config)])
    await until(() => agree(rooms))
    for (const room of rooms) expect(await standing(room, given)).toEqual([])
  })

  it('those that name what another does not name agree on it, and come to rest', async () => {
    const { start } = onSqlite()
    const [one, two] = [await start(config), await start(config)]
    const names = () => one.store.get('configuration:names')
    await until(async () => (await names()) !== undefined)
    const accounts = [account('eve'), account('ada')]
    const other = await start({ ...config, accounts })
    // Neither in its first term: dropped and named again the one, new the other.
    const [bob, eve] = [/"account:bob","[^"]/, /"account:eve","[^"]/]
    await until(async () => {
      const row = (await names()) ?? ''
      return bob.test(row) && eve.test(row) && agree([one, two])
    })
    const row = await names()
    await Promise.all([one, two, other].map(({ store }) => store.publish('names')))
    expect(await agree([one, two])).toBe(true)
    expect(await names()).toBe(row)
  })

  it('A38 processes that read the file anew end it once, and what is given afterwards is good in all', async () => {
    const { start } = onSqlite()
    const [one, two] = [await start(config), await start(config)]
    const given = await give(one)
    await two.tokens.find(given.access)
    const next = withPassword('another password of the test')
    await one.reload(next)
    await until(() => two.tokens.find(given.access) === 'revoked')
    const fresh = await give(one)
    await two.reload(next)
    expect(await standing(two, fresh)).toEqual(ALL)
    expect(await standing(one, fresh)).toEqual(ALL)
    expect(await one.tokens.find(given.access)).toBe('revoked')
    expect(await two.tokens.find(given.access)).toBe('revoked')
  })

  it('A38 a process that starts on the former file does not undo what another has read since', async () => {
    const { start } = onSqlite()
    const next = withPassword('another password of the test')
    const one = await start(config)
    await one.reload(next)
    const fresh = await give(one)
    const two = await start(next)
    await one.reload(withPassword('a third password'))
    await two.reload(withPassword('a third password'))
    const [here, there] = [await give(one), await give(two, 'native')]
    expect(await standing(two, here)).toEqual(ALL)
    expect(await standing(one, there)).toEqual(ALL)
    for (const room of [one, two]) expect(await room.tokens.find(fresh.access)).toBe('revoked')
  })

  it('A38 a name that another process dropped is a new one here', async () => {
    const { start } = onSqlite()
    const one = await start(config)
    const given = await give(one)
    await start(without('ada'))
    await until(async () => (await standing(one, given)).length === 0)
    const fresh = await give(one)
    await one.reload(config)
    expect(await standing(one, fresh)).toEqual(ALL)
    expect(await one.tokens.find(given.access)).toBe('revoked')
  })
})

describe('what is kept of the names', () => {
  it('A24 what the store keeps of names tells no password', async () => {
    const { file, start, restart } = onSqlite()
    await start(config)
    await restart(config)
    const rows = new DatabaseSync(file).prepare('SELECT key, value FROM rows').all()
    expect(rows).toHaveLength(1)
    const [{ key, value } = {}] = rows
    expect(key).toBe('configuration:names')
    for (const { password } of config.accounts) expect(value).not.toContain(password)
    const { store } = await restart({ ...config, secret: ['another secret for tests, as long'] })
    await until(async () => (await store.get('configuration:names')) !== value)
  })

  it('names may be spelled like anything', async () => {
    const odd = {
      ...config,
      accounts: ['__proto__', 'constructor', 'ada:client', 'ünï"'].map(account),
      clients: [client('__proto__', 'a secret of the test'), client('account:ada')],
    }
    const { start, restart } = onMemory()
    const stores = await start(odd)
    const given = await give(stores, '__proto__', '__proto__')
    expect(await standing(await restart(odd), given)).toEqual(ALL)
    await restart(without('__proto__', odd))
    expect(await standing(await restart(odd), given)).toEqual([])
  })

  it('a store that cannot tell is not started on', async () => {
    const store: Store = {
      ...memoryStore({ clock: systemClock, log: silentLog }),
      get: () => Promise.reject(new StoreUnavailable('down')),
    }
    const started = openStores(config, { clock: systemClock, log: silentLog, store })
    await expect(started).rejects.toThrow(StoreRefused)
  })

  it('a start does not wait for what it ends', async () => {
    const inner = memoryStore({ clock: systemClock, log: silentLog })
    const first = await openStores(config, { clock: systemClock, log: silentLog, store: inner })
    const given = await give(first)
    const { promise, resolve } = Promise.withResolvers<void>()
    const store: Store = {
      ...inner,
      batch: (...parts) => promise.then(() => inner.batch(...parts)),
    }
    const { log, logged } = recordingLog()
    const settings = withPassword('another password of the test')
    const stores = await openStores(settings, { clock: systemClock, log, store })
    expect(await standing(stores, given)).toEqual([])
    expect(logged).toEqual([])
    resolve()
    await until(() => logged.some(({ event }) => event === 'account.grants_ended'))
  })
})

describe('names given again, over HTTP', () => {
  it('A38 whoever takes over a name inherits nothing', async () => {
    const folder = temporaryFolder()
    closers.push(folder.remove)
    const store = { kind: 'sqlite', file: join(folder.path, 'store.db') } as const
    const start = async (...passwords: string[]) => {
      const accounts = [
        { username: 'bob' },
        ...passwords.map((password) => ({ username: 'ada', password })),
      ]
      const server = await startAuthorizationServer({ store, accounts })
      const web = createClient(server.origin, 'web', { secret: 'web-secret' })
      return { server, web }
    }
    const browser = openBrowser()
    const before = await start('the first password')
    const ada = createPerson('ada', 'the first password', browser)
    const { body } = await before.web.redeem(await ada.authorize(before.web.authorizationUrl()))
    await before.server.stop()
    await (await start()).server.stop()

    const { server, web } = await start('the second password')
    closers.push(server.stop)
    const { body: known } = await web.post('introspect', { token: String(body.access_token) })
    expect(known).toEqual({ active: false })
    expect((await web.refresh(body.refresh_token)).body.error).toBe('invalid_grant')
    const page = await ada.settle(await browser.open(web.authorizationUrl().href))
    expect(page.body).toContain('type="password"')
    const successor = createPerson('ada', 'the second password')
    const asked = await successor.signIn(
      await successor.settle(await successor.browser.open(web.authorizationUrl().href)),
    )
    expect((await successor.settle(asked)).url).toContain('/oauth/consent')
  })
})
