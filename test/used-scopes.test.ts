import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { loadConfiguration } from '../src/config/load.ts'
import { createAdminClient, madeToken } from './support/admin.ts'
import { openAdminRoom } from './support/admin-room.ts'
import { createClient } from './support/client.ts'
import { openConsole } from './support/console.ts'
import { createPerson } from './support/person.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'

const SECRET = 'a-secret-of-32-characters-and-more-'
const ROUTES = `
  - { path: /x/*, methods: [GET], upstream: api, scope: read }
  - { path: /x/*, methods: [POST], upstream: api, scope: write }
  - { path: /y/*, upstream: api, scope: other }
  - { path: /any/*, upstream: api, scope: { any: "one two" } }
  - { path: /open/*, upstream: api }
`
const configuration = (port: number) => `
demo: true
scopes: { read: r, write: w, other: o, one: "1", two: "2", three: "3" }
upstreams: { api: "http://127.0.0.1:${port}" }
tokens: { accessToken: 90d }
routes: ${ROUTES}
clients:
  - { client_id: web, client_secret: ${SECRET}web, redirect_uris: ["https://app.example/callback"], grant_types: [authorization_code] }
  - { client_id: robot, client_secret: ${SECRET}robot, grant_types: [client_credentials], scope: read write }
accounts:
  - { username: vera, password: vera, admin: viewer }
  - { username: grace, password: grace }
  - { username: ada, password: ada }
`

let upstream: Server
let port: number
let running: Portcullis
let later = 0
beforeAll(async () => {
  upstream = createServer((_, res) => res.end('served'))
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  port = (upstream.address() as AddressInfo).port
})
afterAll(() => upstream.close())
afterEach(() => running.stop())

const start = async () => {
  later = 0
  const clock = () => Date.now() / 1000 + later
  running = await startPortcullis(configuration(port), { clock })
}

const client = (name: string) => createClient(running.origin, name, { secret: SECRET + name })

const given = async (username: string, scope: string): Promise<string> => {
  const web = client('web')
  const back = await createPerson(username, username).authorize(
    web.authorizationUrl({ scope }).href,
  )
  return String((await web.redeem(back)).body.access_token)
}

const own = async (name = 'robot', secret = SECRET + name, scope = 'read'): Promise<string> => {
  const machine = createClient(running.origin, name, { secret })
  const { body } = await machine.post('token', { grant_type: 'client_credentials', scope })
  return String(body.access_token)
}

const call = async (token: string, method: string, path: string): Promise<number> => {
  const headers = { Authorization: `Bearer ${token}` }
  return (await fetch(`${running.origin}${path}`, { method, headers })).status
}

const vera = () => openConsole(running.admin, 'vera')
const api = async () => createAdminClient(running.admin, await madeToken(running.folder))

/** What the page says of scopes: to how many it is granted, and how many of those have used it. */
const numbers = async (
  ...scopes: string[]
): Promise<readonly (readonly (string | undefined)[])[]> => {
  const { body } = await (await vera()).open('/scopes')
  return scopes.map((scope) => {
    const row = body.split('<tr>').find((text) => text.includes(`<code>${scope}</code>`)) ?? ''
    const cells = row.split('<td').map((cell) => cell.replace(/^[^>]*>|<[^>]+>/g, ''))
    return cells.slice(5, 7)
  })
}

const NEVER = 'never used'

