import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { REGISTRATION_POLICY } from './support/base-config.ts'
import { createClient } from './support/client.ts'
import { createPerson } from './support/person.ts'
import { manage, type Registered, registered } from './support/registration.ts'

const WEB = {
  client_name: 'Robot',
  redirect_uris: ['https://client.example/cb'],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'client_secret_post',
}

describe('RFC 7592', () => {
  let server: RunningAuthorizationServer
  const ada = createPerson('ada', 'ada-password')

  beforeAll(async () => {
    server = await startAuthorizationServer({
      registration: 'open',
      registrationPolicy: { ...REGISTRATION_POLICY, scope: 'orders.read' },
    })
  })
  afterAll(() => server.stop())

  const clientOf = ({ client_id, client_secret }: Registered) =>
    createClient(server.origin, client_id, {
      ...(client_secret !== undefined && { secret: client_secret }),
      redirect_uri: 'https://client.example/cb',
    })
  const authorize = async (client: ReturnType<typeof clientOf>) => {
    const callback = await ada.authorize(client.authorizationUrl({ scope: 'orders.read' }))
    const { status, body } = await client.redeem(callback)
    expect(status).toBe(200)
    return body
  }
  const document = ({ client_id }: Registered, changes: object = {}) => ({
    client_id,
    ...WEB,
    ...changes,
  })

  it('7592-01 GET: all that is registered, but for the secret, of which a digest is all we have', async () => {
    const own = await registered(server.origin, WEB)
    const { status, headers, body } = await manage('GET', own)
    expect(status).toBe(200)
    expect(headers.get('Cache-Control')).toBe('no-store')
    const { client_secret, ...rest } = own as Registered & Record<string, unknown>
    const { client_secret_expires_at, ...told } = rest
    expect([client_secret_expires_at, body]).toEqual([0, told])
  })

  it('of many who remove a client at once one has done it: the room of all is not made by counting it twice', async () => {
    const own = await registered(server.origin, WEB)
    const removed = () =>
      server.logged.filter(
        ({ event, fields }) => event === 'client.removed' && fields.client_id === own.client_id,
      )
    const { clients } = server.stores
    const all = await Promise.all([1, 2, 3].map(() => clients.remove(own.client_id, 'at once')))
    expect(all.filter((one) => one)).toHaveLength(1)
    expect((await manage('DELETE', own)).status).toBe(401)
    expect(removed()).toHaveLength(1)
  })

  it('7592-01 the token is bound to its client: 401 for any other, and for none', async () => {
    const [own, other] = [
      await registered(server.origin, WEB),
      await registered(server.origin, WEB),
    ]
    for (const method of ['GET', 'PUT', 'DELETE'] as const) {
      const { registration_access_token } = other
      const foreign = await manage(method, { ...own, registration_access_token })
      expect(foreign.status).toBe(401)
      expect(foreign.body).toMatchObject({ error: 'invalid_token' })
      expect(foreign.headers.get('WWW-Authenticate')).toMatch(/^Bearer .*error="invalid_token"$/)
    }
    const without = await fetch(own.registration_client_uri)
    expect(without.status).toBe(401)
    expect(without.headers.get('WWW-Authenticate')).not.toContain('error')
    expect((await manage('GET', own)).status).toBe(200)
  })

  it.each([
    ['a client that is not there', 'AAAAAAAAAAAAAAAAAAAAAA'],
    ['a client of the file', 'web'],
    ['a name that objects know', '__proto__'],
    ['a name without end', 'x'.repeat(4000)],
  ])('7592-01 nothing tells who is registered: %s is 401', async (_, client_id) => {
    const own = await registered(server.origin, WEB)
    const registration_client_uri = `${server.origin}/oauth/register/${client_id}`
    expect((await manage('GET', { ...own, registration_client_uri })).status).toBe(401)
  })

  it('7592-01 an access token is no registration access token', async () => {
    const own = await registered(server.origin, WEB)
    const { access_token } = await authorize(clientOf(own))
    const registration_access_token = String(access_token)
    expect((await manage('GET', { ...own, registration_access_token })).status).toBe(401)
  })

  it('7592-01 PUT replaces the whole document: what is left out is gone', async () => {
    const before = { ...WEB, client_uri: 'https://client.example/', scope: 'orders.read' }
    const own = await registered(server.origin, before)
    const next = {
      ...document(own, { client_name: 'Other robot' }),
      redirect_uris: ['https://client.example/other'],
      client_secret: own.client_secret,
    }
    const { status, body } = await manage('PUT', own, next)
    expect(status).toBe(200)
    const { client_secret: _, ...told } = next
    expect(body).toMatchObject(told)
    expect(body).not.toHaveProperty('client_uri')
    expect((await manage('GET', own)).body).toEqual(body)
    const known = await server.stores.clients.find(own.client_id)
    expect(known).toMatchObject({ redirect_uris: ['https://client.example/other'] })
    expect(known).not.toHaveProperty('scope', 'orders.read orders.write')
  })

  it('7592-01 PUT needs the client’s own client_id, and its secret if any', async () => {
    const own = await registered(server.origin, WEB)
    const put = async (sent: object) => (await manage('PUT', own, sent)).status
    expect(await put(WEB)).toBe(400)
    expect(await put(document(own, { client_id: 'web' }))).toBe(400)
    expect(await put(document(own, { client_secret: 'another' }))).toBe(400)
    for (const name of [
      'registration_access_token',
      'registration_client_uri',
      'client_secret_expires_at',
      'client_id_issued_at',
    ])
      expect([name, await put(document(own, { [name]: 1 }))]).toEqual([name, 400])
    expect(await put(document(own))).toBe(200)
  })

  it('7592-01 PUT cannot escalate: the rules of a first registration hold', async () => {
    const own = await registered(server.origin, WEB)
    const put = async (changes: object) => {
      const { status, body } = await manage('PUT', own, document(own, changes))
      return [status, body?.error]
    }
    expect(await put({ redirect_uris: ['javascript:alert(1)'] })).toEqual([
      400,
      'invalid_redirect_uri',
    ])
    for (const changes of [
      { grant_types: ['client_credentials'] },
      { scope: 'orders.write' },
      { client_name: 'Web shop' },
    ])
      expect(await put(changes)).toEqual([400, 'invalid_client_metadata'])
    await manage(
      'PUT',
      own,
      document(own, { introspect: true, source: 'file', tokens: { grant: 1 } }),
    )
    expect(await server.stores.clients.find(own.client_id)).toMatchObject({
      ...{ source: 'registered', introspect: false, tokens: {}, scope: 'orders.read' },
    })
  })

  it('7592-01 the secret stays; a client that goes over to secrets gets one, and loses it again', async () => {
    const own = await registered(server.origin, WEB)
    const kept = await manage('PUT', own, document(own))
    expect(kept.body).not.toHaveProperty('client_secret')
    await authorize(clientOf(own))
    const method = (token_endpoint_auth_method: string) =>
      document(own, { token_endpoint_auth_method })
    await manage('PUT', own, method('none'))
    expect((await server.stores.clients.find(own.client_id))?.secret_digests).toEqual([])
    const { body } = await manage('PUT', own, method('client_secret_post'))
    expect(body?.client_secret).toMatch(/^pc_cs_/)
    expect(body?.client_secret).not.toBe(own.client_secret)
    await authorize(clientOf({ ...own, client_secret: String(body?.client_secret) }))
  })

  it('7592-01 scopes that a client gives up are gone from its tokens at once', async () => {
    const all = await startAuthorizationServer({ registration: 'open' })
    const own = await registered(all.origin, { ...WEB, scope: 'orders.read orders.write' })
    const client = createClient(all.origin, own.client_id, {
      secret: own.client_secret ?? '',
      redirect_uri: 'https://client.example/cb',
    })
    const { body } = await client.redeem(await ada.authorize(client.authorizationUrl()))
    const token = String(body.access_token)
    expect(await all.stores.tokens.find(token)).toMatchObject({
      scope: ['orders.read', 'orders.write'],
    })
    await manage('PUT', own, document(own, { scope: 'orders.read' }))
    expect(await all.stores.tokens.find(token)).toMatchObject({ scope: ['orders.read'] })
    await all.stop()
  })

  it('7592-01 DELETE: 204, and everything that it was given ends', async () => {
    const own = await registered(server.origin, WEB)
    const client = clientOf(own)
    const { access_token, refresh_token } = await authorize(client)
    const waiting = await ada.authorize(client.authorizationUrl({ scope: 'orders.read' }))
    expect(await server.stores.tokens.find(String(access_token))).toHaveProperty('sub')
    const { status, body } = await manage('DELETE', own)
    expect([status, body]).toEqual([204, undefined])
    expect(await server.stores.tokens.find(String(access_token))).toBe('revoked')
    for (const answer of [await client.refresh(refresh_token), await client.redeem(waiting)])
      expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client'])
    const page = await ada.browser.open(client.authorizationUrl().href)
    expect([page.status, page.location]).toEqual([400, undefined])
    expect((await manage('GET', own)).status).toBe(401)
    expect((await manage('DELETE', own)).status).toBe(401)
    expect((await server.stores.store.list(`grants:client:${own.client_id}`)).rows).toEqual([])
    expect((await server.stores.store.list(`consents:client:${own.client_id}`)).rows).toEqual([])
  })

  it('7592-01 a client that is disabled can do nothing about it', async () => {
    const own = await registered(server.origin, WEB)
    await server.stores.clients.disable(own.client_id, 'phishing')
    for (const method of ['GET', 'DELETE'] as const)
      expect((await manage(method, own)).status).toBe(401)
    expect((await manage('PUT', own, document(own))).status).toBe(401)
  })

  it('§2 pages of any origin may ask, by these methods', async () => {
    const own = await registered(server.origin, WEB)
    const preflight = await fetch(own.registration_client_uri, { method: 'OPTIONS' })
    expect(preflight.headers.get('Access-Control-Allow-Methods')).toBe('GET, PUT, DELETE, OPTIONS')
    expect(preflight.headers.get('Access-Control-Allow-Headers')).toContain('Authorization')
    expect((await fetch(own.registration_client_uri, { method: 'POST' })).status).toBe(405)
  })

  it('each step is audited, and no token or secret is', async () => {
    const own = await registered(server.origin, WEB)
    await manage('PUT', own, document(own))
    await manage('DELETE', own)
    const events = server.logged
      .filter(({ fields }) => fields.client_id === own.client_id)
      .map(({ event }) => event)
    expect(events).toEqual([
      'client.registered',
      'client.changed',
      'client.removed',
      'client.grants_ended',
    ])
    const everything = JSON.stringify(server.logged)
    for (const secret of [own.client_secret ?? '', own.registration_access_token])
      expect(everything).not.toContain(secret)
  })
})
