import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { loadConfiguration } from '../src/config/load.ts'
import { openStores, type Stores } from '../src/store/open.ts'
import { silentLog } from '../src/telemetry/log.ts'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { answerDevice, DEVICE_CODE } from './support/device.ts'
import { openEvents } from './support/event-source.ts'
import { createPerson } from './support/person.ts'
import { type Portcullis, startPortcullis, until } from './support/portcullis.ts'
import { sendEvents, startStreamingUpstream } from './support/streaming-upstream.ts'

const GRANTS = ['authorization_code', 'refresh_token', 'client_credentials', DEVICE_CODE]

describe('A38 a client that an operator disables', () => {
  let server: RunningAuthorizationServer
  const ada = createPerson('ada', 'ada-password')
  const shop = () => createClient(server.origin, 'shop', { secret: 'shop-secret' })
  const checker = () =>
    createClient(server.origin, 'checker', { secret: 'checker-secret-of-the-tests' })

  beforeAll(async () => {
    server = await startAuthorizationServer({
      clients: [
        { client_id: 'shop', client_secret: 'shop-secret', grant_types: GRANTS },
        {
          client_id: 'checker',
          client_secret: 'checker-secret-of-the-tests',
          grant_types: ['client_credentials'],
          introspect: true,
        },
      ],
    })
  })
  afterAll(() => server.stop())
  afterEach(() => server.stores.clients.enable('shop'))

  const disable = () => server.stores.clients.disable('shop', 'test')
  const enable = () => server.stores.clients.enable('shop')

  it('may not so much as authenticate, whatever it wants', async () => {
    await disable()
    const client = shop()
    const answers = [
      await client.post('token', { grant_type: 'client_credentials' }),
      await client.push(),
      await client.post('device_authorization', {}),
      await client.post('introspect', { token: 'x' }),
      await client.post('revoke', { token: 'x' }),
    ]
    for (const { status, body } of answers)
      expect([status, body.error]).toEqual([401, 'invalid_client'])
  })

  it('nobody is asked for it, or sent back to it', async () => {
    await disable()
    const page = await ada.browser.open(shop().authorizationUrl().href)
    expect([page.status, page.location]).toEqual([400, undefined])
  })

  it('a person who is being asked cannot allow it any more', async () => {
    const login = await ada.settle(
      await ada.browser.open(shop().authorizationUrl({ prompt: 'login consent' }).href),
    )
    const page = await ada.settle(await ada.signIn(login))
    await disable()
    const answer = await ada.decide(page)
    expect([answer.status, answer.location]).toEqual([400, undefined])
  })

  it('its tokens are not active for anyone, and stay so when it is enabled', async () => {
    const client = shop()
    const { body } = await client.redeem(await ada.authorize(client.authorizationUrl()))
    const tokens = [String(body.access_token), String(body.refresh_token)]
    const active = async () =>
      (await checker().post('introspect', { token: tokens[0] ?? '' })).body.active
    expect(await active()).toBe(true)
    await disable()
    expect(await active()).toBe(false)
    await enable()
    expect(await active()).toBe(false)
    for (const token of tokens)
      expect((await client.post('introspect', { token })).body).toEqual({ active: false })
    expect((await client.refresh(body.refresh_token)).body.error).toBe('invalid_grant')
  })

  it('a code in flight is good for nothing, then or later', async () => {
    const client = shop()
    const callback = await ada.authorize(client.authorizationUrl())
    await disable()
    expect((await client.redeem(callback)).body.error).toBe('invalid_client')
    await enable()
    expect((await client.redeem(callback)).body.error).toBe('invalid_grant')
  })

  it('so is a request that was pushed', async () => {
    const client = shop()
    const url = client.pushedUrl(await client.push())
    await disable()
    await enable()
    const page = await ada.browser.open(url.href)
    expect([page.status, page.location]).toEqual([400, undefined])
  })

  it.each(['before a person allowed it', 'after'])('so is a device code, %s', async (when) => {
    const client = shop()
    const { body } = await client.post('device_authorization', {})
    if (when === 'after') await answerDevice(ada, body)
    await disable()
    await enable()
    const polled = await client.post('token', {
      grant_type: DEVICE_CODE,
      device_code: String(body.device_code),
    })
    expect([polled.status, polled.body.error]).toEqual([400, 'invalid_grant'])
  })

  it('is asked for again, and served again, once it is enabled', async () => {
    const client = shop()
    await client.redeem(await ada.authorize(client.authorizationUrl()))
    await disable()
    await enable()
    const page = await ada.settle(await ada.browser.open(client.authorizationUrl().href))
    expect(page.body).toContain('name="decision"')
    const { status } = await client.redeem(await ada.goOn(page))
    expect(status).toBe(200)
    const own = await client.post('token', { grant_type: 'client_credentials' })
    expect(own.status).toBe(200)
  })

  it('notices are kept of what was done, and why', async () => {
    await disable()
    await enable()
    const events = server.logged.map(({ event }) => event)
    expect(events).toContain('client.disabled')
    expect(events).toContain('client.enabled')
  })
})

describe('A38 at the gateway', () => {
  it('a cached token is 401 and a live stream ends, where another process disables the client', async () => {
    const upstream = await startStreamingUpstream((req, res) =>
      req.url?.startsWith('/events') ? sendEvents(res, 5) : void res.end('an order'),
    )
    const server = await startPortcullis(`
demo: true
scopes: { orders.read: See your orders }
upstreams: { orders: ${upstream.origin} }
routes: [{ path: /*, upstream: orders, scope: orders.read }]
clients:
  - { client_id: robot, client_secret: robot-secret, grant_types: [client_credentials] }
`)
    const robot = createClient(server.origin, 'robot', { secret: 'robot-secret' })
    const { body } = await robot.post('token', { grant_type: 'client_credentials' })
    const bearer = { Authorization: `Bearer ${body.access_token}` }
    const call = () => fetch(`${server.origin}/orders`, { headers: bearer })
    expect((await call()).status).toBe(200)
    const stream = await openEvents(`${server.origin}/events`, bearer)
    await stream.count(1)
    const other = await processBeside(server)
    await other.clients.disable('robot', 'test')
    await stream.over
    const refused = await call()
    expect(refused.status).toBe(401)
    expect(refused.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
    await other.clients.enable('robot')
    expect((await call()).status).toBe(401)
    await until(
      async () => (await robot.post('token', { grant_type: 'client_credentials' })).status === 200,
    )
    await other.close()
    await server.stop()
    await upstream.close()
  })
})

/** Another process on the store of a server, as far as this one can be. */
const processBeside = async ({ folder, origin, port }: Portcullis): Promise<Stores> => {
  const env = { ORIGIN: origin, PORT: String(port) }
  const loaded = await loadConfiguration(join(folder, 'portcullis.yaml'), env)
  if ('problems' in loaded) throw new Error('the configuration changed')
  return openStores(loaded.config, { clock: systemClock, log: silentLog })
}
