import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type AuditQuery, type AuditTrail, createAuditTrail } from '../src/store/audit-trail.ts'
import { memoryStore } from '../src/store/memory.ts'
import { openStore } from '../src/store/open-store.ts'
import { createSecrets } from '../src/store/secrets.ts'
import { type Store, StoreUnavailable } from '../src/store/store.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { startPortcullis, until } from './support/portcullis.ts'
import {
  locationOf,
  type MovableClock,
  movableClock,
  recordingLog,
  temporaryFolder,
} from './support/stores.ts'

const KEEP = 86_400
const trails: AuditTrail[] = []
afterEach(async () => {
  for (const trail of trails.splice(0)) await trail.close()
})

type Opened = {
  readonly trail: AuditTrail
  readonly store: Store
  readonly clock: MovableClock
  readonly state: { down: boolean; lists: number; batches: number }
  readonly logged: ReturnType<typeof recordingLog>['logged']
}

/** Over a store in memory that a test takes down. */
const open = (given: { keep?: number; store?: Store; clock?: MovableClock } = {}): Opened => {
  const clock = given.clock ?? movableClock()
  const inner = given.store ?? memoryStore({ clock, log: silentLog })
  const { log, logged } = recordingLog()
  const state = { down: false, lists: 0, batches: 0 }
  const check = () => {
    if (state.down) throw new StoreUnavailable('down')
  }
  const store: Store = {
    ...inner,
    async list(...all) {
      state.lists += 1
      check()
      return inner.list(...all)
    },
    async batch(...all) {
      state.batches += 1
      check()
      return inner.batch(...all)
    },
  }
  const secrets = createSecrets(['a secret of this test, long enough'])
  const trail = createAuditTrail({ store, secrets, clock, log, keep: () => given.keep ?? KEEP })
  trails.push(trail)
  return { trail, store, clock, state, logged }
}

const namesOf = async (trail: AuditTrail, query: Partial<AuditQuery> = {}) => {
  const { events } = await trail.search({ limit: 500, ...query })
  return events.map(({ event }) => event)
}

const holds = (trail: AuditTrail, count: number) =>
  until(async () => (await namesOf(trail)).length >= count)

