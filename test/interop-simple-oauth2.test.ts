import { AuthorizationCode, ClientCredentials, ResourceOwnerPassword } from 'simple-oauth2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  REDIRECT_URI,
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { challengeOf, createClient } from './support/client.ts'
import { createPerson } from './support/person.ts'

/** A client of the older kind, as many servers still run: Basic by default, JSON or form, no metadata. */
describe('simple-oauth2', () => {
  let server: RunningAuthorizationServer
  const ada = createPerson('ada', 'ada-password')
  const auth = () => ({
    tokenHost: server.origin,
    tokenPath: '/oauth/token',
    revokePath: '/oauth/revoke',
  })
  const web = (authorizationMethod: 'header' | 'body') =>
    new AuthorizationCode({
      client: { id: 'web', secret: 'web-secret' },
      auth: { ...auth(), authorizePath: '/oauth/authorize' },
      options: { authorizationMethod },
    })
  const code_verifier = 'a-code-verifier-of-a-client-that-is-long-enough'
  const begin = async (client: AuthorizationCode) => {
    const url = client.authorizeURL({
      redirect_uri: REDIRECT_URI,
      scope: ['orders.read', 'orders.write'],
      state: 'a state',
      ...{ code_challenge: challengeOf(code_verifier), code_challenge_method: 'S256' },
    })
    const callback = await ada.authorize(url)
    expect(callback.searchParams.get('state')).toBe('a state')
    return callback.searchParams.get('code') ?? ''
  }
  const isActive = async (token: unknown) =>
    (
      await createClient(server.origin, 'web', { secret: 'web-secret' }).post('introspect', {
        token: String(token),
      })
    ).body.active

  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  afterAll(() => server.stop())

  it.each(['header', 'body'] as const)(
    '9700-2.1 credentials in the %s: code with PKCE, refresh, revocation of all',
    async (method) => {
      const client = web(method)
      const code = await begin(client)
      const options = { code, redirect_uri: REDIRECT_URI, code_verifier }
      const first = await client.getToken(options)
      expect(first.expired()).toBe(false)
      expect(first.token).toMatchObject({ token_type: 'Bearer', scope: 'orders.read orders.write' })
      const narrow = await first.refresh({ scope: ['orders.read'] })
      expect(narrow.token.scope).toBe('orders.read')
      const next = await narrow.refresh()
      expect(next.token.scope).toBe('orders.read orders.write')
      expect(await isActive(next.token.access_token)).toBe(true)
      await next.revokeAll()
      for (const { token } of [first, narrow, next])
        expect(await isActive(token.access_token)).toBe(false)
      await expect(next.refresh()).rejects.toMatchObject({
        output: { statusCode: 400 },
        data: { payload: { error: 'invalid_grant' } },
      })
    },
  )

  it('6749-43 its errors are those of the standard', async () => {
    const client = web('header')
    const code = await begin(client)
    const wrong = client.getToken({
      ...{ code, redirect_uri: REDIRECT_URI, code_verifier: `${code_verifier}-of-another` },
    } as Parameters<typeof client.getToken>[0])
    await expect(wrong).rejects.toMatchObject({ data: { payload: { error: 'invalid_grant' } } })
  })

  it('6749-50 client credentials', async () => {
    const client = new ClientCredentials({
      client: { id: 'machine', secret: 'machine-secret' },
      auth: auth(),
    })
    const { token } = await client.getToken({ scope: 'orders.read' })
    expect(token).toMatchObject({ token_type: 'Bearer', scope: 'orders.read' })
    expect(token).not.toHaveProperty('refresh_token')
    expect(await isActive(token.access_token)).toBe(false)
  })

  it('6749-68 the password grant is refused in a way that it understands', async () => {
    const client = new ResourceOwnerPassword({
      client: { id: 'web', secret: 'web-secret' },
      auth: auth(),
    })
    const asked = client.getToken({ username: 'ada', password: 'ada-password', scope: [] })
    await expect(asked).rejects.toMatchObject({
      output: { statusCode: 400 },
      data: { payload: { error: 'unsupported_grant_type' } },
    })
  })
})
