import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { basic, type JsonAnswer, postForm } from './support/client.ts'
import type { Fields } from './support/person.ts'
import { openRaw, until } from './support/raw-sockets.ts'

const ODD_ID = 'a:b c/ü'
const ODD_SECRET = 'p%+&= :é'

describe('client authentication', () => {
  let server: RunningAuthorizationServer
  const GRANT = { grant_type: 'client_credentials' }
  const token = (fields: Fields, headers?: Record<string, string>): Promise<JsonAnswer> =>
    postForm(`${server.origin}/oauth/token`, { ...GRANT, ...fields }, headers)
  const basicOf = (text: string) => ({
    Authorization: `Basic ${Buffer.from(text).toString('base64')}`,
  })

  beforeAll(async () => {
    const machine = { redirect_uris: [], grant_types: ['client_credentials'] }
    server = await startAuthorizationServer({
      clients: [
        { client_id: 'any', client_secret: 'any-secret', ...machine },
        { client_id: 'other', client_secret: 'other-secret', ...machine },
        { client_id: ODD_ID, client_secret: ODD_SECRET, ...machine },
        {
          client_id: 'basic',
          client_secret: 'basic-secret',
          token_endpoint_auth_method: 'client_secret_basic',
          ...machine,
        },
        {
          client_id: 'post',
          client_secret: 'post-secret',
          token_endpoint_auth_method: 'client_secret_post',
          ...machine,
        },
        { client_id: 'public', ...machine },
        {
          client_id: 'none',
          client_secret: 'none-secret',
          token_endpoint_auth_method: 'none',
          ...machine,
        },
      ],
      limits: {
        passwords: { points: 10, duration: 300 },
        clientSecrets: { points: 1000, duration: 300 },
        formBody: 65_536,
        connections: 16_384,
        cachedTokens: 1000,
      },
    })
  })
  afterAll(() => server.stop())

  it('6749-60 Basic is decoded as a form after base64, and split at the first colon', async () => {
    const encoded = Buffer.from('a%3Ab+c%2F%C3%BC:p%25%2B%26%3D+%3A%C3%A9').toString('base64')
    expect((await token({}, { Authorization: `Basic ${encoded}` })).status).toBe(200)
    expect((await token({}, basic(ODD_ID, ODD_SECRET))).status).toBe(200)
    expect((await token({}, { Authorization: `bAsIc   ${encoded}` })).status).toBe(200)
    const first = basicOf('any:any-secret:more')
    expect((await token({}, first)).status).toBe(401)
  })

  it.each([
    ['a bad escape', basicOf('any:%zz')],
    ['a bad escape in the id', basicOf('%:any-secret')],
    ['no colon', basicOf('any')],
    ['nothing', basicOf('')],
    ['no id', basicOf(':any-secret')],
    ['NUL', basicOf('any:any-secret\0')],
    ['NUL, escaped', basicOf('any:any-secret%00')],
    [
      'bytes that are not UTF-8',
      { Authorization: `Basic ${Buffer.from([97, 58, 255]).toString('base64')}` },
    ],
    ['bad base64', { Authorization: 'Basic a$b' }],
    ['base64url', { Authorization: 'Basic YW55On5-fg_-' }],
    ['no credentials', { Authorization: 'Basic' }],
    ['more than 4 KiB', basicOf(`any:${'x'.repeat(4096)}`)],
    ['another scheme', { Authorization: 'Bearer abc' }],
    ['spaces only', { Authorization: `Basic ${' '.repeat(4000)}x` }],
  ])('6749-61, A32 %s in the Authorization header is invalid_client', async (_, headers) => {
    const answer = await token({}, headers)
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client'])
    expect(answer.headers.get('WWW-Authenticate')).toMatch(/^Basic realm="[^"]+"/)
  })

  it('6749-62 the secret may be in the body', async () => {
    expect((await token({ client_id: 'any', client_secret: 'any-secret' })).status).toBe(200)
    expect((await token({ client_id: ODD_ID, client_secret: ODD_SECRET })).status).toBe(200)
  })

  it.each<[string, Fields, Record<string, string>]>([
    ['Basic and a secret in the body', { client_secret: 'any-secret' }, basic('any', 'any-secret')],
    ['Basic and an assertion', { client_assertion: 'x' }, basic('any', 'any-secret')],
    [
      'a secret and an assertion',
      { client_id: 'any', client_secret: 'any-secret', client_assertion: 'x' },
      {},
    ],
  ])('6749-63 %s are two methods', async (_, fields, headers) => {
    const answer = await token(fields, headers)
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
  })

  it('6749-63 two Authorization headers are an error', async () => {
    const { Authorization } = basic('any', 'any-secret')
    const connection = await openRaw(Number(new URL(server.origin).port))
    connection.send(
      [
        'POST /oauth/token HTTP/1.1',
        'Host: x',
        `Authorization: ${Authorization}`,
        `authorization: ${Authorization}`,
        'Content-Type: application/x-www-form-urlencoded',
        'Content-Length: 29',
        'Connection: close',
        '',
        'grant_type=client_credentials',
      ].join('\r\n'),
    )
    await until('the answer', () => connection.received().includes('\r\n\r\n'))
    expect(connection.received()).toMatch(/^HTTP\/1\.1 400 /)
    connection.socket.destroy()
  })

  it('6749-64 another client_id in the body than in the header is an error', async () => {
    const answer = await token({ client_id: 'other' }, basic('any', 'any-secret'))
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
    expect((await token({ client_id: 'any' }, basic('any', 'any-secret'))).status).toBe(200)
  })

  it('6749-65, A22 an unknown client and a wrong secret look alike', async () => {
    const posted = await Promise.all([
      token({ client_id: 'nobody', client_secret: 'x' }),
      token({ client_id: 'any', client_secret: 'x' }),
      token({ client_id: 'any' }),
      token({ client_id: 'nobody' }),
      token({}),
      token({ client_id: 'x'.repeat(3000), client_secret: 'x' }),
    ])
    for (const { status, body, headers } of posted) {
      expect([status, body]).toEqual([401, posted[0]?.body])
      expect(headers.has('WWW-Authenticate')).toBe(false)
    }
    const authorized = await Promise.all([
      token({}, basic('nobody', 'x')),
      token({}, basic('any', 'x')),
    ])
    for (const { status, body, headers } of authorized) {
      expect([status, body]).toEqual([401, posted[0]?.body])
      expect(headers.get('WWW-Authenticate')).toBe(authorized[0]?.headers.get('WWW-Authenticate'))
    }
  })

  it.each<[string, Fields, Record<string, string>]>([
    ['a public client with a secret', { client_id: 'public', client_secret: 'x' }, {}],
    ['a public client with Basic', {}, basicOf('public:')],
    ['a confidential client with no secret', { client_id: 'any' }, {}],
    ['a confidential client with an empty secret', { client_id: 'any', client_secret: '' }, {}],
    [
      'a client of client_secret_basic with the body',
      { client_id: 'basic', client_secret: 'basic-secret' },
      {},
    ],
    ['a client of client_secret_post with Basic', {}, basic('post', 'post-secret')],
    ['a client of none with its secret', { client_id: 'none', client_secret: 'none-secret' }, {}],
    ['an assertion', { client_id: 'any', client_assertion: 'x' }, {}],
  ])('6749-66 %s is invalid_client', async (_, fields, headers) => {
    const answer = await token(fields, headers)
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client'])
  })

  it('6749-66 a declared method works', async () => {
    expect((await token({}, basic('basic', 'basic-secret'))).status).toBe(200)
    expect((await token({ client_id: 'post', client_secret: 'post-secret' })).status).toBe(200)
  })

  it('6749-50 a public client has no credentials to grant itself anything by', async () => {
    for (const client_id of ['public', 'none']) {
      const answer = await token({ client_id })
      expect([answer.status, answer.body.error]).toEqual([400, 'unauthorized_client'])
    }
  })
})