describe('the audit trail', () => {
  it('keeps what was said, soon, the newest first', async () => {
    const { trail, clock } = open()
    const at = clock()
    trail.record('client.created', { client_id: 'one', actor: 'olga', after: { scope: 'a' } })
    clock.move(1)
    trail.record('client.removed', { client_id: 'one', actor: 'olga' })
    await holds(trail, 2)
    const { events, cursor } = await trail.search({ limit: 10 })
    expect(cursor).toBeUndefined()
    expect(events).toEqual([
      {
        ...{ id: expect.any(String), at: at + 1, event: 'client.removed' },
        fields: { client_id: 'one', actor: 'olga' },
      },
      {
        ...{ id: expect.any(String), at, event: 'client.created' },
        fields: { client_id: 'one', actor: 'olga', after: { scope: 'a' } },
      },
    ])
  })

  it('leaves out what happens with every token', async () => {
    const { trail } = open()
    for (const event of ['token.issued', 'code.issued', 'request.pushed', 'device.requested'])
      trail.record(event, { client_id: 'x' })
    trail.record('client.created', { client_id: 'x' })
    await holds(trail, 1)
    expect(await namesOf(trail)).toEqual(['client.created'])
  })

  it('is found by event, the first part of it, client, person, actor and time, and by several of them', async () => {
    const { trail, clock } = open()
    const start = clock()
    const said: [string, object][] = [
      ['client.created', { client_id: 'a', actor: 'olga' }],
      ['client.removed', { client_id: 'b', actor: 'opa' }],
      ['clientele.other', { client_id: 'a' }],
      ['account.created', { sub: 'ada', actor: 'olga' }],
      ['grant.ended', { sub: 'ada', client_id: 'a', actor: 'opa' }],
    ]
    for (const [event, fields] of said) {
      trail.record(event, { ...fields })
      clock.move(60)
    }
    await holds(trail, 5)
    const find = (query: Partial<AuditQuery>) => namesOf(trail, query)
    expect(await find({ event: 'client.created' })).toEqual(['client.created'])
    expect(await find({ event: 'client.' })).toEqual(['client.removed', 'client.created'])
    expect(await find({ event: 'client' })).toEqual([])
    expect(await find({ client_id: 'a' })).toEqual([
      ...['grant.ended', 'clientele.other', 'client.created'],
    ])
    expect(await find({ sub: 'ada' })).toEqual(['grant.ended', 'account.created'])
    expect(await find({ actor: 'olga' })).toEqual(['account.created', 'client.created'])
    expect(await find({ actor: 'opa', sub: 'ada', client_id: 'a' })).toEqual(['grant.ended'])
    expect(await find({ actor: 'olga', sub: 'ada', client_id: 'a' })).toEqual([])
    expect(await find({ since: start + 60, until: start + 180 })).toEqual([
      ...['clientele.other', 'client.removed'],
    ])
    expect(await find({ event: 'client.', actor: 'olga', until: start + 1 })).toEqual([
      'client.created',
    ])
  })

  it('is paged through with each event once, while others come', async () => {
    const { trail } = open()
    for (let at = 0; at < 95; at += 1) trail.record('client.changed', { client_id: `c${at}` })
    await holds(trail, 95)
    const found: unknown[] = []
    let cursor: string | undefined
    for (let pages = 0; pages < 100; pages += 1) {
      const page = await trail.search({ limit: 10, ...(cursor !== undefined && { cursor }) })
      expect(page.events.length).toBeLessThanOrEqual(10)
      found.push(...page.events.map(({ fields }) => fields.client_id))
      cursor = page.cursor
      if (cursor === undefined) break
      trail.record('client.changed', { client_id: `late-${pages}` })
      await until(async () => {
        const { events } = await trail.search({ limit: 1 })
        return events[0]?.fields.client_id === `late-${pages}`
      })
    }
    expect(found).toEqual(Array.from({ length: 95 }, (_, at) => `c${94 - at}`))
  })

  it('a search for what is rare reads a bounded part of it a call, and gets there', async () => {
    const { trail, state } = open()
    trail.record('account.removed', { sub: 'rare' })
    for (let at = 0; at < 4900; at += 1) trail.record('client.changed', { client_id: 'c' })
    await trail.close()
    let cursor: string | undefined
    for (let calls = 0; calls < 3; calls += 1) {
      state.lists = 0
      const query = { event: 'account.removed', limit: 1, ...(cursor !== undefined && { cursor }) }
      const page = await trail.search(query)
      expect(state.lists).toBeLessThanOrEqual(8)
      if (page.events.length > 0) return expect(page.events[0]?.fields).toEqual({ sub: 'rare' })
      cursor = page.cursor
    }
    throw new Error('it is not found')
  })

  it('audit.keep: it ends when it was kept so long, and is purged', async () => {
    const { trail, clock, store } = open({ keep: 100 })
    trail.record('client.created', { client_id: 'old' })
    await holds(trail, 1)
    clock.move(60)
    trail.record('client.created', { client_id: 'new' })
    await holds(trail, 2)
    clock.move(50)
    const { events } = await trail.search({ limit: 10 })
    expect(events.map(({ fields }) => fields.client_id)).toEqual(['new'])
    expect(await store.purge(10)).toBe(1)
    expect(await store.rows()).toBe(1)
  })

  it('audit.keep 0s: nothing is written', async () => {
    const { trail, state } = open({ keep: 0 })
    trail.record('client.created', { client_id: 'x' })
    await trail.close()
    expect(state.batches).toBe(0)
  })

  it('what strangers can cause fills no store: a thousand an hour, and what operators do is kept all the same', async () => {
    const { trail, clock } = open()
    for (let at = 0; at < 1500; at += 1) trail.record('login.failed', { sub: 'ada' })
    trail.record('account.changed', { sub: 'ada' })
    expect(trail.dropped()).toBe(500)
    clock.move(3600)
    trail.record('login.failed', { sub: 'bob' })
    expect(trail.dropped()).toBe(500)
    await trail.close()
    expect(await namesOf(trail, { event: 'account.changed' })).toEqual(['account.changed'])
    expect(await namesOf(trail, { sub: 'bob' })).toEqual(['login.failed'])
  })

  it('a flood of one kind hides no other: each has a thousand of its own, and kinds without number share one', async () => {
    const { trail } = open()
    for (let at = 0; at < 1200; at += 1) trail.record('login.failed', { sub: 'ada' })
    trail.record('admin.refused', { actor: 'vera' })
    expect(trail.dropped()).toBe(200)
    for (let at = 0; at < 2000; at += 1) trail.record(`made-up-${at}.failed`)
    // 48 kinds beside those two, and one for all that came later.
    expect(trail.dropped()).toBe(200 + 2000 - 48 - 1000)
    await trail.close()
    expect(await namesOf(trail, { actor: 'vera' })).toEqual(['admin.refused'])
  })

  it('while the store is down it waits, no more than 5000 of it, says so once, and is written later', async () => {
    const { trail, state, logged } = open()
    state.down = true
    for (let at = 0; at < 5100; at += 1) trail.record('client.changed', { client_id: `c${at}` })
    expect(trail.dropped()).toBe(100)
    await until(() => logged.length > 0)
    expect(logged.map(({ event }) => event)).toEqual(['audit.unwritten'])
    state.down = false
    await until(async () => (await namesOf(trail, { client_id: 'c4999' })).length === 1)
    expect(await namesOf(trail, { client_id: 'c5000' })).toEqual([])
    expect(await namesOf(trail, { client_id: 'c0' })).toEqual(['client.changed'])
  })

  it('a search while the store is down rejects', async () => {
    const { trail, state } = open()
    state.down = true
    await expect(trail.search({ limit: 1 })).rejects.toThrow(StoreUnavailable)
  })

  it('names that no store takes, and texts without end, are kept in a form that each takes', async () => {
    const { trail } = open()
    const names = ['\u0000', '\uD800', 'ü'.repeat(5000), 'x'.repeat(10_240), 'a\nb', '']
    for (const client_id of names)
      trail.record('client.changed', { client_id, note: 'y'.repeat(1e5) })
    await holds(trail, names.length)
    for (const client_id of names.filter((name) => name.length < 2000))
      expect(await namesOf(trail, { client_id })).toEqual(['client.changed'])
    const { events } = await trail.search({ limit: 10 })
    for (const { fields } of events) expect(JSON.stringify(fields).length).toBeLessThan(20_000)
  })

  it('an error among the fields is kept as its message', async () => {
    const { trail } = open()
    trail.record('client.keys_failed', { error: new Error('no such host') })
    await holds(trail, 1)
    const { events } = await trail.search({ limit: 1 })
    expect(events[0]?.fields).toEqual({ error: 'no such host' })
  })

  it('survives a restart, with what waited when it was closed', async () => {
    const folder = temporaryFolder()
    const clock = movableClock()
    const place = locationOf(join(folder.path, 'trail.db'))
    const first = await openStore(place, { clock, log: silentLog })
    const before = open({ store: first, clock })
    before.trail.record('client.created', { client_id: 'x' })
    await before.trail.close()
    await first.close()
    const second = await openStore(place, { clock, log: silentLog })
    const after = open({ store: second, clock })
    expect(await namesOf(after.trail)).toEqual(['client.created'])
    await second.close()
    folder.remove()
  })

  it('a gateway that is stopped has written what was said', async () => {
    const yaml = `
scopes: { a: See a }
clients: [{ client_id: machine, client_secret: ${'s'.repeat(40)}, grant_types: [client_credentials] }]
`
    const running = await startPortcullis(yaml)
    const exposed = await (await fetch(`${running.admin}/metrics`)).text()
    expect(exposed).toContain('portcullis_audit_events_dropped_total 0')
    const form = { grant_type: 'client_credentials', client_id: 'machine', client_secret: 'wrong' }
    const body = new URLSearchParams(form)
    await fetch(`${running.origin}/oauth/token`, { method: 'POST', body })
    await running.server.stop({ idle: 0, limit: 2 })
    const clock = movableClock()
    const place = locationOf(join(running.folder, 'data/portcullis.db'))
    const store = await openStore(place, { clock, log: silentLog })
    const { trail } = open({ store, clock })
    const { events } = await trail.search({ limit: 10, client_id: 'machine' })
    expect(events.map(({ event }) => event)).toEqual(['client.authentication_failed'])
    await store.close()
    await running.stop()
  })
})
