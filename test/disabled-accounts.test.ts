import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { loadConfiguration } from '../src/config/load.ts'
import { openStores, type Stores } from '../src/store/open.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { createClient, postForm } from './support/client.ts'
import { answerDevice, DEVICE_CODE, enterCode } from './support/device.ts'
import { type Answer, createPerson, formOf, type Person } from './support/person.ts'
import { type Portcullis, startPortcullis, until } from './support/portcullis.ts'
import { type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

const configuration = (upstream: string) => `
demo: true
scopes: { orders.read: See your orders }
upstreams: { orders: '${upstream}' }
routes:
  - { path: /orders/*, upstream: orders, scope: orders.read }
clients:
  - client_id: web
    client_secret: web-secret
    redirect_uris: [https://app.example/callback]
    grant_types: [authorization_code, refresh_token]
  - client_id: tv
    grant_types: ['${DEVICE_CODE}', refresh_token]
accounts:
  - { username: ada, password: ada-password }
  - { username: bob, password: bob-password }
`

const STREAM =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: 1\n\r\n'

describe('an account that is disabled while all is under way', () => {
  let upstream: RecordingUpstream
  let server: Portcullis
  /** Another process on the store, which disables. */
  let elsewhere: Stores

  const web = () => createClient(server.origin, 'web', { secret: 'web-secret' })
  const authorizationUrl = (client = web()) => client.authorizationUrl({ scope: 'orders.read' })
  const startDevice = async () => {
    const fields = { client_id: 'tv', scope: 'orders.read' }
    return (await postForm(`${server.origin}/oauth/device_authorization`, fields)).body
  }
  const pollDevice = ({ device_code }: { readonly device_code?: unknown }) =>
    postForm(`${server.origin}/oauth/token`, {
      ...{ grant_type: DEVICE_CODE, client_id: 'tv', device_code: String(device_code) },
    })
  const call = (token: unknown, path = '/orders/1') =>
    fetch(server.origin + path, { headers: { Authorization: `Bearer ${token}` } })

  /** Everything that a person can have, with each at its most useful. */
  const have = async (username: string) => {
    const person = createPerson(username, `${username}-password`)
    const [client, inFlight] = [web(), web()]
    const { body } = await client.redeem(await person.authorize(authorizationUrl(client)))
    expect((await call(body.access_token)).status).toBe(200)
    const stream = await call(body.access_token, '/orders/stream')
    const uncached = await client.refresh(body.refresh_token)
    const callback = await person.authorize(authorizationUrl(inFlight))
    const [allowed, entered] = [await startDevice(), await startDevice()]
    await answerDevice(person, allowed)
    const devicePage = await enterCode(
      person,
      String(entered.verification_uri),
      String(entered.user_code),
    )
    const consentPage = await person.settle(
      await person.browser.open(
        client.authorizationUrl({ scope: 'orders.read', prompt: 'consent' }).href,
      ),
    )
    const appsPage = await person.settle(await person.browser.open(`${server.origin}/oauth/apps`))
    return {
      ...{ person, client, stream, callback, inFlight, allowed, entered, devicePage, consentPage },
      ...{ appsPage, cached: body.access_token, uncached: uncached.body.access_token },
      refresh: uncached.body.refresh_token,
    }
  }
  type Had = Awaited<ReturnType<typeof have>>

  const isAskedToSignIn = async (person: Person, answer: Answer): Promise<boolean> => {
    const page = await person.settle(answer)
    return new URL(page.url).pathname === '/oauth/login' || page.body.includes('type="password"')
  }
  const post = (person: Person, page: Answer, fields = {}) => {
    const { action, hidden } = formOf(page)
    return person.browser.post(action, { ...hidden, ...fields })
  }

  const ROWS: readonly [string, (had: Had) => Promise<void>][] = [
    [
      'a cached access token',
      async ({ cached }) => until(async () => (await call(cached)).status === 401),
    ],
    [
      'an access token that was never used',
      async ({ uncached }) => expect((await call(uncached)).status).toBe(401),
    ],
    [
      'an open stream',
      async ({ stream }) => {
        const reader = stream.body?.getReader()
        await until(async () => (await reader?.read().catch(() => ({ done: true })))?.done === true)
      },
    ],
    [
      'a refresh token',
      async ({ client, refresh }) => {
        const { body } = await client.refresh(refresh)
        expect(body.error).toBe('invalid_grant')
        expect((await client.post('introspect', { token: String(refresh) })).body.active).toBe(
          false,
        )
      },
    ],
    [
      'a code on its way',
      async ({ inFlight, callback }) =>
        expect((await inFlight.redeem(callback)).body.error).toBe('invalid_grant'),
    ],
    [
      'a device code that was allowed',
      async ({ allowed }) => expect((await pollDevice(allowed)).body.error).toBe('invalid_grant'),
    ],
    [
      'the page of a device',
      async ({ person, devicePage, entered }) => {
        const answer = await post(person, devicePage, { decision: 'allow', scope: 'orders.read' })
        expect(await isAskedToSignIn(person, answer)).toBe(true)
        expect((await pollDevice(entered)).body.error).toBe('authorization_pending')
      },
    ],
    [
      'a consent page',
      async ({ person, consentPage }) => {
        const answer = await post(person, consentPage, { decision: 'allow', scope: 'orders.read' })
        expect(await isAskedToSignIn(person, answer)).toBe(true)
      },
    ],
    [
      'the session',
      async ({ person }) => {
        for (const path of ['apps', 'password', 'device'])
          expect(
            await isAskedToSignIn(
              person,
              await person.browser.open(`${server.origin}/oauth/${path}`),
            ),
          ).toBe(true)
      },
    ],
    [
      'signing in, which tells nothing of it',
      async ({ person }) => {
        const page = await person.settle(await person.browser.open(authorizationUrl().href))
        const refused = await person.signIn(page)
        expect(refused.status).toBe(401)
        expect(refused.body).toContain('The username or the password is not right.')
      },
    ],
  ]

  let ada: Had
  let bob: Had

  beforeAll(async () => {
    upstream = await startRecordingUpstream(({ line }) =>
      line.includes('/stream') ? STREAM : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    )
    server = await startPortcullis(configuration(upstream.origin))
    const env = { ORIGIN: server.origin, PORT: String(server.port) }
    const loaded = await loadConfiguration(join(server.folder, 'portcullis.yaml'), env)
    if ('problems' in loaded) throw new Error('the configuration does not load')
    elsewhere = await openStores(loaded.config, { clock: systemClock, log: silentLog })
    ada = await have('ada')
    bob = await have('bob')
    await elsewhere.accounts.disable('ada', 'left the company')
  })
  afterAll(async () => {
    await bob.stream.body?.cancel()
    await elsewhere.close()
    await server.stop()
    await upstream.close()
  })

  it.each(ROWS)('A38 %s', (_, refuses) => refuses(ada))

  it('A38 the others notice nothing', async () => {
    expect((await call(bob.cached)).status).toBe(200)
    expect((await bob.client.refresh(bob.refresh)).status).toBe(200)
    expect((await bob.inFlight.redeem(bob.callback)).status).toBe(200)
    expect((await pollDevice(bob.allowed)).status).toBe(200)
  })

  it('A38 once enabled, they sign in, and have nothing of what they had', async () => {
    await elsewhere.accounts.enable('ada')
    expect((await call(ada.cached)).status).toBe(401)
    expect((await ada.client.refresh(ada.refresh)).body.error).toBe('invalid_grant')
    const again = createPerson('ada', 'ada-password')
    // The other process hears of it a moment later.
    await until(async () => {
      const page = await again.settle(await again.browser.open(authorizationUrl().href))
      return (await again.signIn(page)).status === 303
    })
    const client = web()
    const { body } = await client.redeem(await again.authorize(authorizationUrl(client)))
    expect((await call(body.access_token)).status).toBe(200)
  })
})
