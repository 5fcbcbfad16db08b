import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asserted, claimsOf, createSigningKey, signClaims } from './support/assertion.ts'
import {
  type RunningAuthorizationServer,
  type Settings,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { basic, createClient, postForm } from './support/client.ts'
import { unreachable } from './support/unreachable-store.ts'

const CONFIDENTIAL = ['client_secret_basic', 'client_secret_post', 'private_key_jwt']
const ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256']
const NAMES = ['oauth-authorization-server', 'openid-configuration']

describe('authorization server metadata', () => {
  let server: RunningAuthorizationServer
  const document = async (path = '/.well-known/oauth-authorization-server') => {
    const response = await fetch(`${server.origin}${path}`)
    return (await response.json()) as Record<string, unknown>
  }

  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  afterAll(() => server.stop())

  it.each(NAMES)('8414-01 /.well-known/%s is there for everyone', async (name) => {
    const response = await fetch(`${server.origin}/.well-known/${name}`)
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toMatch(/^application\/json/)
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
    expect(await response.json()).toEqual(await document())
  })

  it('§2 the key set is there and empty, as nothing is signed, and no document names it', async () => {
    const response = await fetch(`${server.origin}/.well-known/jwks.json`)
    expect([response.status, await response.json()]).toEqual([200, { keys: [] }])
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
    expect(await document()).not.toHaveProperty('jwks_uri')
  })

  it('8414-02, 8414-03, 8414-04 it says what is there, and no more', async () => {
    const { origin } = server
    expect(await document()).toEqual({
      issuer: origin,
      authorization_endpoint: `${origin}/oauth/authorize`,
      device_authorization_endpoint: `${origin}/oauth/device_authorization`,
      token_endpoint: `${origin}/oauth/token`,
      revocation_endpoint: `${origin}/oauth/revoke`,
      introspection_endpoint: `${origin}/oauth/introspect`,
      scopes_supported: ['orders.read', 'orders.write'],
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: [
        'authorization_code',
        'refresh_token',
        'client_credentials',
        'urn:ietf:params:oauth:grant-type:device_code',
      ],
      token_endpoint_auth_methods_supported: [...CONFIDENTIAL, 'none'],
      token_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
      revocation_endpoint_auth_methods_supported: [...CONFIDENTIAL, 'none'],
      revocation_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
      introspection_endpoint_auth_methods_supported: CONFIDENTIAL,
      introspection_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      pushed_authorization_request_endpoint: `${origin}/oauth/par`,
      require_pushed_authorization_requests: false,
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
      prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
    })
  })

  it('8414-03 every endpoint and every grant type that is offered is there', async () => {
    const all = (await document()) as Record<string, string> & { grant_types_supported: string[] }
    const endpoints = Object.entries(all).filter(([name]) => name.endsWith('_endpoint'))
    for (const [, url] of endpoints)
      expect((await fetch(String(url), { method: 'PUT' })).status).toBe(405)
    for (const grant_type of all.grant_types_supported) {
      const { body } = await postForm(String(all.token_endpoint), { grant_type, client_id: 'x' })
      expect(body.error).toBe('invalid_client')
    }
    const { body } = await postForm(String(all.token_endpoint), { grant_type: 'password' })
    expect(body.error).toBe('unsupported_grant_type')
  })

  it('8414-03 every method of authentication that is offered works where it is, and no other does', async () => {
    const key = await createSigningKey()
    const keyed = {
      token_endpoint_auth_method: 'private_key_jwt' as const,
      jwks: { keys: [key.configured] },
    }
    const clients = [
      { client_id: 'client_secret_basic', client_secret: 'x' },
      { client_id: 'client_secret_post', client_secret: 'x' },
      { client_id: 'private_key_jwt', ...keyed },
      { client_id: 'none', token_endpoint_auth_method: 'none' },
    ] as const satisfies Settings['clients']
    const { origin, stop } = await startAuthorizationServer({ clients })
    const proofs = async (
      method: string,
    ): Promise<[Record<string, string>, Record<string, string>]> => {
      if (method === 'client_secret_basic') return [{}, basic(method, 'x')]
      if (method === 'none') return [{ client_id: method }, {}]
      if (method === 'client_secret_post') return [{ client_id: method, client_secret: 'x' }, {}]
      const claims = claimsOf(method, origin, Date.now() / 1000)
      return [asserted(await signClaims(key, claims)), {}]
    }
    const all = (await document()) as Record<string, string[]>
    for (const [endpoint, path] of [
      ['token', 'token'],
      ['revocation', 'revoke'],
      ['introspection', 'introspect'],
    ]) {
      const offered = all[`${endpoint}_endpoint_auth_methods_supported`]
      for (const method of [...CONFIDENTIAL, 'none']) {
        const [fields, headers] = await proofs(method)
        const form = { grant_type: 'refresh_token', refresh_token: 'x', token: 'x', ...fields }
        const { body } = await postForm(`${origin}/oauth/${path}`, form, headers)
        expect([endpoint, method, body.error !== 'invalid_client']).toEqual([
          endpoint,
          method,
          offered?.includes(method),
        ])
      }
    }
    await stop()
  })

  it('8414-03 nothing is null or empty', async () => {
    const bare = await startAuthorizationServer({ scopes: new Map() })
    const response = await fetch(`${bare.origin}/.well-known/oauth-authorization-server`)
    const all = (await response.json()) as Record<string, unknown>
    expect('scopes_supported' in all).toBe(false)
    expect(JSON.stringify(all)).not.toMatch(/null|\[\]|""/)
    await bare.stop()
  })

  it('8414-05, F12 it does not depend on what a request says of the host', async () => {
    const asked = await fetchAs(server.origin, {
      Host: 'gw.example:fake@evil.com',
      'X-Forwarded-Host': 'evil.com',
      'X-Forwarded-Proto': 'https',
      Forwarded: 'host=evil.com;proto=https',
    })
    expect(JSON.parse(asked)).toEqual(await document())
  })

  it.each([
    '/.well-known/oauth-authorization-server/t1',
    '/.well-known/openid-configuration/t1',
    '/t1/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server',
  ])('8414-01 an issuer with a path is described at %s', async (path) => {
    const tenant = await startAuthorizationServer({ issuer: 'https://auth.example/t1' })
    const response = await fetch(`${tenant.origin}${path}`)
    expect(await response.json()).toMatchObject({
      issuer: 'https://auth.example/t1',
      authorization_endpoint: 'https://auth.example/t1/oauth/authorize',
    })
    await tenant.stop()
  })

  it('8414-03 other paths for the endpoints are said and served', async () => {
    const moved = await startAuthorizationServer({ paths: { oauth: '/api/oauth' } })
    const url = `${moved.origin}/.well-known/oauth-authorization-server`
    const { token_endpoint } = (await (await fetch(url)).json()) as Record<string, string>
    expect(token_endpoint).toBe(`${moved.origin}/api/oauth/token`)
    expect((await postForm(String(token_endpoint), '')).status).toBe(400)
    expect((await postForm(`${moved.origin}/oauth/token`, '')).status).toBe(404)
    await moved.stop()
  })

  it('8414-05 it is served while the store is down', async () => {
    const down = await startAuthorizationServer({}, { through: unreachable })
    for (const name of [...NAMES, 'oauth-protected-resource/orders']) {
      expect((await fetch(`${down.origin}/.well-known/${name}`)).status).toBe(200)
    }
    await down.stop()
  })

  it('9207-3 it promises the issuer in every answer', async () => {
    const all = await document()
    expect(all.authorization_response_iss_parameter_supported).toBe(true)
    const url = createClient(server.origin, 'web').authorizationUrl({ response_type: 'x' })
    const { headers } = await fetch(url, { redirect: 'manual' })
    expect(new URL(headers.get('Location') ?? '').searchParams.get('iss')).toBe(all.issuer)
  })

  it('8414-01 unknown well-known names are not ours', async () => {
    for (const name of ['oauth-authorization-server/x', 'jwks', 'nothing']) {
      expect((await fetch(`${server.origin}/.well-known/${name}`)).status).toBe(404)
    }
  })
})

/** Fetches the metadata with a Host of its own. */
const fetchAs = (origin: string, headers: Record<string, string>): Promise<string> =>
  new Promise((resolve, reject) => {
    const url = `${origin}/.well-known/oauth-authorization-server`
    const asked = request(url, { headers }, async (response) => {
      let body = ''
      for await (const chunk of response) body += chunk
      resolve(body)
    })
    asked.on('error', reject)
    asked.end()
  })
