import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { createPerson, type Person } from './support/person.ts'

/** What an operator takes out of the configuration while a flow is under way. */
describe('a client, a person or a scope that is taken away', () => {
  let server: RunningAuthorizationServer
  let ada: Person
  const web = () => createClient(server.origin, 'web', { secret: 'web-secret' })
  const without = (name: 'web' | 'ada') =>
    server.stores.reload({
      ...server.config,
      clients: server.config.clients.filter(({ client_id }) => client_id !== name),
      accounts: server.config.accounts.filter(({ username }) => username !== name),
    })
  const consentPage = async () => {
    const login = await ada.settle(
      await ada.browser.open(web().authorizationUrl({ prompt: 'consent' }).href),
    )
    return ada.settle(await ada.signIn(login))
  }

  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  afterAll(() => server.stop())

  const afresh = async () => {
    await server.stores.reload(server.config)
    ada = createPerson('ada', 'ada-password')
  }

  it('A38 a code on its way is not redeemed for a person who is gone', async () => {
    await afresh()
    const client = web()
    const callback = await ada.authorize(client.authorizationUrl())
    await without('ada')
    expect((await client.redeem(callback)).body.error).toBe('invalid_grant')
  })

  it('A38 a code on its way is not redeemed by a client that is gone', async () => {
    await afresh()
    const client = web()
    const callback = await ada.authorize(client.authorizationUrl())
    await without('web')
    expect((await client.redeem(callback)).body.error).toBe('invalid_client')
    await afresh()
    expect((await client.redeem(callback)).body.error).toBe('invalid_grant')
  })

  it('A38 a refresh token, an access token and a session end with the person', async () => {
    await afresh()
    const client = web()
    const { body } = await client.redeem(await ada.authorize(client.authorizationUrl()))
    await without('ada')
    expect((await client.refresh(body.refresh_token)).body.error).toBe('invalid_grant')
    const known = await client.post('introspect', { token: String(body.access_token) })
    expect(known.body).toEqual({ active: false })
    await server.stores.reload(server.config)
    const page = await ada.settle(await ada.browser.open(client.authorizationUrl().href))
    expect(page.body).toContain('type="password"')
  })

  it('A38, 6749-20 nobody is sent back to a client that is gone', async () => {
    await afresh()
    const page = await consentPage()
    await without('web')
    const answer = await ada.decide(page)
    expect([answer.status, answer.location]).toEqual([400, undefined])
  })

  it('A38 a person who is gone decides nothing', async () => {
    await afresh()
    const page = await consentPage()
    await without('ada')
    expect((await ada.decide(page)).location).toContain('/oauth/login?')
  })

  it('A39 a refresh gives only what the person and the client may still have', async () => {
    await afresh()
    const client = web()
    const { body } = await client.redeem(await ada.authorize(client.authorizationUrl()))
    const { config } = server
    const restrict = (scope: string) =>
      server.stores.reload({
        ...config,
        accounts: config.accounts.map((account) => ({ ...account, scope })),
      })
    await restrict('orders.read')
    const refreshed = await client.refresh(body.refresh_token)
    expect(refreshed.body.scope).toBe('orders.read')
    await restrict('something.else')
    const refused = await client.refresh(refreshed.body.refresh_token)
    expect(refused.body.error).toBe('invalid_grant')
  })
})
