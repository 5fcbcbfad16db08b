import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { explain as explainCommand } from '../src/cli/explain.ts'
import type { FullExplanation } from '../src/explain-request.ts'
import type { AuthorizationNote } from '../src/oauth/explain-authorization.ts'
import { redirectUriDifference } from '../src/oauth/redirect-uri-difference.ts'
import { createClient } from './support/client.ts'
import { openBrowser } from './support/person.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'
import { sink } from './support/sink.ts'

const CALLBACK = 'https://app.example/callback'
const configuration = `
demo: true
scopes: { orders.read: See orders, orders.write: Change orders }
upstreams: { orders: http://127.0.0.1:9 }
routes: [{ path: /orders/*, upstream: orders, scope: orders.read }]
clients:
  - { client_id: web, client_name: Web shop, client_secret: web-secret, redirect_uris: ['${CALLBACK}'], scope: orders.read }
  - { client_id: native, redirect_uris: ['http://127.0.0.1/callback'] }
  - { client_id: old, client_secret: old-secret, redirect_uris: ['${CALLBACK}'], require_pkce: false }
  - { client_id: strict, client_secret: strict-secret, redirect_uris: ['${CALLBACK}'], require_pushed_authorization_requests: true }
  - { client_id: machine, client_secret: machine-secret, grant_types: [client_credentials] }
accounts: [{ username: ada, password: ada-password }]
`

let running: Portcullis
let admin: string

const ask = async (url: string): Promise<FullExplanation> => {
  const response = await fetch(`${running.admin}/api/v1/explain`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${admin}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ method: 'GET', url }),
  })
  return (await response.json()) as FullExplanation
}
const noteOf = async (url: URL | string): Promise<AuthorizationNote> => {
  const { authorization } = await ask(String(url))
  if (!authorization) throw new Error('it is not said to be an authorization request')
  return authorization
}
const asked = (client_id: string, parameters: Record<string, string | undefined> = {}) =>
  createClient(running.origin, client_id).authorizationUrl({ scope: 'orders.read', ...parameters })

/** What really becomes of it, in the same words. */
const sent = async (url: URL | string) => {
  const { status, location } = await openBrowser().open(String(url))
  if (location === undefined) return { to: 'page', status }
  if (location.includes('/oauth/login?')) return { to: 'person' }
  const { searchParams } = new URL(location)
  return {
    to: 'client',
    error: searchParams.get('error'),
    description: searchParams.get('error_description'),
  }
}

beforeAll(async () => {
  running = await startPortcullis(configuration)
  const kept = join(running.folder, 'data/portcullis.db.admin-token')
  admin = (await readFile(kept, 'utf8')).trim()
})
afterAll(() => running.stop())

