import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AdminRoom, openAdminRoom } from './support/admin-room.ts'
import { newGrant } from './support/rooms.ts'
import { account, client } from './support/stores.ts'
import { walk } from './support/walk.ts'

const rooms: AdminRoom[] = []
const open = async (...given: Parameters<typeof openAdminRoom>): Promise<AdminRoom> => {
  const room = await openAdminRoom(...given)
  rooms.push(room)
  return room
}
afterAll(async () => {
  for (const room of rooms) await room.stop()
})

const clientRow = (client_id: string, at: number) => ({
  ...{ client_id, redirect_uris: [], grant_types: ['client_credentials'], scope: 'orders.read' },
  ...{ require_pkce: true, introspect: false, tokens: {}, source: 'operator', created: at },
  secrets: [],
})

/** Writes clients as they are stored, a thousand at a time. */
const fillClients = async ({ stores, clock }: AdminRoom, count: number): Promise<void> => {
  for (let from = 0; from < count; from += 1000)
    await stores.store.batch(
      Array.from({ length: Math.min(1000, count - from) }, (_, at) => {
        const client_id = `c${String(from + at).padStart(6, '0')}`
        const value = JSON.stringify(clientRow(client_id, clock()))
        const indexes = ['clients', 'clients:operator']
        return { op: 'set', key: `client:${client_id}`, value, expires: 9e15, indexes } as const
      }),
    )
}

const fillGrants = async ({ stores, clock }: AdminRoom, count: number): Promise<void> => {
  for (let from = 0; from < count; from += 1000)
    await stores.store.batch(
      Array.from({ length: Math.min(1000, count - from) }, (_, at) =>
        stores.grants.write(newGrant(stores, clock(), { sub: `person-${(from + at) % 10_000}` })),
      ),
    )
}

describe('paging', () => {
  it('has no more than was asked for, the file first, and each once', async () => {
    const names = Array.from({ length: 7 }, (_, at) => `filed-${at}`)
    const room = await open({
      clients: names.toReversed().map((name) => client(name)),
      accounts: names.map(account),
    })
    await fillClients(room, 20)
    for (const limit of [1, 3, 7, 8, 100]) {
      const found = await walk(room, `/api/v1/clients?limit=${limit}`, ({ body }) =>
        expect(body.items.length).toBeLessThanOrEqual(limit),
      )
      const ids = found.map(({ client_id }) => client_id)
      expect(ids.slice(0, 7)).toEqual(names)
      expect(ids.length).toBe(27)
      expect(new Set(ids).size).toBe(27)
    }
    const people = await walk(room, '/api/v1/accounts?limit=2')
    expect(people.map(({ sub }) => sub)).toEqual(names)
  })

  it('what comes and goes meanwhile doubles nothing and hides nothing that stood all the time', async () => {
    const room = await open({ clients: [client('filed')] })
    const { admin } = room
    await fillClients(room, 200)
    const gone = (at: number) => `c${String(at * 3).padStart(6, '0')}`
    const found = await walk(room, '/api/v1/clients?limit=10', async (_, at) => {
      const headers = { 'If-Match': '*' }
      const path = `/api/v1/clients/${gone(at)}`
      expect((await admin.token('DELETE', path, { headers })).status).toBe(204)
      const body = { client_id: `new-${at}`, grant_types: ['client_credentials'] }
      expect((await admin.token('POST', '/api/v1/clients', { body })).status).toBe(201)
      const named = { grant_types: ['client_credentials'], client_name: 'Changed' }
      const changed = `/api/v1/clients/c${String(199 - at).padStart(6, '0')}`
      await admin.token('PUT', changed, { body: named, headers })
    })
    const ids = found.map(({ client_id }) => String(client_id))
    expect(new Set(ids).size).toBe(ids.length)
    const removed = new Set(Array.from({ length: 40 }, (_, at) => gone(at)))
    const stood = Array.from({ length: 200 }, (_, at) => `c${String(at).padStart(6, '0')}`)
    expect(stood.filter((id) => !removed.has(id) && !ids.includes(id))).toEqual([])
  })

  it('what is no cursor or no limit is 400', async () => {
    const { admin } = await open()
    const wrong = ['cursor=x', 'cursor=-1', 'cursor=1e9', `cursor=${'9'.repeat(40)}`, 'cursor=%00']
    wrong.push('limit=0', 'limit=501', 'limit=x', 'limit=1.5', 'limit=', 'page=2', 'limit=-1')
    for (const path of ['clients', 'accounts', 'audit', 'registration-tokens', 'clients/export'])
      for (const query of wrong) {
        const answer = await admin.token('GET', `/api/v1/${path}?${query}`)
        expect([path, query, answer.status]).toEqual([path, query, 400])
      }
    for (const whose of ['', 'sub=ada&', 'client_id=web&'])
      for (const query of wrong) {
        const answer = await admin.token('GET', `/api/v1/grants?${whose}${query}`)
        expect([whose, query, answer.status]).toEqual([whose, query, 400])
      }
  })
})

