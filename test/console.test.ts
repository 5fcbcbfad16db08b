import { rename } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashPassword } from '../src/store/passwords.ts'
import { createClient } from './support/client.ts'
import {
  csrfIn,
  type Operator,
  openConsole,
  postFormsOf,
  readOf,
  signInAt,
} from './support/console.ts'
import { createPerson, openBrowser } from './support/person.ts'
import { freePort, type Portcullis, startPortcullis, until } from './support/portcullis.ts'
import { exchange } from './support/raw-client.ts'
import { redis } from './support/store-servers.ts'

const SECRET = 'web-secret-of-32-characters-and-more'
const configuration = (upstream: number) => `
demo: true
scopes: { a: See a, b: See b, idle: Never asked for }
upstreams: { api: "http://127.0.0.1:${upstream}" }
routes:
  - { path: /a/*, upstream: api, scope: a }
  - { path: /b/*, upstream: api, scope: b }
clients:
  - client_id: web
    client_name: Web application
    client_secret: ${SECRET}
    redirect_uris: ["https://app.example/callback"]
    grant_types: [authorization_code, refresh_token, client_credentials]
  - { client_id: native, redirect_uris: ["http://127.0.0.1/callback"], grant_types: [authorization_code] }
accounts:
  - { username: vera, password: vera, admin: viewer }
  - { username: otto, password: otto, admin: operator }
  - { username: olga, password: olga, admin: owner }
  - { username: grace, password: grace, name: Grace Hopper }
`

let upstream: Server
let portcullis: Portcullis
let admin: string
let port: number
let viewer: Operator
let operator: Operator
let owner: Operator

beforeAll(async () => {
  upstream = createServer((_, res) => res.end('served'))
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  port = (upstream.address() as AddressInfo).port
  portcullis = await startPortcullis(configuration(port))
  admin = portcullis.admin
  viewer = await openConsole(admin, 'vera')
  operator = await openConsole(admin, 'otto')
  owner = await openConsole(admin, 'olga')
})
afterAll(async () => {
  await portcullis.stop()
  upstream.close()
})

const redirect_uri = 'https://app.example/callback'
/** Grace gives the application access; what it gets for it. */
const tokensOfGrace = async (origin = portcullis.origin) => {
  const client = createClient(origin, 'web', { secret: SECRET })
  const verifier = 'v'.repeat(43)
  const { hash } = await import('node:crypto')
  const parameters = {
    ...{ response_type: 'code', client_id: 'web', redirect_uri, scope: 'a idle', state: 's' },
    code_challenge: hash('sha256', verifier, 'base64url'),
    code_challenge_method: 'S256',
  }
  const url = `${origin}/oauth/authorize?${new URLSearchParams(parameters)}`
  const answer = await createPerson('grace', 'grace').authorize(url)
  const { body } = await client.post('token', {
    ...{ grant_type: 'authorization_code', redirect_uri, code_verifier: verifier },
    code: answer.searchParams.get('code') ?? '',
  })
  return { access_token: String(body.access_token) }
}

const call = async (path: string, access_token: string): Promise<number> => {
  const headers = { Authorization: `Bearer ${access_token}` }
  return (await fetch(`${portcullis.origin}${path}`, { headers })).status
}

const events = (event: string) => portcullis.logged.filter((entry) => entry.event === event)