describe('explain says of an authorization request what becomes of it', () => {
  it.each<[string, () => URL | string]>([
    ['a good one', () => asked('web')],
    ['no client_id', () => asked('web', { client_id: undefined })],
    ['an unknown client', () => asked('nobody')],
    ['client_id twice', () => `${asked('web')}&client_id=web`],
    ['an unregistered redirect URI', () => asked('web', { redirect_uri: `${CALLBACK}/` })],
    [
      'a port of a native client',
      () => asked('native', { redirect_uri: 'http://127.0.0.1:5/callback' }),
    ],
    [
      'localhost of a native client',
      () => asked('native', { redirect_uri: 'http://localhost/callback' }),
    ],
    ['no redirect URI', () => asked('web', { redirect_uri: undefined })],
    ['a client without one', () => asked('machine', { redirect_uri: undefined })],
    ['no response type', () => asked('web', { response_type: undefined })],
    ['another response type', () => asked('web', { response_type: 'token' })],
    ['no challenge', () => asked('web', { code_challenge: undefined })],
    [
      'neither challenge nor method, of a client that need not',
      () => asked('old', { code_challenge: undefined, code_challenge_method: undefined }),
    ],
    ['a scope of others', () => asked('web', { scope: 'orders.write' })],
    ['a resource', () => asked('web', { resource: `${running.origin}/orders` })],
    [
      'two resources',
      () => `${asked('web')}&resource=${running.origin}/orders&resource=${running.origin}/orders/`,
    ],
    ['a resource that is none', () => asked('web', { resource: 'https://evil.example' })],
    ['an unknown prompt', () => asked('web', { prompt: 'create' })],
    ['a state twice', () => `${asked('web')}&state=x`],
    ['what is not UTF-8', () => `${asked('web')}&a=%ff`],
    ['a request object', () => asked('web', { request: 'x' })],
    ['a request_uri elsewhere', () => asked('web', { request_uri: 'https://app.example/r' })],
    [
      'one that was never pushed',
      () => asked('web', { request_uri: 'urn:ietf:params:oauth:request_uri:x' }),
    ],
    ['one that had to be pushed', () => asked('strict')],
    ['over a hundred parameters', () => `${asked('web')}${'&a=b'.repeat(101)}`],
  ])('F7 %s', async (_, made) => {
    const url = made()
    const { outcome } = await noteOf(url)
    const { status, ...really } = await sent(url)
    expect(outcome).toMatchObject(really)
    if (status !== undefined) expect(status).toBe(400)
  })

  it('F7 client, redirect URI, PKCE, scope and resource, each for itself', async () => {
    const resource = `${running.origin.toUpperCase()}/orders/`
    expect(await noteOf(asked('web', { resource }))).toEqual({
      client: {
        value: { client_id: 'web', client_name: 'Web shop', kind: 'confidential', source: 'file' },
      },
      redirect_uri: { value: CALLBACK },
      pkce: { value: 'S256' },
      scope: { value: ['orders.read'] },
      resource: { value: [`${running.origin}/orders`] },
      outcome: { to: 'person' },
    })
    const wrong = asked('web', {
      redirect_uri: 'http://app.example/Callback?code=secret',
      scope: 'admin',
      resource: 'x',
      code_challenge_method: 'plain',
    })
    const error = (code: string) => ({ error: code, description: expect.any(String) })
    expect(await noteOf(wrong)).toMatchObject({
      client: { value: { client_id: 'web' } },
      redirect_uri: {
        ...error('invalid_request'),
        given: 'http://app.example/Callback',
        nearest: CALLBACK,
        differs: ['scheme', 'letter case', 'query'],
      },
      pkce: error('invalid_request'),
      scope: error('invalid_scope'),
      resource: error('invalid_target'),
      outcome: { to: 'page', error: 'invalid_request' },
    })
  })

  it('F7 of a pushed request it says what was pushed, and uses nothing up', async () => {
    const web = createClient(running.origin, 'web', { secret: 'web-secret' })
    const url = web.pushedUrl(await web.push({ scope: 'orders.read' }))
    expect(await noteOf(`${url}&scope=admin`)).toMatchObject({
      pushed: true,
      redirect_uri: { value: CALLBACK },
      scope: { value: ['orders.read'] },
      outcome: { to: 'person' },
    })
    expect(await sent(url)).toEqual({ to: 'person' })
    const foreign = String(url).replace('client_id=web', 'client_id=native')
    expect((await noteOf(foreign)).outcome).toMatchObject({
      to: 'page',
      error: 'invalid_request_uri',
    })
  })

  it('F7 nothing of it is in the log, as nobody asked for it', async () => {
    const before = running.logged.filter(({ event }) => event === 'authorization.refused').length
    await noteOf(asked('web', { redirect_uri: 'https://evil.example' }))
    await noteOf(asked('web', { request_uri: 'urn:ietf:params:oauth:request_uri:x' }))
    expect(running.logged.filter(({ event }) => event === 'authorization.refused')).toHaveLength(
      before,
    )
  })

  it('F7 other endpoints of ours are only said to be ours', async () => {
    for (const path of ['token', 'par', 'login', 'authorize/']) {
      const said = await ask(`/oauth/${path}`)
      expect([said.outcome.by, said.authorization]).toEqual([
        path.endsWith('/') ? said.outcome.by : 'ourselves',
        undefined,
      ])
    }
  })

  it('6749-20 whoever opens the page learns nothing of it', async () => {
    const url = asked('native', { redirect_uri: 'http://127.0.0.1:5/other' })
    const { body } = await openBrowser().open(String(url))
    expect(body).not.toContain('http://127.0.0.1/callback')
    expect(body).not.toMatch(/nearest|differs/)
  })
})

