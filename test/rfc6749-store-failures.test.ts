import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Stores } from '../src/store/open.ts'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient, type JsonAnswer } from './support/client.ts'
import { createPerson, formOf, openBrowser } from './support/person.ts'
import { failing } from './support/unreachable-store.ts'

describe('while the store does not answer', () => {
  let server: RunningAuthorizationServer
  let down = false
  const ada = createPerson('ada', 'ada-password')
  const web = () => createClient(server.origin, 'web', { secret: 'web-secret' })
  const at = (path: string) => `${server.origin}/oauth/${path}`
  const whileDown = async <Result>(step: () => Promise<Result>): Promise<Result> => {
    down = true
    try {
      return await step()
    } finally {
      down = false
    }
  }
  const begin = async () => {
    const client = web()
    const { body } = await client.redeem(await ada.authorize(client.authorizationUrl()))
    return { client, access: String(body.access_token), refresh: String(body.refresh_token) }
  }
  const expectUnavailable = ({ status, body, headers }: JsonAnswer) => {
    expect([status, body.error]).toEqual([503, 'temporarily_unavailable'])
    expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0)
  }

  beforeAll(async () => {
    server = await startAuthorizationServer(
      { compatibility: ['axway'] },
      { through: (stores: Stores) => failing(stores, () => down) },
    )
  })
  afterAll(() => server.stop())

  it('6749-22 an authorization request is told temporarily_unavailable', async () => {
    const { location } = await whileDown(() =>
      ada.browser.open(String(web().authorizationUrl({ prompt: 'none' }))),
    )
    const before = new URL(location ?? '').searchParams
    expect(before.get('error')).toBe('login_required')
    await ada.authorize(web().authorizationUrl())
    const answer = await whileDown(() => ada.browser.open(String(web().authorizationUrl())))
    const { searchParams } = new URL(answer.location ?? '')
    expect(searchParams.get('error')).toBe('temporarily_unavailable')
    expect(searchParams.get('state')).toBe('state-of-the-client')
    expect(searchParams.get('iss')).toBe(server.origin)
  })

  it('6749-41 a code is not redeemed and not used up', async () => {
    const client = web()
    const callback = await ada.authorize(client.authorizationUrl())
    expectUnavailable(await whileDown(() => client.redeem(callback)))
    expect((await client.redeem(callback)).status).toBe(200)
  })

  it('6749-51 a refresh token is not used up', async () => {
    const { client, refresh } = await begin()
    expectUnavailable(await whileDown(() => client.refresh(refresh)))
    expect((await client.refresh(refresh)).status).toBe(200)
  })

  it('6749-50 a client gets no token of its own', async () => {
    const machine = createClient(server.origin, 'machine', { secret: 'machine-secret' })
    const grant = { grant_type: 'client_credentials' }
    expectUnavailable(await whileDown(() => machine.post('token', grant)))
    expect((await machine.post('token', grant)).status).toBe(200)
  })

  it('7009-06 a revocation is never said to be done', async () => {
    const { client, access, refresh } = await begin()
    for (const token of [access, refresh]) {
      expectUnavailable(await whileDown(() => client.post('revoke', { token })))
      expect((await client.post('introspect', { token })).body.active).toBe(true)
    }
  })

  it('7662-02 nothing is said to be inactive', async () => {
    const { client, access, refresh } = await begin()
    for (const token of [access, refresh])
      expectUnavailable(await whileDown(() => client.post('introspect', { token })))
    const information = { access_token: access }
    expectUnavailable(await whileDown(() => client.post('tokeninfo', information)))
    expect((await client.post('tokeninfo', information)).status).toBe(200)
  })

  it.each(['xml', 'urlencoded'])('6749-50 in format=%s as well', async (format) => {
    const machine = createClient(server.origin, 'machine', { secret: 'machine-secret' })
    const grant = { grant_type: 'client_credentials', format }
    const { status, headers, body } = await whileDown(() => machine.post('token', grant))
    expect([status, headers.get('Retry-After')]).toEqual([503, '1'])
    expect(body.text).toContain('temporarily_unavailable')
  })

  it('8414-05 the metadata needs no store', async () => {
    const url = `${server.origin}/.well-known/oauth-authorization-server`
    expect((await whileDown(() => fetch(url))).status).toBe(200)
  })

  it('§4.1 pages say so, and the form works when it is sent again', async () => {
    const person = createPerson('bob', 'bob-password', openBrowser())
    const login = await person.settle(await person.browser.open(String(web().authorizationUrl())))
    const failed = await whileDown(() => person.signIn(login))
    expect([failed.status, failed.headers.get('Retry-After')]).toEqual([503, '1'])
    expect(failed.headers.get('Content-Type')).toMatch(/^text\/html/)
    const consent = await person.settle(await person.signIn(login))
    const { action, hidden } = formOf(consent)
    const decision = { ...hidden, decision: 'allow', scope: 'orders.read' }
    const refused = await whileDown(() => person.browser.post(action, decision))
    expect([refused.status, refused.location]).toEqual([503, undefined])
    expect((await whileDown(() => person.browser.open(consent.url))).status).toBe(503)
    expect((await whileDown(() => person.browser.open(at('logout')))).status).toBe(503)
    expect((await person.browser.post(action, decision)).location).toContain('code=')
  })

  it('§4.1 a failure is logged with its cause and the id of its request', async () => {
    const { client } = await begin()
    const { headers } = await whileDown(() => client.refresh('pc_rt_x'))
    const logged = server.logged.filter(({ event }) => event === 'store.unavailable')
    expect(logged.at(-1)?.fields).toMatchObject({
      request_id: headers.get('X-Request-Id'),
      cause: expect.objectContaining({ name: 'StoreUnavailable' }),
    })
  })
})

describe('when something of ours fails', () => {
  it('6749-22 the client is told server_error, the back channel 500, and the cause is only logged', async () => {
    const broken = (stores: Stores): Stores => ({
      ...stores,
      consents: {
        ...stores.consents,
        find() {
          throw new TypeError('a secret detail')
        },
      },
      codes: {
        ...stores.codes,
        find() {
          throw new TypeError('a secret detail')
        },
      },
    })
    const server = await startAuthorizationServer({}, { through: broken })
    const web = createClient(server.origin, 'web', { secret: 'web-secret' })
    const ada = createPerson('ada', 'ada-password')
    const login = await ada.settle(await ada.browser.open(String(web.authorizationUrl())))
    expect((await ada.signIn(login)).status).toBe(500)
    const { location } = await ada.browser.open(String(web.authorizationUrl()))
    expect(new URL(location ?? '').searchParams.get('error')).toBe('server_error')
    const answer = await web.redeem(new URL('https://app.example/?code=x'))
    expect([answer.status, answer.body.error]).toEqual([500, 'server_error'])
    expect(JSON.stringify(answer.body) + location).not.toContain('secret detail')
    const causes = server.logged.filter(({ event }) => event === 'request.failed')
    expect(causes.map(({ fields }) => String(fields.cause))).toContain('TypeError: a secret detail')
    await server.stop()
  })
})
