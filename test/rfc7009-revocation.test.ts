import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { basic, createClient, postForm } from './support/client.ts'
import { createPerson } from './support/person.ts'

describe('token revocation', () => {
  let server: RunningAuthorizationServer
  const ada = createPerson('ada', 'ada-password')
  const client = (client_id: string) =>
    createClient(server.origin, client_id, { secret: `${client_id}-secret` })
  const native = () =>
    createClient(server.origin, 'native', { redirect_uri: 'http://127.0.0.1/callback' })
  const begin = async (web = client('web')) => {
    const { body } = await web.redeem(await ada.authorize(web.authorizationUrl()))
    return { web, access: String(body.access_token), refresh: String(body.refresh_token) }
  }
  const isActive = async (token: string) =>
    (await client('web').post('introspect', { token })).body.active

  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  afterAll(() => server.stop())

  it('7009-01 the client proves itself as at the token endpoint', async () => {
    const { access } = await begin()
    const wrong = await client('web').post('revoke', { token: access, client_secret: 'wrong' })
    expect([wrong.status, wrong.body.error]).toEqual([401, 'invalid_client'])
    const none = await postForm(`${server.origin}/oauth/revoke`, { token: access })
    expect(none.status).toBe(401)
    expect(await isActive(access)).toBe(true)
    const right = await postForm(
      `${server.origin}/oauth/revoke`,
      { token: access },
      basic('web', 'web-secret'),
    )
    expect(right.status).toBe(200)
    expect(await isActive(access)).toBe(false)
  })

  it('7009-01 a public client names itself', async () => {
    const { web, access, refresh } = await begin(native())
    expect((await web.post('revoke', { token: access })).status).toBe(200)
    expect((await web.post('revoke', { token: refresh })).status).toBe(200)
    expect((await web.refresh(refresh)).body.error).toBe('invalid_grant')
  })

  it('7009-02 a missing token is invalid_request', async () => {
    const answer = await client('web').post('revoke', {})
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
  })

  it.each(['garbage', `pc_at_${'A'.repeat(64)}`, `pc_rt_${'A'.repeat(72)}`, 'x'.repeat(50_000)])(
    '7009-02 a token that is none is 200',
    async (token) => {
      expect((await client('web').post('revoke', { token })).status).toBe(200)
    },
  )

  it('7009-02 revoking twice is 200', async () => {
    const { web, refresh } = await begin()
    expect((await web.post('revoke', { token: refresh })).status).toBe(200)
    expect((await web.post('revoke', { token: refresh })).status).toBe(200)
  })

  it.each(['access_token', 'refresh_token', 'nothing'])(
    '7009-02 with token_type_hint=%s either kind is found',
    async (token_type_hint) => {
      const { web, access, refresh } = await begin()
      await web.post('revoke', { token: access, token_type_hint })
      expect(await isActive(access)).toBe(false)
      await web.post('revoke', { token: refresh, token_type_hint })
      expect(await isActive(refresh)).toBe(false)
    },
  )

  it("7009-03 another client's token stays, and the answer is the same", async () => {
    const { access, refresh } = await begin()
    const other = client('other')
    const unknown = await other.post('revoke', { token: 'garbage' })
    for (const token of [access, refresh]) {
      const answer = await other.post('revoke', { token })
      expect([answer.status, answer.body]).toEqual([unknown.status, unknown.body])
      expect(await isActive(token)).toBe(true)
    }
  })

  it('7009-04 a refresh token takes the access tokens of its grant along', async () => {
    const { web, access, refresh } = await begin()
    const { body } = await web.refresh(refresh)
    await web.post('revoke', { token: String(body.refresh_token) })
    expect(await isActive(access)).toBe(false)
    expect(await isActive(String(body.access_token))).toBe(false)
    expect((await web.refresh(body.refresh_token)).body.error).toBe('invalid_grant')
  })

  it('7009-04 a refresh token that was used before ends the grant too', async () => {
    const { web, access, refresh } = await begin()
    await web.refresh(refresh)
    await web.post('revoke', { token: refresh })
    expect(await isActive(access)).toBe(false)
  })

  it('7009-04 an access token goes alone', async () => {
    const { web, access, refresh } = await begin()
    await web.post('revoke', { token: access })
    expect(await isActive(access)).toBe(false)
    expect(await isActive(refresh)).toBe(true)
    expect((await web.refresh(refresh)).status).toBe(200)
    const revoked = server.logged.filter(({ event }) => event === 'token.revoked').at(-1)
    expect(revoked?.fields).toMatchObject({ what: 'access_token', client_id: 'web', sub: 'ada' })
  })

  it('7009-07 GET is refused, scripts of any origin may call', async () => {
    const response = await fetch(`${server.origin}/oauth/revoke`)
    expect([response.status, response.headers.get('Allow')]).toEqual([405, 'POST, OPTIONS'])
    const answer = await client('web').post('revoke', { token: 'x' })
    expect(answer.headers.get('Access-Control-Allow-Origin')).toBe('*')
  })
})