describe('scopes that were granted, and those that were used', () => {
  it('two routes on one path are told apart by their methods', async () => {
    await start()
    const token = await given('grace', 'read write')
    expect(await call(token, 'GET', '/x/1')).toBe(200)
    expect(await numbers('read', 'write')).toEqual([
      ['1', '1'],
      ['1', NEVER],
    ])
    expect(await call(token, 'POST', '/x/1')).toBe(200)
    expect(await numbers('read', 'write')).toEqual([
      ['1', '1'],
      ['1', '1'],
    ])
  })

  it('all routes that were used in turn count, not the last one alone', async () => {
    await start()
    const [grace, ada] = [await given('grace', 'read other'), await given('ada', 'read other')]
    for (const path of ['/x/1', '/y/1', '/open/1', '/y/2', '/open/2'])
      expect(await call(grace, 'GET', path)).toBe(200)
    expect(await call(ada, 'GET', '/open/1')).toBe(200)
    expect(await numbers('read', 'other', 'three')).toEqual([
      ['2', '1'],
      ['2', '1'],
      ['0', '0'],
    ])
  })

  it('where one of several will do, those that the token has are used; who was refused has used nothing', async () => {
    await start()
    const [grace, ada] = [await given('grace', 'two three'), await given('ada', 'three')]
    expect(await call(grace, 'GET', '/any/1')).toBe(200)
    expect(await call(ada, 'GET', '/any/1')).toBe(403)
    expect(await call(ada, 'GET', '/x/1')).toBe(403)
    expect(await numbers('one', 'two', 'three')).toEqual([
      ['0', '0'],
      ['1', '1'],
      ['2', NEVER],
    ])
  })

  it('what happened stays so when routes are renamed, ask for something else or are gone', async () => {
    await start()
    const token = await given('grace', 'read write other')
    expect(await call(token, 'GET', '/x/1')).toBe(200)
    expect(await call(token, 'GET', '/y/1')).toBe(200)
    const loaded = await loadConfiguration(join(running.folder, 'portcullis.yaml'), {})
    if ('problems' in loaded) throw new Error('it is not good')
    const [first] = loaded.config.routes
    if (first === undefined) throw new Error('it has no routes')
    const scope = { mode: 'all', scopes: ['write'] } as const
    const { methods: _, ...renamed } = { ...first, path: '/z/*', scope }
    await running.server.apply({ ...loaded.config, routes: [renamed] })
    expect(await numbers('read', 'write', 'other')).toEqual([
      ['1', '1'],
      ['1', NEVER],
      ['1', '1'],
    ])
    expect(await call(token, 'GET', '/x/1')).toBe(404)
    expect(await call(token, 'GET', '/z/1')).toBe(200)
    expect(await numbers('read', 'write')).toEqual([
      ['1', '1'],
      ['1', '1'],
    ])
  })

  it('what a client holds for itself counts once, however many tokens it got', async () => {
    await start()
    const [one, two] = [await own(), await own('robot', undefined, 'read write')]
    expect(await call(one, 'GET', '/x/1')).toBe(200)
    expect(await numbers('read', 'write')).toEqual([
      ['1', '1'],
      ['1', NEVER],
    ])
    expect(await call(two, 'POST', '/x/1')).toBe(200)
    expect(await numbers('read', 'write')).toEqual([
      ['1', '1'],
      ['1', '1'],
    ])
  })

  it('of what an earlier release wrote down it is not known which scopes it was', async () => {
    await start()
    const admin = await api()
    await given('grace', 'read')
    const { items } = (await admin.token('GET', '/api/v1/grants?client_id=web')).body
    const [{ id }] = items
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(join(running.folder, 'data/portcullis.db'))
    const value = JSON.stringify({ at: 1_700_000_000, route: '/x/*' })
    database
      .prepare('INSERT INTO rows (key, value, expires) VALUES (?, ?, ?)')
      .run(`last-used:${id}`, value, Date.now() + 60_000)
    database.close()
    expect(await numbers('read')).toEqual([['1', '0, of 1 it is not known']])
  })
})

