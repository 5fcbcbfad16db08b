import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Config } from '../src/config/config.ts'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { confidential, configurations, client as publicClient } from './support/configuration.ts'
import { type Answer, createPerson, formOf, type Person } from './support/person.ts'

const REDIRECT_URI = 'https://app.example/callback'

describe('consent that is remembered', () => {
  let server: RunningAuthorizationServer
  /** What is in force. */
  let config: Config

  // As after a reload: the configuration of the server is the one that its room was made of, and its stores follow.
  const restartWith = async (change: (config: Config) => Config) => {
    config = change(config)
    await server.stores.reload(config)
    Object.assign(server.config as object, config)
  }
  const changeWeb = (changes: Partial<Config['clients'][number]>) =>
    restartWith((former) => ({
      ...former,
      clients: former.clients.map((one) =>
        one.client_id === 'web' ? { ...one, ...changes } : one,
      ),
    }))
  const web = () => createClient(server.origin, 'web', { secret: 'web-secret' })
  const ask = (parameters = {}) => web().authorizationUrl(parameters).href
  /** What comes of an authorization request of somebody who is signed in. */
  const comesOf = async (person: Person, parameters = {}) =>
    person.settle(await person.browser.open(ask(parameters)))
  const isAsked = (answer: Answer) => answer.status === 200 && answer.body.includes('decision')
  const goesThrough = (answer: Answer) => answer.location?.includes('code=') ?? false
  /** Somebody who has allowed `web` these scopes. */
  const whoAllowed = async (scope = 'orders.read') => {
    await server.stores.consents.remove('web', 'ada')
    const ada = createPerson('ada', 'ada-password')
    await ada.authorize(ask({ scope, prompt: 'consent' }))
    expect(goesThrough(await comesOf(ada, { scope }))).toBe(true)
    return ada
  }

  beforeAll(async () => {
    server = await startAuthorizationServer({
      clients: [
        { client_id: 'web', client_secret: 'web-secret', scope: 'orders.read orders.write' },
        { client_id: 'ours', client_secret: 'ours-secret', skipConsent: true },
        // A configuration that never went through the checks of a file.
        { client_id: 'pretender', redirect_uris: [REDIRECT_URI], skipConsent: true },
      ],
    })
    config = structuredClone(server.config)
  })
  afterAll(() => server.stop())

  it('A39 a redirect URI that was added asks again, once, and says why', async () => {
    const ada = await whoAllowed()
    await changeWeb({ redirect_uris: [REDIRECT_URI, 'https://new.example/callback'] })
    const page = await comesOf(ada, { scope: 'orders.read' })
    expect(isAsked(page)).toBe(true)
    expect(page.body).toContain('Its answers may go to other addresses')
    expect(goesThrough(await ada.decide(page))).toBe(true)
    expect(goesThrough(await comesOf(ada, { scope: 'orders.read' }))).toBe(true)
  })

  it('A39 a redirect URI that is taken away asks nobody', async () => {
    const ada = await whoAllowed()
    await changeWeb({ redirect_uris: [REDIRECT_URI] })
    expect(goesThrough(await comesOf(ada, { scope: 'orders.read' }))).toBe(true)
  })

  it('A39 what was allowed under former redirect URIs and not asked for this time is forgotten', async () => {
    const ada = await whoAllowed('orders.read orders.write')
    await changeWeb({ redirect_uris: [REDIRECT_URI, 'https://third.example/callback'] })
    await ada.decide(await comesOf(ada, { scope: 'orders.read' }))
    expect(goesThrough(await comesOf(ada, { scope: 'orders.read' }))).toBe(true)
    expect(isAsked(await comesOf(ada, { scope: 'orders.write' }))).toBe(true)
  })

  it('A39 a scope that the client gained asks again, one that it lost does not', async () => {
    await changeWeb({ scope: 'orders.read' })
    const ada = await whoAllowed()
    await changeWeb({ scope: 'orders.read orders.write' })
    const page = await comesOf(ada, { scope: 'orders.read' })
    expect(isAsked(page)).toBe(true)
    expect(page.body).toContain('It may ask for more')
    await ada.decide(page)
    await changeWeb({ scope: 'orders.read' })
    expect(goesThrough(await comesOf(ada, { scope: 'orders.read' }))).toBe(true)
    await changeWeb({ scope: 'orders.read orders.write' })
  })

  it('A39 a scope whose words are others is asked again, and only that', async () => {
    const ada = await whoAllowed('orders.read orders.write')
    await restartWith((former) => ({
      ...former,
      scopes: new Map([...former.scopes, ['orders.write', 'Cancel your orders, and pay new ones']]),
    }))
    expect(goesThrough(await comesOf(ada, { scope: 'orders.read' }))).toBe(true)
    const page = await comesOf(ada)
    expect(page.body).toContain('Its meaning has changed')
    expect(page.body).toContain('Cancel your orders, and pay new ones')
    expect(goesThrough(await ada.decide(page))).toBe(true)
    expect(goesThrough(await comesOf(ada))).toBe(true)
  })

  it('A39 prompt=none does not get what has to be asked again', async () => {
    const ada = await whoAllowed()
    await changeWeb({ redirect_uris: [REDIRECT_URI, 'https://fourth.example/callback'] })
    const { location } = await comesOf(ada, { scope: 'orders.read', prompt: 'none' })
    expect(new URL(location ?? '').searchParams.get('error')).toBe('consent_required')
  })

  it('what is new is set apart from what was allowed before, and both can be unticked', async () => {
    await changeWeb({ redirect_uris: [REDIRECT_URI] })
    const ada = await whoAllowed()
    const page = await comesOf(ada)
    const [fresh = '', before = ''] = page.body.split('<fieldset').slice(1)
    expect(fresh).toContain('orders.write')
    expect(fresh).not.toContain('orders.read')
    expect(before).toContain('What you allowed before')
    expect(before).toContain('orders.read')
    expect(formOf(page).checkboxes.map(({ checked, disabled }) => [checked, disabled])).toEqual([
      [true, false],
      [true, false],
    ])
    const client = web()
    const asked = await ada.settle(await ada.browser.open(client.authorizationUrl().href))
    const { body } = await client.redeem(await ada.goOn(asked, { scope: ['orders.write'] }))
    expect(body.scope).toBe('orders.write')
  })

  it('what was remembered before it was kept what was seen is asked again', async () => {
    const ada = await whoAllowed()
    const { store } = server.stores
    const { rows } = await store.list('consents:account:ada')
    for (const { key, value } of rows) {
      const { seen: _, ...former } = JSON.parse(value)
      await store.set(key, JSON.stringify(former), Date.now() + 60_000)
    }
    expect(isAsked(await comesOf(ada, { scope: 'orders.read' }))).toBe(true)
  })

  describe('skipConsent', () => {
    const askFor = (client_id: string, parameters = {}) =>
      createClient(server.origin, client_id).authorizationUrl(parameters).href

    it('nobody is asked for a first-party client, and they give no more than they have', async () => {
      const ours = createClient(server.origin, 'ours', { secret: 'ours-secret' })
      const ada = createPerson('ada', 'ada-password')
      const page = await ada.settle(await ada.browser.open(ours.authorizationUrl().href))
      expect(page.body).toContain('type="password"')
      const callback = await ada.settle(await ada.signIn(page))
      const { body } = await ours.redeem(new URL(callback.location ?? ''))
      expect(body.scope).toBe('orders.read orders.write')
    })

    it('prompt=consent asks all the same', async () => {
      const ada = createPerson('ada', 'ada-password')
      await ada.authorize(askFor('ours'))
      const page = await ada.settle(await ada.browser.open(askFor('ours', { prompt: 'consent' })))
      expect(isAsked(page)).toBe(true)
    })

    it('A18, 8252-05 it has no effect for a public client, or for one that registered itself', async () => {
      await server.stores.clients.create({
        ...{ client_id: 'stranger', client_name: 'Google', source: 'registered' },
        ...{ created: Date.now() / 1000, redirect_uris: [REDIRECT_URI] },
        ...{ grant_types: ['authorization_code'], require_pkce: true, introspect: false },
        ...{ skipConsent: true, tokens: {}, secrets: [{ digest: 'x'.repeat(43) }] },
      })
      for (const client_id of ['pretender', 'stranger']) {
        const ada = createPerson('ada', 'ada-password')
        await ada.authorize(askFor(client_id))
        expect(isAsked(await ada.settle(await ada.browser.open(askFor(client_id))))).toBe(true)
      }
    })

    it('A18 one that registered itself is shown as unverified, with its date and where the answer goes', async () => {
      const ada = createPerson('ada', 'ada-password')
      await ada.authorize(askFor('ours'))
      const page = await ada.settle(await ada.browser.open(askFor('stranger')))
      const today = new Date().toISOString().slice(0, 10)
      expect(page.body).toContain(`Not verified: registered ${today}`)
      expect(page.body).toMatch(/Answer goes to<\/dt><dd><bdi>app\.example/)
    })

    it('A19 a client of the same name and redirect URI inherits no consent', async () => {
      const ada = await whoAllowed()
      await server.stores.clients.create({
        ...{ client_id: 'twin', client_name: 'web', source: 'registered' },
        ...{ created: Date.now() / 1000 },
        ...{ redirect_uris: [REDIRECT_URI], grant_types: ['authorization_code'] },
        ...{ require_pkce: true, introspect: false, tokens: {}, secrets: [] },
      })
      const page = await ada.settle(
        await ada.browser.open(askFor('twin', { scope: 'orders.read' })),
      )
      expect(isAsked(page)).toBe(true)
      expect(page.body).not.toContain('Allowed before')
    })
  })
})

describe('skipConsent in the file', () => {
  const { problemsOf, configOf } = configurations()

  it('A18 is an error for a public client', async () => {
    const yaml = publicClient(
      "    redirect_uris: ['https://a.example/cb']\n    skipConsent: true\n",
    )
    expect(await problemsOf(yaml)).toEqual([
      '7:18 clients[0].skipConsent: must be false for a public client (one without a client_secret)',
    ])
  })

  it('is taken for a confidential one', async () => {
    const config = await configOf(confidential('    skipConsent: true\n'))
    expect(config.clients[0]?.skipConsent).toBe(true)
  })
})
