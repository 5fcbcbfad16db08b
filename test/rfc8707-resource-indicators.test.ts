import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, type TestClient } from './support/client.ts'
import { createPerson } from './support/person.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'
import { ok, type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

let running: Portcullis
let upstream: RecordingUpstream
const ada = createPerson('ada', 'ada-password')

beforeAll(async () => {
  upstream = await startRecordingUpstream(() => ok('served'))
  running = await startPortcullis(`
demo: true
scopes: { read: See, write: Change }
upstreams: { api: ${upstream.origin} }
routes:
  - { path: /orders/*, upstream: api, scope: read }
  - { path: /billing/*, upstream: api, scope: read }
  - { path: /admin/*, upstream: api, scope: write }
  - { path: /open/*, upstream: api, access: public }
clients:
  - client_id: web
    client_secret: web-secret
    redirect_uris: [https://app.example/callback]
    grant_types: [authorization_code, refresh_token, client_credentials]
  - client_id: billing
    client_secret: billing-secret
    redirect_uris: [https://app.example/callback]
    grant_types: [authorization_code, refresh_token, client_credentials]
    defaultResource: ["\${ORIGIN}/billing/"]
accounts: [{ username: ada, password: ada-password }]
`)
})
afterAll(async () => {
  await running.stop()
  await upstream.close()
})

const client = (client_id = 'web') =>
  createClient(running.origin, client_id, { secret: `${client_id}-secret` })
const at = (path: string) => `${running.origin}/${path}`

/** On which routes a token is let through. */
const opens = async (token: unknown): Promise<string[]> => {
  const routes = ['orders', 'billing', 'admin']
  const answers = await Promise.all(
    routes.map((route) =>
      fetch(at(`${route}/1`), { headers: { Authorization: `Bearer ${token}` } }),
    ),
  )
  for (const [index, answer] of answers.entries()) {
    const error = /error="(\w+)"/.exec(answer.headers.get('WWW-Authenticate') ?? '')?.[1]
    const said = `${routes[index]} ${answer.status} ${error ?? ''}`.trim()
    expect(said).toMatch(/ (200|401 invalid_token|403 insufficient_scope)$/)
  }
  return routes.filter((_, index) => answers[index]?.status === 200)
}

const authorize = async (
  who: TestClient,
  resources: readonly string[],
  parameters: Record<string, string> = {},
) => {
  const url = who.authorizationUrl({ scope: 'read write', ...parameters })
  for (const resource of resources) url.searchParams.append('resource', resource)
  return ada.authorize(url)
}

describe('a token is good where it was asked for', () => {
  it.each<[string, string[], string[]]>([
    ['no resource', [], ['orders', 'billing', 'admin']],
    ['one', ['orders'], ['orders']],
    ['two', ['orders', 'billing'], ['orders', 'billing']],
    ['one, twice', ['orders', 'orders/'], ['orders']],
    ['all', ['orders', 'billing', 'admin'], ['orders', 'billing', 'admin']],
  ])('8707-03 %s', async (_, resources, routes) => {
    const web = client()
    const callback = await authorize(web, resources.map(at))
    const { body } = await web.redeem(callback)
    expect(await opens(body.access_token)).toEqual(routes)
    const next = await web.refresh(body.refresh_token)
    expect(await opens(next.body.access_token)).toEqual(routes)
    const own = await web.post('token', {
      grant_type: 'client_credentials',
      resource: resources.map(at),
    })
    expect(await opens(own.body.access_token)).toEqual(routes)
  })

  it('8707-03 the resource opens nothing that the scope does not', async () => {
    const web = client()
    const callback = await authorize(web, [at('orders'), at('admin')], { scope: 'read' })
    const { body } = await web.redeem(callback)
    expect(await opens(body.access_token)).toEqual(['orders'])
  })

  it('8707-02 a part of what was granted may be asked for, and the whole again later', async () => {
    const web = client()
    const callback = await authorize(web, [at('orders'), at('billing')])
    const { body } = await web.redeem(callback, { resource: at('orders') })
    expect(await opens(body.access_token)).toEqual(['orders'])
    const billing = await web.refresh(body.refresh_token, { resource: at('billing') })
    expect(await opens(billing.body.access_token)).toEqual(['billing'])
    const whole = await web.refresh(billing.body.refresh_token)
    expect(await opens(whole.body.access_token)).toEqual(['orders', 'billing'])
  })

  it('8707-02 what was granted for everywhere may be narrowed to one place', async () => {
    const web = client()
    const { body } = await web.redeem(await authorize(web, []), { resource: at('admin') })
    expect(await opens(body.access_token)).toEqual(['admin'])
  })
})

describe('a client that sends no resource', () => {
  it('8707-02 gets its default one, at every endpoint, and may name others', async () => {
    const billing = client('billing')
    const { body } = await billing.redeem(await authorize(billing, []))
    expect(await opens(body.access_token)).toEqual(['billing'])
    const next = await billing.refresh(body.refresh_token)
    expect(await opens(next.body.access_token)).toEqual(['billing'])
    const wider = await billing.refresh(next.body.refresh_token, { resource: at('orders') })
    expect(wider.body.error).toBe('invalid_target')
    const own = await billing.post('token', { grant_type: 'client_credentials' })
    expect(await opens(own.body.access_token)).toEqual(['billing'])
    const pushed = billing.pushedUrl(await billing.push({ scope: 'read' }))
    const { body: second } = await billing.redeem(await ada.authorize(pushed))
    expect(await opens(second.access_token)).toEqual(['billing'])
    const { body: third } = await billing.redeem(await authorize(billing, [at('orders')]))
    expect(await opens(third.access_token)).toEqual(['orders'])
  })
})

describe('what is no resource of ours', () => {
  const wrong: [string, (origin: string) => string][] = [
    ['another host', () => 'https://evil.example/orders'],
    ['the gateway as a whole (CVE-2025-69196)', (origin) => origin],
    ['a public route', (origin) => `${origin}/open`],
    ['a path below a resource', (origin) => `${origin}/orders/1`],
    ['two slashes at the end', (origin) => `${origin}/orders//`],
    ['another case of the path', (origin) => `${origin}/Orders`],
    ['a fragment', (origin) => `${origin}/orders#`],
    ['a query', (origin) => `${origin}/orders?a`],
    ['a user', (origin) => `${origin.replace('//', '//ada@')}/orders`],
    ['another scheme', (origin) => `${origin.replace('http', 'https')}/orders`],
    ['no scheme', () => '/orders'],
    ['no slashes', (origin) => `${origin.replace('//', '')}/orders`],
    ['backslashes', (origin) => `${origin.replaceAll('/', '\\')}\\orders`],
    ['white space', (origin) => ` ${origin}/orders`],
    ['a wildcard', (origin) => `${origin}/orders/*`],
    ['no URI', () => 'orders'],
    ['10 KiB', (origin) => `${origin}/${'x'.repeat(10_000)}`],
  ]

  it.each(wrong)('8707-01 %s: invalid_target, at every endpoint', async (_, made) => {
    const resource = made(running.origin)
    const web = client()
    const error = { error: 'invalid_target' }
    if (resource.length < 5000) {
      const callback = await authorize(web, [at('orders'), resource])
      expect(Object.fromEntries(callback.searchParams)).toMatchObject(error)
    }
    const pushed = await web.push({ scope: 'read', resource })
    expect([pushed.status, pushed.body]).toMatchObject([400, error])
    const own = await web.post('token', { grant_type: 'client_credentials', resource })
    expect([own.status, own.body]).toMatchObject([400, error])
  })

  it('8707-01 is refused before anything is used up', async () => {
    const web = client()
    const callback = await authorize(web, [at('orders')])
    for (const resource of [at('billing'), 'https://evil.example', at('orders#x')]) {
      const refused = await web.redeem(callback, { resource })
      expect([refused.status, refused.body.error]).toEqual([400, 'invalid_target'])
    }
    const { status, body } = await web.redeem(callback)
    expect(status).toBe(200)
    for (const resource of [at('billing'), 'https://evil.example', at('orders#x')]) {
      const refused = await web.refresh(body.refresh_token, { resource })
      expect([refused.status, refused.body.error]).toEqual([400, 'invalid_target'])
    }
    const next = await web.refresh(body.refresh_token)
    expect(next.status).toBe(200)
    // No retry: the step was made once, for the one that was right.
    expect(running.logged.filter(({ event }) => event === 'refresh.retried')).toEqual([])
    expect(await opens(next.body.access_token)).toEqual(['orders'])
  })

  it.each<[string, (origin: string) => string]>([
    ['with a slash at the end', (origin) => `${origin}/orders/`],
    ['in upper case but for the path', (origin) => `${origin.toUpperCase()}/orders`],
  ])('8707-01 the same resource %s', async (_, made) => {
    const web = client()
    const own = await web.post('token', {
      grant_type: 'client_credentials',
      resource: made(running.origin),
    })
    expect(await opens(own.body.access_token)).toEqual(['orders'])
    const { body } = await web.post('introspect', { token: String(own.body.access_token) })
    expect(body.aud).toEqual([at('orders')])
  })
})
