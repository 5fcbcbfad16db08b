import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AdminRoom, openAdminRoom } from './support/admin-room.ts'
import { newGrant } from './support/rooms.ts'
import { client } from './support/stores.ts'
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

const ALL = '/api/v1/grants'
const headers = { 'If-Match': '*' }

const addClient = async ({ admin }: AdminRoom, client_id: string): Promise<void> => {
  const body = { client_id, grant_types: ['client_credentials'] }
  expect((await admin.token('POST', '/api/v1/clients', { body })).status).toBe(201)
}

let people = 0
/** So many to a client, each by somebody else; their ids. */
const give = async (
  { stores, clock }: AdminRoom,
  client_id: string,
  count: number,
  parts: Parameters<typeof newGrant>[2] = {},
): Promise<readonly string[]> => {
  const grants = Array.from({ length: count }, () => {
    people += 1
    const grant = newGrant(stores, clock(), { client_id, sub: `person-${people}`, ...parts })
    // It can be refreshed, and so is kept for as long.
    const refresh = { generation: 1, salt_digest: '', stepped: clock(), expires: grant.expires }
    return { ...grant, redeemed: true, refresh }
  })
  await stores.store.batch(grants.map(stores.grants.write))
  return grants.map(({ id }) => id)
}

const idsOf = (items: readonly Record<string, unknown>[]) => items.map(({ id }) => String(id))

describe('the grants of everybody', () => {
  it('are listed client by client, those of the file first, of each the oldest first, and each once, however long a page is', async () => {
    const room = await open({ clients: [client('zoe'), client('abe')] })
    for (const name of ['one', 'two', 'none', 'many']) await addClient(room, name)
    const given = new Map<string, readonly string[]>()
    for (const [name, count] of [
      ...([
        ['many', 130],
        ['zoe', 3],
        ['one', 1],
      ] as const),
      ...([
        ['abe', 25],
        ['two', 20],
      ] as const),
    ])
      given.set(name, await give(room, name, count))
    const wanted = ['abe', 'zoe', 'one', 'two', 'many'].flatMap((name) => given.get(name) ?? [])
    for (const limit of [1, 2, 7, 20, 21, 50, 179, 500]) {
      const found = await walk(room, `${ALL}?limit=${limit}`, ({ body }) =>
        expect(body.items.length).toBeLessThanOrEqual(limit),
      )
      expect(idsOf(found), `limit ${limit}`).toEqual(wanted)
    }
  })

  it('with what clients hold for themselves', async () => {
    const room = await open()
    const itself = await give(room, 'web', 1, { sub: 'client:web' })
    expect(idsOf(await walk(room, ALL))).toEqual(itself)
  })

  it('many clients in a row that have none do not end the list', async () => {
    const room = await open()
    const names = Array.from({ length: 250 }, (_, at) => `empty-${at}`)
    for (const name of names) await addClient(room, name)
    const last = await give(room, 'empty-249', 1)
    expect(idsOf(await walk(room, ALL))).toEqual(last)
  })
})

