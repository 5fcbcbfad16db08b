import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createClient, type JsonAnswer } from './support/client.ts'
import { openEvents } from './support/event-source.ts'
import { createPerson } from './support/person.ts'
import { type Portcullis, spawnPortcullis, startPortcullis, until } from './support/portcullis.ts'
import type { StoreServer } from './support/server-process.ts'
import { serverKinds } from './support/store-servers.ts'
import {
  type StreamingUpstream,
  sendEvents,
  startStreamingUpstream,
} from './support/streaming-upstream.ts'

let upstream: StreamingUpstream
beforeAll(async () => {
  upstream = await startStreamingUpstream((req, res) => {
    if (req.url?.startsWith('/events')) sendEvents(res, 20)
    else res.end('an order')
  })
})
afterAll(() => upstream.close())

const yaml = (store: string): string => `
store: '${store}'
secret: a-secret-of-the-test-that-is-long-enough
demo: true
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams: { orders: 'http://127.0.0.1:${upstream.port}' }
routes:
  - { path: /orders/*, upstream: orders, scope: orders.read }
  - { path: /events, upstream: orders, scope: orders.read }
clients:
  - client_id: web
    client_secret: web-secret
    redirect_uris: [https://app.example/callback]
    grant_types: [authorization_code, refresh_token, client_credentials]
accounts: [{ username: ada, password: ada-password }]
`

type Place = Pick<Portcullis, 'origin' | 'admin' | 'port'>

const web = ({ origin }: Place) => createClient(origin, 'web', { secret: 'web-secret' })
const call = async ({ origin }: Place, token: unknown, path = '/orders/1') =>
  (await fetch(origin + path, { headers: { Authorization: `Bearer ${token}` } })).status
const ready = async ({ admin }: Place) => (await fetch(`${admin}/readyz`)).status

/** A code, and the tokens of another. */
const begin = async (at: Place) => {
  const client = web(at)
  const ada = createPerson('ada', 'ada-password')
  const tokens = await client.redeem(await ada.authorize(client.authorizationUrl()))
  const callback = await ada.authorize(client.authorizationUrl())
  return {
    client,
    ada,
    callback,
    access: String(tokens.body.access_token),
    refresh: String(tokens.body.refresh_token),
  }
}

for (const { kind, absent, start } of serverKinds) {
  describe.skipIf(absent)(`two processes on one ${kind} store`, () => {
    let server: StoreServer
    let here: Place & { stop(): Promise<void> }
    let there: Portcullis
    const closers: (() => unknown)[] = []

    beforeAll(async () => {
      server = await start()
      const text = yaml(server.url('shared'))
      here = await spawnPortcullis(text)
      there = await startPortcullis(text)
    }, 60_000)
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close()
    })
    afterAll(async () => {
      await Promise.all([here?.stop(), there?.stop()])
      await server?.stop()
    })

    it('P1 a code is redeemed once, whichever of them is asked', async () => {
      const { client, callback } = await begin(here)
      const elsewhere = { ...web(there), code_verifier: client.code_verifier }
      const { code_verifier } = client
      const answers = await Promise.all([
        ...Array.from({ length: 5 }, () => client.redeem(callback)),
        ...Array.from({ length: 5 }, () => elsewhere.redeem(callback, { code_verifier })),
      ])
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(400)])
      const won = answers.find(({ status }) => status === 200)
      expect(await call(there, won?.body.access_token)).toBe(200)
      expect(await call(here, won?.body.access_token)).toBe(200)
    })

    it('P2 a refresh token that both are shown at once has one successor', async () => {
      const { refresh } = await begin(here)
      const answers = await Promise.all(
        [here, there, here, there, here, there].map((at) => web(at).refresh(refresh)),
      )
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
      const successors = new Set(answers.map(({ body }) => body.refresh_token))
      expect(successors.size).toBe(1)
      const [successor] = successors
      expect((await web(there).refresh(successor)).status).toBe(200)
      for (const { body } of answers) expect(await call(here, body.access_token)).toBe(200)
    })

    it('P4 what one revokes the other refuses, and ends the streams under it; the lag is a metric', async () => {
      const { client, access } = await begin(here)
      expect(await call(there, access)).toBe(200)
      const stream = await openEvents(`${there.origin}/events`, {
        Authorization: `Bearer ${access}`,
      })
      expect((await client.post('revoke', { token: access })).status).toBe(200)
      await stream.over
      expect(await call(there, access)).toBe(401)
      const metrics = await (await fetch(`${there.admin}/metrics`)).text()
      expect(metrics).toMatch(/^portcullis_revocation_lag_seconds [\d.e-]+$/m)
      expect(metrics).toMatch(/^portcullis_channel_healthy 1$/m)
      expect(metrics).toMatch(/^portcullis_store_rows \d+$/m)
    })

    it('P3 a start on the store finds what was given before', async () => {
      const { access, refresh, callback, client } = await begin(here)
      const later = await startPortcullis(yaml(server.url('shared')))
      closers.push(later.stop)
      expect(await call(later, access)).toBe(200)
      expect((await web(later).refresh(refresh)).status).toBe(200)
      const { code_verifier } = client
      expect((await web(later).redeem(callback, { code_verifier })).status).toBe(200)
    })

    it('R-20 starts without its store: says so, serves what needs none, and all of it when it comes', async () => {
      await server.kill()
      const later = await startPortcullis(yaml(server.url('late')))
      closers.push(later.stop)
      expect(await ready(later)).toBe(503)
      expect((await fetch(`${later.admin}/healthz`)).status).toBe(200)
      const grant = { grant_type: 'client_credentials' }
      expectUnavailable(await web(later).post('token', grant))
      await server.start()
      await until(async () => (await ready(later)) === 200)
      await until(async () => (await web(later).post('token', grant)).status === 200)
      const { access } = await begin(later)
      expect(await call(later, access)).toBe(200)
    })

    it('§5.3 its store is killed before each call: 503, nothing is used up, and it goes on when the store does', async () => {
      const { client, ada, callback, access, refresh } = await begin(there)
      const other = await begin(there)
      const uncached = other.access
      const asked = client.authorizationUrl({ prompt: 'consent' })
      const consent = await ada.settle(await ada.browser.open(String(asked)))
      const rows: readonly (readonly [string, () => Promise<Reply>, number])[] = [
        ['token', () => client.post('token', { grant_type: 'client_credentials' }), 200],
        ['code', () => client.redeem(callback), 200],
        ['refresh', () => client.refresh(refresh), 200],
        ['introspect', () => client.post('introspect', { token: access }), 200],
        ['bearer', async () => ({ status: await call(there, uncached) }), 200],
        ['page', () => ada.browser.open(consent.url), 200],
        ['revoke', () => client.post('revoke', { token: uncached }), 200],
        ['pushed request', () => client.push(), 201],
      ]
      for (const [name, step, otherwise] of rows) {
        await server.kill()
        expect([name, (await step()).status]).toEqual([name, 503])
        expect(await ready(there)).toBe(503)
        for (const path of ['/.well-known/oauth-authorization-server']) {
          expect((await fetch(there.origin + path)).status).toBe(200)
        }
        await server.start()
        await until(async () => (await ready(there)) === 200)
        expect([name, (await step()).status]).toEqual([name, otherwise])
      }
      expect(await call(there, uncached)).toBe(401)
    }, 60_000)
  })
}

type Reply = Pick<JsonAnswer, 'status'>

const expectUnavailable = ({ status, body, headers }: JsonAnswer): void => {
  expect([status, body.error]).toEqual([503, 'temporarily_unavailable'])
  expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0)
}
