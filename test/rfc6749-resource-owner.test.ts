import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { type Answer, createPerson, formOf, openBrowser, type Person } from './support/person.ts'

describe('signing in and being asked', () => {
  let server: RunningAuthorizationServer
  let now = Date.now() / 1000
  const at = (path: string) => `${server.origin}/oauth/${path}`
  const client = (client_id: string) =>
    createClient(server.origin, client_id, {
      ...(client_id !== 'native' && { secret: `${client_id}-secret` }),
      ...(client_id === 'native' && { redirect_uri: 'http://127.0.0.1/callback' }),
    })
  const ask = (client_id: string, parameters = {}) =>
    String(client(client_id).authorizationUrl(parameters))
  const newAda = () => createPerson('ada', 'ada-password')
  /** A person's page to sign in. */
  const signInPage = async (person: Person, url = ask('web')): Promise<Answer> =>
    person.settle(await person.browser.open(url))
  const consentPage = async (person: Person, url = ask('web', { prompt: 'consent' })) => {
    const page = await signInPage(person, url)
    return page.body.includes('type="password"') ? person.settle(await person.signIn(page)) : page
  }
  const events = (name: string) => server.logged.filter(({ event }) => event === name)

  beforeAll(async () => {
    const web = {
      client_id: 'web',
      client_name: '<b>Web</b> & "Shop"',
      client_secret: 'web-secret',
    }
    server = await startAuthorizationServer(
      {
        clients: [
          { ...web, client_uri: 'https://shop.example' },
          { client_id: 'other', client_secret: 'other-secret' },
          { client_id: 'native', redirect_uris: ['http://127.0.0.1/callback'] },
        ],
        accounts: [
          { username: 'ada', name: 'Ada <i>Lovelace</i>' },
          { username: 'bob', sub: 'bob-7' },
          { username: 'reader', scope: 'orders.read' },
          { username: 'nobody', scope: 'something.else' },
        ],
        limits: {
          passwords: { points: 3, duration: 300 },
          clientSecrets: { points: 20, duration: 300 },
          formBody: 65_536,
          connections: 16_384,
          cachedTokens: 1000,
        },
      },
      { clock: () => now },
    )
  })
  afterAll(() => server.stop())

  describe('the sign-in form', () => {
    it('6749-29, A16 pages are not stored, not framed, run nothing and say no address', async () => {
      const ada = newAda()
      const pages = [
        await signInPage(ada),
        await consentPage(ada),
        await ada.browser.open(at('logout')),
        await openBrowser().open(at('logout')),
        await openBrowser().open(at('authorize')),
        await openBrowser().open(at('login')),
        await openBrowser().open(at('consent?request=x')),
        await openBrowser().post(at('login'), {}),
      ]
      for (const { headers } of pages) {
        const policy = headers.get('Content-Security-Policy')
        expect(headers.get('Content-Type')).toBe('text/html; charset=utf-8')
        expect(policy).toContain("default-src 'none'")
        expect(policy).toContain("frame-ancestors 'none'")
        expect(policy).not.toContain('unsafe-inline')
        expect(headers.get('X-Frame-Options')).toBe('DENY')
        expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
        expect(headers.get('Referrer-Policy')).toBe('no-referrer')
        expect(headers.get('Cache-Control')).toBe('no-store')
        expect(headers.get('Cross-Origin-Opener-Policy')).toBe('same-origin')
      }
      // Browsers hold every redirect after a post against form-action: the client's address would be refused.
      const [login, consent, logout] = pages.map(({ headers }) =>
        headers.get('Content-Security-Policy'),
      )
      expect(login).not.toContain('form-action')
      expect(consent).not.toContain('form-action')
      expect(logout).toContain("form-action 'self'")
    })

    it('A17 names of clients and people are text', async () => {
      const { body } = await consentPage(newAda())
      expect(body).not.toContain('<b>Web</b>')
      expect(body).not.toContain('<i>Lovelace</i>')
      expect(body).toContain('&#60;b&#62;Web&#60;/b&#62; &#38; &#34;Shop&#34;')
    })

    it('A22 an unknown name and a wrong password leave the same page', async () => {
      const pages: Answer[] = []
      for (const username of ['ada', 'eva']) {
        const person = createPerson(username, 'wrong')
        pages.push(await person.signIn(await signInPage(person)))
      }
      const [known, unknown] = pages.map(({ status, body }) => [
        status,
        body.replace(/value="[^"]*"/g, ''),
      ])
      expect(known?.[0]).toBe(401)
      expect(unknown).toEqual(known)
      expect(events('login.failed').map(({ fields }) => fields.sub)).toEqual(['ada', undefined])
    })

    it('A21 wrong passwords are throttled by account and address', async () => {
      const person = createPerson('bob', 'wrong')
      const page = await signInPage(person)
      const statuses: number[] = []
      for (let n = 0; n < 4; n += 1) statuses.push((await person.signIn(page)).status)
      expect(statuses).toEqual([401, 401, 401, 429])
      const right = createPerson('bob', 'bob-password')
      const refused = await right.signIn(await signInPage(right))
      expect(refused.status).toBe(429)
      expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0)
      expect(formOf(refused).hidden.request).toBeTruthy()
      const ada = newAda()
      expect((await ada.signIn(await signInPage(ada))).status).toBe(303)
    })

    it('A23 a session gets a new value at every sign-in, and the old one is dead', async () => {
      const ada = newAda()
      await ada.authorize(ask('web'))
      const first = ada.browser.cookies.get('pc_session') ?? ''
      await ada.authorize(ask('web', { prompt: 'login' }))
      const second = ada.browser.cookies.get('pc_session')
      expect(second).not.toBe(first)
      ada.browser.cookies.set('pc_session', first)
      expect((await signInPage(ada)).body).toContain('type="password"')
    })

    it('A23 a session that was set before the sign-in does not survive it', async () => {
      const ada = newAda()
      ada.browser.cookies.set('pc_session', 'pc_se_chosen-by-an-attacker')
      await ada.authorize(ask('web'))
      expect(ada.browser.cookies.get('pc_session')).toMatch(/^pc_se_[\w-]{64}$/)
    })

    it('A23 cookies are out of reach of scripts and of other sites', async () => {
      const ada = newAda()
      const { headers } = await ada.signIn(await signInPage(ada))
      expect(headers.getSetCookie()).toEqual([
        expect.stringMatching(/^pc_session=pc_se_[\w-]{64}; Path=\/; HttpOnly; SameSite=Lax$/),
      ])
    })

    it('A23 the session ends with disuse and with time', async () => {
      const ada = newAda()
      await ada.authorize(ask('web'))
      now += 3601
      expect((await signInPage(ada)).body).toContain('type="password"')
      await ada.authorize(ask('web'))
      for (let hour = 0; hour < 13; hour += 1) {
        now += 3500
        await ada.browser.open(ask('web'))
      }
      expect((await signInPage(ada)).body).toContain('type="password"')
    })

    it('a sign-in and a decision have half an hour', async () => {
      const ada = newAda()
      const page = await signInPage(ada)
      now += 1801
      expect((await ada.signIn(page)).status).toBe(400)
    })

    it('A10 nothing in a request of a page sends the browser elsewhere', async () => {
      const ada = newAda()
      for (const target of [
        '//evil.example',
        '/\\evil.example',
        'https:evil.example',
        'javascript:alert(1)',
      ]) {
        const { action, hidden } = formOf(await signInPage(ada, ask('web', { prompt: 'login' })))
        const more = { next: target, continue: target, return_to: target, redirect_uri: target }
        const answer = await ada.browser.post(action, {
          ...hidden,
          ...more,
          username: 'ada',
          password: 'ada-password',
        })
        expect(new URL(answer.location ?? '').host).toMatch(/^(app\.example|127\.0\.0\.1:\d+)$/)
        const out = await openBrowser().open(`${at('logout')}?post_logout_redirect_uri=${target}`)
        expect([out.status, out.location]).toEqual([200, undefined])
      }
    })
  })

  describe('consent', () => {
    it('shows who asks, where the answer goes and what for, and takes less than was asked', async () => {
      const ada = newAda()
      const page = await consentPage(ada, ask('native'))
      expect(page.body).toContain('127.0.0.1')
      expect(page.body).toContain('Create and change your orders')
      expect(formOf(page).checkboxes.map(({ value, checked }) => [value, checked])).toEqual([
        ['orders.read', true],
        ['orders.write', true],
      ])
      const native = client('native')
      const url = String(native.authorizationUrl())
      const callback = await ada.authorize(url, { scope: ['orders.read'] })
      const { body } = await native.redeem(callback)
      expect(body.scope).toBe('orders.read')
    })

    it('8252-05 a public client is asked for each time, a confidential one once', async () => {
      const ada = newAda()
      await ada.authorize(ask('web', { prompt: 'consent' }))
      expect((await ada.browser.open(ask('web'))).location).toContain('code=')
      await ada.authorize(ask('native'))
      const again = await consentPage(ada, ask('native'))
      expect(again.body).toContain('Allowed before')
    })

    it('asks again only for what was not allowed yet', async () => {
      const ada = newAda()
      const read = ask('other', { scope: 'orders.read' })
      await ada.authorize(read)
      expect((await ada.browser.open(read)).location).toContain('code=')
      const more = await consentPage(ada, ask('other'))
      expect(more.body).toContain('asks for access')
      await ada.decide(more, { scope: ['orders.write'] })
      // What was left out this time is no longer taken for granted.
      expect((await consentPage(ada, read)).body).toContain('asks for access')
    })

    it('6749-22 denying is access_denied, and the request is used up', async () => {
      const ada = newAda()
      const page = await consentPage(ada)
      const denied = await ada.decide(page, { decision: 'deny' })
      const { searchParams } = new URL(denied.location ?? '')
      expect([searchParams.get('error'), searchParams.get('state')]).toEqual([
        'access_denied',
        'state-of-the-client',
      ])
      const late = await ada.decide(page)
      expect([late.status, late.location]).toEqual([400, undefined])
    })

    it('allowing nothing is asked about once more, and nothing is ticked again', async () => {
      const ada = newAda()
      const page = await consentPage(ada)
      const again = await ada.decide(page, { scope: [] })
      expect([again.status, formOf(again).hidden]).toEqual([400, formOf(page).hidden])
      expect(formOf(again).checkboxes.filter(({ checked }) => checked)).toEqual([])
      const answer = await ada.decide(again, { scope: ['orders.read'] })
      expect(answer.location).toContain('code=')
    })

    it('a person gives no more than they have', async () => {
      const reader = createPerson('reader', 'reader-password')
      const page = await consentPage(reader)
      expect(formOf(page).checkboxes.filter(({ disabled }) => !disabled)).toEqual([
        expect.objectContaining({ value: 'orders.read' }),
      ])
      const forged = await reader.decide(page, { scope: ['orders.read', 'orders.write'] })
      expect([forged.status, forged.location]).toEqual([400, undefined])
      const web = client('web')
      const callback = await reader.authorize(web.authorizationUrl())
      expect((await web.redeem(callback)).body.scope).toBe('orders.read')
      const nobody = createPerson('nobody', 'nobody-password')
      const refused = await nobody.authorize(ask('web'))
      expect(refused.searchParams.get('error')).toBe('access_denied')
    })

    it('A14 what the form says besides the decision does not count', async () => {
      const ada = newAda()
      const { action, hidden } = formOf(await consentPage(ada))
      const answer = await ada.browser.post(action, {
        ...hidden,
        decision: 'allow',
        scope: 'orders.read',
        client_id: 'other',
        redirect_uri: 'https://evil.example/',
        state: 'another',
      })
      const callback = new URL(answer.location ?? '')
      expect(callback.origin + callback.pathname).toBe('https://app.example/callback')
      expect(callback.searchParams.get('state')).toBe('state-of-the-client')
    })

    it('A14 two tabs with different clients do not mix', async () => {
      const ada = newAda()
      const [web, native] = [client('web'), client('native')]
      const first = await signInPage(ada, String(web.authorizationUrl({ prompt: 'consent' })))
      const second = await signInPage(ada, String(native.authorizationUrl()))
      const firstConsent = await ada.settle(await ada.signIn(first))
      const secondConsent = await ada.settle(await ada.signIn(second))
      const secondCallback = await ada.goOn(secondConsent)
      const firstCallback = await ada.goOn(firstConsent)
      expect((await web.redeem(firstCallback)).status).toBe(200)
      const { status } = await native.redeem(secondCallback)
      expect(status).toBe(200)
    })
  })

  describe('forms', () => {
    it('A12 a decision counts once', async () => {
      const ada = newAda()
      const page = await consentPage(ada)
      const answers = await Promise.all(Array.from({ length: 10 }, () => ada.decide(page)))
      expect(answers.filter(({ location }) => location?.includes('code=')).length).toBe(1)
      expect(answers.filter(({ status }) => status === 400).length).toBe(9)
    })

    it.each<[string, Record<string, string>, Record<string, string>]>([
      ['without its token', { csrf: '' }, {}],
      ['with another token', { csrf: 'A'.repeat(43) }, {}],
      ['from another site', {}, { 'Sec-Fetch-Site': 'cross-site' }],
      ['from a neighbour', {}, { 'Sec-Fetch-Site': 'same-site' }],
      ['from another origin', {}, { Origin: 'https://evil.example' }],
    ])('A12 a form %s is 403 and does nothing', async (_, fields, headers) => {
      const ada = newAda()
      const login = formOf(await signInPage(ada))
      const credentials = { username: 'ada', password: 'ada-password' }
      const signedIn = await ada.browser.post(
        login.action,
        { ...login.hidden, ...credentials, ...fields },
        headers,
      )
      expect([signedIn.status, ada.browser.cookies.has('pc_session')]).toEqual([403, false])
      const consent = formOf(await consentPage(ada))
      const decided = { ...consent.hidden, decision: 'allow', scope: 'orders.read', ...fields }
      const answer = await ada.browser.post(consent.action, decided, headers)
      expect([answer.status, answer.location]).toEqual([403, undefined])
      const logout = formOf(await ada.browser.open(at('logout')))
      const out = await ada.browser.post(logout.action, { ...logout.hidden, ...fields }, headers)
      expect(out.status).toBe(403)
      expect((await ada.browser.open(ask('web'))).location).toContain('code=')
    })

    it('A12 what browsers say of a form from our own page is accepted', async () => {
      const own = { 'Sec-Fetch-Site': 'same-origin', Origin: 'null' }
      for (const headers of [own, { Origin: server.origin }, { Origin: 'null' }]) {
        const ada = newAda()
        const { action, hidden } = formOf(await signInPage(ada))
        const fields = { ...hidden, username: 'ada', password: 'ada-password' }
        expect((await ada.browser.post(action, fields, headers)).status).toBe(303)
      }
    })

    it("A12 a token of another person's form is refused", async () => {
      const [ada, reader] = [newAda(), createPerson('reader', 'reader-password')]
      const hers = formOf(await consentPage(ada))
      const theirs = formOf(await consentPage(reader))
      const mixed = { ...hers.hidden, csrf: theirs.hidden.csrf ?? '', decision: 'allow' }
      const answer = await ada.browser.post(hers.action, mixed)
      expect([answer.status, answer.location]).toEqual([403, undefined])
    })

    it('A12 nothing is decided by GET', async () => {
      const ada = newAda()
      const { action, hidden } = formOf(await consentPage(ada))
      const query = new URLSearchParams({ ...hidden, decision: 'allow', scope: 'orders.read' })
      const answer = await ada.browser.open(`${action}?${query}`)
      expect([answer.status, answer.location]).toEqual([200, undefined])
    })

    it('A13 a request does not go on in another browser', async () => {
      const attacker = newAda()
      const page = await consentPage(attacker)
      const victim = createPerson('reader', 'reader-password')
      await victim.authorize(ask('web'))
      for (const path of [page.url, page.url.replace('/consent', '/login')]) {
        const answer = await victim.browser.open(path)
        expect([answer.status, answer.location]).toEqual([400, undefined])
        expect(answer.body).toContain('another browser')
      }
      const { hidden } = formOf(page)
      const posted = await victim.browser.post(at('consent'), { ...hidden, decision: 'allow' })
      expect(posted.status).toBe(400)
    })

    it('A15 another person in the same browser does not finish what the first began', async () => {
      const ada = newAda()
      const page = await consentPage(ada)
      const reader = createPerson('reader', 'reader-password', ada.browser)
      await reader.authorize(ask('web', { prompt: 'login' }))
      const answer = await ada.decide(page)
      expect([answer.status, answer.location]).toEqual([403, undefined])
    })

    it('A15 who takes another account is asked anew, as that person', async () => {
      const ada = newAda()
      const page = await consentPage(ada)
      const link = /href="([^"]*prompt=login[^"]*)"/.exec(page.body)?.[1]?.replace('&#38;', '&')
      const login = await ada.browser.open(new URL(link ?? '', page.url).href)
      expect(login.body).toContain('type="password"')
      const reader = createPerson('reader', 'reader-password', ada.browser)
      const asked = await reader.settle(await reader.signIn(login))
      expect(asked.body).toContain('reader')
      const web = client('web')
      const callback = await reader.authorize(web.authorizationUrl({ prompt: 'consent' }))
      const { body } = await web.redeem(callback)
      const known = await web.post('introspect', { token: String(body.access_token) })
      expect(known.body.sub).toBe('reader')
    })

    it('A15 after a sign-out the form leads to signing in again', async () => {
      const ada = newAda()
      const page = await consentPage(ada)
      const { action, hidden } = formOf(await ada.browser.open(at('logout')))
      await ada.browser.post(action, hidden)
      const answer = await ada.decide(page)
      expect(answer.location).toContain('/oauth/login?request=')
    })
  })

  describe('signing out', () => {
    it('A23 ends the session in the store, not only in the browser', async () => {
      const ada = newAda()
      await ada.authorize(ask('web'))
      const session = ada.browser.cookies.get('pc_session') ?? ''
      const { action, hidden } = formOf(await ada.browser.open(at('logout')))
      const out = await ada.browser.post(action, hidden)
      expect([out.status, ada.browser.cookies.has('pc_session')]).toEqual([200, false])
      ada.browser.cookies.set('pc_session', session)
      expect((await signInPage(ada)).body).toContain('type="password"')
      expect(events('session.ended').at(-1)?.fields).toMatchObject({ sub: 'ada' })
    })

    it('who is not signed in is told so', async () => {
      const page = await openBrowser().open(at('logout'))
      expect([page.status, page.body]).toEqual([200, expect.stringContaining('signed out')])
      expect((await openBrowser().post(at('logout'), {})).status).toBe(200)
    })
  })

  it('§10 every token has the subject of its own person, many flows at once', async () => {
    const people = ['ada', 'reader', 'ada', 'reader', 'ada', 'reader']
    const subjects = await Promise.all(
      people.map(async (username) => {
        const web = client('web')
        const person = createPerson(username, `${username}-password`)
        const { body } = await web.redeem(await person.authorize(web.authorizationUrl()))
        return (await web.post('introspect', { token: String(body.access_token) })).body.sub
      }),
    )
    expect(subjects).toEqual(people)
  })
})

describe('an https issuer', () => {
  it('A23 cookies are for this host only, and secure', async () => {
    const server = await startAuthorizationServer({ issuer: 'https://auth.example' })
    const url = createClient(server.origin, 'web').authorizationUrl()
    const { headers } = await openBrowser().open(String(url))
    expect(headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^__Host-pc_browser=pc_br_[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
      ),
    ])
    await server.stop()
  })
})
