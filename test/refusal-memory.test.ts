import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { Exchange } from '../src/telemetry/exchange.ts'
import { createRefusals, mergeRefusals, type Refusals } from '../src/telemetry/refusals.ts'

let made = 0
const refused = (more: Partial<Exchange> = {}): Exchange => {
  made += 1
  return {
    ...{ id: `id-${made}`, method: 'GET', path: '/a', status: 401, seconds: 0.001 },
    ...{ remote: '192.0.2.1', refusal: 'no_token', ...more },
  }
}
const known = { grant_id: 'g', client_id: 'web', sub: 'ada', refusal: 'expired' }

const ids = (refusals: Refusals, query: Partial<Parameters<Refusals['search']>[0]> = {}) =>
  refusals.search({ limit: 1e6, ...query }).items.map(({ request_id }) => request_id)

const at = (clock = { now: 1_700_000_000 }) => ({
  clock,
  refusals: createRefusals(() => clock.now),
})

describe('the memory of refusals', () => {
  it('has what is refused, and nothing else: no success, nobody who left, no device that is told to wait', () => {
    const { refusals } = at()
    const kept = refused()
    const { refusal: _, ...success } = refused({ status: 404 })
    const others = [
      success,
      refused({ status: 0 }),
      { ...success, status: 500, error: 'client.gone' },
      { ...success, status: 200, error: 'upstream.cut' },
      refused({ status: 400, refusal: 'authorization_pending' }),
    ]
    for (const one of [...others, kept]) refusals.note(one)
    expect(ids(refusals)).toEqual([kept.id])
  })

  it('a flood of strangers from everywhere leaves known clients, and who named one', () => {
    const { refusals } = at()
    const owner = refused(known)
    const named = refused({ client_id: 'web', refusal: 'invalid_grant', status: 400 })
    refusals.note(owner)
    refusals.note(named)
    for (let count = 0; count < 20_000; count += 1)
      refusals.note(refused({ remote: `198.51.${count % 256}.${count % 251}` }))
    expect(ids(refusals, { request_id: owner.id })).toEqual([owner.id])
    expect(ids(refusals, { client_id: 'web' })).toEqual([named.id, owner.id])
    expect(ids(refusals).length).toBeLessThanOrEqual(4096 + 2)
    expect(ids(refusals).length).toBeGreaterThan(3000)
  })

  it('a client that asks without end leaves others; one address leaves other strangers', () => {
    const { refusals } = at()
    const others = Array.from({ length: 30 }, (_, index) =>
      refused({ ...known, client_id: `client-${index}` }),
    )
    const strangers = Array.from({ length: 30 }, (_, index) =>
      refused({ remote: `203.0.113.${index}` }),
    )
    for (const one of [...others, ...strangers]) refusals.note(one)
    for (let count = 0; count < 5000; count += 1) {
      refusals.note(refused(known))
      refusals.note(refused())
    }
    const left = new Set(ids(refusals))
    expect(others.filter(({ id }) => left.has(id)).length).toBeGreaterThan(20)
    expect(strangers.filter(({ id }) => left.has(id)).length).toBeGreaterThan(20)
  })

  it('it is bounded in bytes: long paths and words are cut, and fewer of them are kept', () => {
    const { refusals } = at()
    const long = 'x'.repeat(16_000)
    const words = { description: long, reason: long, error: long }
    for (let count = 0; count < 1000; count += 1)
      refusals.note(refused({ path: `/${long}`, client_id: 'web', ...words }))
    const { items } = refusals.search({ limit: 1e6 })
    expect(items[0]?.path).toBe(`/${'x'.repeat(1023)}…`)
    expect(items[0]?.description).toBe(`${'x'.repeat(512)}…`)
    expect(items.length).toBeGreaterThan(10)
    expect(JSON.stringify(items).length).toBeLessThan(131_072)
  })

  it('what a path was cut out of does not stay in memory with it', () => {
    const { refusals } = at()
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    collect()
    const before = process.memoryUsage().heapUsed
    for (let count = 0; count < 100; count += 1) {
      const target = Buffer.alloc(1_000_000, `/path-of-a-request-${count}-`).toString('latin1')
      const remote = target.slice(20, 40)
      refusals.note(refused({ path: target.slice(0, 30), remote, description: remote }))
    }
    collect()
    expect(ids(refusals)).toHaveLength(100)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(20 << 20)
  })

  it('pages are newest first, end between what came at once, and miss and double nothing', () => {
    const { refusals, clock } = at()
    const all = Array.from({ length: 25 }, (_, index) => {
      if (index % 10 === 0) clock.now += 0.001
      const one = refused({ remote: `203.0.113.${index}`, ...(index % 3 === 0 && known) })
      refusals.note(one)
      return one.id
    })
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = refusals.search({ limit: 4, ...(cursor !== undefined && { cursor }) })
      seen.push(...page.items.map(({ request_id }) => request_id))
      cursor = page.next
      // What is refused meanwhile is newer, and on no later page.
      refusals.note(refused())
    } while (cursor !== undefined)
    expect(seen).toEqual(all.toReversed())
  })

  it('those of several processes are pages of one list', () => {
    const clock = { now: 1_700_000_000 }
    const processes = [at(clock).refusals, at(clock).refusals, at(clock).refusals]
    const all = Array.from({ length: 20 }, (_, index) => {
      clock.now += 0.001
      const one = refused()
      processes[index % 3]?.note(one)
      return one.id
    })
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const query = { limit: 3, ...(cursor !== undefined && { cursor }) }
      const page = mergeRefusals(
        processes.map((one) => one.search(query)),
        3,
      )
      expect(page.items.length).toBeLessThanOrEqual(3)
      seen.push(...page.items.map(({ request_id }) => request_id))
      cursor = page.next
    } while (cursor !== undefined)
    expect(seen).toEqual(all.toReversed())
  })

  it('a clock that is set back is followed', () => {
    const { refusals, clock } = at()
    refusals.note(refused())
    clock.now -= 3600
    refusals.note(refused())
    expect(refusals.search({ limit: 2 }).items.map((one) => one.at)).toEqual([
      1_700_000_000, 1_699_996_400,
    ])
  })
})
