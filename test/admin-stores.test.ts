import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AdminClient, createAdminClient, madeToken } from './support/admin.ts'
import { createClient } from './support/client.ts'
import { type Portcullis, spawnPortcullis, startPortcullis, until } from './support/portcullis.ts'
import type { StoreServer } from './support/server-process.ts'
import { serverKinds } from './support/store-servers.ts'
import { walk } from './support/walk.ts'

const yaml = (store: string) => `
store: '${store}'
secret: a-secret-of-the-test-that-is-long-enough
demo: true
scopes: { a: See a }
clients: [{ client_id: filed, client_secret: ${'s'.repeat(40)}, grant_types: [client_credentials] }]
accounts: [{ username: olga, password: olga-password, admin: owner }]
`

for (const { kind, absent, start } of serverKinds)
  describe.skipIf(absent)(`the admin API on ${kind}`, () => {
    let server: StoreServer
    let running: Portcullis
    let admin: AdminClient

    beforeAll(async () => {
      server = await start()
      running = await startPortcullis(yaml(server.url('admin')))
      admin = await createAdminClient(running.admin, 'an-admin-token-of-the-tests-long-enough')
    }, 60_000)
    afterAll(async () => {
      await running?.stop()
      await server?.stop()
    })

    it('clients: made, found, changed once of twenty, ended, gone, and told of', async () => {
      const body = { client_id: 'made', grant_types: ['client_credentials'], scope: 'a' }
      const made = await admin.token('POST', '/api/v1/clients', { body })
      const { client_secret } = made.body
      const client = createClient(running.origin, 'made', { secret: client_secret })
      await client.post('token', { grant_type: 'client_credentials' })
      const { items } = (await admin.token('GET', '/api/v1/grants?client_id=made')).body
      expect(items).toMatchObject([{ sub: 'client:made', scope: ['a'] }])
      const headers = { 'If-Match': made.headers.get('etag') ?? '' }
      const puts = await Promise.all(
        Array.from({ length: 20 }, (_, at) => {
          const named = { ...body, client_name: `Name ${at}` }
          return admin.token('PUT', '/api/v1/clients/made', { body: named, headers })
        }),
      )
      const statuses = puts.map(({ status }) => status).sort()
      expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 412)])
      const listed = (await admin.token('GET', '/api/v1/clients?limit=1')).body
      expect(listed.items[0].client_id).toBe('filed')
      const next = (await admin.token('GET', `/api/v1/clients?cursor=${listed.next}`)).body
      expect(next.items.map((one: { client_id: string }) => one.client_id)).toEqual(['made'])
      await admin.token('DELETE', `/api/v1/grants/${items[0].id}`)
      const stale = await admin.token('DELETE', '/api/v1/clients/made', { headers })
      expect(stale.status).toBe(412)
      const gone = await admin.token('DELETE', '/api/v1/clients/made', {
        headers: { 'If-Match': '*' },
      })
      expect(gone.status).toBe(204)
      await until(async () => {
        const found = (await admin.token('GET', '/api/v1/audit?client_id=made')).body.items
        const names = found.map(({ event }: { event: string }) => event)
        return names.includes('client.removed') && names.at(-1) === 'client.created'
      })
    })

    it('grants of everybody, page by page, each once', async () => {
      const ids = new Set<string>()
      for (const [client_id, count] of [
        ['few', 2],
        ['many', 25],
        ['none', 0],
        ['more', 3],
      ] as const) {
        const body = { client_id, grant_types: ['client_credentials'], scope: 'a' }
        const { client_secret } = (await admin.token('POST', '/api/v1/clients', { body })).body
        const client = createClient(running.origin, client_id, { secret: client_secret })
        for (let at = 0; at < count; at += 1)
          await client.post('token', { grant_type: 'client_credentials' })
        const own = `/api/v1/grants?client_id=${client_id}`
        for (const { id } of (await admin.token('GET', own)).body.items) ids.add(id)
      }
      expect(ids.size).toBe(30)
      for (const limit of [1, 7, 500]) {
        const found = await walk({ admin }, `/api/v1/grants?scope=a&limit=${limit}`)
        expect(found.map(({ id }) => id)).toEqual([...ids])
      }
    })

    it('accounts, sessions, tokens for registration', async () => {
      const body = { username: 'kim', sub: 'kim', password: 'the password of kim' }
      const made = await admin.token('POST', '/api/v1/accounts', { body })
      expect(made.status).toBe(201)
      const headers = { 'If-Match': made.headers.get('etag') ?? '' }
      const patch = { body: { name: 'Kim' }, headers }
      expect((await admin.token('PATCH', '/api/v1/accounts/kim', patch)).body.name).toBe('Kim')
      expect((await admin.token('DELETE', '/api/v1/accounts/kim', { headers })).status).toBe(412)
      const olga = await admin.as('olga', 'olga-password')
      expect((await olga('GET', '/api/v1/sessions?sub=olga')).status).toBe(200)
      const note = { body: { note: 'for a test' } }
      expect((await olga('POST', '/api/v1/registration-tokens', note)).status).toBe(201)
      expect((await olga('GET', '/api/v1/registration-tokens')).body.items).toHaveLength(1)
      const anyway = { headers: { 'If-Match': '*' } }
      expect((await olga('DELETE', '/api/v1/accounts/kim', anyway)).status).toBe(204)
    })

    it('names that it does not take are refused before it is asked, and stop no audit trail', async () => {
      for (const name of ['%00', 'a%00b', '%EF%BF%BE', 'x'.repeat(255), '%F0%9F%92%A5'])
        for (const path of [
          'clients/',
          'accounts/',
          'grants/',
          'grants?sub=',
          'audit?actor=',
          'sessions?sub=',
          'clients?search=',
        ]) {
          const { status } = await admin.token('GET', `/api/v1/${path}${name}`)
          expect([200, 400, 404], `${path}${name}`).toContain(status)
        }
      for (const client_id of ['\u0000', 'x'.repeat(10_000), '💥'.repeat(1000)]) {
        const body = new URLSearchParams({
          grant_type: 'client_credentials',
          client_id,
          client_secret: 'x',
        })
        await fetch(`${running.origin}/oauth/token`, { method: 'POST', body })
      }
      const long = { client_id: 'x'.repeat(255), grant_types: ['client_credentials'] }
      expect((await admin.token('POST', '/api/v1/clients', { body: long })).status).toBe(201)
      await until(async () => {
        const found = await admin.token('GET', `/api/v1/audit?client_id=${long.client_id}`)
        return found.body.items[0]?.event === 'client.created'
      })
      expect(running.logged.filter(({ event }) => event === 'audit.unwritten')).toEqual([])
    })
  })

describe('the admin API of several workers', () => {
  it('whichever answers: a session holds, what one changed the others know, and all of it is in the trail', async () => {
    const own = yaml('').replace(/^store:.*$/m, 'workers: 2')
    const running = await spawnPortcullis(own)
    try {
      const admin = await createAdminClient(running.admin, await madeToken(running.folder))
      const olga = await admin.as('olga', 'olga-password')
      for (let at = 0; at < 10; at += 1) {
        const body = { client_id: `made-${at}`, grant_types: ['client_credentials'] }
        const headers = { Connection: 'close' }
        expect((await olga('POST', '/api/v1/clients', { body, headers })).status).toBe(201)
        const read = await olga('GET', `/api/v1/clients/made-${at}`, { headers })
        expect(read.body.client_id).toBe(`made-${at}`)
      }
      await until(async () => {
        const found = await olga('GET', '/api/v1/audit?event=client.created&actor=olga')
        return found.body.items.length === 10
      })
    } finally {
      await running.stop()
    }
  })
})