describe('when clients last used what they hold for themselves', () => {
  it('the console and the API tell: of the client, and of each of its grants', async () => {
    await start()
    const admin = await api()
    const robot = async () => (await admin.token('GET', '/api/v1/clients/robot')).body
    const [token] = [await own(), await own()]
    expect((await robot()).own_last_used).toBeUndefined()
    expect((await (await vera()).open('/clients/robot')).body).toMatch(
      /Last used one of its own<\/dt><dd><span class="soft">never/,
    )
    expect(await call(token ?? '', 'GET', '/x/1')).toBe(200)
    expect(await robot()).toMatchObject({
      own_last_used: expect.closeTo(Date.now() / 1000, -2),
      own_last_route: '/x/*',
    })
    const { items } = (await admin.token('GET', '/api/v1/grants?client_id=robot')).body
    expect(items).toHaveLength(2)
    for (const item of items) expect(item).toMatchObject({ last_route: '/x/*' })
    const listed = (await admin.token('GET', '/api/v1/clients')).body.items
    expect(listed.find((one: { client_id: string }) => one.client_id === 'robot')).toMatchObject({
      own_last_route: '/x/*',
    })
    const looking = await vera()
    expect((await looking.open('/clients/robot')).body).toMatch(
      /Last used one of its own<\/dt><dd><time.*<code><bdi>\/x\/\*<\/bdi><\/code>/,
    )
    expect((await looking.open('/grants?client_id=robot')).body).toMatch(/<code><bdi>\/x\/\*/)
  })

  it('they are unused for days when the client has used none of them since', async () => {
    await start()
    const [one] = [await own(), await own()]
    const unusedFor = async (days: number) => {
      const looking = await vera()
      const { body } = await (await api()).token(
        'GET',
        `/api/v1/grants?client_id=robot&unused=${days}`,
      )
      const page = (await looking.open(`/grants?unused=${days}`)).body
      expect(page.includes('/clients/robot"'), 'the console says the same').toBe(
        body.items.length > 0,
      )
      return body.items.length
    }
    later = 10 * 86_400
    expect([await unusedFor(9), await unusedFor(11)]).toEqual([2, 0])
    expect(await call(one ?? '', 'GET', '/x/1')).toBe(200)
    expect(await unusedFor(9)).toBe(0)
    later = 25 * 86_400
    expect([await unusedFor(14), await unusedFor(16)]).toEqual([2, 0])
    await own()
    expect(await unusedFor(14)).toBe(2)
  })

  it('a client that was deleted leaves nothing to one that is given its name', async () => {
    await start()
    const admin = await api()
    const make = async () => {
      const body = { client_id: 'temp', grant_types: ['client_credentials'], scope: 'read write' }
      return (await admin.token('POST', '/api/v1/clients', { body })).body.client_secret
    }
    const token = await own('temp', await make())
    expect(await call(token, 'GET', '/x/1')).toBe(200)
    const read = async () => (await admin.token('GET', '/api/v1/clients/temp')).body
    expect(await read()).toMatchObject({ own_last_route: '/x/*' })
    const headers = { 'If-Match': '*' }
    const same = await admin.token('PUT', '/api/v1/clients/temp', { body: await read(), headers })
    expect([same.status, same.body.own_last_route], 'what was shown can be sent back').toEqual([
      ...[200, '/x/*'],
    ])
    await admin.token('DELETE', '/api/v1/clients/temp', { headers })
    const again = await own('temp', await make())
    expect(await read()).not.toHaveProperty('own_last_used')
    expect(await numbers('read')).toEqual([['1', NEVER]])
    expect(await call(again, 'GET', '/x/1')).toBe(200)
    expect(await numbers('read')).toEqual([['1', '1']])
  })
})

describe('which clients may ask for a scope', () => {
  it('those of run time as those of the file, by name or because they may ask for every one', async () => {
    await start()
    const admin = await api()
    for (const body of [
      { client_id: 'late', grant_types: ['client_credentials'], scope: 'read' },
      { client_id: 'free', grant_types: ['client_credentials'] },
    ])
      expect((await admin.token('POST', '/api/v1/clients', { body })).status).toBe(201)
    const { body } = await admin.token('GET', '/api/v1/scopes')
    expect(body.items[0]).toEqual({
      ...{ scope: 'read', description: 'r', routes: ['/x/*'], clients: ['robot', 'late'] },
    })
    expect(body).toMatchObject({ unrestricted: ['web', 'free'], more: false })
    const page = (await (await vera()).open('/scopes')).body
    expect(page).toMatch(/<code>read<\/code>.*?<code>\/x\/\*<\/code>.*?<td class="number">4<\/td>/s)
  })

  it('of more than a bounded number of clients it is said that they are a sample', async () => {
    const room = await openAdminRoom({ scopes: new Map([['read', 'r']]) })
    try {
      for (let n = 0; n < 501; n += 1)
        await room.stores.clients.create({
          ...{ client_id: `c${n}`, redirect_uris: [], grant_types: ['client_credentials'] },
          ...{ require_pkce: true, introspect: false, tokens: {}, secrets: [], scope: 'read' },
          ...{ source: 'operator', created: room.clock() },
        })
      const { body } = await room.admin.token('GET', '/api/v1/scopes')
      expect(body.items[0].clients).toHaveLength(500)
      expect(body.more).toBe(true)
    } finally {
      await room.stop()
    }
  })
})
