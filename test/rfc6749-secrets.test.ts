import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from './support/client.ts'
import { createPerson, formOf } from './support/person.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'

const REDIRECT_URI = 'https://app.example/callback'

describe('what a whole flow leaves behind', () => {
  let server: Portcullis
  /** Everything secret that was seen on the way, by what it is. */
  const secrets = new Map<string, string>()

  beforeAll(async () => {
    server = await startPortcullis(`
demo: true
log: { level: debug }
scopes: { orders.read: See your orders }
clients:
  - client_id: web
    client_secret: web-secret-of-this-client
    redirect_uris: [${REDIRECT_URI}]
    grant_types: [authorization_code, refresh_token]
accounts: [{ username: ada, password: ada-password-of-hers }]
`)
    const secret = 'web-secret-of-this-client'
    const web = createClient(server.origin, 'web', { secret })
    const ada = createPerson('ada', 'ada-password-of-hers')
    const keep = (name: string, value: unknown) => void secrets.set(name, String(value))
    const url = web.authorizationUrl({ scope: 'orders.read', state: 'a-state-that-is-secret' })
    const login = await ada.settle(await ada.browser.open(url.href))
    const consent = await ada.settle(await ada.signIn(login))
    const callback = await ada.goOn(consent)
    const first = await web.redeem(callback)
    const second = await web.refresh(first.body.refresh_token)
    keep('client secret', secret)
    keep('state', 'a-state-that-is-secret')
    keep('code verifier', web.code_verifier)
    keep('form token', formOf(consent).hidden.csrf)
    keep('sealed request', formOf(consent).hidden.request)
    keep('code', callback.searchParams.get('code'))
    keep('access token', first.body.access_token)
    keep('refresh token', first.body.refresh_token)
    keep('next access token', second.body.access_token)
    keep('next refresh token', second.body.refresh_token)
    for (const [name, value] of ada.browser.cookies) keep(name, value)
    await createPerson('ada', 'a-wrong-password')
      .authorize(url)
      .catch(() => undefined)
    keep('wrong password', 'a-wrong-password')
    keep('password', 'ada-password-of-hers')
    await web.redeem(callback)
    await web.post('revoke', { token: String(second.body.refresh_token) })
    await web.post('introspect', { token: String(first.body.access_token) })
    await web.post('token', { grant_type: 'refresh_token', client_secret: 'a-wrong-secret' })
    keep('wrong client secret', 'a-wrong-secret')
  })
  afterAll(() => server.stop())

  it('A24 nothing secret is in the store as it is', async () => {
    const names = (await readdir(join(server.folder, 'data'))).filter((name) => /\.db/.test(name))
    expect(names.length).toBeGreaterThan(0)
    const files = await Promise.all(
      names.map((name) => readFile(join(server.folder, 'data', name))),
    )
    const store = Buffer.concat(files).toString('latin1')
    expect(store).toContain('"client_id":"web"')
    const found = [...secrets].filter(([, value]) => store.includes(value))
    expect(found).toEqual([])
    expect(store).not.toMatch(/pc_[a-z]{2}_/)
  })

  it('A25 nothing secret is in the log, at its most talkative', () => {
    const log = JSON.stringify(server.logged)
    for (const event of ['session.started', 'consent.given', 'token.issued', 'token.refreshed']) {
      expect(log).toContain(event)
    }
    const found = [...secrets].filter(([, value]) => log.includes(value))
    expect(found).toEqual([])
    expect(log).not.toMatch(/pc_[a-z]{2}_/)
  })

  it('A25 nothing secret is in the metrics', async () => {
    const metrics = await (await fetch(`${server.admin}/metrics`)).text()
    expect([...secrets].filter(([, value]) => metrics.includes(value))).toEqual([])
  })
})