describe('what is wrong with a question', () => {
  it.each([
    ['GET', 'sessions', '/sub is required: say whose'],
    ['DELETE', 'sessions', '/sub is required: say whose'],
    ['GET', 'sessions?sub=', '/sub must not be empty'],
    ['GET', 'sessions?sub=%00', '/sub is no name'],
    ['GET', 'clients?limit=x', '/limit must be a number'],
    ['GET', 'grants?unused=none', '/unused must be a number'],
    ['POST', 'clients/web/disable', '/reason is required', {}],
    ['POST', 'clients/web/disable', '/reason must be text', { reason: 3 }],
    ['POST', 'clients/web/secret', '/overlap must be a number', { overlap: 'x' }],
  ])('%s %s: %s', async (method, path, words, body?: object) => {
    const { admin } = await open()
    const answer = await admin.token(method, `/api/v1/${path}`, body && { body })
    expect(answer.status).toBe(400)
    expect(answer.body.detail).toMatch(/^The (query|body): /)
    expect(answer.body.detail.replace(/^The (query|body): /, '')).toBe(words)
  })
})

describe('at 100 000', () => {
  let room: AdminRoom
  beforeAll(async () => {
    room = await open()
    await fillClients(room, 100_000)
    await fillGrants(room, 100_000)
  }, 120_000)

  const costOf = async (path: string) => {
    room.calls.length = 0
    const answer = await room.admin.token('GET', path)
    return { answer, calls: [...room.calls] }
  }

  it('a page costs as many calls of the store in the middle and at the end as at the beginning', async () => {
    for (const path of ['/api/v1/clients?limit=100', '/api/v1/grants?client_id=web&limit=100']) {
      const first = await costOf(path)
      expect(first.calls.length).toBeLessThanOrEqual(4)
      for (const cursor of ['50000', '150000', '199990']) {
        const later = await costOf(`${path}&cursor=${cursor}`)
        expect(later.answer.status).toBe(200)
        expect(later.calls.length).toBeLessThanOrEqual(first.calls.length)
      }
    }
  })

  it('a search that finds nothing ends after a bounded number of calls, and goes on', async () => {
    for (const path of [
      '/api/v1/clients?limit=1&search=nobody',
      '/api/v1/clients?limit=1&source=registered',
      '/api/v1/grants?client_id=web&limit=1&unused=30',
      '/api/v1/clients/export?limit=1',
    ]) {
      const { answer, calls } = await costOf(path)
      expect(answer.status).toBe(200)
      expect(answer.body.next).toMatch(/^\d+$/)
      expect(calls.length).toBeLessThanOrEqual(20)
    }
  })

  it('a search finds the one among all of them', async () => {
    let cursor = ''
    for (let pages = 0; pages < 10; pages += 1) {
      const path = `/api/v1/clients?limit=500&search=C019999${cursor}`
      const { body } = await room.admin.token('GET', path)
      cursor = `&cursor=${body.next}`
      const ids = body.items.map(({ client_id }: { client_id: string }) => client_id)
      if (ids.length > 0) return expect(ids).toEqual(['c019999'])
    }
    throw new Error('it is not found')
  })

  it('what a person gave a client is found by the person', async () => {
    const { answer, calls } = await costOf('/api/v1/grants?client_id=web&sub=person-77&limit=50')
    expect(answer.body.items).toHaveLength(10)
    expect(answer.body).not.toHaveProperty('next')
    expect(calls.length).toBeLessThanOrEqual(2)
  })

  it('one client is read by itself', async () => {
    const { calls } = await costOf('/api/v1/clients/c099999')
    expect(calls).toEqual(['getMany'])
  })
})