describe('who may do what', () => {
  const of = { viewer: 0, operator: 1, owner: 2 }
  const everybody = () => [viewer, operator, owner]

  it.each<[string, keyof typeof of]>([
    ['/', 'viewer'],
    ['/live', 'viewer'],
    ['/clients', 'viewer'],
    ['/clients/web', 'viewer'],
    ['/clients/web/try', 'operator'],
    ['/new-client', 'operator'],
    ['/people', 'viewer'],
    ['/people/grace', 'viewer'],
    ['/new-person', 'owner'],
    ['/grants', 'viewer'],
    ['/grants?sub=grace', 'viewer'],
    ['/grants?client_id=web&unused=30', 'viewer'],
    ['/scopes', 'viewer'],
    ['/routes', 'viewer'],
    ['/audit', 'viewer'],
    ['/configuration', 'viewer'],
  ])('GET %s is for a %s and above; a stranger is led to sign in', async (path, least) => {
    const statuses = await Promise.all(
      everybody().map(async (one) => (await one.open(path)).status),
    )
    expect(statuses).toEqual([0, 1, 2].map((rank) => (rank >= of[least] ? 200 : 403)))
    const stranger = await openBrowser().open(`${admin}${path}`)
    expect([stranger.status, stranger.location]).toEqual([
      303,
      `${admin}/sign-in?next=${encodeURIComponent(path)}`,
    ])
  })

  it.each<[string, keyof typeof of]>([
    ['/new-client', 'operator'],
    ['/clients/nobody/edit', 'operator'],
    ['/clients/nobody/secret', 'operator'],
    ['/clients/nobody/enable', 'operator'],
    ['/clients/nobody/delete', 'owner'],
    ['/clients/nobody/try/begin', 'operator'],
    ['/clients/nobody/try/code', 'operator'],
    ['/clients/nobody/try/credentials', 'operator'],
    ['/new-person', 'owner'],
    ['/people/nobody/edit', 'owner'],
    ['/people/nobody/password', 'owner'],
    ['/people/nobody/delete', 'owner'],
    ['/people/nobody/enable', 'operator'],
    ['/people/nobody/end-session', 'operator'],
    ['/people/nobody/end-sessions', 'operator'],
    ['/grants/nothing/end', 'operator'],
    ['/routes', 'viewer'],
  ])('POST %s is for a %s and above', async (path, least) => {
    const statuses = await Promise.all(
      everybody().map(async (one) => (await one.post(path, { password: 'a long one' })).status),
    )
    for (const [rank, status] of statuses.entries())
      expect(status === 403, `rank ${rank}: ${status}`).toBe(rank < of[least])
    expect(Math.max(...statuses)).toBeLessThan(500)
  })

  it('a viewer is shown nothing that changes anything', async () => {
    for (const path of ['/clients', '/clients/web', '/people', '/people/grace', '/grants']) {
      const { body } = await viewer.open(path)
      expect(postFormsOf(body).map(({ action }) => action)).toEqual(['/sign-out'])
      expect(body).not.toMatch(/href="[^"]*(\/edit|\/try|new-)/)
    }
  })
})

describe('signing in', () => {
  it('A37 who has no role learns no more than who has the password wrong', async () => {
    const [wrong, none] = [
      await signInAt(admin, 'vera', 'wrong'),
      await signInAt(admin, 'grace', 'grace'),
    ]
    expect([wrong.status, none.status]).toEqual([401, 401])
    const said = (body: string) => /role="alert">([^<]*)</.exec(body)?.[1]
    expect(said(none.body)).toBe(said(wrong.body))
  })

  it('leads back to a page of the console, and to no other place', async () => {
    for (const [next, expected] of [
      ['/clients?search=a', '/clients?search=a'],
      ['//evil.example', '/'],
      ['https://evil.example', '/'],
      ['/\\evil.example', '/'],
    ]) {
      const browser = openBrowser()
      const page = await browser.open(`${admin}/sign-in`)
      const fields = {
        csrf: csrfIn(page.body),
        next: next ?? '',
        username: 'vera',
        password: 'vera',
      }
      const answer = await browser.post(`${admin}/sign-in`, fields, { Origin: admin })
      expect(answer.location).toBe(`${admin}${expected}`)
    }
  })

  it('A13 guessing is slowed down as on the sign-in page, and says for how long', async () => {
    const statuses: number[] = []
    for (let tries = 0; tries < 40 && statuses.at(-1) !== 429; tries += 1)
      statuses.push((await signInAt(admin, 'mallory', `guess ${tries}`)).status)
    const last = await signInAt(admin, 'mallory', 'guess')
    expect(last.status).toBe(429)
    expect(Number(last.headers.get('Retry-After'))).toBeGreaterThan(0)
  })

  it('signing out ends the session, not only the cookie', async () => {
    const one = await openConsole(admin, 'vera')
    const cookie = one.browser.cookies.get('pc_console') ?? ''
    expect((await one.post('/sign-out')).location).toBe(`${admin}/sign-in`)
    const headers = { Cookie: `pc_console=${cookie}` }
    const again = await fetch(`${admin}/`, { headers, redirect: 'manual' })
    expect(again.status).toBe(303)
  })

  it('the cookie is for this listener’s pages alone: HttpOnly, SameSite=Strict', async () => {
    const { headers } = await signInAt(admin, 'vera', 'vera')
    const cookie = headers.getSetCookie().find((line) => /^pc_console=[^;]/.test(line))
    expect(cookie).toMatch(/; HttpOnly/)
    expect(cookie).toMatch(/; SameSite=Strict/)
  })

  it('a session of the public listener is none here, nor the other way round', async () => {
    const person = createPerson('olga', 'olga')
    const page = await person.settle(await person.browser.open(`${portcullis.origin}/oauth/apps`))
    await person.settle(await person.signIn(page))
    const theirs = [...person.browser.cookies.values()]
    expect(theirs.length).toBeGreaterThan(0)
    for (const value of theirs) {
      const headers = { Cookie: `pc_console=${value}` }
      expect((await fetch(`${admin}/`, { headers, redirect: 'manual' })).status).toBe(303)
    }
    const ours = owner.browser.cookies.get('pc_console') ?? ''
    for (const name of person.browser.cookies.keys()) {
      const headers = { Cookie: `${name}=${ours}` }
      const answer = await fetch(`${portcullis.origin}/oauth/apps`, { headers, redirect: 'manual' })
      expect(await answer.text()).not.toContain('olga')
    }
  })
})