describe('failed client authentication', () => {
  const limited = () =>
    startAuthorizationServer({
      trustedProxies: ['127.0.0.1'],
      limits: {
        passwords: { points: 10, duration: 300 },
        clientSecrets: { points: 5, duration: 300 },
        formBody: 65_536,
        connections: 16_384,
        cachedTokens: 1000,
      },
    })
  const attempt = (origin: string, client_id: string, client_secret: string, address: string) =>
    postForm(
      `${origin}/oauth/token`,
      { grant_type: 'client_credentials', client_id, client_secret },
      { 'X-Forwarded-For': address },
    )

  it('6749-67 is throttled by client and address, and locks out nobody elsewhere', async () => {
    const { origin, stop, logged } = await limited()
    for (let n = 0; n < 5; n += 1) {
      expect((await attempt(origin, 'machine', 'wrong', '203.0.113.1')).status).toBe(401)
    }
    const refused = await attempt(origin, 'machine', 'machine-secret', '203.0.113.1')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0)
    expect((await attempt(origin, 'machine', 'machine-secret', '203.0.113.2')).status).toBe(200)
    expect(
      (await attempt(origin, 'resource-server', 'resource-server-secret', '203.0.113.1')).status,
    ).toBe(200)
    const failed = logged.filter(({ event }) => event === 'client.authentication_failed')
    expect(failed).toHaveLength(5)
    expect(failed[0]?.fields).toMatchObject({ client_id: 'machine', remote: '203.0.113.1' })
    await stop()
  })

  it('6749-67, A22 an unknown client is throttled alike', async () => {
    const { origin, stop } = await limited()
    for (let n = 0; n < 5; n += 1) await attempt(origin, 'nobody', 'wrong', '203.0.113.1')
    expect((await attempt(origin, 'nobody', 'wrong', '203.0.113.1')).status).toBe(429)
    await stop()
  })

  it('6749-67 the holder of an IPv6 network is one address', async () => {
    const { origin, stop } = await limited()
    for (let n = 0; n < 5; n += 1) await attempt(origin, 'machine', 'wrong', `2001:db8::${n}`)
    expect(
      (await attempt(origin, 'machine', 'machine-secret', '2001:db8:0:0:ffff::1')).status,
    ).toBe(429)
    expect((await attempt(origin, 'machine', 'machine-secret', '2001:db8:0:1::1')).status).toBe(200)
    await stop()
  })

  it('6749-67 what succeeds is not counted', async () => {
    const { origin, stop } = await limited()
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        attempt(origin, 'machine', 'machine-secret', '203.0.113.1'),
      ),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    await stop()
  })

  it('6749-67 a burst of guesses at once wins no more than one after the other', async () => {
    const { origin, stop } = await limited()
    const guesses = Array.from({ length: 100 }, (_, n) =>
      n < 99 ? `wrong-${n}` : 'machine-secret',
    )
    const answers = await Promise.all(
      guesses.map((guess) => attempt(origin, 'machine', guess, '203.0.113.1')),
    )
    // Five wrong ones are judged, and the right one only if it came among them.
    expect(answers.filter(({ status }) => status === 401).length).toBe(5)
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
    await stop()
  })
})
