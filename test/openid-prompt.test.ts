import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { type Answer, createPerson, openBrowser, type Person } from './support/person.ts'

describe('prompt and max_age (OpenID Connect Core §3.1.2.1)', () => {
  let server: RunningAuthorizationServer
  let ada: Person
  let now = 1_800_000_000
  const web = () => createClient(server.origin, 'web', { secret: 'web-secret' })
  const url = (parameters: Record<string, string>) => String(web().authorizationUrl(parameters))
  const open = (parameters: Record<string, string>, person = ada) =>
    person.browser.open(url(parameters))
  /** The page that a request leads to, or the error or code that the client is answered with. */
  const outcome = async (answer: Answer, person = ada): Promise<string> => {
    const settled = await person.settle(answer)
    if (settled.location !== undefined) {
      const { searchParams } = new URL(settled.location)
      return searchParams.get('error') ?? (searchParams.has('code') ? 'code' : 'nothing')
    }
    return settled.body.includes('type="password"') ? 'sign-in' : 'consent'
  }

  beforeAll(async () => {
    server = await startAuthorizationServer({}, { clock: () => now })
    ada = createPerson('ada', 'ada-password')
    await ada.authorize(url({ scope: 'orders.read' }))
  })
  afterAll(() => server.stop())

  it.each<[Record<string, string>, string]>([
    [{}, 'code'],
    [{ prompt: 'none' }, 'code'],
    [{ prompt: '' }, 'code'],
    [{ prompt: ' ' }, 'code'],
    [{ prompt: 'consent' }, 'consent'],
    [{ prompt: 'login' }, 'sign-in'],
    [{ prompt: 'select_account' }, 'sign-in'],
    [{ prompt: 'login consent' }, 'sign-in'],
    [{ prompt: 'consent login select_account' }, 'sign-in'],
    [{ prompt: 'login login' }, 'sign-in'],
    [{ prompt: 'none none' }, 'invalid_request'],
    [{ prompt: 'none consent' }, 'invalid_request'],
    [{ prompt: 'consent none' }, 'invalid_request'],
    [{ prompt: 'create' }, 'invalid_request'],
    [{ prompt: 'LOGIN' }, 'invalid_request'],
    [{ prompt: 'login,consent' }, 'invalid_request'],
    [{ max_age: '0' }, 'sign-in'],
    [{ max_age: '99999' }, 'code'],
    [{ max_age: '-1' }, 'invalid_request'],
    [{ max_age: '1.5' }, 'invalid_request'],
    [{ max_age: '٣' }, 'invalid_request'],
    [{ max_age: '99999999999' }, 'invalid_request'],
    [{ max_age: 'x', prompt: 'login' }, 'invalid_request'],
    [{ max_age: '0', prompt: 'none' }, 'login_required'],
    [{ prompt: 'none', scope: 'orders.read orders.write' }, 'consent_required'],
    [{ scope: 'orders.read orders.write' }, 'consent'],
    [
      { display: 'popup', ui_locales: 'de "><script>', acr_values: 'x', nonce: 'n', claims: '{' },
      'code',
    ],
  ])('A41 %o of who is signed in and has allowed it: %s', async (parameters, expected) => {
    expect(await outcome(await open({ scope: 'orders.read', ...parameters }))).toBe(expected)
  })

  it.each<[Record<string, string>, string]>([
    [{ prompt: 'none' }, 'login_required'],
    [{ prompt: 'consent' }, 'sign-in'],
    [{ prompt: 'login' }, 'sign-in'],
    [{ max_age: '99999' }, 'sign-in'],
  ])('A41 %o of who is not signed in: %s', async (parameters, expected) => {
    const bob = createPerson('bob', 'bob-password')
    expect(await outcome(await open(parameters, bob), bob)).toBe(expected)
  })

  it('A41 prompt=login consent asks for both, the one after the other', async () => {
    const asked = await ada.settle(await open({ prompt: 'login consent', scope: 'orders.read' }))
    const consent = await ada.settle(await ada.signIn(asked))
    expect(await outcome(consent)).toBe('consent')
    expect(await outcome(await ada.decide(consent))).toBe('code')
  })

  it('A41 a sign-in that is older than max_age is asked for anew, and one for the request counts', async () => {
    const bob = createPerson('bob', 'bob-password')
    await bob.authorize(url({ scope: 'orders.read' }))
    now += 60
    const answer = await open({ max_age: '60', scope: 'orders.read' }, bob)
    expect(await outcome(answer, bob)).toBe('code')
    now += 1
    const none = await open({ max_age: '60', prompt: 'none', scope: 'orders.read' }, bob)
    expect(await outcome(none, bob)).toBe('login_required')
    const page = await bob.settle(await open({ max_age: '60', scope: 'orders.read' }, bob))
    expect(await outcome(page, bob)).toBe('sign-in')
    expect(await outcome(await bob.signIn(page), bob)).toBe('code')
    const again = await open({ max_age: '60', prompt: 'none', scope: 'orders.read' }, bob)
    expect(await outcome(again, bob)).toBe('code')
  })

  it('A41 select_account lets somebody else sign in, and the code is theirs', async () => {
    const browser = openBrowser()
    const first = createPerson('ada', 'ada-password', browser)
    const second = createPerson('bob', 'bob-password', browser)
    await first.authorize(url({ scope: 'orders.read' }))
    const client = web()
    const address = String(
      client.authorizationUrl({ prompt: 'select_account', scope: 'orders.read' }),
    )
    const page = await second.settle(await browser.open(address))
    const callback = await second.goOn(await second.signIn(page))
    const { body } = await client.redeem(callback)
    const known = await client.post('introspect', { token: String(body.access_token) })
    expect(known.body.sub).toBe('bob')
  })

  it('A41 what is refused without a page leaves nothing in the browser that a later request would find', async () => {
    const browser = openBrowser()
    await browser.open(url({ prompt: 'none' }))
    expect([...browser.cookies.keys()].filter((name) => name.includes('session'))).toEqual([])
    const next = await browser.open(url({ prompt: 'none' }))
    expect(new URL(next.location ?? '').searchParams.get('error')).toBe('login_required')
  })

  it('6749-26 after a page was posted the browser goes on by 303, whatever was decided', async () => {
    for (const decision of ['allow', 'deny'] as const) {
      const page = await ada.settle(await open({ prompt: 'consent', scope: 'orders.read' }))
      const { status, headers, location } = await ada.decide(page, { decision })
      expect([status, new URL(location ?? '').origin]).toEqual([303, 'https://app.example'])
      expect(headers.get('Cache-Control')).toBe('no-store')
      expect(headers.get('Referrer-Policy')).toBe('no-referrer')
    }
  })
})
