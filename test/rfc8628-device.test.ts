import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient, type JsonAnswer, postForm } from './support/client.ts'
import { answerDevice, DEVICE_CODE, enterCode } from './support/device.ts'
import { createPerson, formOf, openBrowser } from './support/person.ts'
import { movableClock, temporaryFolder } from './support/stores.ts'
import { failing } from './support/unreachable-store.ts'

const CLIENTS = [
  {
    client_id: 'tv',
    client_name: 'Television',
    redirect_uris: [],
    grant_types: [DEVICE_CODE, 'refresh_token'],
  },
  { client_id: 'printer', redirect_uris: [], grant_types: [DEVICE_CODE], scope: 'orders.read' },
  {
    client_id: 'kiosk',
    client_secret: 'kiosk-secret',
    redirect_uris: [],
    grant_types: [DEVICE_CODE, 'refresh_token'],
    tokens: { accessToken: 120 },
  },
  { client_id: 'native', redirect_uris: ['http://127.0.0.1/callback'] },
]

const ACCOUNTS = [
  { username: 'ada', name: 'Ada Lovelace' },
  { username: 'grace', scope: 'orders.read' },
  { username: 'eve', scope: 'other' },
]

const start = (...[settings = {}, options]: Parameters<typeof startAuthorizationServer>) =>
  startAuthorizationServer({ clients: CLIENTS, accounts: ACCOUNTS, ...settings }, options)

