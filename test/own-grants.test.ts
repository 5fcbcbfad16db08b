import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startAuthorizationServer } from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'

type Server = Awaited<ReturnType<typeof startAuthorizationServer>>

describe('what a client gets for itself: a grant and its token in one row (decision 0020)', () => {
  let server: Server
  beforeAll(async () => {
    server = await startAuthorizationServer({
      clients: [
        {
          client_id: 'machine',
          client_secret: 'machine-secret',
          grant_types: ['client_credentials'],
          grantValues: { tenant: 'north' },
        },
      ],
    })
  })
  afterAll(() => server.stop())
  afterEach(() => server.stores.clients.enable('machine'))

  const machine = () => createClient(server.origin, 'machine', { secret: 'machine-secret' })
  const issue = async () => {
    const { body } = await machine().post('token', { grant_type: 'client_credentials' })
    const value = String(body.access_token)
    const found = await server.stores.tokens.inspect(value)
    if ('refusal' in found) throw new Error(`not good: ${found.refusal}`)
    return { value, token: found }
  }
  /** What every process would find, whatever this one has in memory. */
  const anew = (value: string) => server.stores.tokens.inspect(value)

  it('writes one row, and one only', async () => {
    // The note of the client's last use is written at most once an hour.
    await issue()
    const before = await server.stores.store.rows()
    await issue()
    expect((await server.stores.store.rows()) - before).toBe(1)
  })

  it('its grant is found by its name, with what the configuration stores with it', async () => {
    const { token } = await issue()
    expect(await server.stores.grants.find(token.grant_id)).toMatchObject({
      id: token.grant_id,
      client_id: 'machine',
      sub: 'client:machine',
      values: { tenant: 'north' },
      redeemed: true,
    })
    expect(token).not.toHaveProperty('own')
  })

  it('7009-04 revoking the token ends it everywhere, and its grant with it', async () => {
    const { value, token } = await issue()
    await server.stores.tokens.find(value)
    await machine().post('revoke', { token: value })
    expect(await server.stores.tokens.find(value)).toBe('revoked')
    expect(await anew(value)).toMatchObject({ refusal: 'revoked', ended: { what: 'token' } })
    expect(await server.stores.grants.find(token.grant_id)).toBeUndefined()
  })

  it('ending the grant ends its token, cached or not, and tells why', async () => {
    const [cached, stored] = [await issue(), await issue()]
    await server.stores.tokens.find(cached.value)
    for (const { token } of [cached, stored]) await server.stores.grants.end(token.grant_id, 'test')
    expect(await server.stores.tokens.find(cached.value)).toBe('revoked')
    expect(await server.stores.tokens.find(stored.value)).toBe('revoked')
    expect(await anew(stored.value)).toMatchObject({
      refusal: 'revoked',
      ended: { what: 'grant', reason: 'test' },
    })
    expect(await server.stores.grants.find(stored.token.grant_id)).toBeUndefined()
  })

  it('operators find it among what the client was given, until it ends', async () => {
    const listed = async () =>
      (await server.stores.grants.ofClient('machine')).grants.map(({ id }) => id)
    const [ended, revoked, other] = [await issue(), await issue(), await issue()]
    const ids = [ended, revoked, other].map(({ token }) => token.grant_id)
    expect(await listed()).toEqual(expect.arrayContaining(ids))
    await server.stores.grants.end(ended.token.grant_id, 'test')
    await machine().post('revoke', { token: revoked.value })
    const left = await listed()
    expect(ids.map((id) => left.includes(id))).toEqual([false, false, true])
  })

  it('the end of all that a client was given ends it, for good', async () => {
    const { value } = await issue()
    expect(await server.stores.grants.endAllOfClient('machine', 'test')).toBeGreaterThan(0)
    expect(await server.stores.tokens.find(value)).not.toHaveProperty('client_id')
    expect(await anew(value)).toMatchObject({ refusal: 'revoked', ended: { what: 'grant' } })
  })

  it('ending one leaves the others alone', async () => {
    const [ended, other] = [await issue(), await issue()]
    await server.stores.grants.end(ended.token.grant_id, 'test')
    expect(await anew(other.value)).toMatchObject({ client_id: 'machine' })
  })

  it('A38 what was given before the client was disabled does not come back when it is enabled', async () => {
    const { value, token } = await issue()
    await server.stores.clients.disable('machine', 'test')
    expect(await anew(value)).toMatchObject({ refusal: 'revoked' })
    await server.stores.clients.enable('machine')
    expect(await anew(value)).toMatchObject({ refusal: 'revoked', ended: { what: 'grant' } })
    expect(await server.stores.grants.find(token.grant_id)).toBeUndefined()
    expect(await anew((await issue()).value)).toMatchObject({ client_id: 'machine' })
  })
})

describe('the same in a store that outlives the program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-own-grants-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const during = async <Result>(work: (server: Portcullis) => Promise<Result>) => {
    const server = await startPortcullis(`store: sqlite:${join(folder, 'portcullis.db')}
upstreams: { orders: 'http://127.0.0.1:9' }
routes: [{ path: /orders/*, upstream: orders }]
clients: [{ client_id: machine, client_secret: machine-secret, grant_types: [client_credentials], introspect: true }]
`)
    try {
      return await work(server)
    } finally {
      await server.stop()
    }
  }
  const client = ({ origin }: Portcullis) =>
    createClient(origin, 'machine', { secret: 'machine-secret' })

  it('a token is good after a restart, and one that was revoked is not', async () => {
    const [kept, revoked] = await during(async (server) => {
      const issue = async () =>
        String(
          (await client(server).post('token', { grant_type: 'client_credentials' })).body
            .access_token,
        )
      const tokens = [await issue(), await issue()] as const
      await client(server).post('revoke', { token: tokens[1] })
      return tokens
    })
    const active = await during((server) =>
      Promise.all(
        [kept, revoked].map(
          async (token) => (await client(server).post('introspect', { token })).body.active,
        ),
      ),
    )
    expect(active).toEqual([true, false])
  })
})
