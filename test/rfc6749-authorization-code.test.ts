import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient, type TestClient } from './support/client.ts'
import { createPerson, type Fields, type Person } from './support/person.ts'

const UNKNOWN_CODE = `pc_ac_${'A'.repeat(64)}`

describe('the authorization code grant', () => {
  let server: RunningAuthorizationServer
  let ada: Person
  let now = Date.now() / 1000
  const client = (client_id: string, redirect_uri?: string): TestClient => {
    const secret = client_id === 'native' ? {} : { secret: `${client_id}-secret` }
    return createClient(server.origin, client_id, {
      ...secret,
      ...(redirect_uri && { redirect_uri }),
    })
  }
  const native = () => client('native', 'http://127.0.0.1/callback')
  const isActive = async (token: unknown) =>
    (await client('resource-server').post('introspect', { token: String(token) })).body.active
  const events = (name: string) => server.logged.filter(({ event }) => event === name)

  beforeAll(async () => {
    server = await startAuthorizationServer({}, { clock: () => now })
    ada = createPerson('ada', 'ada-password')
  })
  afterAll(() => server.stop())

  it('§4.1 a person allows, the client redeems the code and refreshes the token', async () => {
    const web = client('web')
    const callback = await ada.authorize(web.authorizationUrl())
    expect(callback.searchParams.get('code')).toMatch(/^pc_ac_[\w-]{64}$/)
    const tokens = await web.redeem(callback)
    expect(tokens.status).toBe(200)
    const refreshed = await web.refresh(tokens.body.refresh_token)
    expect(refreshed.status).toBe(200)
    expect(refreshed.body.refresh_token).not.toBe(tokens.body.refresh_token)
  })

  it('6749-46 the answer has the token, its type, its life in seconds and its scope', async () => {
    const web = client('web')
    const { body } = await web.redeem(await ada.authorize(web.authorizationUrl()))
    expect(body).toEqual({
      access_token: expect.stringMatching(/^pc_at_[\w-]{64}$/),
      refresh_token: expect.stringMatching(/^pc_rt_[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'orders.read orders.write',
    })
  })

  it('6749-46 a client without the refresh grant gets no refresh token', async () => {
    const small = await startAuthorizationServer({
      clients: [{ client_id: 'web', client_secret: 'x', grant_types: ['authorization_code'] }],
    })
    const web = createClient(small.origin, 'web', { secret: 'x' })
    const person = createPerson('ada', 'ada-password')
    const { body } = await web.redeem(await person.authorize(web.authorizationUrl()))
    expect([body.token_type, 'refresh_token' in body]).toEqual(['Bearer', false])
    const refreshed = await web.refresh('x')
    expect([refreshed.status, refreshed.body.error]).toEqual([400, 'unauthorized_client'])
    await small.stop()
  })

  it.each([
    ['no grant_type', {}, 'invalid_request'],
    ['an empty grant_type', { grant_type: '' }, 'invalid_request'],
    ['an unknown grant_type', { grant_type: 'nothing' }, 'unsupported_grant_type'],
    ['grant_type=password', { grant_type: 'password', username: 'ada' }, 'unsupported_grant_type'],
    ['grant_type=implicit', { grant_type: 'implicit' }, 'unsupported_grant_type'],
    ['a grant_type in capitals', { grant_type: 'Authorization_Code' }, 'unsupported_grant_type'],
    ['grant_type=__proto__', { grant_type: '__proto__' }, 'unsupported_grant_type'],
    [
      'a grant_type not of this client',
      { grant_type: 'client_credentials' },
      'unauthorized_client',
    ],
  ])('6749-40, 6749-68 %s is %s', async (_, fields: Fields, error) => {
    const answer = await client('web').post('token', fields)
    expect([answer.status, answer.body.error]).toEqual([400, error])
  })

  it('6749-41 a missing code is invalid_request', async () => {
    const answer = await client('web').post('token', { grant_type: 'authorization_code' })
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
  })

  it('6749-41, 6749-42, A1 an unknown, expired, used or foreign code and a wrong redirect_uri are told in the same words', async () => {
    const web = client('web')
    const fresh = () => ada.authorize(web.authorizationUrl())
    const used = await fresh()
    await web.redeem(used)
    const expired = await fresh()
    now += 61
    const unknown = new URL(`https://app.example/callback?code=${UNKNOWN_CODE}`)
    const garbage = new URL('https://app.example/callback?code=garbage')
    const answers = await Promise.all([
      web.redeem(unknown),
      web.redeem(garbage),
      web.redeem(used),
      web.redeem(expired),
      client('other').redeem(await fresh()),
      client('other').redeem(await fresh(), { code_verifier: web.code_verifier }),
      native().redeem(await fresh(), { redirect_uri: 'https://app.example/callback' }),
      web.redeem(await fresh(), { redirect_uri: 'https://app.example/callback/' }),
      web.redeem(await fresh(), { redirect_uri: 'https://APP.example/callback' }),
    ])
    const [first, ...rest] = answers.map(({ status, body }) => ({ status, body }))
    expect(first).toEqual({
      status: 400,
      body: { error: 'invalid_grant', error_description: expect.any(String) },
    })
    for (const other of rest) expect(other).toEqual(first)
  })

  it('6749-41, 6749-45 what another client tries leaves the code good for its own', async () => {
    const web = client('web')
    const callback = await ada.authorize(web.authorizationUrl())
    await client('other').redeem(callback)
    await web.redeem(callback, { redirect_uri: 'https://app.example/other' })
    await web.redeem(callback, { client_secret: 'wrong' })
    await web.redeem(callback, { resource: 'https://nowhere.example/' })
    expect((await web.redeem(callback)).status).toBe(200)
    expect(events('code.refused').at(-1)?.fields).toMatchObject({ client_id: 'web', by: 'other' })
  })

  it('6749-42 redirect_uri may be left out where PKCE stands for it', async () => {
    const web = client('web')
    const { code_verifier } = web
    const callback = await ada.authorize(web.authorizationUrl())
    const answer = await web.redeem(callback, { redirect_uri: '', code_verifier })
    expect(answer.status).toBe(200)
  })

  it('6749-42 redirect_uri is required without PKCE, if it was in the authorization request', async () => {
    const old = await startAuthorizationServer({
      clients: [{ client_id: 'web', client_secret: 'x', require_pkce: false }],
    })
    const web = createClient(old.origin, 'web', { secret: 'x' })
    const person = createPerson('ada', 'ada-password')
    const plain = { code_challenge: undefined, code_challenge_method: undefined }
    const redeem = async (asked: Record<string, string | undefined>, fields: Fields) =>
      (
        await web.redeem(await person.authorize(web.authorizationUrl({ ...plain, ...asked })), {
          code_verifier: '',
          ...fields,
        })
      ).status
    expect(await redeem({}, {})).toBe(200)
    expect(await redeem({}, { redirect_uri: '' })).toBe(400)
    expect(await redeem({ redirect_uri: undefined }, { redirect_uri: '' })).toBe(200)
    expect(await redeem({ redirect_uri: undefined }, {})).toBe(200)
    await old.stop()
  })

  it('6749-43, A3 a code that comes back later ends what it gave', async () => {
    const web = client('web')
    const callback = await ada.authorize(web.authorizationUrl())
    const { body } = await web.redeem(callback)
    expect(await isActive(body.access_token)).toBe(true)
    now += 3
    expect((await web.redeem(callback)).body.error).toBe('invalid_grant')
    expect(await isActive(body.access_token)).toBe(false)
    expect((await web.refresh(body.refresh_token)).body.error).toBe('invalid_grant')
    expect(events('grant.replayed').at(-1)?.fields).toMatchObject({
      what: 'authorization_code',
      client_id: 'web',
      by: 'web',
    })
  })

  it('6749-43 a code that comes back after its life still ends what it gave', async () => {
    const web = client('web')
    const callback = await ada.authorize(web.authorizationUrl())
    const { body } = await web.redeem(callback)
    now += 120
    await web.redeem(callback)
    expect(await isActive(body.access_token)).toBe(false)
  })

  it('A3 a client that repeats itself at once keeps what it got', async () => {
    const web = client('web')
    const callback = await ada.authorize(web.authorizationUrl())
    const { body } = await web.redeem(callback)
    now += 1
    expect((await web.redeem(callback)).body.error).toBe('invalid_grant')
    expect(await isActive(body.access_token)).toBe(true)
  })

  it.each<[string, (callback: URL) => Promise<unknown>]>([
    ['another client', (callback) => client('other').redeem(callback)],
    ['a wrong verifier', (callback) => client('web').redeem(callback)],
    ['no verifier', (callback) => client('web').redeem(callback, { code_verifier: '' })],
  ])('A3 a used code that comes back at once from %s ends what it gave', async (_, replay) => {
    const web = client('web')
    const callback = await ada.authorize(web.authorizationUrl())
    const { body } = await web.redeem(callback)
    await replay(callback)
    expect(await isActive(body.access_token)).toBe(false)
  })

  it('6749-44, A2 of fifty redemptions at once exactly one succeeds, and what it got is good', async () => {
    for (let round = 0; round < 3; round += 1) {
      const web = client('web')
      const callback = await ada.authorize(web.authorizationUrl())
      const answers = await Promise.all(Array.from({ length: 50 }, () => web.redeem(callback)))
      const won = answers.filter(({ status }) => status === 200)
      const lost = answers.filter(({ body }) => body.error === 'invalid_grant')
      expect([won.length, lost.length]).toEqual([1, 49])
      expect(await isActive(won[0]?.body.access_token)).toBe(true)
    }
  })

  it('A4 nothing else passes for a code', async () => {
    const web = client('web')
    const page = await ada.settle(await ada.browser.open(String(native().authorizationUrl())))
    const { body } = await web.redeem(await ada.authorize(web.authorizationUrl()))
    const request = new URL(page.url).searchParams.get('request') ?? ''
    const cookies = [...ada.browser.cookies.values()]
    for (const value of [body.access_token, body.refresh_token, request, ...cookies]) {
      const callback = new URL('https://app.example/callback')
      callback.searchParams.set('code', String(value))
      expect((await web.redeem(callback)).body.error).toBe('invalid_grant')
    }
    const callback = await ada.authorize(web.authorizationUrl())
    const code = callback.searchParams.get('code')
    expect((await web.refresh(code)).body.error).toBe('invalid_grant')
    const { body: answer } = await web.post('introspect', { token: String(code) })
    expect(answer).toEqual({ active: false })
  })

  it('6749-45 the client is judged before the code', async () => {
    const web = client('web')
    const callback = new URL('https://app.example/callback?code=junk')
    const answer = await web.redeem(callback, { client_secret: 'wrong' })
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client'])
  })

  it('6749-28 a code lives sixty seconds', async () => {
    const web = client('web')
    const callback = await ada.authorize(web.authorizationUrl())
    now += 59
    expect((await web.redeem(callback)).status).toBe(200)
    const late = await ada.authorize(web.authorizationUrl())
    now += 60
    expect((await web.redeem(late)).body.error).toBe('invalid_grant')
  })

  it('6749-46 expires_in never promises more than the grant has', async () => {
    const short = await startAuthorizationServer(
      {
        clients: [
          { client_id: 'web', client_secret: 'x', tokens: { grant: 100, accessToken: 80 } },
        ],
      },
      { clock: () => now },
    )
    const web = createClient(short.origin, 'web', { secret: 'x' })
    const person = createPerson('ada', 'ada-password')
    const { body } = await web.redeem(await person.authorize(web.authorizationUrl()))
    expect(body.expires_in).toBe(80)
    now += 50
    const refreshed = await web.refresh(body.refresh_token)
    expect(refreshed.body.expires_in).toBeLessThanOrEqual(50)
    expect(refreshed.body.expires_in).toBeGreaterThanOrEqual(49)
    now += 51
    expect((await web.refresh(refreshed.body.refresh_token)).body.error).toBe('invalid_grant')
    await short.stop()
  })
})