describe('the device authorization grant', () => {
  const clock = movableClock()
  let server: RunningAuthorizationServer
  let down = false
  const ada = createPerson('ada', 'ada-password')

  beforeAll(async () => {
    server = await start({}, { clock, through: (stores) => failing(stores, () => down) })
  })
  afterAll(() => server.stop())

  const tv = () => createClient(server.origin, 'tv')
  const ask = async (client = tv(), fields: Record<string, string> = {}) => {
    const { status, body } = await client.post('device_authorization', fields)
    expect(status).toBe(200)
    const poll = (other = client, more: Record<string, string> = {}) =>
      other.post('token', {
        grant_type: DEVICE_CODE,
        device_code: String(body.device_code),
        ...more,
      })
    return { ...body, poll, user_code: String(body.user_code), body }
  }
  const refusal = ({ status, body }: JsonAnswer) => [status, body.error]
  const whileDown = async <Result>(step: () => Promise<Result>): Promise<Result> => {
    down = true
    return step().finally(() => {
      down = false
    })
  }
  const audited = (event: string) => server.logged.filter((line) => line.event === event)

  describe('the device asks', () => {
    it('8628-01 it gets all that it shows and asks with, never to be stored on the way', async () => {
      const { status, headers, body } = await tv().post('device_authorization', {})
      expect(status).toBe(200)
      expect(headers.get('Cache-Control')).toBe('no-store')
      expect(headers.get('Access-Control-Allow-Origin')).toBe('*')
      expect(body).toEqual({
        device_code: expect.stringMatching(/^pc_dc_[A-Za-z0-9_-]{64}$/),
        user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
        verification_uri: `${server.origin}/oauth/device`,
        verification_uri_complete: `${server.origin}/oauth/device?user_code=${body.user_code}`,
        expires_in: 600,
        interval: 5,
      })
    })

    it('8628-01 the metadata leads to it, and a moved prefix moves it', async () => {
      const moved = await start({ paths: { oauth: '/api/oauth' } })
      const url = `${moved.origin}/.well-known/oauth-authorization-server`
      const metadata = (await (await fetch(url)).json()) as Record<string, string>
      const endpoint = String(metadata.device_authorization_endpoint)
      expect(endpoint).toBe(`${moved.origin}/api/oauth/device_authorization`)
      expect(metadata.grant_types_supported).toContain(DEVICE_CODE)
      const { body } = await postForm(endpoint, { client_id: 'tv' })
      expect(body.verification_uri).toBe(`${moved.origin}/api/oauth/device`)
      const page = await enterCode(
        createPerson('ada', 'ada-password'),
        String(body.verification_uri),
        String(body.user_code),
      )
      expect(page.body).toContain('Television')
      await moved.stop()
    })

    it.each<[string, string, string | undefined, Record<string, string>, number, string]>([
      ['an unknown client', 'nobody', undefined, {}, 401, 'invalid_client'],
      ['a wrong secret', 'kiosk', 'wrong', {}, 401, 'invalid_client'],
      ['a confidential client without its secret', 'kiosk', undefined, {}, 401, 'invalid_client'],
      ['a client without this grant type', 'native', undefined, {}, 400, 'unauthorized_client'],
      ['an unknown scope', 'tv', undefined, { scope: 'all' }, 400, 'invalid_scope'],
      ["another's scope", 'printer', undefined, { scope: 'orders.write' }, 400, 'invalid_scope'],
      [
        'an unknown resource',
        'tv',
        undefined,
        { resource: 'https://other.example' },
        400,
        'invalid_target',
      ],
    ])(
      '8628-07 %s is refused before anything is stored or counted',
      async (_, client_id, secret, fields, status, error) => {
        const client = createClient(
          server.origin,
          client_id,
          secret === undefined ? {} : { secret },
        )
        const before = audited('device.requested').length
        const answer = await client.post('device_authorization', fields)
        expect(refusal(answer)).toEqual([status, error])
        expect(audited('device.requested')).toHaveLength(before)
      },
    )

    it('A35 a stranger who asks without end is stopped by address, and all strangers in total', async () => {
      const deviceCodes = { points: 3, duration: 60, total: 5 }
      const few = await start({
        limits: { ...server.config.limits, deviceCodes },
        trustedProxies: ['127.0.0.1'],
      })
      const from = async (address: string, fields: Record<string, string>) => {
        const headers = { 'X-Forwarded-For': address }
        const url = `${few.origin}/oauth/device_authorization`
        const answer = await postForm(url, fields, headers)
        return [answer.status, Number(answer.headers.get('Retry-After')) > 0]
      }
      const public_ = { client_id: 'tv' }
      for (let n = 0; n < 3; n += 1) expect(await from('192.0.2.1', public_)).toEqual([200, false])
      expect(await from('192.0.2.1', public_)).toEqual([429, true])
      expect(await from('192.0.2.2', public_)).toEqual([200, false])
      expect(await from('192.0.2.3', public_)).toEqual([200, false])
      expect(await from('192.0.2.4', public_)).toEqual([429, true])
      const confidential = { client_id: 'kiosk', client_secret: 'kiosk-secret' }
      for (let n = 0; n < 5; n += 1)
        expect(await from('192.0.2.1', confidential)).toEqual([200, false])
      expect(await from('192.0.2.1', confidential)).toEqual([429, true])
      await few.stop()
    })
  })

  describe('the device waits', () => {
    it('8628-02 authorization_pending, then tokens, once', async () => {
      const { poll, ...device } = await ask()
      expect(refusal(await poll())).toEqual([400, 'authorization_pending'])
      expect((await answerDevice(ada, device)).status).toBe(200)
      const { status, body, headers } = await poll()
      expect(status).toBe(200)
      expect(headers.get('Cache-Control')).toBe('no-store')
      expect(body).toMatchObject({
        token_type: 'Bearer',
        expires_in: 600,
        scope: 'orders.read orders.write',
        refresh_token: expect.stringMatching(/^pc_rt_/),
      })
      const found = await server.stores.tokens.find(String(body.access_token))
      expect(found).toMatchObject({ client_id: 'tv', sub: 'ada' })
      expect(refusal(await poll())).toEqual([400, 'invalid_grant'])
    })

    it('8628-02 slow_down adds five seconds each time, and whoever heeds it is heard', async () => {
      const { poll } = await ask()
      const pollAfter = async (seconds: number) => {
        clock.move(seconds)
        return (await poll()).body.error
      }
      expect(await pollAfter(0)).toBe('authorization_pending')
      expect(await pollAfter(5)).toBe('authorization_pending')
      expect(await pollAfter(2)).toBe('slow_down')
      expect(await pollAfter(10)).toBe('authorization_pending')
      expect(await pollAfter(5)).toBe('slow_down')
      expect(await pollAfter(5)).toBe('slow_down')
      expect(await pollAfter(20)).toBe('authorization_pending')
      expect(await pollAfter(20)).toBe('authorization_pending')
      expect(await pollAfter(15)).toBe('slow_down')
    })

    it('8628-02 a moment too early is not too fast: the network delays one question more than another', async () => {
      const { poll } = await ask()
      await poll()
      clock.move(4.2)
      expect((await poll()).body.error).toBe('authorization_pending')
    })

    it('8628-02 however fast it asks, the interval ends at a minute', async () => {
      const { poll } = await ask()
      for (let n = 0; n < 40; n += 1) await poll()
      clock.move(60)
      expect((await poll()).body.error).toBe('authorization_pending')
    })

    it('8628-02 once it is allowed, impatience costs nothing', async () => {
      const { poll, ...device } = await ask()
      await poll()
      await poll()
      await answerDevice(ada, device)
      expect((await poll()).status).toBe(200)
    })

    it('8628-02 access_denied when the person says no, for good', async () => {
      const { poll, ...device } = await ask()
      const page = await answerDevice(ada, device, { decision: 'deny' })
      expect([page.status, page.body.includes('The device gets no access')]).toEqual([200, true])
      expect(refusal(await poll())).toEqual([400, 'access_denied'])
      clock.move(601)
      expect(refusal(await poll())).toEqual([400, 'access_denied'])
    })

    it('8628-02, 8628-06 expired_token once its time is over, allowed or not', async () => {
      const [waiting, allowed] = [await ask(), await ask()]
      await answerDevice(ada, allowed.body)
      clock.move(599)
      expect(refusal(await waiting.poll())).toEqual([400, 'authorization_pending'])
      clock.move(1)
      expect(refusal(await waiting.poll())).toEqual([400, 'expired_token'])
      expect(refusal(await allowed.poll())).toEqual([400, 'expired_token'])
      clock.move(86_400)
      expect(refusal(await waiting.poll())).toEqual([400, 'expired_token'])
    })

    it("8628-02 another client's code is invalid_grant, and is not burned by its guess", async () => {
      const { poll, ...device } = await ask()
      const printer = createClient(server.origin, 'printer')
      expect(refusal(await poll(printer))).toEqual([400, 'invalid_grant'])
      await answerDevice(ada, device)
      expect(refusal(await poll(printer))).toEqual([400, 'invalid_grant'])
      expect(audited('device.refused').at(-1)?.fields).toMatchObject({
        client_id: 'tv',
        by: 'printer',
      })
      expect((await poll()).status).toBe(200)
    })

    it.each([
      ['no device_code', {}, 'invalid_request'],
      ['an empty one', { device_code: '' }, 'invalid_request'],
      ['one that was never minted', { device_code: 'x' }, 'invalid_grant'],
      ['one with another tag', { device_code: `pc_dc_${'A'.repeat(64)}` }, 'invalid_grant'],
    ])('8628-02 %s', async (_, fields: Record<string, string>, error) => {
      const answer = await tv().post('token', { grant_type: DEVICE_CODE, ...fields })
      expect(refusal(answer)).toEqual([400, error])
    })

    it('A4 nothing else passes for a device code, nor a device code for anything else', async () => {
      const { body, poll, ...device } = await ask()
      await answerDevice(ada, device)
      const { body: tokens } = await poll()
      const { secrets } = server.stores
      const others = [
        ...[tokens.access_token, tokens.refresh_token, device.user_code].map(String),
        ...(['authorization-code', 'session', 'browser'] as const).map((one) => secrets.mint(one)),
        ...[tokens.access_token].map((value) => `pc_dc_${String(value).slice(6)}`),
      ]
      for (const device_code of others) {
        const answer = await tv().post('token', { grant_type: DEVICE_CODE, device_code })
        expect(refusal(answer)).toEqual([400, 'invalid_grant'])
      }
      const native = createClient(server.origin, 'native')
      const code = new URL(`https://app.example/?code=${body.device_code}`)
      expect(refusal(await native.redeem(code))).toEqual([400, 'invalid_grant'])
      expect(refusal(await tv().refresh(body.device_code))).toEqual([400, 'invalid_grant'])
      expect((await tv().refresh(tokens.refresh_token)).status).toBe(200)
    })
  })

  describe('the device comes for its tokens', () => {
    it('8628-04 of 20 that come at once, one gets tokens, and they stay good', async () => {
      const { poll, ...device } = await ask()
      await answerDevice(ada, device)
      const answers = await Promise.all(Array.from({ length: 20 }, () => poll()))
      const won = answers.filter(({ status }) => status === 200)
      expect(won).toHaveLength(1)
      for (const answer of answers.filter(({ status }) => status !== 200))
        expect(refusal(answer)).toEqual([400, 'invalid_grant'])
      const { access_token } = won[0]?.body ?? {}
      expect(await server.stores.tokens.find(String(access_token))).toMatchObject({ sub: 'ada' })
    })

    it('8628-04 asked again within two seconds, its answer was lost: refused, and what it gave stays', async () => {
      const { poll, ...device } = await ask()
      await answerDevice(ada, device)
      const { body } = await poll()
      clock.move(1.9)
      expect(refusal(await poll())).toEqual([400, 'invalid_grant'])
      expect(await server.stores.tokens.find(String(body.access_token))).toMatchObject({
        sub: 'ada',
      })
    })

    it.each([
      ['later', 2.5, 'tv'],
      ['from another client', 0, 'printer'],
    ])('A3, 8628-04 asked again %s it is a replay: what it gave ends', async (_, wait, by) => {
      const { poll, ...device } = await ask()
      await answerDevice(ada, device)
      const { body } = await poll()
      clock.move(wait)
      expect(refusal(await poll(createClient(server.origin, by)))).toEqual([400, 'invalid_grant'])
      expect(await server.stores.tokens.find(String(body.access_token))).toBe('revoked')
      expect(refusal(await tv().refresh(body.refresh_token))).toEqual([400, 'invalid_grant'])
      expect(audited('grant.replayed').at(-1)?.fields).toMatchObject({
        ...{ what: 'device_code', client_id: 'tv', sub: 'ada', by },
      })
    })

    it('8628-07 a client without the refresh grant gets no refresh token', async () => {
      const printer = createClient(server.origin, 'printer')
      const { poll, ...device } = await ask(printer)
      await answerDevice(ada, device)
      const { body } = await poll()
      expect(body).not.toHaveProperty('refresh_token')
      expect(body.scope).toBe('orders.read')
    })

    it('8628-07 a confidential client proves who it is each time, and its tokens have its own lifetimes', async () => {
      const kiosk = createClient(server.origin, 'kiosk', { secret: 'kiosk-secret' })
      const { poll, ...device } = await ask(kiosk)
      await answerDevice(ada, device)
      expect(refusal(await poll(createClient(server.origin, 'kiosk')))).toEqual([
        401,
        'invalid_client',
      ])
      expect((await poll()).body.expires_in).toBe(120)
    })

    it('8707-2 a resource is kept to what was asked for, and a wrong one burns nothing', async () => {
      const orders = `${server.origin}/orders`
      const billing = `${server.origin}/billing`
      const { poll, ...device } = await ask(tv(), { resource: orders })
      await answerDevice(ada, device)
      expect(refusal(await poll(tv(), { resource: billing }))).toEqual([400, 'invalid_target'])
      const { body } = await poll(tv(), { resource: orders })
      const token = await server.stores.tokens.find(String(body.access_token))
      expect(token).toMatchObject({ aud: [orders] })
    })

    it('8628-04 a grant that ended before the device came gives nothing', async () => {
      const { poll, ...device } = await ask()
      await answerDevice(ada, device)
      await server.stores.grants.endAllOfAccount('ada', 'test')
      expect(refusal(await poll())).toEqual([400, 'invalid_grant'])
    })

    it('8628-04 it is a grant like any other: listed, introspected, revoked, refreshed', async () => {
      const { poll, ...device } = await ask()
      await answerDevice(ada, device, { scope: ['orders.read'] })
      const { body } = await poll()
      const introspected = await createClient(server.origin, 'kiosk', {
        secret: 'kiosk-secret',
      }).post('introspect', { token: String(body.access_token) })
      expect(introspected.body.active).toBe(false)
      const { grant_id } = audited('device.authorized').at(-1)?.fields ?? {}
      for (const index of ['grants:account:ada', 'grants:client:tv']) {
        const { rows } = await server.stores.store.list(index, { limit: 1000 })
        expect(rows.map(({ key }) => key)).toContain(`grant:${grant_id}`)
      }
      const next = await tv().refresh(body.refresh_token)
      expect(next.body.scope).toBe('orders.read')
      await tv().post('revoke', { token: String(next.body.refresh_token) })
      expect(await server.stores.tokens.find(String(next.body.access_token))).toBe('revoked')
    })
  })

  describe('while the store does not answer', () => {
    const expectUnavailable = ({ status, body, headers }: JsonAnswer) => {
      expect([status, body.error]).toEqual([503, 'temporarily_unavailable'])
      expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0)
    }

    it('8628-04 each step of the device is 503, and burns nothing', async () => {
      expectUnavailable(await whileDown(() => tv().post('device_authorization', {})))
      const { poll, ...device } = await ask()
      expectUnavailable(await whileDown(() => poll()))
      expect(refusal(await poll())).toEqual([400, 'authorization_pending'])
      await answerDevice(ada, device)
      expectUnavailable(await whileDown(() => poll()))
      expect((await poll()).status).toBe(200)
    })

    it('8628-05 each page of the person is 503, and works when it is sent again', async () => {
      const { poll, user_code, body } = await ask()
      const at = String(body.verification_uri_complete)
      const page = await ada.browser.open(at)
      expect((await whileDown(() => ada.browser.open(at))).status).toBe(503)
      const enter = () => enterCode(ada, at, user_code)
      const { action, hidden } = formOf(page)
      const entered = await whileDown(() => ada.browser.post(action, { ...hidden, user_code }))
      expect([entered.status, entered.headers.get('Retry-After')]).toEqual([503, '1'])
      const consent = await enter()
      expect((await whileDown(() => ada.browser.open(consent.url))).status).toBe(503)
      for (const decision of ['allow', 'deny'] as const)
        expect((await whileDown(() => ada.decide(consent, { decision }))).status).toBe(503)
      expect((await ada.decide(consent)).status).toBe(200)
      expect((await poll()).status).toBe(200)
    })
  })

  it('A24 neither code stands in the store or in the log', async () => {
    const browser = openBrowser()
    const person = createPerson('grace', 'grace-password', browser)
    const seen: string[] = []
    const { poll, body, user_code } = await ask()
    await enterCode(person, String(body.verification_uri_complete), user_code)
    seen.push(String(body.device_code), user_code, user_code.replace('-', ''))
    await poll()
    const id = (await server.stores.deviceCodes.findByUserCode(user_code))?.id ?? ''
    const row = await server.stores.store.get(`device-code:${id}`)
    expect(row).toContain('"client_id":"tv"')
    const logged = JSON.stringify(server.logged)
    for (const secret of seen) {
      expect(row).not.toContain(secret)
      expect(logged).not.toContain(secret)
    }
  })
})

