import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient, postForm } from './support/client.ts'
import { openBrowser } from './support/person.ts'

const NAMES = [
  'grant_type',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'request_uri',
  'user_code',
  'code_challenge',
  'login_hint',
  'code',
  'redirect_uri',
  'code_verifier',
  'refresh_token',
  'scope',
  'resource',
  'response_type',
  'state',
  'prompt',
  'max_age',
  'request',
  'csrf',
  'decision',
  'username',
  'token',
  'format',
  '__proto__',
]
const VALUES = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'web',
  'web-secret',
  'machine',
  'machine-secret',
  'code',
  'https://app.example/callback',
  'orders.read',
  'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  'urn:ietf:params:oauth:request_uri:x',
  'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ3ZWIiLCJzdWIiOiJ3ZWIifQ.AA',
  'WDJB-MJHT',
  'none',
  `pc_ac_${'A'.repeat(64)}`,
  `pc_rt_${'A'.repeat(72)}`,
  '%00',
  '%',
  '%ff',
  '+',
  '',
]

const text = fc.oneof(
  fc.constantFrom(...VALUES),
  fc.string({ unit: 'binary' }),
  fc.webQueryParameters(),
)
const pair = fc.tuple(fc.oneof(fc.constantFrom(...NAMES), fc.string()), text)
/** Forms from well-formed to hopeless. */
const form = fc.oneof(
  fc
    .array(pair)
    .map((pairs) =>
      new URLSearchParams(
        pairs.map(([n, v]): [string, string] => [n, v.toWellFormed()]),
      ).toString(),
    ),
  fc.array(pair).map((pairs) =>
    pairs
      .map(([name, value]) => `${name}=${value}`)
      .join('&')
      .toWellFormed(),
  ),
  fc.string({ unit: 'binary' }).map((any) => any.toWellFormed()),
)

describe('whatever is sent', () => {
  let server: RunningAuthorizationServer
  beforeAll(async () => {
    server = await startAuthorizationServer({ compatibility: ['axway'] })
  })
  afterAll(async () => {
    expect(server.logged.filter(({ event }) => event === 'request.failed')).toEqual([])
    await server.stop()
  })

  it.each([
    'token',
    'revoke',
    'introspect',
    'tokeninfo',
    'par',
    'device_authorization',
    'device',
    'authorize',
    'login',
    'consent',
    'logout',
  ])('6749-06 a form at %s never fails on our side', async (path) => {
    await fc.assert(
      fc.asyncProperty(form, fc.boolean(), async (body, withClient) => {
        const client = withClient ? '&client_id=web&client_secret=web-secret' : ''
        const answer = await openBrowser().open(`${server.origin}/oauth/${path}`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
          body: body + client,
        })
        expect(answer.status).toBeLessThan(500)
        expect(answer.body).not.toMatch(/ at .*\.ts:\d/)
      }),
      { numRuns: 60 },
    )
  })

  it('6749-23 any query of an authorization request ends in a page, or at the client with state and issuer', async () => {
    await fc.assert(
      fc.asyncProperty(form, async (query) => {
        const asked = query.replace(/[^!-"$-~]/gu, (any) => encodeURIComponent(any))
        const url = createClient(server.origin, 'web').authorizationUrl()
        const { status, location } = await openBrowser().open(`${url}&${asked}`)
        expect([303, 400]).toContain(status)
        if (status === 400 || location?.includes('/oauth/login?')) return
        const { searchParams, origin } = new URL(location ?? '')
        expect(origin).toBe('https://app.example')
        expect(searchParams.getAll('iss')).toEqual([server.origin])
        expect(searchParams.get('error_description')).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
      }),
      { numRuns: 150 },
    )
  })

  it('6749-61 any Authorization header is an answer of OAuth', async () => {
    const credentials = fc.oneof(
      fc.string().map((any) => `Basic ${Buffer.from(any).toString('base64')}`),
      fc.uint8Array().map((bytes) => `Basic ${Buffer.from(bytes).toString('base64')}`),
      fc.base64String().map((any) => `Basic ${any}`),
      fc.string({ unit: fc.constantFrom('a', ' ', ':', '=', '%', ',', '"', 'B') }),
    )
    await fc.assert(
      fc.asyncProperty(credentials, async (authorization) => {
        const fields = { grant_type: 'client_credentials' }
        const answer = await postForm(`${server.origin}/oauth/token`, fields, {
          Authorization: authorization,
        })
        expect([400, 401, 429]).toContain(answer.status)
        expect(['invalid_client', 'invalid_request', 'temporarily_unavailable']).toContain(
          answer.body.error,
        )
      }),
      { numRuns: 200 },
    )
  })

  it('A32, A33 long and repetitive input is answered like any other', async () => {
    const long = ['a', '(', ' ', ',', '%20', '+', '=', '&', ';', ':', '/', 'orders.read '].map(
      (part) => part.repeat(Math.floor(60_000 / part.length)),
    )
    for (const value of long) {
      const form = `grant_type=refresh_token&client_id=web&client_secret=web-secret&refresh_token=${value}`
      expect((await postForm(`${server.origin}/oauth/token`, form)).status).toBe(400)
    }
    for (const value of long.map((any) => any.slice(0, 8000))) {
      const url = createClient(server.origin, 'web').authorizationUrl()
      expect((await openBrowser().open(`${url}&scope2=${value}`)).status).toBeLessThan(500)
      const headers = { Authorization: `Basic ${value}` }
      expect((await postForm(`${server.origin}/oauth/token`, 'grant_type=x', headers)).status).toBe(
        400,
      )
    }
  })
})