describe('grants that are looked for', () => {
  let room: AdminRoom
  const ids = new Map<string, readonly string[]>()
  beforeAll(async () => {
    room = await open()
    await addClient(room, 'made')
    for (const name of ['web', 'made']) {
      ids.set(`${name} old`, await give(room, name, 3, { scope: ['orders.read'] }))
      ids.set(`${name} write`, await give(room, name, 2))
    }
    ids.set('ada', await give(room, 'made', 1, { sub: 'ada', scope: ['orders.write'] }))
    room.clock.move(5 * 86_400)
    ids.set('young', await give(room, 'web', 2, { scope: ['orders.read', 'orders'] }))
  })
  const of = (...names: string[]) => names.flatMap((name) => ids.get(name) ?? [])

  it.each<[string, readonly string[]]>([
    ['scope=orders.write', ['web write', 'made write', 'ada']],
    ['scope=orders', ['young']],
    ['scope=orders.write&client_id=made', ['made write', 'ada']],
    ['scope=orders.write&sub=ada', ['ada']],
    ['scope=orders.write&sub=ada&client_id=made', ['ada']],
    ['scope=orders.write&sub=ada&client_id=web', []],
    ['scope=orders.read&sub=ada', []],
    ['unused=4', ['web old', 'web write', 'made old', 'made write', 'ada']],
    ['unused=4&scope=orders.write', ['web write', 'made write', 'ada']],
    ['unused=6', []],
  ])('%s', async (query, names) => {
    for (const limit of [1, 2, 50])
      expect(idsOf(await walk(room, `${ALL}?${query}&limit=${limit}`))).toEqual(of(...names))
  })

  it('RFC 6749 §3.3 what is no scope is 400', async () => {
    for (const scope of ['', 'a b', '"', 'a\\', 'é', 'x'.repeat(256)]) {
      const answer = await room.admin.token('GET', `${ALL}?scope=${encodeURIComponent(scope)}`)
      expect([scope, answer.status, answer.body.errors?.[0]?.pointer]).toEqual([
        scope,
        400,
        '/scope',
      ])
    }
  })

  it('a cursor of another list is 400, and says so', async () => {
    const nextOf = async (query: string) =>
      (await room.admin.token('GET', `${ALL}?${query}limit=1`)).body.next
    const cursors: readonly (readonly [string, string])[] = [
      ['client_id=web&', await nextOf('')],
      ['sub=ada&', await nextOf('')],
      ['', await nextOf('client_id=web&')],
      ...['f=', 's', 's1.', 's1.x', 's1.1.1', 'f.', 'g1', `s${'1'.repeat(16)}`, '.1'].map(
        (cursor) => ['', cursor] as const,
      ),
    ]
    for (const [whose, cursor] of cursors) {
      const answer = await room.admin.token('GET', `${ALL}?${whose}cursor=${cursor}`)
      expect([whose, cursor, answer.status]).toEqual([whose, cursor, 400])
      expect(answer.body).toMatchObject({
        error: 'invalid_request',
        errors: [{ pointer: '/cursor', detail: 'is no cursor of this list' }],
      })
    }
  })
})

describe('while grants and clients come and go between two pages', () => {
  const NAMES = Array.from({ length: 60 }, (_, at) => `c${at}`)

  /** Sixty clients of the store and one of the file, each with a few grants or with many. */
  const populated = async () => {
    const room = await open({ clients: [client('filed')] })
    const given = new Map<string, readonly string[]>()
    for (const name of NAMES) await addClient(room, name)
    for (const [at, name] of ['filed', ...NAMES].entries())
      given.set(name, await give(room, name, at % 10 === 0 ? 45 : at % 4))
    return { room, given }
  }

  it.each([1, 7, 30, 100])(
    'nothing is shown twice, and nothing is left out that stood all the while: pages of %i',
    async (limit) => {
      const { room, given } = await populated()
      const { admin } = room
      const gone = new Set<string>()
      const drop = (name: string) => {
        for (const id of given.get(name) ?? []) gone.add(id)
      }
      const found = await walk(room, `${ALL}?limit=${limit}`, async ({ body }, at) => {
        // Else short pages would never come to the end.
        if (at >= 12) return
        // The last one shown, the first of a client further on, and the client that the page stopped at.
        const last = body.items.at(-1)
        const further = given.get(NAMES[(at * 7 + 3) % 60] ?? '')?.[0]
        for (const id of [last?.id, further].filter((one) => one !== undefined)) {
          await admin.token('DELETE', `${ALL}/${id}`)
          gone.add(id)
        }
        for (const name of [
          at % 3 === 0 ? last?.client_id : undefined,
          NAMES[(at * 11 + 5) % 60],
        ]) {
          if (name === undefined || name === 'filed') continue
          const path = `/api/v1/clients/${name}`
          if ((await admin.token('DELETE', path, { headers })).status === 204) drop(name)
        }
        await addClient(room, `new-${at}`)
        for (const name of ['filed', NAMES[at % 60] ?? '', `new-${at}`]) await give(room, name, 2)
        const named = { client_name: 'Changed', grant_types: ['client_credentials'] }
        const path = `/api/v1/clients/${NAMES[(at * 5) % 60]}`
        await admin.token('PUT', path, { body: named, headers })
      })
      const ids = idsOf(found)
      expect(new Set(ids).size).toBe(ids.length)
      const stood = [...given.values()].flat().filter((id) => !gone.has(id))
      expect(stood.length).toBeGreaterThan(100)
      expect(stood.filter((id) => !ids.includes(id))).toEqual([])
    },
    30_000,
  )

  it('a grant that takes another step keeps its place', async () => {
    const { room, given } = await populated()
    const found = await walk(room, `${ALL}?limit=10`, async ({ body }) => {
      for (const { id } of body.items) {
        const grant = await room.stores.grants.find(id)
        if (grant) await room.stores.store.batch([room.stores.grants.write(grant)])
      }
    })
    expect(idsOf(found)).toEqual([...given.values()].flat())
  })

  it('a name that is given to another client brings back nothing of the former one', async () => {
    const { room, given } = await populated()
    let anew: readonly string[] = []
    const found = await walk(room, `${ALL}?limit=100`, async (_, at) => {
      if (at !== 0) return
      // The page stopped within what it was given.
      await room.admin.token('DELETE', '/api/v1/clients/c9', { headers })
      await addClient(room, 'c9')
      anew = await give(room, 'c9', 30)
    })
    const ids = idsOf(found)
    const [former, others] = [given.get('c9') ?? [], [...given.values()].flat()]
    expect(former.length).toBe(45)
    expect(ids.slice(0, 100).filter((id) => former.includes(id)).length).toBeGreaterThan(0)
    expect(ids.slice(100).filter((id) => former.includes(id))).toEqual([])
    expect(ids.slice(-30)).toEqual(anew)
    expect(ids.slice(100, -30)).toEqual(others.slice(100).filter((id) => !former.includes(id)))
  })

  it('clients that come into the file and leave it: what stays is listed once', async () => {
    const room = await open({ clients: ['b', 'd', 'f'].map((name) => client(name)) })
    const given = new Map<string, readonly string[]>()
    for (const name of ['b', 'd', 'f']) given.set(name, await give(room, name, 30))
    await addClient(room, 'stored')
    given.set('stored', await give(room, 'stored', 30))
    const found = await walk(room, `${ALL}?limit=45`, async (_, at) => {
      // It stopped within what d has.
      if (at === 0)
        await room.stores.reload({
          ...room.config,
          clients: ['a', 'c', 'e', 'f', 'stored'].map((name) => client(name)),
        })
    })
    const ids = idsOf(found)
    expect(new Set(ids).size).toBe(ids.length)
    for (const name of ['b', 'f'])
      expect(given.get(name)?.filter((id) => !ids.includes(id))).toEqual([])
    expect(given.get('d')?.filter((id) => ids.includes(id))).toHaveLength(15)
  })
})

