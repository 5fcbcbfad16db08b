import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient, postForm } from './support/client.ts'
import { DEVICE_CODE, enterCode } from './support/device.ts'
import { type Answer, createPerson, formOf } from './support/person.ts'

describe('a person gives no more than their account may', () => {
  let server: RunningAuthorizationServer
  const web = (client_id = 'web') =>
    createClient(server.origin, client_id, { secret: `${client_id}-secret` })
  const reader = () => createPerson('reader', 'reader-password')
  const offered = (page: Answer) =>
    formOf(page).checkboxes.flatMap(({ value, disabled }) => (disabled ? [] : [value]))
  /** Puts another scope of the reader in force. */
  const narrow = (scope: string) =>
    server.stores.reload({
      ...server.config,
      accounts: server.config.accounts.map((account) => ({ ...account, scope })),
    })

  beforeAll(async () => {
    server = await startAuthorizationServer({
      clients: [
        { client_id: 'web', client_secret: 'web-secret' },
        { client_id: 'ours', client_secret: 'ours-secret', skipConsent: true },
        { client_id: 'tv', redirect_uris: [], grant_types: [DEVICE_CODE, 'refresh_token'] },
      ],
      accounts: [{ username: 'reader', scope: 'orders.read' }],
    })
  })
  afterAll(() => server.stop())
  beforeEach(() => narrow('orders.read'))

  it('A8 where they are asked, and what is ticked all the same is refused', async () => {
    const person = reader()
    const login = await person.settle(await person.browser.open(web().authorizationUrl().href))
    const page = await person.settle(await person.signIn(login))
    expect(offered(page)).toEqual(['orders.read'])
    const forged = await person.decide(page, { scope: ['orders.read', 'orders.write'] })
    expect([forged.status, forged.location]).toEqual([400, undefined])
  })

  it('A8 where nobody is asked', async () => {
    const ours = web('ours')
    const { body } = await ours.redeem(await reader().authorize(ours.authorizationUrl()))
    expect(body.scope).toBe('orders.read')
  })

  it('A8 where the request was pushed', async () => {
    const client = web()
    const pushed = client.pushedUrl(await client.push())
    const { body } = await client.redeem(await reader().authorize(pushed))
    expect(body.scope).toBe('orders.read')
  })

  it('A8 where a device asks', async () => {
    const asked = { client_id: 'tv', scope: 'orders.read orders.write' }
    const { body: device } = await postForm(`${server.origin}/oauth/device_authorization`, asked)
    const person = reader()
    const page = await enterCode(person, String(device.verification_uri), String(device.user_code))
    expect(offered(page)).toEqual(['orders.read'])
    const forged = await person.decide(page, { scope: ['orders.read', 'orders.write'] })
    expect(forged.status).toBe(400)
    await person.decide(page)
    const { body } = await postForm(`${server.origin}/oauth/token`, {
      ...{ grant_type: DEVICE_CODE, client_id: 'tv', device_code: String(device.device_code) },
    })
    expect(body.scope).toBe('orders.read')
  })

  it('A8 where they had allowed more while they might', async () => {
    await narrow('orders.read orders.write')
    const client = web()
    const person = reader()
    await person.authorize(client.authorizationUrl({ prompt: 'consent' }))
    await narrow('orders.read')
    const answer = await person.settle(await person.browser.open(client.authorizationUrl().href))
    const { body } = await client.redeem(new URL(answer.location ?? ''))
    expect(body.scope).toBe('orders.read')
  })

  it('6749-52, A8 where it is refreshed, asked for or not, and where a code was on its way', async () => {
    await narrow('orders.read orders.write')
    const [client, inFlight] = [web(), web()]
    const person = reader()
    const { body } = await client.redeem(await person.authorize(client.authorizationUrl()))
    const callback = await person.authorize(inFlight.authorizationUrl())
    await narrow('orders.read')
    const more = { scope: 'orders.read orders.write' }
    expect((await client.refresh(body.refresh_token, more)).body.error).toBe('invalid_scope')
    expect((await client.refresh(body.refresh_token)).body.scope).toBe('orders.read')
    const introspected = await client.post('introspect', { token: String(body.access_token) })
    expect(introspected.body.scope).toBe('orders.read')
    expect((await inFlight.redeem(callback)).body.scope).toBe('orders.read')
  })
})