describe('the store is down', () => {
  it('503 as a problem, with Retry-After, of every operation that needs it; then all is well again', async () => {
    const room = await open()
    const { admin } = room
    room.store.down = true
    const asks: [string, string, object?][] = [
      ['GET', 'clients'],
      ['GET', 'clients/web'],
      ['POST', 'clients', { grant_types: ['client_credentials'] }],
      ['PUT', 'clients/x', { grant_types: ['client_credentials'] }],
      ['DELETE', 'clients/x'],
      ['POST', 'clients/web/disable', { reason: 'x' }],
      ['GET', 'clients/export'],
      [
        'POST',
        'clients/import',
        {
          clients: [
            { client_id: 'x', grant_types: ['client_credentials'], client_secret: 'x'.repeat(40) },
          ],
        },
      ],
      ['GET', 'accounts'],
      ['POST', 'accounts', { username: 'x', password: 'long enough' }],
      ['PATCH', 'accounts/x', {}],
      ['POST', 'accounts/x/password', { password: 'long enough' }],
      ['GET', 'grants?sub=ada'],
      ['GET', 'grants'],
      ['DELETE', 'grants/x'],
      ['GET', 'sessions?sub=ada'],
      ['DELETE', 'sessions?sub=ada'],
      ['GET', 'registration-tokens'],
      ['POST', 'registration-tokens', { note: 'x' }],
      ['GET', 'audit'],
    ]
    for (const [method, path, body] of asks) {
      const headers = { 'If-Match': '*' }
      const answer = await admin.token(method, `/api/v1/${path}`, {
        ...(body && { body }),
        headers,
      })
      expect([method, path, answer.status]).toEqual([method, path, 503])
      expect(answer.headers.get('retry-after')).toBe('1')
      expect(answer.body).toMatchObject({ status: 503, error: 'temporarily_unavailable' })
    }
    for (const path of ['configuration', 'scopes', 'routes', 'openapi.json'])
      expect((await admin.token('GET', `/api/v1/${path}`)).status).toBe(200)
    room.store.down = false
    expect((await admin.token('GET', '/api/v1/clients')).status).toBe(200)
    expect(room.logged.filter(({ event }) => event === 'admin.failed')).toEqual([])
  })
})

