import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { basic, createClient, type JsonAnswer, postForm } from './support/client.ts'
import { createPerson, type Fields } from './support/person.ts'

const CLIENT = {
  client_id: 'SampleConfidentialApp',
  client_secret: '6808d4b6-ef09-4b0d-8f28-3b05da9c48ec',
}
const REDIRECT_URI = 'https://localhost/oauth_callback'
const PLAIN = { code_challenge: undefined, code_challenge_method: undefined }

describe('compatibility: [axway]', () => {
  let server: RunningAuthorizationServer
  const ada = createPerson('ada', 'ada-password')
  const at = (path: string) => `${server.origin}/api/oauth/${path}`
  const authorize = (parameters: Record<string, string>) => {
    const url = new URL(at('authorize'))
    url.search = String(
      new URLSearchParams({ response_type: 'code', client_id: CLIENT.client_id, ...parameters }),
    )
    return ada.authorize(url)
  }
  const redeem = (callback: URL, fields: Fields = {}): Promise<JsonAnswer> =>
    postForm(at('token'), {
      grant_type: 'authorization_code',
      code: callback.searchParams.get('code') ?? '',
      redirect_uri: REDIRECT_URI,
      ...CLIENT,
      ...fields,
    })
  const information = (fields: Fields, headers?: Record<string, string>) =>
    postForm(at('tokeninfo'), fields, headers)

  beforeAll(async () => {
    server = await startAuthorizationServer({
      compatibility: ['axway'],
      paths: { oauth: '/api/oauth' },
      clients: [
        { ...CLIENT, redirect_uris: [REDIRECT_URI] },
        { client_id: 'native', redirect_uris: [REDIRECT_URI] },
        { client_id: 'other', client_secret: 'other-secret' },
        { client_id: 'server', client_secret: 'server-secret', introspect: true },
      ],
    })
  })
  afterAll(() => server.stop())

  it("the sample client's flow runs unchanged: no state, no PKCE, redirect_uri left to the registered one", async () => {
    const callback = await authorize({ scope: 'orders.read' })
    expect(callback.href.startsWith(`${REDIRECT_URI}?code=`)).toBe(true)
    const { status, body, headers } = await redeem(callback, { format: 'query' })
    expect([status, body.token_type, body.expires_in]).toEqual([200, 'Bearer', 600])
    expect(headers.get('Cache-Control')).toBe('no-store')
  })

  it.each([
    'orders.read,orders.write',
    'orders.read orders.write',
    'orders.read, orders.write',
    ',orders.read,,orders.write,',
  ])('scope=%j is two scopes, answered with a space', async (scope) => {
    const { body } = await redeem(await authorize({ scope, redirect_uri: REDIRECT_URI }))
    expect(body.scope).toBe('orders.read orders.write')
  })

  it('commas separate scopes when a token is refreshed, too', async () => {
    const { body } = await redeem(await authorize({}))
    const refreshed = await postForm(at('token'), {
      grant_type: 'refresh_token',
      refresh_token: String(body.refresh_token),
      scope: 'orders.write,orders.read',
      ...CLIENT,
    })
    expect(refreshed.body.scope).toBe('orders.write orders.read')
  })

  it('7636-01 a public client needs PKCE here as well', async () => {
    const callback = await ada.authorize(
      createClient(server.origin, 'native', { redirect_uri: REDIRECT_URI })
        .authorizationUrl(PLAIN)
        .href.replace('/oauth/', '/api/oauth/'),
    )
    expect(callback.searchParams.get('error')).toBe('invalid_request')
  })

  it.each([
    ['json', /^application\/json/, /^\{"access_token":"pc_at_/],
    [
      'urlencoded',
      /^application\/x-www-form-urlencoded/,
      /^access_token=pc_at_[\w-]+&token_type=Bearer&expires_in=600&refresh_token=pc_rt_[\w-]+&scope=orders\.read%20orders\.write$/,
    ],
    [
      'xml',
      /^application\/xml/,
      /^<\?xml version="1\.0" encoding="UTF-8"\?><OAuth><access_token>pc_at_[\w-]+<\/access_token><token_type>Bearer<\/token_type><expires_in>600<\/expires_in>/,
    ],
    ['query', /^application\/json/, /^\{"access_token":"pc_at_/],
  ])('format=%s', async (format, type, text) => {
    const callback = await authorize({})
    const response = await fetch(at('token'), {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: callback.searchParams.get('code') ?? '',
        redirect_uri: REDIRECT_URI,
        format,
        ...CLIENT,
      }),
    })
    expect(response.headers.get('Content-Type')).toMatch(type)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(await response.text()).toMatch(text)
  })

  it.each([
    [
      'urlencoded',
      /^application\/x-www-form-urlencoded/,
      /^error=invalid_grant&error_description=the%20code%20is%20unknown[^&]*&request_id=request-\d+$/,
    ],
    [
      'xml',
      /^application\/xml/,
      /^<\?xml version="1\.0" encoding="UTF-8"\?><OAuth><error>invalid_grant<\/error><error_description>/,
    ],
    ['json', /^application\/json/, /^\{"error":"invalid_grant",/],
    ['query', /^application\/json/, /^\{"error":"invalid_grant",/],
  ])('format=%s counts for errors, too', async (format, type, text) => {
    const form = { grant_type: 'authorization_code', code: 'x', format, ...CLIENT }
    const response = await fetch(at('token'), { method: 'POST', body: new URLSearchParams(form) })
    expect(response.status).toBe(400)
    expect(response.headers.get('Content-Type')).toMatch(type)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(await response.text()).toMatch(text)
  })

  it('6749-65 a client that fails to prove itself is told in its format, with its scheme', async () => {
    const response = await fetch(at('token'), {
      method: 'POST',
      headers: basic(CLIENT.client_id, 'wrong'),
      body: new URLSearchParams({ grant_type: 'client_credentials', format: 'xml' }),
    })
    expect([response.status, response.headers.get('WWW-Authenticate')]).toEqual([
      401,
      'Basic realm="Portcullis", charset="UTF-8"',
    ])
    expect(await response.text()).toContain('<error>invalid_client</error>')
  })

  it('token information is for clients that prove themselves', async () => {
    const { body } = await redeem(await authorize({}))
    const access_token = String(body.access_token)
    const expected = {
      audience: CLIENT.client_id,
      user_id: 'ada',
      scope: 'orders.read orders.write',
      expires_in: expect.any(Number),
    }
    expect((await information({ access_token, ...CLIENT })).body).toEqual(expected)
    expect((await information({ access_token }, basic('server', 'server-secret'))).body).toEqual(
      expected,
    )
    expect((await information({ access_token })).status).toBe(401)
    const other = await information({ access_token }, basic('other', 'other-secret'))
    expect([other.status, other.body.error]).toEqual([400, 'invalid_token'])
  })

  it('token information of what is no good token is 400', async () => {
    const { body } = await redeem(await authorize({}))
    for (const access_token of ['garbage', String(body.refresh_token)]) {
      const answer = await information({ access_token, ...CLIENT })
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_token'])
    }
    expect((await information(CLIENT)).body.error).toBe('invalid_request')
    expect((await fetch(at('tokeninfo'))).status).toBe(405)
  })
})

describe('without compatibility', () => {
  it('format is ignored and there is no token information', async () => {
    const server = await startAuthorizationServer()
    const machine = createClient(server.origin, 'machine', { secret: 'machine-secret' })
    const answer = await machine.post('token', { grant_type: 'client_credentials', format: 'xml' })
    expect(answer.body.token_type).toBe('Bearer')
    expect((await machine.post('tokeninfo', { access_token: 'x' })).status).toBe(404)
    await server.stop()
  })
})
