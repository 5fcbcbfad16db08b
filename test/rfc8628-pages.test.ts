import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient, postForm } from './support/client.ts'
import { DEVICE_CODE, enterCode } from './support/device.ts'
import { type Answer, createPerson, formOf, openBrowser } from './support/person.ts'
import { movableClock } from './support/stores.ts'

/** A code that no device has, of the right shape. */
const WRONG = 'BBBB-BBBB'

describe('the page where people answer a device', () => {
  const clock = movableClock()
  let server: RunningAuthorizationServer

  beforeAll(async () => {
    server = await startAuthorizationServer(
      {
        trustedProxies: ['127.0.0.1'],
        clients: [
          {
            client_id: 'tv',
            client_name: 'Television',
            client_uri: 'https://tv.example/about',
            redirect_uris: [],
            grant_types: [DEVICE_CODE],
          },
          {
            client_id: 'web',
            client_secret: 'web-secret',
            grant_types: ['authorization_code', DEVICE_CODE],
          },
        ],
        accounts: [
          { username: 'ada', name: 'Ada Lovelace' },
          { username: 'bob' },
          { username: 'grace', scope: 'orders.read' },
          { username: 'eve', scope: 'other' },
          ...Array.from({ length: 13 }, (_, n) => ({ username: `guest${n}` })),
        ],
      },
      { clock },
    )
  })
  afterAll(() => server.stop())

  const at = (path: string) => `${server.origin}/oauth/${path}`
  const ask = async (client_id = 'tv', from = '192.0.2.7') => {
    const fields = { client_id, ...(client_id === 'web' && { client_secret: 'web-secret' }) }
    const { body } = await postForm(at('device_authorization'), fields, {
      'X-Forwarded-For': from,
    })
    const poll = () =>
      postForm(at('token'), {
        ...fields,
        grant_type: DEVICE_CODE,
        device_code: String(body.device_code),
      })
    return {
      user_code: String(body.user_code),
      complete: String(body.verification_uri_complete),
      poll,
    }
  }
  const signedIn = async (username = 'ada') => {
    const person = createPerson(username, `${username}-password`)
    const page = await person.settle(await person.browser.open(at('device')))
    return { ...person, page: await person.settle(await person.signIn(page)) }
  }
  const textOf = ({ body }: Answer) =>
    body
      .slice(body.indexOf('<main'))
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')

  it('8628-05 whoever is not known signs in first, and comes back with the code filled in', async () => {
    const { user_code, complete } = await ask()
    const person = createPerson('ada', 'ada-password')
    const login = await person.settle(await person.browser.open(complete))
    expect(login.url).toContain('/oauth/login?visit=')
    expect(textOf(login)).toContain('Sign in to connect a device')
    expect(login.url).not.toContain(user_code)
    const wrong = await person.browser.post(formOf(login).action, {
      ...formOf(login).hidden,
      username: 'ada',
      password: 'wrong',
    })
    expect(wrong.status).toBe(401)
    const entry = await person.settle(await person.signIn(wrong))
    expect(entry.url).toBe(complete)
    expect(entry.body).toContain(`value="${user_code}"`)
    expect(textOf(entry)).toContain('Go on only if your device shows the same one')
    expect(entry.headers.get('Content-Security-Policy')).toContain("form-action 'self'")
    expect(entry.headers.get('X-Frame-Options')).toBe('DENY')
    expect(entry.headers.get('Cache-Control')).toBe('no-store')
    expect(entry.headers.get('Access-Control-Allow-Origin')).toBeNull()
    expect(entry.body).not.toContain('<script')
  })

  it('8628-05 it names the application, the code, the scopes, and where and when it was asked from, and warns', async () => {
    const { user_code, complete } = await ask()
    clock.move(125)
    const person = await signedIn()
    const page = await enterCode(person, complete, user_code)
    const text = textOf(page)
    for (const said of [
      'A device asks for access: Television',
      user_code,
      '2 minutes ago',
      '192.0.2.7 , not the network that you are in',
      'tv.example',
      'Allow it only if you started this yourself',
      'See your orders',
      'Create and change your orders',
      'Ada Lovelace',
    ])
      expect(text).toContain(said)
    const here = await ask('tv', '127.0.0.1')
    expect(textOf(await enterCode(person, here.complete, here.user_code))).not.toContain(
      'not the network',
    )
  })

  it('8628-05 neither a link, nor signing in by it, nor what was allowed before answers for the person', async () => {
    const person = await signedIn()
    const web = createClient(server.origin, 'web', { secret: 'web-secret' })
    await person.authorize(web.authorizationUrl())
    const remembered = await person.browser.open(String(web.authorizationUrl()))
    expect(remembered.location).toContain('code=')
    const { user_code, complete, poll } = await ask('web')
    const pending = async () => expect((await poll()).body.error).toMatch(/pending|slow_down/)
    expect((await person.browser.open(complete)).status).toBe(200)
    await pending()
    const page = await enterCode(person, complete, user_code)
    await pending()
    expect(page.body).toContain('Allowed before')
    expect((await person.decide(page)).status).toBe(200)
    expect((await poll()).status).toBe(200)
  })

  it('8628-05 a person gives less, and only what is theirs to give', async () => {
    const person = await signedIn('grace')
    const { user_code, complete, poll } = await ask()
    const page = await enterCode(person, complete, user_code)
    expect(formOf(page).checkboxes.map(({ value }) => value)).toEqual(['orders.read'])
    expect(textOf(page)).toContain('Not yours to give')
    const none = await person.decide(page, { scope: [] })
    expect([none.status, textOf(none).includes('Tick at least one')]).toEqual([400, true])
    const forged = await person.decide(page, { scope: ['orders.read', 'orders.write'] })
    expect(forged.status).toBe(400)
    expect((await person.decide(page)).status).toBe(200)
    expect((await poll()).body.scope).toBe('orders.read')
  })

  it('8628-05 who may give nothing of it is told so, and somebody else may still answer', async () => {
    const { user_code, complete, poll } = await ask()
    const page = await enterCode(await signedIn('eve'), complete, user_code)
    expect([page.status, textOf(page).includes('may give nothing')]).toEqual([403, true])
    const ada = await signedIn()
    await ada.decide(await enterCode(ada, complete, user_code))
    expect((await poll()).status).toBe(200)
  })

  it('8628-04 one answer counts: the second tab, and the second person, are told so', async () => {
    const [ada, bob] = [await signedIn(), await signedIn('bob')]
    const { user_code, complete, poll } = await ask()
    const mine = await enterCode(ada, complete, user_code)
    const tab = await enterCode(ada, complete, user_code)
    const theirs = await enterCode(bob, complete, user_code)
    const answers = await Promise.all([
      ada.decide(mine),
      ada.decide(tab, { decision: 'deny' }),
      bob.decide(theirs),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400])
    const settled = await poll()
    expect([200, 400]).toContain(settled.status)
    expect(settled.body.error ?? 'access_denied').toBe('access_denied')
    for (const again of [ada.browser.open(mine.url), bob.browser.open(theirs.url)])
      expect(textOf(await again)).toContain('has its answer already')
  })

  it('A13 a page of this device, in another browser, is nobody else’s to send', async () => {
    const [ada, bob] = [await signedIn(), await signedIn('bob')]
    const { user_code, complete, poll } = await ask()
    const page = await enterCode(ada, complete, user_code)
    expect((await bob.browser.open(page.url)).status).toBe(400)
    const { action, hidden } = formOf(page)
    for (const browser of [bob.browser, (await signedIn()).browser, openBrowser()]) {
      const forged = await browser.post(action, { ...hidden, decision: 'allow' })
      expect(forged.status).toBeGreaterThanOrEqual(400)
    }
    expect((await poll()).body.error).toBe('authorization_pending')
  })

  it('A13 a sign-in that was begun in another browser leads nowhere', async () => {
    const login = await createPerson('ada', 'x').settle(await openBrowser().open(at('device')))
    const opened = await openBrowser().open(String(login.location ?? login.url))
    expect(opened.status).toBe(400)
    const { action, hidden } = formOf(
      await (async () => {
        const person = createPerson('ada', 'ada-password')
        return person.settle(await person.browser.open(at('device')))
      })(),
    )
    const stranger = await openBrowser().post(action, {
      ...hidden,
      username: 'ada',
      password: 'ada-password',
    })
    expect([stranger.status, stranger.headers.getSetCookie()]).toEqual([400, []])
  })

  it.each<[string, Record<string, string | undefined>, Record<string, string>]>([
    ['without its hidden value', { csrf: undefined }, {}],
    ['with another', { csrf: 'x'.repeat(43) }, {}],
    ['from another site', {}, { 'Sec-Fetch-Site': 'cross-site' }],
    ['from another origin', {}, { Origin: 'https://evil.example' }],
  ])('A12 neither form counts %s', async (_, changed, headers) => {
    const person = await signedIn()
    const { user_code, complete, poll } = await ask()
    const entry = formOf(await person.browser.open(complete))
    const without = (fields: Record<string, string | undefined>) =>
      Object.fromEntries(
        Object.entries({ ...fields, ...changed }).filter(
          (entry): entry is [string, string] => entry[1] !== undefined,
        ),
      )
    const entered = await person.browser.post(
      entry.action,
      without({ ...entry.hidden, user_code }),
      headers,
    )
    expect(entered.status).toBe(403)
    const { action, hidden } = formOf(await enterCode(person, complete, user_code))
    const decision = { decision: 'allow', scope: 'orders.read' }
    const forged = await person.browser.post(action, without({ ...hidden, ...decision }), headers)
    expect(forged.status).toBe(403)
    expect((await poll()).body.error).toBe('authorization_pending')
  })

  it('A12 the hidden value of one form, device or person is none of another', async () => {
    const [ada, bob] = [await signedIn(), await signedIn('bob')]
    const [one, other] = [await ask(), await ask()]
    const entry = formOf(ada.page)
    const pages = [
      await enterCode(ada, one.complete, one.user_code),
      await enterCode(ada, other.complete, other.user_code),
      await enterCode(bob, one.complete, one.user_code),
    ].map(formOf)
    const [first] = pages
    if (!first) throw new Error('no form')
    const decision = { decision: 'allow', scope: 'orders.read' }
    for (const foreign of [entry, ...pages.slice(1)]) {
      const fields = { ...first.hidden, csrf: foreign.hidden.csrf ?? '', ...decision }
      expect((await ada.browser.post(first.action, fields)).status).toBe(403)
    }
    const decided = await ada.browser.post(entry.action, {
      csrf: first.hidden.csrf ?? '',
      user_code: one.user_code,
    })
    expect(decided.status).toBe(403)
    expect((await one.poll()).body.error).toBe('authorization_pending')
  })

  it('A12 nothing is allowed by GET, whatever its parameters', async () => {
    const person = await signedIn()
    const { user_code, complete, poll } = await ask()
    const page = await enterCode(person, complete, user_code)
    const { hidden } = formOf(page)
    const url = `${page.url}&csrf=${hidden.csrf}&decision=allow&scope=orders.read`
    expect((await person.browser.open(url)).status).toBe(200)
    expect((await poll()).body.error).toBe('authorization_pending')
  })

  it('§3.3 another account: they sign in, and enter the code themselves', async () => {
    const person = await signedIn()
    const { user_code, complete, poll } = await ask()
    const page = await enterCode(person, complete, user_code)
    const link = /href="(\/oauth\/login\?visit=[^"]*)"/.exec(page.body)?.[1] ?? ''
    const login = await person.browser.open(server.origin + link.replaceAll('&#38;', '&'))
    expect(login.body).toContain('type="password"')
    const bob = createPerson('bob', 'bob-password', person.browser)
    const entry = await bob.settle(await bob.signIn(login))
    expect(entry.body).toContain(`value="${user_code}"`)
    expect(textOf(entry)).toContain('( bob )')
    const { action, hidden } = formOf(page)
    const stale = await bob.settle(
      await bob.browser.post(action, { ...hidden, decision: 'allow', scope: 'orders.read' }),
    )
    expect(stale.url).toBe(complete)
    expect((await poll()).body.error).toBe('authorization_pending')
    await bob.decide(await enterCode(bob, complete, user_code))
    const { access_token } = (await poll()).body
    expect(await server.stores.tokens.find(String(access_token))).toMatchObject({ sub: 'bob' })
  })

  it('§3.3 signed out in between, the person signs in again and enters it again', async () => {
    const person = await signedIn()
    const { user_code, complete } = await ask()
    const page = await enterCode(person, complete, user_code)
    person.browser.cookies.delete('pc_session')
    const { action, hidden } = formOf(page)
    const answer = await person.settle(
      await person.browser.post(action, { ...hidden, decision: 'allow', scope: 'orders.read' }),
    )
    expect(answer.body).toContain('type="password"')
    const entry = await person.settle(await person.signIn(answer))
    expect(entry.url).toBe(complete)
  })

  it('8628-06 a page that was left open is too late', async () => {
    const person = await signedIn()
    const { user_code, complete } = await ask()
    const page = await enterCode(person, complete, user_code)
    clock.move(600)
    const late = await person.decide(page)
    expect([late.status, textOf(late).includes('has expired')]).toEqual([400, true])
    const entered = await enterCode(person, complete, user_code)
    expect([entered.status, textOf(entered).includes('No device waits')]).toEqual([400, true])
  })

  it('8628-03 few wrong codes are let through, by one person from everywhere', async () => {
    const person = await signedIn('guest0')
    const { user_code } = await ask()
    const { action, hidden } = formOf(person.page)
    const enter = (code: string, address: string) =>
      person.browser.post(action, { ...hidden, user_code: code }, { 'X-Forwarded-For': address })
    for (let n = 0; n < 5; n += 1) expect((await enter(WRONG, `192.0.2.${n}`)).status).toBe(400)
    for (const code of [WRONG, user_code]) {
      const refused = await enter(code, '192.0.2.99')
      expect(refused.status).toBe(429)
      expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0)
      expect(textOf(refused)).toContain('Too many wrong codes')
    }
    const bob = await signedIn('guest1')
    expect((await enterCode(bob, at('device'), user_code)).status).toBe(200)
  })

  it('8628-03 of a burst of guesses no more are judged than of a row of them', async () => {
    const person = await signedIn('guest2')
    const { user_code } = await ask()
    const { action, hidden } = formOf(person.page)
    const codes = [...Array.from({ length: 30 }, () => WRONG), user_code]
    const answers = await Promise.all(
      codes.map((code) =>
        person.browser.post(
          action,
          { ...hidden, user_code: code },
          { 'X-Forwarded-For': '198.51.100.1' },
        ),
      ),
    )
    const judged = answers.filter(({ status }) => status === 400)
    expect(judged.length).toBeLessThanOrEqual(5)
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(25)
  })

  it('8628-03 an address has ten times as many, whoever it is that guesses', async () => {
    const { user_code } = await ask()
    const from = { 'X-Forwarded-For': '203.0.113.5' }
    const statuses: number[] = []
    for (let n = 3; n < 12; n += 1) {
      const person = await signedIn(`guest${n}`)
      const { action, hidden } = formOf(person.page)
      for (let tries = 0; tries < 5; tries += 1) {
        const { status } = await person.browser.post(action, { ...hidden, user_code: WRONG }, from)
        statuses.push(status)
      }
    }
    expect(statuses).toEqual(Array(45).fill(400))
    const bob = await signedIn('bob')
    const { action, hidden } = formOf(bob.page)
    const enter = (code: string) => bob.browser.post(action, { ...hidden, user_code: code }, from)
    for (let n = 0; n < 5; n += 1) expect((await enter(WRONG)).status).toBe(400)
    const ada = await signedIn('ada')
    const refused = await ada.browser.post(
      formOf(ada.page).action,
      { ...formOf(ada.page).hidden, user_code },
      from,
    )
    expect(refused.status).toBe(429)
    expect((await enterCode(ada, at('device'), user_code)).status).toBe(200)
  })

  it('8628-03 what cannot be a code is no guess, and the right one is never counted', async () => {
    const person = await signedIn('guest12')
    for (let n = 0; n < 10; n += 1) {
      const { user_code } = await ask()
      expect((await enterCode(person, at('device'), 'what?')).status).toBe(400)
      const spelled = user_code.toLowerCase().replace('-', n % 2 ? ' ' : '')
      expect((await enterCode(person, at('device'), spelled)).status).toBe(200)
    }
  })

  it('8628-03 whatever is typed into it or stands in the address: a page, and at once', async () => {
    const person = await signedIn()
    const { action, hidden } = formOf(person.page)
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), async (typed) => {
        const posted = await person.browser.post(action, {
          ...hidden,
          user_code: `${typed.toWellFormed()}!a1`,
        })
        expect([400, 429]).toContain(posted.status)
        const opened = await person.browser.open(
          `${at('device')}?user_code=${encodeURIComponent(typed.toWellFormed())}`,
        )
        expect([200, 400]).toContain(opened.status)
        for (const { body } of [posted, opened]) {
          expect(body).toContain('</html>')
          expect(body).not.toMatch(/<script|<img/i)
        }
      }),
      { numRuns: 60 },
    )
  })

  it.each(['request=x', 'request=x&decision=allow', 'user_code=a&user_code=b', 'visit=x'])(
    'A10 ?%s leads nowhere',
    async (query) => {
      const person = await signedIn()
      const opened = await person.browser.open(`${at('device')}?${query}`)
      expect([opened.location, opened.status]).toEqual([undefined, query === 'visit=x' ? 200 : 400])
      const login = await person.browser.open(`${at('login')}?visit=${query.slice(-1)}`)
      expect([login.location, login.status]).toEqual([undefined, 400])
    },
  )
})
