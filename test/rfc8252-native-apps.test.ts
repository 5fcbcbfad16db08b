import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { createPerson, openBrowser } from './support/person.ts'

const CALLBACK = 'https://c.example/cb'

describe('redirect URIs', () => {
  let server: RunningAuthorizationServer
  const ask = async (client_id: string, redirect_uri: string) => {
    const url = createClient(server.origin, client_id, { redirect_uri }).authorizationUrl({
      response_type: 'nothing',
    })
    const response = await fetch(url, { redirect: 'manual' })
    return { status: response.status, location: response.headers.get('Location') }
  }
  const isAnswered = async (client_id: string, redirect_uri: string) => {
    const { status, location } = await ask(client_id, redirect_uri)
    expect(status === 303).toBe(location !== null)
    if (location !== null) expect(location.startsWith(`${redirect_uri}?error=`)).toBe(true)
    return status === 303
  }

  beforeAll(async () => {
    server = await startAuthorizationServer({
      clients: [
        { client_id: 'web', client_secret: 'x', redirect_uris: [CALLBACK, 'http://127.0.0.1/cb'] },
        {
          client_id: 'native',
          redirect_uris: ['http://127.0.0.1/cb', 'http://[::1]:8000/cb?x=1', 'com.example.app:/cb'],
        },
        { client_id: 'local', redirect_uris: ['http://localhost/cb', 'http://127.0.0.1'] },
        // No configuration loads these; should one ever get in, it is still not answered.
        {
          client_id: 'unfit',
          redirect_uris: ['javascript:alert(1)//', 'data:text/html,x', `${CALLBACK}?code=1`],
        },
      ],
    })
  })
  afterAll(() => server.stop())

  it.each([
    `${CALLBACK}/`,
    'https://c.example/cb/../x',
    'https://c.example/cb%2f..',
    `${CALLBACK}?x`,
    `${CALLBACK}#`,
    'HTTPS://C.EXAMPLE/cb',
    'https://c.example:443/cb',
    'https://c.example\\@evil.com/cb',
    'https://evil.com\\.c.example/cb',
    'https://c.example@evil.com/cb',
    'https://c.example.evil.com/cb',
    'https://evil.com/?https://c.example/cb',
    '//c.example/cb',
    'https:c.example/cb',
    'https://c.example/cb%00',
    'https://c.example/c\tb',
    'https://c.example/cb\r\n',
    ' https://c.example/cb',
    'https://ⅽ.example/cb',
    'https://xn--c-5ta.example/cb',
    'https://c.example./cb',
    'https://[fe80::1%25eth0]/cb',
    `https://c.example/cb${'x'.repeat(5000)}`,
    'https://c.example/..;/cb',
    'https://c.example/%252fcb',
    'https://c.example/CB',
    'javascript:alert(1)',
    'cb',
    '*',
  ])('A9 registered https://c.example/cb is not %j', async (redirect_uri) => {
    expect(await ask('web', redirect_uri)).toEqual({ status: 400, location: null })
  })

  it('A9 the registered string itself is answered', async () => {
    expect(await isAnswered('web', CALLBACK)).toBe(true)
  })

  it.each([
    'http://127.0.0.1/cb',
    'http://127.0.0.1:1/cb',
    'http://127.0.0.1:51004/cb',
    'http://127.0.0.1:65535/cb',
    'com.example.app:/cb',
  ])('8252-01, 8252-03 a public client is answered at %s', async (redirect_uri) => {
    expect(await isAnswered('native', redirect_uri)).toBe(true)
  })

  it('8252-01 with IPv6, a query and another port than the registered one', async () => {
    const { location } = await ask('native', 'http://[::1]:51004/cb?x=1')
    expect(location).toMatch(/^http:\/\/\[::1\]:51004\/cb\?x=1&error=/)
  })

  it.each([
    'https://127.0.0.1:51004/cb',
    'http://127.0.0.1:51004/other',
    'http://127.0.0.1:51004/cb/',
    'http://127.0.0.1:51004/cb?x=1',
    'http://127.0.0.1:51004/cb#x',
    'http://user@127.0.0.1:51004/cb',
    'http://127.0.0.2:51004/cb',
    'http://127.1:51004/cb',
    'http://0x7f.1:51004/cb',
    'http://2130706433:51004/cb',
    'http://0.0.0.0:51004/cb',
    'http://[::ffff:127.0.0.1]:51004/cb',
    'http://localhost:51004/cb',
    'http://127.0.0.1.evil.com/cb',
    'http://127.0.0.1:80@evil.com/cb',
    'http://127.0.0.1:0/cb',
    'http://127.0.0.1:65536/cb',
    'http://127.0.0.1:051/cb',
    'http://127.0.0.1:/cb',
    'http://127.0.0.1:99999999999999999999/cb',
    'HTTP://127.0.0.1:51004/cb',
    'http://[::1]:51004/cb',
    'com.example.app:/other',
    'com.example.app:/cb?x',
    'com.example.APP:/cb',
  ])('8252-01 it is not answered at %s', async (redirect_uri) => {
    expect(await isAnswered('native', redirect_uri)).toBe(false)
  })

  it('8252-02 localhost takes any port where it is registered, and is no other loopback', async () => {
    expect(await isAnswered('local', 'http://localhost:51004/cb')).toBe(true)
    expect(await isAnswered('local', 'http://127.0.0.1:51004/cb')).toBe(false)
    expect(await isAnswered('local', 'http://LOCALHOST:51004/cb')).toBe(false)
    expect(await isAnswered('local', 'http://localhost.evil.com/cb')).toBe(false)
  })

  it('8252-01 an empty path and / are the same on loopback', async () => {
    expect(await isAnswered('local', 'http://127.0.0.1:51004/')).toBe(true)
    expect(await isAnswered('local', 'http://127.0.0.1:51004')).toBe(true)
  })

  it('8252-01 a confidential client is answered at its registered port only', async () => {
    expect(await isAnswered('web', 'http://127.0.0.1/cb')).toBe(true)
    expect(await isAnswered('web', 'http://127.0.0.1:51004/cb')).toBe(false)
  })

  it.each(['javascript:alert(1)//', 'data:text/html,x', `${CALLBACK}?code=1`])(
    '8252-03, 6749-25 %s is not answered whatever was registered',
    async (redirect_uri) => {
      expect((await ask('unfit', redirect_uri)).status).toBe(400)
    },
  )

  it('8252-01 the code is redeemed with the very address that it went to', async () => {
    const ada = createPerson('ada', 'ada-password')
    const redirect_uri = 'http://127.0.0.1:51004/cb'
    const native = createClient(server.origin, 'native', { redirect_uri })
    const callback = await ada.authorize(native.authorizationUrl())
    const other = await native.redeem(callback, { redirect_uri: 'http://127.0.0.1:51005/cb' })
    expect(other.body.error).toBe('invalid_grant')
    expect((await native.redeem(callback)).status).toBe(200)
  })

  it('8252-05 the page names where the answer goes', async () => {
    const ada = createPerson('ada', 'ada-password', openBrowser())
    const native = createClient(server.origin, 'native', { redirect_uri: 'com.example.app:/cb' })
    const login = await ada.settle(await ada.browser.open(String(native.authorizationUrl())))
    const consent = await ada.settle(await ada.signIn(login))
    expect(consent.body).toContain('com.example.app:')
  })
})