describe('A37 who has signed in and lacks the role', () => {
  const ways = [
    ['a page', () => viewer.open('/new-person'), 'GET', '/new-person'],
    ['a form', () => viewer.post('/people/grace/delete'), 'POST', '/people/grace/delete'],
  ] as const

  it.each(ways)('%s says which role it takes, and which one it is', async (_, act) => {
    const { status, body } = await act()
    expect(status).toBe(403)
    expect(body).toContain('This takes the role owner, and yours is viewer')
    expect(body).not.toContain('reload')
  })

  it.each(ways)(
    '%s: it is in the audit trail, with who wanted what',
    async (_, act, method, path) => {
      await act()
      const fields = {
        ...{ actor: 'vera', remote: '127.0.0.1', method, path, status: 403 },
        ...{ reason: 'role', role: 'viewer', needed: 'owner' },
      }
      expect(events('admin.refused').at(-1)?.fields).toEqual(fields)
      await until(async () =>
        (await owner.open('/audit?event=admin.refused&actor=vera')).body.includes(path),
      )
    },
  )
})

describe('requests that others cause', () => {
  const fields = { reason: 'because' }
  const isDisabled = async () =>
    (await owner.open('/people/grace')).body.includes('class="tag bad"') ||
    (await owner.open('/people/grace')).body.includes('/people/grace/enable')

  it.each<[string, Record<string, string>, Record<string, string>]>([
    ['without a token of the session', { csrf: '' }, {}],
    ['with a wrong one', { csrf: 'x'.repeat(43) }, {}],
    ['from another site', {}, { 'Sec-Fetch-Site': 'cross-site' }],
    ['from a sibling site', {}, { 'Sec-Fetch-Site': 'same-site' }],
    ['from another origin', {}, { Origin: 'http://evil.example' }],
    ['from nowhere', {}, {}],
  ])('A12 a form %s changes nothing: 403', async (name, more, headers) => {
    const usual: Record<string, string> = name.startsWith('with') ? { Origin: admin } : {}
    const answer = await operator.post(
      '/people/grace/disable',
      { ...fields, ...more },
      { ...usual, ...headers },
    )
    expect(answer.status).toBe(403)
    expect(await isDisabled()).toBe(false)
  })

  it('A12 such a form is told from a role that does not suffice, and what to do; it is no audit event', async () => {
    const { body } = await owner.post('/people/grace/disable', { ...fields, csrf: 'stale' })
    expect(body).toContain('reload the page, and try again')
    expect(body).not.toContain('This takes the role')
    expect(events('admin.refused').at(-1)?.fields).toMatchObject({ actor: 'olga', reason: 'form' })
    // What is written after it is there, and it is not.
    await viewer.post('/people/grace/delete', { after: 'it' })
    const trail = (actor: string) => owner.open(`/audit?event=admin.refused&actor=${actor}`)
    await until(async () => (await trail('vera')).body.includes('/people/grace/delete'))
    expect((await trail('olga')).body).not.toContain('/people/grace/disable')
  })

  it('A12 the token of another session is none', async () => {
    const csrf = await owner.csrf()
    const answer = await operator.post('/people/grace/disable', { ...fields, csrf })
    expect(answer.status).toBe(403)
    expect(await isDisabled()).toBe(false)
  })

  it('A12 the sign-in form is bound to the browser that it was shown to', async () => {
    const page = await openBrowser().open(`${admin}/sign-in`)
    const other = openBrowser()
    await other.open(`${admin}/sign-in`)
    const form = { csrf: csrfIn(page.body), username: 'olga', password: 'olga' }
    expect((await other.post(`${admin}/sign-in`, form, { Origin: admin })).status).toBe(403)
  })

  it.each(['evil.example', '127.0.0.1.evil.example', 'evil.example:8081', ''])(
    'A37 under the name %s, which a stranger pointed at us: 421, signed in or not',
    async (host) => {
      const cookie = `pc_console=${owner.browser.cookies.get('pc_console')}`
      const head = ['GET / HTTP/1.1', `Host: ${host}`, `Cookie: ${cookie}`, 'Connection: close']
      const answer = await exchange(Number(new URL(admin).port), `${head.join('\r\n')}\r\n\r\n`)
      expect(answer.status).toBe(421)
      expect(answer.body).not.toContain('Overview')
    },
  )

  it('every page says what a browser may do with it', async () => {
    for (const path of ['/', '/sign-in', '/clients', '/nothing']) {
      const { headers } = await owner.open(path)
      expect(headers.get('Content-Security-Policy')).toMatch(
        /default-src 'none'.*frame-ancestors 'none'/,
      )
      expect(headers.get('Content-Security-Policy')).not.toContain('unsafe')
      expect(headers.get('Cache-Control')).toBe('no-store')
      expect(headers.get('X-Frame-Options')).toBe('DENY')
      // Over plain HTTP, beyond loopback, browsers tell of our own forms by Origin alone, and with no-referrer it is null.
      expect(headers.get('Referrer-Policy')).toBe('same-origin')
    }
  })
})