describe('hostile values', () => {
  const long = 'x'.repeat(10_240)
  const VALUES: readonly unknown[] = [
    ...[
      '<script>alert(1)</script>',
      '"\'><img src=x onerror=alert(1)>',
      '\u0000',
      'a\r\nSet-Cookie: x=1',
    ],
    ...[
      '\u202Eevil',
      '\uD800',
      'a\uDFFFb',
      long,
      '',
      ' ',
      '../../etc/passwd',
      '%2e%2e%2f',
      '$PATH',
    ],
    ...[
      '__proto__',
      'constructor',
      'toString',
      "' OR 1=1 --",
      '{{7*7}}',
      '\uFEFF',
      '💥'.repeat(300),
    ],
    ...[0, -1, 1e308, true, null, [], {}, [[]], [null], [long], { a: { b: {} } }],
    JSON.parse('{"__proto__": {"admin": "owner"}}'),
    JSON.parse('{"constructor": {"prototype": {"admin": "owner"}}}'),
  ]
  const CLIENT = { grant_types: ['client_credentials'], scope: 'orders.read' }
  const CLIENT_FIELDS = [
    ...[
      'client_id',
      'client_name',
      'client_secret',
      'jwks',
      'jwks_uri',
      'client_uri',
      'redirect_uris',
    ],
    ...['grant_types', 'scope', 'token_endpoint_auth_method', 'assertionAudience', 'require_pkce'],
    ...[
      'introspect',
      'skipConsent',
      'requestedScope',
      'defaultScope',
      'defaultResource',
      'disabled',
    ],
    ...['grantValues', 'tokens', '__proto__', 'unknown'],
  ]
  // Spelled out: as a literal `__proto__` would be no field.
  const put = (base: object, name: string, value: unknown): unknown =>
    JSON.parse(
      `{${[...Object.entries(base), [name, value]]
        .map(([key, one]) => `${JSON.stringify(key)}:${JSON.stringify(one)}`)
        .join(',')}}`,
    )

  let room: AdminRoom
  const send = async (method: string, path: string, body: unknown) => {
    const raw = JSON.stringify(body)
    const headers = { 'If-Match': '*' }
    const answer = await room.admin.token(method, `/api/v1/${path}`, { raw, headers })
    const told = `${method} ${path} ${raw.slice(0, 200)}: ${answer.text.slice(0, 200)}`
    expect(answer.status, told).toBeLessThan(500)
    expect(answer.headers.get('set-cookie')).toBeNull()
    return answer
  }
  beforeAll(async () => {
    room = await open({ clients: [], accounts: [] })
  })

  it('in every field of a client: made or refused, never 500, and readable afterwards', async () => {
    await send('POST', 'clients', { ...CLIENT, client_id: 'target' })
    const attempt = async (name: string, value: unknown): Promise<void> => {
      const made = await send('POST', 'clients', put(CLIENT, name, value))
      if (made.status === 201) {
        const location = made.headers.get('location') ?? ''
        const read = await room.admin.token('GET', location)
        expect([location, read.status]).toEqual([location, 200])
        expect(read.body.client_id).toBe(made.body.client_id)
        await room.admin.token('DELETE', location, { headers: { 'If-Match': '*' } })
      }
      await send('PUT', 'clients/target', put(CLIENT, name, value))
      const client = put({ client_id: 'imported', ...CLIENT }, name, value)
      await send('POST', 'clients/import', { clients: [client] })
    }
    for (const name of CLIENT_FIELDS) await Promise.all(VALUES.map((value) => attempt(name, value)))
    expect((await room.admin.token('GET', '/api/v1/clients?limit=500')).status).toBe(200)
  }, 60_000)

  it('in every field of an account', async () => {
    const base = { username: 'target', sub: 'target', password: 'a long password' }
    expect((await send('POST', 'accounts', base)).status).toBe(201)
    for (const name of [
      'username',
      'name',
      'email',
      'scope',
      'admin',
      'grantValues',
      '__proto__',
      'sub',
    ])
      for (const value of VALUES) {
        await send('PATCH', 'accounts/target', put({}, name, value))
      }
    for (const name of ['username', 'sub', 'password', 'email', 'admin', 'disabled', '__proto__'])
      for (const value of VALUES) {
        const made = await send(
          'POST',
          'accounts',
          put({ username: 'made', password: 'a long password' }, name, value),
        )
        if (made.status !== 201) continue
        const location = made.headers.get('location') ?? ''
        expect((await room.admin.token('GET', location)).body.sub).toBe(made.body.sub)
        await room.admin.token('DELETE', location, { headers: { 'If-Match': '*' } })
      }
    const { items } = (await room.admin.token('GET', '/api/v1/accounts')).body
    expect(items.map(({ admin }: { admin?: string }) => admin)).toEqual([undefined])
  }, 60_000)

  it('in reasons, notes, overlaps, questions', async () => {
    for (const value of VALUES) {
      await send('POST', 'clients/target/disable', { reason: value })
      await send('POST', 'accounts/target/disable', { reason: value })
      await send('POST', 'accounts/target/password', { password: value })
      await send('POST', 'clients/target/secret', { overlap: value })
      await send('POST', 'registration-tokens', { note: value })
      await send('POST', 'registration-tokens', { note: 'n', lifetime: value, uses: value })
      await send('POST', 'takeover', value)
    }
  }, 60_000)

  it('in paths and queries', async () => {
    const texts = VALUES.filter((value): value is string => typeof value === 'string')
    for (const text of texts) {
      const name = encodeURIComponent(text.toWellFormed()) || '%20'
      for (const path of ['clients/', 'accounts/', 'grants/']) {
        const answer = await room.admin.token('GET', `/api/v1/${path}${name}`)
        expect([404, 400]).toContain(answer.status)
      }
      for (const query of [
        'grants?sub=',
        'grants?client_id=',
        'sessions?sub=',
        'audit?event=',
        'audit?actor=',
        'clients?search=',
        'audit?since=',
        'accounts?search=',
      ]) {
        const answer = await room.admin.token('GET', `/api/v1/${query}${name}`)
        expect([200, 400], `${query}${name}`).toContain(answer.status)
      }
    }
    for (const path of [
      'clients/%',
      'clients/%ED%A0%80',
      'clients/%00',
      'clients//secret',
      'clients/%2e%2e',
    ])
      expect((await room.admin.token('GET', `/api/v1/${path}`)).status).toBe(404)
  })

  it('JSON that is deep, no JSON, no UTF-8: 400; too long: 413', async () => {
    for (const raw of [
      `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
      '{"a":'.repeat(10_000),
      `{"jwks":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`,
      ...['', '{', '{"a":1}x', 'null', '3', '"x"', '[]', '\uFEFF{}'],
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    ]) {
      const answer = await room.admin.token('POST', '/api/v1/clients', { raw })
      expect([String(raw).slice(0, 20), answer.status]).toEqual([String(raw).slice(0, 20), 400])
    }
    const raw = JSON.stringify({ client_name: 'x'.repeat(65_536) })
    expect((await room.admin.token('POST', '/api/v1/clients', { raw })).status).toBe(413)
  })

  it('nothing of it became a failure of ours', () => {
    expect(room.logged.filter(({ event }) => event === 'admin.failed')).toEqual([])
    expect(({} as Record<string, unknown>).admin).toBeUndefined()
  })
})