describe('at 100 000 clients and 100 000 grants', () => {
  let room: AdminRoom
  beforeAll(async () => {
    room = await open()
    const { stores, clock } = room
    for (let from = 0; from < 100_000; from += 1000)
      await stores.store.batch(
        Array.from({ length: 1000 }, (_, at) => {
          const client_id = `c${from + at}`
          const indexes = ['clients', 'clients:operator']
          return { op: 'set', key: `client:${client_id}`, value: '{}', expires: 9e15, indexes }
        }),
      )
    for (let from = 0; from < 100_000; from += 1000)
      await stores.store.batch(
        Array.from({ length: 1000 }, (_, at) => {
          const client_id = `c${50_000 + ((from + at) % 10_000)}`
          return stores.grants.write(newGrant(stores, clock(), { client_id }))
        }),
      )
  }, 120_000)

  const costOf = async (query: string) => {
    room.calls.length = 0
    const { status, body } = await room.admin.token('GET', `${ALL}?${query}`)
    expect(status).toBe(200)
    return { body, calls: room.calls.length }
  }

  it('a page is full, and costs as many calls of the store wherever it is', async () => {
    const costs: number[] = []
    for (const place of ['s50002', 's55000', 's59000', 's59990']) {
      const { body, calls } = await costOf(`limit=50&cursor=${place}`)
      expect(body.items).toHaveLength(50)
      costs.push(calls)
    }
    expect(Math.max(...costs)).toBeLessThanOrEqual(15)
    expect(new Set(costs).size).toBe(1)
  })

  it.each(['', 'scope=none&cursor=s50002&', 'unused=30&cursor=s50002&', 'cursor=s70000&'])(
    'where nothing fits a page ends after a bounded number of calls, is empty, and goes on: %s',
    async (query) => {
      const { body, calls } = await costOf(`${query}limit=1`)
      expect(body.items).toEqual([])
      expect(body.next).toMatch(/^s\d+/)
      expect(calls).toBeLessThanOrEqual(1000)
    },
  )

  it('the one that has a scope is found by going on', async () => {
    const [wanted] = await give(room, 'c59999', 1, { scope: ['rare'] })
    let [cursor, pages] = ['s50002', 0]
    for (; pages < 40; pages += 1) {
      const { body } = await costOf(`scope=rare&limit=500&cursor=${cursor}`)
      if (body.items.length > 0) return expect(idsOf(body.items)).toEqual([wanted])
      cursor = body.next
    }
    throw new Error('it is not found')
  })
})