describe('people', () => {
  const created = async (username: string, more: Record<string, string> = {}) => {
    const answer = await owner.post('/new-person', {
      ...{ username, password: 'long enough', everyScope: 'yes', admin: '', ...more },
    })
    expect(answer.status, answer.body).toBe(303)
    return new URL(answer.location ?? '').pathname
  }

  it('an owner makes an account, changes it, sets its password and deletes it; each is audited, no password is', async () => {
    const at = await created('lise', { name: 'Lise Meitner', admin: 'viewer' })
    expect(
      (await openConsole(admin, 'lise', 'long enough')).browser.cookies.has('pc_console'),
    ).toBe(true)
    const { body } = await owner.open(`${at}/edit`)
    const [, form] = postFormsOf(body)
    const etag = form?.fields.get('etag') ?? ''
    const fields = { username: 'lise', name: 'Lise M.', admin: 'operator', everyScope: 'yes', etag }
    expect((await owner.post(`${at}/edit`, fields)).status).toBe(303)
    const lost = await owner.post(`${at}/edit`, { ...fields, name: 'Another' })
    expect([lost.status, lost.body.includes('has changed it since')]).toEqual([412, true])
    const short = await owner.post(`${at}/password`, { password: 'short' })
    expect([short.status, short.body.includes('8 to')]).toEqual([400, true])
    expect((await owner.post(`${at}/password`, { password: 'quite another' })).status).toBe(200)
    expect((await signInAt(admin, 'lise', 'long enough')).status).toBe(401)
    expect((await signInAt(admin, 'lise', 'quite another')).status).toBe(303)
    const shown = (await owner.open(at)).body
    const current = postFormsOf(shown).find(({ action }) => action.endsWith('/delete'))
    const gone = await owner.post(`${at}/delete`, { etag: current?.fields.get('etag') ?? '' })
    expect(gone.location).toBe(`${admin}/people?done=deleted`)
    expect((await owner.open(at)).status).toBe(404)

    expect(events('account.changed').at(-1)?.fields).toMatchObject({
      ...{ actor: 'olga', before: { name: 'Lise Meitner', admin: 'viewer' } },
      after: { name: 'Lise M.', admin: 'operator' },
    })
    for (const word of ['long enough', 'quite another'])
      expect(JSON.stringify(portcullis.logged)).not.toContain(word)
  })

  it('one of the file is shown with its line, and has no form that changes or deletes it', async () => {
    const { body } = await owner.open('/people/grace')
    expect(body).toMatch(/the configuration file, line \d+/)
    expect(body).not.toMatch(/people\/grace\/(edit|delete)"/)
    expect((await owner.open('/people/grace/edit')).status).toBe(404)
  })

  it('signing out everywhere ends every session, those at the console too', async () => {
    const at = await created('emmy', { admin: 'viewer' })
    const there = await openConsole(admin, 'emmy', 'long enough')
    expect((await there.open('/')).status).toBe(200)
    const { body } = await operator.open(at)
    expect(body).toContain('this console')
    expect((await operator.post(`${at}/end-sessions`)).status).toBe(303)
    expect((await there.open('/')).status).toBe(303)
    expect(events('sessions.ended').at(-1)?.fields).toMatchObject({ actor: 'otto', count: 1 })
  })

  it('one session is ended, and the other goes on', async () => {
    const at = await created('marie', { admin: 'viewer' })
    const [first, second] = [
      await openConsole(admin, 'marie', 'long enough'),
      await openConsole(admin, 'marie', 'long enough'),
    ]
    const forms = postFormsOf((await operator.open(at)).body)
    const ends = forms.filter(({ action }) => action.endsWith('/end-session'))
    expect(ends).toHaveLength(2)
    await operator.post(`${at}/end-session`, { session: ends[0]?.fields.get('session') ?? '' })
    const statuses = [(await first.open('/')).status, (await second.open('/')).status]
    expect(statuses.toSorted()).toEqual([200, 303])
  })

  it('who is disabled is out at once, with a reason that is kept', async () => {
    const at = await created('rosa', { admin: 'owner' })
    const there = await openConsole(admin, 'rosa', 'long enough')
    const answer = await operator.post(`${at}/disable`, { reason: 'left the house' })
    expect(answer.body).toContain('left the house')
    expect((await there.open('/')).status).toBe(303)
    expect((await signInAt(admin, 'rosa', 'long enough')).status).toBe(401)
    expect((await operator.post(`${at}/enable`)).status).toBe(200)
    expect((await signInAt(admin, 'rosa', 'long enough')).status).toBe(303)
  })

  it('they are found by a part of their name', async () => {
    const { body } = await viewer.open('/people?search=hopp')
    expect(body).toContain('/people/grace"')
    expect(body).not.toContain('/people/vera"')
  })
})

describe('grants and scopes', () => {
  it('who has access to what, last used when and where; ended, its token is refused at once', async () => {
    const { access_token } = await tokensOfGrace()
    expect(await call('/a/1', access_token)).toBe(200)
    const { body } = await operator.open('/grants?client_id=web&sub=grace')
    expect(body).toMatch(/<code><bdi>\/a\/\*<\/bdi><\/code>/)
    const end = postFormsOf(body).find(({ action }) => action.endsWith('/end'))
    const answer = await operator.post(end?.action ?? '', Object.fromEntries(end?.fields ?? []))
    expect(answer.location).toBe(`${admin}/grants?client_id=web&sub=grace&done=ended`)
    expect(await call('/a/1', access_token)).toBe(401)
    expect(events('grant.ended').at(-1)?.fields).toMatchObject({ actor: 'otto' })
  })

  it('grants unused for days: found by client, by person and of everybody, and not where it was used since', async () => {
    let later = 0
    const clock = () => Date.now() / 1000 + later
    const there = await startPortcullis(configuration(port), { clock })
    try {
      await tokensOfGrace(there.origin)
      later = 3 * 86_400
      const looking = await openConsole(there.admin, 'olga')
      for (const whose of ['client_id=web&', 'sub=grace&', '']) {
        const shown = async (days: number) =>
          (await looking.open(`/grants?${whose}unused=${days}`)).body.includes('/people/grace"')
        expect([await shown(2), await shown(4)], whose).toEqual([true, false])
      }
      expect((await looking.open('/grants?unused=none')).status).toBe(400)
    } finally {
      await there.stop()
    }
  })

  it('a scope that is granted and never used is told from one that is', async () => {
    const { access_token } = await tokensOfGrace()
    expect(await call('/a/1', access_token)).toBe(200)
    const { body } = await viewer.open('/scopes')
    const row = (scope: string) =>
      body.split('<tr>').find((text) => text.includes(`<code>${scope}</code>`)) ?? ''
    expect(row('a')).toMatch(/number">1<.*number">1<.*<time/)
    expect(row('idle')).toMatch(/opens nothing.*number">1<.*never used.*never</s)
  })
})

describe('trying a client', () => {
  it('client credentials: every hop, the token given back, and the secret nowhere', async () => {
    const answer = await operator.post('/clients/web/try/credentials', {
      ...{ secret: SECRET, scope: 'a', api: '/a/1' },
    })
    expect(answer.status).toBe(200)
    const titles = [...answer.body.matchAll(/<li><h3>(?:<bdi>)?([A-Z][a-z ]+)/g)].map(([, title]) =>
      title?.trim(),
    )
    expect(titles).toEqual(['Token', 'Introspection', 'Call', 'Revocation', 'Call again'])
    expect(answer.body).not.toMatch(/tag bad/)
    expect(answer.body).toMatch(/pc_at_…/)
    expect(answer.body).not.toMatch(/pc_at_[\w-]{5}/)
    expect(answer.body).not.toContain(SECRET)
    expect(answer.body).not.toContain(Buffer.from(`web:${SECRET}`).toString('base64'))
    expect(JSON.stringify(portcullis.logged)).not.toContain(SECRET)
    expect(events('client.tried').at(-1)?.fields).toMatchObject({
      client_id: 'web',
      actor: 'otto',
      failed: [],
    })
  })

  it('a wrong secret: the hop says so, and nothing follows', async () => {
    const { body } = await operator.post('/clients/web/try/credentials', {
      secret: 'wrong',
      api: '',
    })
    expect(body).toContain('invalid_client')
    expect(body.match(/<li>/g)).not.toBeNull()
    expect(events('client.tried').at(-1)?.fields).toMatchObject({ failed: ['Token'] })
  })

  const begun = async () => {
    const { body } = await operator.post('/clients/web/try/begin', { redirect_uri, scope: 'a' })
    const url =
      /<a class="button" href="([^"]*)" target/.exec(body)?.[1]?.replaceAll('&#38;', '&') ?? ''
    const form = postFormsOf(body).find(({ action }) => action.endsWith('/code'))
    return { url, sealed: form?.fields.get('sealed') ?? '' }
  }

  it('code flow: the address that the browser was sent to is pasted, and the rest runs', async () => {
    const { url, sealed } = await begun()
    const answer = await createPerson('grace', 'grace').authorize(url)
    const fields = { sealed, secret: SECRET, api: '/a/1', pasted: answer.href }
    const { body } = await operator.post('/clients/web/try/code', fields)
    expect(body).not.toMatch(/tag bad/)
    expect([...body.matchAll(/<li><h3>/g)]).toHaveLength(7)
    expect(body).not.toMatch(/pc_(at|rt|ac)_[\w-]{5}/)
    expect(body).not.toContain(SECRET)
    const again = await operator.post('/clients/web/try/code', fields)
    expect(again.body).toContain('invalid_grant')
  })

  it.each<[string, (url: string) => string]>([
    ['with another state', (href) => href.replace(/state=[^&]*/, 'state=other')],
    ['without a state', (href) => href.replace(/state=[^&]*/, '')],
    ['of another issuer', (href) => href.replace(/iss=[^&]*/, 'iss=https%3A%2F%2Fevil.example')],
  ])('an answer %s is refused, and no token asked for', async (_, change) => {
    const { url, sealed } = await begun()
    const answer = await createPerson('grace', 'grace').authorize(url)
    const before = events('token.issued').length
    const pasted = change(answer.href)
    const { status } = await operator.post('/clients/web/try/code', {
      sealed,
      secret: SECRET,
      pasted,
    })
    expect([status, events('token.issued').length]).toEqual([400, before])
  })

  it('a request that another session made is none of ours', async () => {
    const { sealed } = await begun()
    const { status, body } = await owner.post('/clients/web/try/code', { sealed, pasted: 'code' })
    expect([status, body.includes('begin again')]).toEqual([400, true])
  })

  it.each(['evil', '/\\@evil', 'http://evil.example/', '//user@evil.example/a'])(
    'what is called is a path of the gateway: %s is none, or goes there all the same',
    async (api) => {
      const { body } = await operator.post('/clients/web/try/credentials', { secret: SECRET, api })
      expect(body).not.toContain('Host: user')
      expect(portcullis.origin).toContain('127.0.0.1')
    },
  )
})

