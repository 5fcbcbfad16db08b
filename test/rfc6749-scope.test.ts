import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { createPerson, formOf } from './support/person.ts'

const ALL = ['orders.read', 'orders.write', 'billing']
const grants = {
  client_secret: 'x',
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
}

describe('the scopes of a request', () => {
  let server: RunningAuthorizationServer
  const ada = createPerson('ada', 'ada-password')
  const reader = createPerson('reader', 'reader-password')
  const client = (client_id: string) => createClient(server.origin, client_id, { secret: 'x' })

  beforeAll(async () => {
    server = await startAuthorizationServer({
      scopes: new Map(ALL.map((name) => [name, name])),
      clients: [
        { client_id: 'free', ...grants },
        { client_id: 'all', scope: 'orders.read billing', ...grants },
        { client_id: 'any', scope: 'orders.read billing', requestedScope: 'any', ...grants },
        {
          client_id: 'default',
          scope: 'orders.read billing',
          defaultScope: 'billing',
          ...grants,
        },
        { client_id: 'free-default', defaultScope: 'orders.read', ...grants },
        { client_id: 'native', redirect_uris: ['com.example.app:/cb'], requestedScope: 'any' },
      ],
      accounts: [{ username: 'ada' }, { username: 'reader', scope: 'orders.read' }],
    })
  })
  afterAll(() => server.stop())

  const READ = 'orders.read'
  const rows: [string, string | undefined, string | undefined][] = [
    // What a client may ask for; undefined: the request is refused.
    ['free', undefined, 'orders.read orders.write billing'],
    ['free', READ, READ],
    ['free', `${READ} ${READ}  billing`, `${READ} billing`],
    ['free', 'billing orders.read', 'billing orders.read'],
    ['free', 'admin', undefined],
    ['free', ' ', undefined],
    ['all', undefined, `${READ} billing`],
    ['all', `${READ} billing`, `${READ} billing`],
    ['all', `${READ} orders.write`, undefined],
    ['all', 'BILLING', undefined],
    ['any', undefined, `${READ} billing`],
    ['any', READ, READ],
    ['any', `${READ} orders.write admin`, READ],
    ['any', 'orders.write', undefined],
    ['any', 'admin " \\ é', undefined],
    ['any', ' ', undefined],
    ['default', undefined, 'billing'],
    ['default', '', 'billing'],
    ['default', READ, READ],
    ['free-default', undefined, READ],
    ['free-default', 'orders.write', 'orders.write'],
  ]

  it.each(rows)(
    '6749-22 %s asks for %j and gets %j, at every endpoint',
    async (id, scope, granted) => {
      const url = client(id).authorizationUrl({ scope })
      const callback = await ada.authorize(url)
      const pushed = await client(id).push({ scope })
      const own = await client(id).post('token', {
        grant_type: 'client_credentials',
        ...(scope !== undefined && { scope }),
      })
      if (granted === undefined) {
        expect(callback.searchParams.get('error')).toBe('invalid_scope')
        expect([pushed.status, pushed.body.error]).toEqual([400, 'invalid_scope'])
        expect([own.status, own.body.error]).toEqual([400, 'invalid_scope'])
        return
      }
      expect(callback.searchParams.has('code')).toBe(true)
      expect(own.body.scope).toBe(granted)
      const who = client(id)
      const { body } = await who.redeem(
        await ada.authorize(who.pushedUrl(await who.push({ scope }))),
      )
      expect(body.scope).toBe(granted)
      expect((await who.refresh(body.refresh_token)).body.scope).toBe(granted)
    },
  )

  it('6749-22 a client of requestedScope any is asked about what it may have, and no more', async () => {
    const native = createClient(server.origin, 'native', { redirect_uri: 'com.example.app:/cb' })
    const asked = await ada.settle(
      await ada.browser.open(String(native.authorizationUrl({ scope: `${READ} admin` }))),
    )
    expect(formOf(asked).checkboxes.map(({ value }) => value)).toEqual([READ])
    expect(asked.body).not.toContain('admin')
  })

  it('6749-46 what a person may not give is left out, and the answer says so', async () => {
    const who = client('free')
    const { body } = await who.redeem(
      await reader.authorize(who.authorizationUrl({ scope: undefined })),
    )
    expect(body.scope).toBe(READ)
  })

  it('A8 what was granted in part is not more at a refresh, whatever is asked', async () => {
    const who = client('any')
    const callback = await ada.authorize(who.authorizationUrl({ scope: `${READ} orders.write` }))
    const { body } = await who.redeem(callback)
    for (const scope of ['orders.write', 'billing', `${READ} orders.write`]) {
      const answer = await who.refresh(body.refresh_token, { scope })
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_scope'])
    }
    expect((await who.refresh(body.refresh_token, { scope: READ })).body.scope).toBe(READ)
  })

  it('6749-22 with commas, where clients of the Axway gateway ask', async () => {
    const axway = await startAuthorizationServer({
      compatibility: ['axway'],
      clients: [{ client_id: 'any', scope: READ, requestedScope: 'any', ...grants }],
    })
    const who = createClient(axway.origin, 'any', { secret: 'x' })
    const ask = (scope: string) => who.post('token', { grant_type: 'client_credentials', scope })
    expect((await ask(`${READ},orders.write`)).body.scope).toBe(READ)
    expect((await ask('orders.write,admin')).body.error).toBe('invalid_scope')
    expect((await ask(',')).body.error).toBe('invalid_scope')
    await axway.stop()
  })
})
