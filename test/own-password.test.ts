import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { type Answer, createPerson, type Fields, formOf, type Person } from './support/person.ts'

describe('a person changes their password', () => {
  let server: RunningAuthorizationServer
  const at = (path: string) => `${server.origin}/oauth/${path}`
  const web = () => createClient(server.origin, 'web', { secret: 'web-secret' })
  const openForm = (person: Person) => person.browser.open(at('password'))
  /** The form, after signing in for it. */
  const formFor = async (person: Person): Promise<Answer> => {
    const page = await person.settle(await openForm(person))
    return page.body.includes('name="username"') && page.url.includes('/login')
      ? person.settle(await person.signIn(page))
      : page
  }
  const post = (person: Person, page: Answer, fields: Fields) => {
    const { action, hidden } = formOf(page)
    return person.browser.post(action, { ...hidden, ...fields })
  }
  const change = async (person: Person, from: string, to: string, again = to) =>
    post(person, await formFor(person), {
      ...{ current_password: from, new_password: to, new_password_again: again },
    })
  const cookie = (person: Person) => person.browser.cookies.get('pc_session')
  const events = (name: string) => server.logged.filter(({ event }) => event === name)

  beforeAll(async () => {
    server = await startAuthorizationServer({
      accounts: ['ada', 'bob', 'cyd', 'dan', 'eli', 'fay', 'gil'].map((username) => ({ username })),
      limits: { passwords: { points: 3, duration: 300 } },
      demo: true,
    })
  })
  afterAll(() => server.stop())

  it('leads to signing in, and back to the form', async () => {
    const ada = createPerson('ada', 'ada-password')
    const page = await ada.settle(await openForm(ada))
    expect(page.body).toContain('to change your password')
    const form = await ada.settle(await ada.signIn(page))
    expect(new URL(form.url).pathname).toBe('/oauth/password')
    for (const name of ['current_password', 'new_password', 'new_password_again'])
      expect(form.body).toContain(`name="${name}"`)
    expect(form.headers.get('Content-Security-Policy')).toContain("form-action 'self'")
  })

  it('A23, 9700-4.14 the session goes on under a new value; the others, and what applications had, end', async () => {
    const [ada, elsewhere] = [0, 1].map(() => createPerson('ada', 'ada-password'))
    if (!ada || !elsewhere) throw new Error('nobody')
    const client = web()
    const { body } = await client.redeem(await elsewhere.authorize(client.authorizationUrl()))
    const inFlight = web()
    const callback = await elsewhere.authorize(inFlight.authorizationUrl())
    await formFor(ada)
    const before = cookie(ada)
    const done = await change(ada, 'ada-password', 'a better password')
    expect([done.status, done.location]).toEqual([303, `${at('apps')}?done=password`])
    expect(cookie(ada)).toMatch(/^pc_se_/)
    expect(cookie(ada)).not.toBe(before)
    const apps = await ada.settle(done)
    expect(apps.body).toContain('Your password is changed')
    expect(apps.body).toContain('No application has access')

    expect((await elsewhere.settle(await openForm(elsewhere))).url).toContain('/oauth/login')
    ada.browser.cookies.set('pc_session', before ?? '')
    expect((await ada.settle(await openForm(ada))).url).toContain('/oauth/login')
    expect((await client.refresh(body.refresh_token)).body.error).toBe('invalid_grant')
    expect((await client.post('introspect', { token: String(body.access_token) })).body).toEqual({
      active: false,
    })
    expect((await inFlight.redeem(callback)).body.error).toBe('invalid_grant')
    expect(events('password.changed').map(({ fields }) => fields.sub)).toEqual(['ada'])
  })

  it('from then on the new one counts, and the former one does not', async () => {
    const bob = createPerson('bob', 'bob-password')
    expect((await change(bob, 'bob-password', 'correct horse battery')).status).toBe(303)
    const former = createPerson('bob', 'bob-password')
    const page = await former.settle(await former.browser.open(web().authorizationUrl().href))
    expect((await former.signIn(page)).status).toBe(401)
    const client = web()
    const after = createPerson('bob', 'correct horse battery')
    expect((await client.redeem(await after.authorize(client.authorizationUrl()))).status).toBe(200)
  })

  it('A21 wrong current passwords are throttled as sign-ins are, and with them', async () => {
    const cyd = createPerson('cyd', 'cyd-password')
    await formFor(cyd)
    const statuses: number[] = []
    for (let n = 0; n < 4; n += 1)
      statuses.push((await change(cyd, 'wrong', 'a better password')).status)
    expect(statuses).toEqual([401, 401, 401, 429])
    const refused = await change(cyd, 'cyd-password', 'a better password')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0)
    const again = createPerson('cyd', 'cyd-password')
    const page = await again.settle(await again.browser.open(web().authorizationUrl().href))
    expect((await again.signIn(page)).status).toBe(429)
  })

  it.each<[string, string, string?]>([
    ['seven characters', 'seven77'],
    ['the username, dressed up', 'Dan-12345'],
    ['one letter many times', 'aaaaaaaaaaaa'],
    ['the one that it is', 'dan-password'],
    ['more than 1024 characters', 'x1y2'.repeat(257)],
    ['two that differ', 'a better password', 'a bitter password'],
    ['none', ''],
  ])('is not taken: %s', async (_, next, again = next) => {
    const dan = createPerson('dan', 'dan-password')
    const answer = await change(dan, 'dan-password', next, again)
    expect(answer.status).toBe(400)
    expect(answer.body).toMatch(/role="alert"/)
    const same = createPerson('dan', 'dan-password')
    const page = await same.settle(await same.browser.open(web().authorizationUrl().href))
    expect((await same.signIn(page)).status).toBe(303)
  })

  it('eight characters of any kind are enough', async () => {
    const eli = createPerson('eli', 'eli-password')
    expect((await change(eli, 'eli-password', 'ölz  🐴 7')).status).toBe(303)
  })

  it('A12 a form without its token, of another sign-in or from another site changes nothing', async () => {
    const [fay, other] = [createPerson('fay', 'fay-password'), createPerson('gil', 'gil-password')]
    const fields = {
      ...{ current_password: 'fay-password', new_password: 'a better password' },
      new_password_again: 'a better password',
    }
    const form = formOf(await formFor(fay))
    const foreign = formOf(await formFor(other)).hidden
    for (const [hidden, headers] of [
      [{}, {}],
      [foreign, {}],
      [form.hidden, { 'Sec-Fetch-Site': 'cross-site' }],
    ] as const)
      expect((await fay.browser.post(form.action, { ...hidden, ...fields }, headers)).status).toBe(
        403,
      )
    const page = await fay.browser.open(
      `${at('password')}?${new URLSearchParams({ ...form.hidden, ...fields })}`,
    )
    expect(page.status).toBe(200)
    const same = createPerson('fay', 'fay-password')
    const login = await same.settle(await same.browser.open(web().authorizationUrl().href))
    expect((await same.signIn(login)).status).toBe(303)
  })

  it('A24, A25 neither password is in the store or in the log', async () => {
    const gil = createPerson('gil', 'gil-password')
    await change(gil, 'gil-password', 'a password that is secret')
    const row = await server.stores.store.get('account:gil')
    expect(row).toContain('$argon2id$')
    for (const text of [row, JSON.stringify(server.logged)])
      for (const secret of ['a password that is secret', 'gil-password'])
        expect(text).not.toContain(secret)
    expect(JSON.stringify(server.logged)).not.toContain('$argon2id$')
  })

  it('the demo offers no password that was changed', async () => {
    const stranger = createPerson('', '')
    const page = await stranger.settle(await stranger.browser.open(web().authorizationUrl().href))
    // Ada and Bob come before, and have changed theirs.
    expect(page.body).toContain('Demo: sign in as cyd, password cyd-password')
  })
})