describe('over a network', () => {
  it('A37 without TLS every page warns, before anybody types a password', async () => {
    const [listen, hash] = [await freePort(), await hashPassword('a password')]
    const there = await startPortcullis(`admin: { listen: '0.0.0.0:${listen}' }
accounts: [{ username: ada, password: '${hash}', admin: owner }]
`)
    const at = `http://127.0.0.1:${listen}`
    const WARNING =
      /class="warning" role="alert">This console is reachable over the network without TLS/
    const one = await openConsole(at, 'ada', 'a password')
    for (const path of ['/sign-in', '/', '/clients', '/nothing'])
      expect((await one.open(path)).body, path).toMatch(WARNING)
    expect((await viewer.open('/')).body).not.toMatch(WARNING)
    await there.stop()
  })
})

describe('secrets', () => {
  it('a client’s is shown once', async () => {
    const made = await operator.post('/new-client', {
      ...{ kind: 'machine', client_id: 'once', client_name: 'Once', everyScope: 'yes' },
    })
    const secret = /<code class="secret">([^<]*)</.exec(made.body)?.[1] ?? ''
    expect(secret.length).toBeGreaterThan(30)
    expect((await owner.open('/clients/once')).body).not.toContain(secret)
    expect((await owner.open('/audit')).body).not.toContain(secret)
    expect((await owner.open('/configuration')).body).not.toContain(SECRET)
    expect(JSON.stringify(portcullis.logged)).not.toContain(secret)
  })
})