describe('portcullis explain', () => {
  const run = async (url: string, options: { json?: boolean } = {}) => {
    const [stdout, stderr] = [sink(), sink()]
    const io = { env: { PORTCULLIS_ADMIN_TOKEN: admin }, stdin: process.stdin, stdout, stderr }
    const code = await explainCommand('GET', url, { admin: running.admin, ...options }, io)
    expect([code, stderr.text()]).toEqual([0, ''])
    return stdout.text()
  }

  it('F7 tells a person which redirect URI is nearest, and what differs', async () => {
    const out = await run(String(asked('native', { redirect_uri: 'http://localhost:5/callback/' })))
    expect(out).toContain('client    native, public, of the configuration\n')
    expect(out).toContain('redirect  http://localhost:5/callback/ is not registered\n')
    expect(out).toContain('          nearest: http://127.0.0.1/callback\n')
    expect(out).toContain('          differs in: loopback name, trailing slash\n')
    expect(out).toContain('pkce      S256\n')
    expect(out).toContain('answer    an error page; nobody is sent anywhere: invalid_request: ')
    expect(out).not.toContain('token ')
  })

  it('F7 tells what a good one asks for, and how a bad one is answered', async () => {
    const good = await run(String(asked('web')))
    expect(good).toContain('client    web (Web shop), confidential, of the configuration\n')
    expect(good).toContain(`redirect  ${CALLBACK} is registered\n`)
    expect(good).toContain('scope     orders.read\n')
    expect(good).toContain('resource  none: its tokens are good on every route')
    expect(good).toContain('answer    the person signs in')
    const bad = await run(String(asked('web', { scope: 'orders.write' })))
    expect(bad).toContain('scope     invalid_scope: ')
    expect(bad).toContain('answer    back to the client: invalid_scope: ')
    expect(await run(String(asked('nobody')))).toContain(
      'client    invalid_request: client_id names',
    )
    const none = await run(String(asked('machine')))
    expect(none).toContain('is not registered, and no other is')
  })

  it('F7 as JSON', async () => {
    const out = await run(String(asked('nobody')), { json: true })
    expect(JSON.parse(out)).toMatchObject({
      outcome: { by: 'ourselves' },
      authorization: { client: { error: 'invalid_request' }, outcome: { to: 'page' } },
    })
  })
})

describe('how a redirect URI differs from a registered one', () => {
  const local = 'http://127.0.0.1/cb'
  it.each<[string, string[], string, string[]]>([
    [`${CALLBACK}/`, [CALLBACK], CALLBACK, ['trailing slash']],
    ['http://app.example/callback', [CALLBACK], CALLBACK, ['scheme']],
    ['https://app.example:8443/callback', [CALLBACK], CALLBACK, ['port']],
    ['https://app.example:443/callback', [CALLBACK], CALLBACK, ['spelling']],
    ['https://app.example/Callback', [CALLBACK], CALLBACK, ['letter case']],
    ['HTTPS://App.Example/callback', [CALLBACK], CALLBACK, ['letter case']],
    [`${CALLBACK}#`, [CALLBACK], CALLBACK, ['fragment']],
    [`${CALLBACK}?a=b`, [CALLBACK], CALLBACK, ['query']],
    ['https://www.app.example/callback', [CALLBACK], CALLBACK, ['host']],
    ['https://app.example/other', [CALLBACK], CALLBACK, ['path']],
    ['https://ada:pw@app.example/callback', [CALLBACK], CALLBACK, ['userinfo']],
    ['https://app.example/call%62ack', [CALLBACK], CALLBACK, ['path']],
    ['http://localhost/cb', [CALLBACK, local], local, ['loopback name']],
    ['http://[::1]/cb/', [CALLBACK, local], local, ['loopback name', 'trailing slash']],
    ['com.example.app:/Cb', ['com.example.app:/cb'], 'com.example.app:/cb', ['letter case']],
    ['com.example.other:/cb', ['com.example.app:/cb'], 'com.example.app:/cb', ['scheme']],
    ['callback', [CALLBACK], CALLBACK, ['spelling']],
  ])('6749-20 %s beside %j', (given, redirect_uris, nearest, differs) => {
    const found = redirectUriDifference(given, { redirect_uris, public: false })
    expect([found.nearest, found.differs]).toEqual([nearest, differs])
    expect(JSON.stringify(found)).not.toMatch(/pw|a=b/)
  })

  it('8252-01 a port is no difference on loopback to a public client, and one to others', () => {
    const given = 'http://127.0.0.1:5/other'
    const redirect_uris = [local]
    expect(redirectUriDifference(given, { redirect_uris, public: true }).differs).toEqual(['path'])
    expect(redirectUriDifference(given, { redirect_uris, public: false }).differs).toEqual([
      'port',
      'path',
    ])
  })
})
