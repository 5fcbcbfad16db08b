import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient, type TestClient } from './support/client.ts'
import { createPerson } from './support/person.ts'

describe('refresh tokens', () => {
  let server: RunningAuthorizationServer
  let now = Date.now() / 1000
  const ada = createPerson('ada', 'ada-password')
  const client = (client_id: string): TestClient =>
    createClient(server.origin, client_id, { secret: `${client_id}-secret` })
  const begin = async (parameters: Record<string, string> = {}) => {
    const web = client('web')
    const { body } = await web.redeem(await ada.authorize(web.authorizationUrl(parameters)))
    return { web, access: body.access_token, refresh: String(body.refresh_token) }
  }
  const isActive = async (token: unknown) =>
    (await client('web').post('introspect', { token: String(token) })).body.active
  const events = (name: string) => server.logged.filter(({ event }) => event === name)

  beforeAll(async () => {
    server = await startAuthorizationServer({}, { clock: () => now })
  })
  afterAll(() => server.stop())

  it('6749-51 a missing refresh_token is invalid_request', async () => {
    const answer = await client('web').refresh('')
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
  })

  it('6749-51, A7 a confidential client must prove itself', async () => {
    const { web, refresh } = await begin()
    for (const credentials of [{ client_secret: '' }, { client_id: '', client_secret: '' }]) {
      const answer = await web.refresh(refresh, credentials)
      expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client'])
    }
    expect((await web.refresh(refresh)).status).toBe(200)
  })

  it('6749-51, A6 another client learns nothing and ends nothing', async () => {
    const { web, refresh } = await begin()
    const { body: first } = await web.refresh(refresh)
    const unknown = await client('other').refresh('garbage')
    now += 61
    const current = await client('other').refresh(first.refresh_token)
    const stale = await client('other').refresh(refresh)
    expect(unknown.body.error).toBe('invalid_grant')
    expect(current.body).toEqual(unknown.body)
    expect(stale.body).toEqual(unknown.body)
    expect((await web.refresh(first.refresh_token)).status).toBe(200)
    expect(events('refresh.refused').at(-1)?.fields).toMatchObject({
      client_id: 'web',
      by: 'other',
    })
  })

  it('6749-52 scope may be left out or be less, and the refresh token keeps the whole', async () => {
    const { web, refresh } = await begin()
    const narrow = await web.refresh(refresh, { scope: 'orders.read' })
    expect(narrow.body.scope).toBe('orders.read')
    const whole = await web.refresh(narrow.body.refresh_token)
    expect(whole.body.scope).toBe('orders.read orders.write')
  })

  it('6749-52, A8 more scope or resource than was granted is refused, and the token is not used up', async () => {
    const { web, refresh } = await begin({
      scope: 'orders.read',
      resource: `${server.origin}/orders`,
    })
    for (const scope of ['orders.write', 'orders.read orders.write', 'admin', 'ORDERS.READ']) {
      const answer = await web.refresh(refresh, { scope })
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_scope'])
    }
    for (const resource of [`${server.origin}/billing`, 'https://evil.example/']) {
      const answer = await web.refresh(refresh, { resource })
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_target'])
    }
    expect((await web.refresh(refresh)).status).toBe(200)
  })

  it('8707-02 a resource of the grant may be named alone', async () => {
    const web = client('web')
    const url = web.authorizationUrl({ resource: `${server.origin}/orders` })
    url.searchParams.append('resource', `${server.origin}/billing`)
    const { body } = await web.redeem(await ada.authorize(url))
    const narrow = await web.refresh(body.refresh_token, { resource: `${server.origin}/billing` })
    const { body: known } = await web.post('introspect', {
      token: String(narrow.body.access_token),
    })
    expect(known.aud).toEqual([`${server.origin}/billing`])
  })

  it('6749-53, A6 (a) fifty refreshes at once get the same successor', async () => {
    const { web, refresh } = await begin()
    const answers = await Promise.all(Array.from({ length: 50 }, () => web.refresh(refresh)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const successors = new Set(answers.map(({ body }) => body.refresh_token))
    expect(successors.size).toBe(1)
    for (const { body } of answers) expect(await isActive(body.access_token)).toBe(true)
    expect((await web.refresh([...successors][0])).status).toBe(200)
  })

  it('6749-53, A6 (c) a retry within the window gets the same successor, and is counted', async () => {
    const { web, refresh } = await begin()
    const first = await web.refresh(refresh)
    now += 59
    const again = await web.refresh(refresh)
    expect(again.body.refresh_token).toBe(first.body.refresh_token)
    expect(again.body.access_token).not.toBe(first.body.access_token)
    expect(events('refresh.retried').at(-1)?.fields).toMatchObject({ client_id: 'web', sub: 'ada' })
  })

  it('6749-53, A6 (c) the window closes with time', async () => {
    const { web, refresh, access } = await begin()
    const first = await web.refresh(refresh)
    now += 61
    expect((await web.refresh(refresh)).body.error).toBe('invalid_grant')
    expect(await isActive(access)).toBe(false)
    expect((await web.refresh(first.body.refresh_token)).body.error).toBe('invalid_grant')
  })

  it('6749-53, A6 (b, d, e) the window closes with the use of the successor, and the whole family ends', async () => {
    const { web, refresh, access } = await begin()
    const first = await web.refresh(refresh)
    const second = await web.refresh(first.body.refresh_token)
    expect((await web.refresh(refresh)).body.error).toBe('invalid_grant')
    expect(await isActive(access)).toBe(false)
    expect(await isActive(second.body.access_token)).toBe(false)
    expect((await web.refresh(second.body.refresh_token)).body.error).toBe('invalid_grant')
    expect(events('grant.replayed').at(-1)?.fields).toMatchObject({ what: 'refresh_token' })
  })

  it('6749-51 a refresh token dies of disuse', async () => {
    const { web, refresh } = await begin()
    now += 2_592_001
    expect((await web.refresh(refresh)).body.error).toBe('invalid_grant')
  })
})
