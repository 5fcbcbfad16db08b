import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { basic, createClient, postForm } from './support/client.ts'
import { createPerson } from './support/person.ts'
import { startPortcullis } from './support/portcullis.ts'

describe('token introspection', () => {
  let server: RunningAuthorizationServer
  let now = Math.floor(Date.now() / 1000)
  const ada = createPerson('ada', 'ada-password')
  const client = (client_id: string) =>
    createClient(server.origin, client_id, { secret: `${client_id}-secret` })
  const begin = async (parameters: Record<string, string> = {}) => {
    const web = client('web')
    const { body } = await web.redeem(await ada.authorize(web.authorizationUrl(parameters)))
    return { web, access: String(body.access_token), refresh: String(body.refresh_token) }
  }

  beforeAll(async () => {
    server = await startAuthorizationServer({}, { clock: () => now })
  })
  afterAll(() => server.stop())

  it('7662-01 nobody asks without proving who it is', async () => {
    const { access } = await begin()
    const url = `${server.origin}/oauth/introspect`
    const answers = await Promise.all([
      postForm(url, { token: access }),
      postForm(url, { token: access, client_id: 'web' }),
      postForm(url, { token: access, client_id: 'native' }),
      postForm(url, { token: access }, basic('web', 'wrong')),
      postForm(url, { token: access }, { Authorization: `Bearer ${access}` }),
    ])
    for (const { status, body } of answers) {
      expect([status, body.error, body.active]).toEqual([401, 'invalid_client', undefined])
    }
    const missing = await client('web').post('introspect', {})
    expect([missing.status, missing.body.error]).toEqual([400, 'invalid_request'])
  })

  it('7662-02 what is unknown, expired, revoked, malformed or not for this caller is inactive and nothing else', async () => {
    const { web, access, refresh } = await begin()
    const introspected = async (who: string, token: string) =>
      (await client(who).post('introspect', { token })).body
    const inactive = { active: false }
    expect(await introspected('web', 'garbage')).toEqual(inactive)
    expect(await introspected('web', `pc_at_${'A'.repeat(64)}`)).toEqual(inactive)
    expect(await introspected('other', access)).toEqual(inactive)
    expect(await introspected('other', refresh)).toEqual(inactive)
    expect(await introspected('resource-server', refresh)).toEqual(inactive)
    const { body } = await web.refresh(refresh)
    expect(await introspected('web', refresh)).toEqual(inactive)
    await web.post('revoke', { token: access })
    expect(await introspected('web', access)).toEqual(inactive)
    now += 600
    expect(await introspected('web', String(body.access_token))).toEqual(inactive)
  })

  it('7662-03 an active access token is described', async () => {
    const { access } = await begin({ resource: `${server.origin}/orders` })
    const expected = {
      active: true,
      scope: 'orders.read orders.write',
      client_id: 'web',
      token_type: 'Bearer',
      sub: 'ada',
      aud: [`${server.origin}/orders`],
      iss: server.origin,
      iat: now,
      exp: now + 600,
    }
    for (const who of ['web', 'resource-server']) {
      expect((await client(who).post('introspect', { token: access })).body).toEqual(expected)
    }
  })

  it('7662-03 the hint of a type is not needed, and a wrong one does not hurt', async () => {
    const { web, refresh } = await begin()
    const answer = await web.post('introspect', { token: refresh, token_type_hint: 'access_token' })
    expect(answer.body).toMatchObject({ active: true, client_id: 'web', sub: 'ada' })
  })

  it("7662-03 a client's own token has a subject that no person can have", async () => {
    const machine = client('machine')
    const { body } = await machine.post('token', { grant_type: 'client_credentials' })
    const described = await machine.post('introspect', { token: String(body.access_token) })
    expect(described.body.sub).toBe('client:machine')
  })

  it('7662-04 the answer is not to be stored', async () => {
    const { headers } = await client('web').post('introspect', { token: 'x' })
    expect(headers.get('Cache-Control')).toBe('no-store')
  })

  it.each(['', ', grant_types: []'])(
    '§2.1 a resource server introspects and asks for no token; it needs no grant type%s',
    async (types) => {
      const gateway = await startPortcullis(`
clients:
  - { client_id: api, client_secret: api-secret-long-enough, introspect: true${types} }
  - { client_id: robot, client_secret: robot-secret-long, grant_types: [client_credentials] }
`)
      const robot = createClient(gateway.origin, 'robot', { secret: 'robot-secret-long' })
      const api = createClient(gateway.origin, 'api', { secret: 'api-secret-long-enough' })
      const ask = { grant_type: 'client_credentials' }
      const { body } = await robot.post('token', ask)
      const told = await api.post('introspect', { token: String(body.access_token) })
      expect(told.body).toMatchObject({ active: true, client_id: 'robot' })
      const refused = await api.post('token', ask)
      expect([refused.status, refused.body.error]).toEqual([400, 'unauthorized_client'])
      await gateway.stop()
    },
  )
})