const HOSTILE = [
  ['markup', `"><script>alert(1)</script><img src=x onerror=alert(1)>'`],
  ['control characters', 'a\u0000b\u001b[31mc\u202ed\u200be\r\nSet-Cookie: x=1'],
  ['10 kB', 'x'.repeat(10_240)],
] as const

describe('hostile values', () => {
  const expectHarmless = (body: string, where: string) => {
    expect(body, where).not.toMatch(/<script>alert|<img src=x/)
    const read = readOf(body)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(read, where).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u200b]/)
    // What went over the wire is shown whole, in a region of its own.
    expect(read.replaceAll(/<pre[\s\S]*?<\/pre>/g, ''), where).not.toMatch(/x{1000}/)
  }

  it.each(HOSTILE)(
    '%s in every field of every form: answered, and shown as text',
    async (_, value) => {
      const places = [
        '/new-client',
        '/new-person',
        '/routes',
        '/clients/web/try',
        '/clients/once',
        '/people/grace',
        '/grants',
      ]
      let forms = 0
      for (const place of places)
        for (const { action, fields } of postFormsOf((await owner.open(place)).body)) {
          if (/sign-out|delete|disable|end/.test(action)) continue
          const free = [...fields.keys()].filter((name) => name !== 'csrf')
          for (const name of free) {
            const answer = await owner.post(action, {
              ...Object.fromEntries(fields),
              [name]: value,
              ...(name === 'csrf' && {}),
            })
            expect(answer.status, `${action} ${name}`).toBeLessThan(500)
            expectHarmless(answer.body, `${action} ${name}`)
            expect(answer.headers.get('Set-Cookie'), `${action} ${name}`).toBeNull()
            forms += 1
          }
        }
      expect(forms).toBeGreaterThan(15)
    },
    60_000,
  )

  it.each(HOSTILE)('%s in every address', async (_, value) => {
    const text = encodeURIComponent(value)
    for (const path of [
      ...[
        `/clients/${text}`,
        `/people/${text}`,
        `/clients?search=${text}`,
        `/people?search=${text}`,
      ],
      ...[`/clients?source=${text}`, `/grants?client_id=${text}`, `/grants?sub=${text}`],
      ...[`/grants?unused=${text}`, `/audit?event=${text}&actor=${text}`, `/audit?since=${text}`],
      ...[`/${text}`, `/sign-in?next=${text}`, `/clients/${text}/try`],
    ]) {
      const answer = await owner.open(path)
      expect(answer.status, path.slice(0, 40)).toBeLessThan(500)
      expectHarmless(answer.body, path.slice(0, 40))
    }
  })

  it.each([
    '/clients?cursor=x',
    '/people?cursor=x',
    '/grants?sub=grace&cursor=x',
    '/audit?cursor=x',
    '/clients/%zz',
  ])('%s is no failure of ours', async (path) => {
    expect((await owner.open(path)).status).toBeLessThan(500)
  })

  it('what is kept so is shown so: names of clients and people, reasons, and events', async () => {
    const name = HOSTILE[0][1]
    await owner.post('/new-client', {
      kind: 'machine',
      client_id: 'hostile',
      client_name: name,
      everyScope: 'yes',
    })
    await owner.post('/new-person', {
      username: 'hostile',
      name,
      password: 'long enough',
      everyScope: 'yes',
    })
    await owner.post('/people/hostile/disable', { reason: HOSTILE[1][1] })
    await owner.post('/clients/hostile/disable', { reason: name })
    await createClient(portcullis.origin, name, { secret: name }).post('token', {
      grant_type: name,
    })
    for (const path of [
      '/clients',
      '/clients/hostile',
      '/people',
      '/audit',
      '/grants?client_id=hostile',
    ]) {
      const { status, body } = await owner.open(path)
      expect(status, path).toBe(200)
      expectHarmless(body, path)
    }
    expect((await owner.open('/clients/hostile')).body).toContain('&#60;script&#62;')
  })

  it('a form of more than 64 KiB is refused', async () => {
    const answer = await owner.post('/routes', { url: 'x'.repeat(70_000) })
    expect(answer.status).toBe(413)
  })
})

