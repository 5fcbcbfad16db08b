import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from './support/client.ts'
import { type Answer, createPerson, formOf, openBrowser, type Person } from './support/person.ts'
import { type Portcullis, startPortcullis, until } from './support/portcullis.ts'
import { ok, type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

const configuration = (upstream: string) => `
demo: true
scopes:
  orders.read: See your orders
  orders.write: Create and change your orders
upstreams: { orders: '${upstream}' }
routes:
  - { path: /orders/*, methods: [GET], upstream: orders, scope: orders.read }
  - { path: /orders/new, methods: [POST], upstream: orders, scope: orders.write }
clients:
  - client_id: web
    client_name: Web <b>shop</b>
    client_uri: https://shop.example
    client_secret: web-secret
    redirect_uris: [https://app.example/callback]
    grant_types: [authorization_code, refresh_token]
  - client_id: other
    client_name: Other shop
    client_secret: other-secret
    redirect_uris: [https://app.example/callback]
    grant_types: [authorization_code, refresh_token]
accounts:
${['ada', 'bob', 'cyd', 'dan', 'eli'].map((name) => `  - { username: ${name}, password: ${name}-password }`).join('\n')}
`

describe('the page of a person’s applications', () => {
  let upstream: RecordingUpstream
  let server: Portcullis
  const at = (path: string) => `${server.origin}/oauth/${path}`
  const client = (client_id = 'web') =>
    createClient(server.origin, client_id, { secret: `${client_id}-secret` })
  const personOf = (name: string) => createPerson(name, `${name}-password`)
  const appsOf = async (person: Person): Promise<Answer> => {
    const page = await person.settle(await person.browser.open(at('apps')))
    return page.url.includes('/login') ? person.settle(await person.signIn(page)) : page
  }
  /** Tokens that a person has just given. */
  const give = async (person: Person, client_id = 'web', scope?: readonly string[]) => {
    const one = client(client_id)
    const callback = await person.authorize(
      one.authorizationUrl({ prompt: 'consent' }),
      scope && { scope },
    )
    const { body } = await one.redeem(callback)
    return { client: one, access: String(body.access_token), refresh: String(body.refresh_token) }
  }
  const call = (access: string, path = '/orders/1', method = 'GET') =>
    fetch(server.origin + path, { method, headers: { Authorization: `Bearer ${access}` } })
  /** The forms of a page, by the application that they are for. */
  const formsOf = (page: Answer) =>
    new Map(
      page.body
        .split('<li class="app">')
        .slice(1)
        .map((body) => {
          const form = formOf({ url: page.url, body })
          return [form.hidden.client_id ?? '', form] as const
        }),
    )
  const textOf = (page: Answer) =>
    page.body
      .replace(/^[\s\S]*<main>/, '')
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')

  beforeAll(async () => {
    upstream = await startRecordingUpstream(() => ok())
    server = await startPortcullis(configuration(upstream.origin))
  })
  afterAll(async () => {
    await server.stop()
    await upstream.close()
  })

  it('leads to signing in, and back', async () => {
    const ada = personOf('ada')
    const page = await ada.settle(await ada.browser.open(at('apps')))
    expect(page.body).toContain('to see which applications have access')
    const apps = await ada.settle(await ada.signIn(page))
    expect(new URL(apps.url).pathname).toBe('/oauth/apps')
    expect(textOf(apps)).toContain('No application has access')
  })

  it('says which, to what, since when, and when and on which route each was last used', async () => {
    const ada = personOf('ada')
    const shop = await give(ada)
    await give(ada, 'other', ['orders.read'])
    const before = await appsOf(ada)
    expect(textOf(before)).toMatch(/Web &#60;b&#62;shop.*It can See your orders/)
    expect(before.body.match(/Last used<\/dt><dd>never/g)?.length).toBe(2)
    expect(before.body).toContain('href="https://shop.example"')
    expect((await call(shop.access)).status).toBe(200)
    expect((await call(shop.access, '/orders/new', 'POST')).status).toBe(200)
    const after = await appsOf(ada)
    const [, web = '', other = ''] = after.body.split('<li class="app">')
    expect(web).toContain('Create and change your orders')
    expect(web).toMatch(/Allowed<\/dt><dd><time datetime="\d{4}-[^"]+"[^>]*>just now/)
    expect(web).toMatch(/Last used<\/dt><dd><time[^>]*>just now<\/time>.*\/orders\/new/)
    expect(other).not.toContain('Create and change your orders')
    expect(other).toContain('never')
    for (const secret of [shop.access, shop.refresh]) expect(after.body).not.toContain(secret)
  })

  it('a refused request is no use', async () => {
    const eli = personOf('eli')
    const shop = await give(eli, 'web', ['orders.read'])
    expect((await call(shop.access, '/orders/new', 'POST')).status).toBe(403)
    expect((await call(shop.access, '/elsewhere')).status).toBe(404)
    expect(textOf(await appsOf(eli))).toContain('Last used never')
  })

  it('7009-03, A30 taken back: tokens are refused at once, the person is asked again, and others keep theirs', async () => {
    const bob = personOf('bob')
    const [shop, other] = [await give(bob), await give(bob, 'other')]
    const [cached, again] = [await shop.client.refresh(shop.refresh), await give(bob)]
    const inFlight = client()
    const callback = await bob.authorize(inFlight.authorizationUrl())
    for (const access of [String(cached.body.access_token), again.access, other.access])
      expect((await call(access)).status).toBe(200)
    const form = formsOf(await appsOf(bob)).get('web')
    if (!form) throw new Error('the application is not listed')
    const done = await bob.browser.post(form.action, form.hidden)
    expect([done.status, done.location]).toEqual([303, `${at('apps')}?done=removed`])
    for (const access of [shop.access, String(cached.body.access_token), again.access])
      expect((await call(access)).status).toBe(401)
    for (const refresh of [cached.body.refresh_token, again.refresh])
      expect((await shop.client.refresh(refresh)).body.error).toBe('invalid_grant')
    expect((await inFlight.redeem(callback)).body.error).toBe('invalid_grant')
    expect((await call(other.access)).status).toBe(200)
    const page = await bob.settle(done)
    expect(page.body).toContain('role="status"')
    expect([...formsOf(page).keys()]).toEqual(['other'])
    const asked = await bob.settle(await bob.browser.open(client().authorizationUrl().href))
    expect(asked.body).toContain('name="decision"')
    expect(asked.body).not.toContain('Allowed before')
    const audited = server.logged.find(({ event }) => event === 'access.taken_back')
    expect(audited?.fields).toMatchObject({ client_id: 'web', sub: 'bob', count: 3 })
  })

  it('what is only remembered is listed too, and can be forgotten', async () => {
    const cyd = personOf('cyd')
    const shop = await give(cyd)
    await shop.client.post('revoke', { token: shop.refresh })
    const page = await appsOf(cyd)
    expect(textOf(page)).toContain('it has no access now')
    const form = formsOf(page).get('web')
    await cyd.browser.post(form?.action ?? '', form?.hidden ?? {})
    const asked = await cyd.settle(await cyd.browser.open(client().authorizationUrl().href))
    expect(asked.body).toContain('name="decision"')
  })

  it('A12 nothing is taken back by GET, without the token of the form, of another one, person or site', async () => {
    const [dan, eve] = [personOf('dan'), personOf('eli')]
    const shop = await give(dan)
    await give(dan, 'other')
    await give(eve)
    const forms = formsOf(await appsOf(dan))
    const [own, other] = [forms.get('web'), forms.get('other')]
    const foreign = formsOf(await appsOf(eve)).get('web')
    const action = own?.action ?? ''
    for (const [hidden, headers] of [
      [{ client_id: 'web' }, {}],
      [{ ...other?.hidden, client_id: 'web' }, {}],
      [foreign?.hidden, {}],
      [own?.hidden, { 'Sec-Fetch-Site': 'cross-site' }],
      [own?.hidden, { Origin: 'https://evil.example' }],
    ] as const)
      expect((await dan.browser.post(action, hidden ?? {}, headers)).status).toBe(403)
    const query = new URLSearchParams(own?.hidden).toString()
    expect((await dan.browser.open(`${action}?${query}`)).status).toBe(200)
    expect((await openBrowser().post(action, own?.hidden ?? {})).location).toContain('/login?')
    expect((await call(shop.access)).status).toBe(200)
  })

  it('A10 nothing in its address leads elsewhere or is said on it', async () => {
    for (const target of ['//evil.example', '/\\evil.example', 'javascript:alert(1)']) {
      const query = new URLSearchParams({ next: target, return_to: target, done: target })
      const dan = personOf('dan')
      const login = await dan.settle(await dan.browser.open(`${at('apps')}?${query}`))
      const { action, hidden } = formOf(login)
      const fields = { ...hidden, username: 'dan', password: 'dan-password', next: target }
      const { location } = await dan.browser.post(action, fields)
      expect(location).toBe(at('apps'))
      const page = await dan.browser.open(`${at('apps')}?${query}`)
      expect(page.status).toBe(200)
      expect(page.body).not.toContain('evil')
      expect(page.body).not.toContain('role="status"')
    }
  })

  it('A16 its headers are those of every page, and it cannot be framed', async () => {
    const { headers } = await appsOf(personOf('dan'))
    expect(headers.get('Content-Security-Policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('Content-Security-Policy')).toContain("form-action 'self'")
    expect(headers.get('Cache-Control')).toBe('no-store')
  })
})

describe('signing out everywhere', () => {
  let server: Portcullis
  beforeAll(async () => {
    server = await startPortcullis(configuration('http://127.0.0.1:9'))
  })
  afterAll(() => server.stop())

  const at = (path: string) => `${server.origin}/oauth/${path}`
  const signedIn = async (name: string, agent = '') => {
    const person = createPerson(name, `${name}-password`)
    const page = await person.settle(await person.browser.open(at('apps')))
    const { action, hidden } = formOf(page)
    const fields = { ...hidden, username: name, password: `${name}-password` }
    await person.browser.post(action, fields, agent === '' ? {} : { 'User-Agent': agent })
    return person
  }
  const isSignedIn = async ({ browser }: Person) =>
    (await browser.open(at('apps'))).location === undefined

  it('the page lists where the person is signed in, in words', async () => {
    const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
    await signedIn('ada', firefox)
    const ada = await signedIn('ada', '"><script>alert(1)</script>')
    const { body } = await ada.browser.open(at('apps'))
    const sessions = body.split('class="sessions"')[1] ?? ''
    expect(sessions.match(/<li>/g)?.length).toBe(2)
    expect(sessions).toContain('Firefox on Linux')
    expect(sessions).toContain('A program')
    expect(sessions).toContain('127.0.0.1')
    expect(sessions.match(/This browser/g)?.length).toBe(1)
    expect(body).not.toContain('<script>')
  })

  it('A23 everywhere ends every session of the person and of nobody else, in the store', async () => {
    const [one, two, other] = [await signedIn('bob'), await signedIn('bob'), await signedIn('cyd')]
    const page = await one.browser.open(at('logout'))
    expect(page.body).toMatch(/name="where" value="here"/)
    const { action, hidden } = formOf(page)
    const done = await one.browser.post(action, { ...hidden, where: 'everywhere' })
    expect(done.body).toContain('You are signed out everywhere')
    for (const person of [one, two]) expect(await isSignedIn(person)).toBe(false)
    expect(await isSignedIn(other)).toBe(true)
    const audited = server.logged.findLast(({ event }) => event === 'session.ended')
    expect(audited?.fields).toMatchObject({ sub: 'bob', others: 1 })
  })

  it.each(['here', ''])('A23 where=%j ends this one alone', async (where) => {
    const [one, two] = [await signedIn('dan'), await signedIn('dan')]
    const { action, hidden } = formOf(await one.browser.open(at('logout')))
    const done = await one.browser.post(action, { ...hidden, where })
    expect(done.body).not.toContain('everywhere')
    expect([await isSignedIn(one), await isSignedIn(two)]).toEqual([false, true])
  })

  it('A12 not by a form of another session', async () => {
    const [one, two] = [await signedIn('eli'), await signedIn('eli')]
    const { action, hidden } = formOf(await one.browser.open(at('logout')))
    const refused = await two.browser.post(action, { ...hidden, where: 'everywhere' })
    expect(refused.status).toBe(403)
    await until(() => isSignedIn(one))
  })
})