describe('two servers on one SQLite file', () => {
  const folder = temporaryFolder()
  const store = { kind: 'sqlite' as const, file: join(folder.path, 'store.db') }
  let servers: RunningAuthorizationServer[] = []

  beforeAll(async () => {
    servers = [await start({ store }), await start({ store })]
  })
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()))
    folder.remove()
  })

  it('8628-04 asked at one, allowed at the other, polled at both: tokens once; and slow_down holds at both', async () => {
    const [one, other] = servers
    if (!one || !other) throw new Error('no servers')
    const { body } = await createClient(one.origin, 'tv').post('device_authorization', {})
    const poll = ({ origin }: RunningAuthorizationServer) =>
      createClient(origin, 'tv').post('token', {
        grant_type: DEVICE_CODE,
        device_code: String(body.device_code),
      })
    expect((await poll(one)).body.error).toBe('authorization_pending')
    expect((await poll(other)).body.error).toBe('slow_down')
    const page = { ...body, verification_uri: `${other.origin}/oauth/device` }
    const ada = createPerson('ada', 'ada-password')
    expect((await answerDevice(ada, page)).status).toBe(200)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => poll(n % 2 ? one : other)),
    )
    const won = answers.filter(({ status }) => status === 200)
    expect(won).toHaveLength(1)
    const { access_token } = won[0]?.body ?? {}
    expect(await one.stores.tokens.find(String(access_token))).toMatchObject({ sub: 'ada' })
  })

  it('8628-04 a restart forgets neither the question nor the answer', async () => {
    const first = await start({ store })
    const client = createClient(first.origin, 'tv')
    const { body } = await client.post('device_authorization', {})
    await answerDevice(createPerson('ada', 'ada-password'), body)
    await first.stop()
    const second = await start({ store })
    const answer = await createClient(second.origin, 'tv').post('token', {
      grant_type: DEVICE_CODE,
      device_code: String(body.device_code),
    })
    expect(answer.status).toBe(200)
    await second.stop()
  })
})