describe('many clients', () => {
  it('the list is paged, and its pages together are all of them', async () => {
    for (let at = 0; at < 55; at += 1)
      await operator.post('/new-client', {
        kind: 'machine',
        client_id: `many-${at}`,
        client_name: `M ${at}`,
        everyScope: 'yes',
      })
    const seen = new Set<string>()
    let path: string | undefined = '/clients?search=many-'
    for (let pages = 0; path !== undefined && pages < 10; pages += 1) {
      const { body }: { body: string } = await viewer.open(path)
      for (const [, id = ''] of body.matchAll(/href="\/clients\/(many-\d+)"/g)) seen.add(id)
      path = /<p class="pages"><a class="button" href="([^"]*)"/
        .exec(body)?.[1]
        ?.replaceAll('&#38;', '&')
    }
    expect(seen.size).toBe(55)
    const byId = await viewer.open('/clients?search=many-54&source=operator')
    expect(byId.body.match(/href="\/clients\/many-54"/g)).toHaveLength(1)
  }, 60_000)
})

/** A store that can go away, and come back. */
const AWAY = [
  {
    name: 'SQLite, its file moved away',
    absent: false,
    async start() {
      const at = ({ folder }: Portcullis) => join(folder, 'data/portcullis.db')
      return {
        head: '',
        leave: (there: Portcullis) => rename(at(there), `${at(there)}.moved`),
        comeBack: (there: Portcullis) => rename(`${at(there)}.moved`, at(there)),
        stop: async () => {},
      }
    },
  },
  {
    name: 'Redis, ended',
    absent: redis.absent,
    async start() {
      const server = await redis.start()
      return {
        head: `secret: ${'s'.repeat(40)}\nstore: "${server.url('console')}"\n`,
        leave: () => server.kill(),
        comeBack: () => server.start(),
        stop: () => server.stop(),
      }
    },
  },
]

describe.each(AWAY)('the store is away: $name', ({ absent, start }) => {
  it.skipIf(absent)(
    'the overview, routes and configuration are there and say so; the rest is 503, sign-in says why; then all is back',
    async () => {
      const store = await start()
      const there = await startPortcullis(`${store.head}${configuration(port)}`)
      try {
        const visitor = await openConsole(there.admin, 'olga')
        await store.leave(there)
        const statuses = async (paths: readonly string[]) =>
          Promise.all(paths.map(async (path) => (await visitor.open(path)).status))
        await until(async () => (await fetch(`${there.admin}/readyz`)).status === 503)
        expect(await statuses(['/', '/live', '/routes', '/configuration'])).toEqual([
          200, 200, 200, 200,
        ])
        const overview = (await visitor.open('/')).body
        expect(overview).toContain('does not answer')
        expect(overview).toMatch(/class="warning" role="alert">The store does not answer/)
        expect(
          await statuses(['/clients', '/people', '/grants', '/scopes', '/audit', '/new-client']),
        ).toEqual(Array(6).fill(503))
        const change = await visitor.post('/new-client', {
          kind: 'machine',
          client_name: 'n',
          everyScope: 'yes',
        })
        expect(change.status).toBe(503)
        const signIn = await signInAt(there.admin, 'olga', 'olga')
        expect([signIn.status, signIn.body.includes('nobody can sign in')]).toEqual([503, true])
        await store.comeBack(there)
        await until(async () => (await visitor.open('/clients')).status === 200)
      } finally {
        await there.stop()
        await store.stop()
      }
    },
    60_000,
  )
})
