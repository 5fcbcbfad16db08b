import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startAuthorizationServer } from './support/authorization-server.ts'
import { basic, createClient, postForm, type TestClient } from './support/client.ts'
import { DEVICE_CODE } from './support/device.ts'
import { startOidcProvider } from './support/oidc-provider.ts'
import { createPerson, type Fields, openBrowser } from './support/person.ts'

// What two authorization servers that follow the same RFCs answer to the same mistakes. Where they differ, the table says
// why ours is as it is: the exceptions are a list that must not grow unseen.

const REDIRECT_URI = 'https://app.example/callback'
const CLIENTS = [
  {
    client_id: 'web',
    client_secret: 'web-secret',
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    token_endpoint_auth_method: 'client_secret_post' as const,
  },
  {
    client_id: 'other',
    client_secret: 'other-secret',
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_post' as const,
  },
  {
    client_id: 'basic',
    client_secret: 'basic-secret',
    redirect_uris: [REDIRECT_URI],
    grant_types: ['client_credentials', 'authorization_code'],
    token_endpoint_auth_method: 'client_secret_basic' as const,
  },
  {
    client_id: 'native',
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token', DEVICE_CODE],
    token_endpoint_auth_method: 'none' as const,
  },
]
const SCOPE = 'orders.read orders.write'

type Answer = readonly [status: number, error: unknown]
type Server = { readonly origin: string; stop(): Promise<void> }

let ours: Server
let theirs: Server

beforeAll(async () => {
  ours = await startAuthorizationServer({ clients: CLIENTS })
  theirs = await startOidcProvider(
    CLIENTS.map((client) => ({
      ...{ ...client, scope: SCOPE },
      response_types: client.grant_types.includes('authorization_code') ? ['code'] : [],
    })),
  )
})
afterAll(() => Promise.all([ours.stop(), theirs.stop()]))

const client = ({ origin }: Server, client_id: string): TestClient =>
  createClient(origin, client_id, client_id === 'native' ? {} : { secret: `${client_id}-secret` })

/** A code that ada has given to `web`. */
const codeFor = async (server: Server, web: TestClient): Promise<URL> => {
  const ada = createPerson('ada', 'ada-password', openBrowser())
  let callback = await ada.authorize(web.authorizationUrl())
  while (callback.origin === server.origin) callback = await ada.authorize(callback)
  return callback
}

const compare = async (ask: (server: Server) => Promise<Answer>) => ({
  ours: await ask(ours),
  theirs: await ask(theirs),
})

/** What theirs answers, and why ours does not. */
type Exception = { readonly theirs: Answer; readonly why: string }

const expectAlike = (
  answers: Awaited<ReturnType<typeof compare>>,
  expected: Answer,
  exception: Exception | undefined,
) => {
  expect(answers.ours).toEqual(expected)
  expect(answers.theirs).toEqual(exception?.theirs ?? expected)
}

describe('token, revocation, introspection and device requests that are wrong', () => {
  const WEB = { client_id: 'web', client_secret: 'web-secret' }
  const code = { grant_type: 'authorization_code', code: 'x', redirect_uri: REDIRECT_URI }

  it.each<[string, string, Fields | string, Record<string, string>, Answer, Exception?]>([
    ['6749-40 no grant_type', 'token', WEB, {}, [400, 'invalid_request']],
    [
      '6749-40 an unknown grant_type',
      ...(['token', { ...WEB, grant_type: 'magic' }, {}, [400, 'unsupported_grant_type']] as const),
    ],
    [
      '6749-68 the password grant',
      'token',
      { ...WEB, grant_type: 'password', username: 'ada', password: 'ada-password' },
      {},
      [400, 'unsupported_grant_type'],
    ],
    [
      '6749-40 a grant_type of other clients',
      'token',
      { client_id: 'other', client_secret: 'other-secret', grant_type: 'client_credentials' },
      {},
      [400, 'unauthorized_client'],
      { theirs: [400, 'invalid_request'], why: '§5.2 has a word for it' },
    ],
    [
      '6749-41 no code',
      ...(['token', { ...WEB, ...code, code: '' }, {}, [400, 'invalid_request']] as const),
    ],
    ['6749-41 an unknown code', 'token', { ...WEB, ...code }, {}, [400, 'invalid_grant']],
    [
      '6749-51 no refresh_token',
      ...([
        'token',
        { ...WEB, grant_type: 'refresh_token' },
        {},
        [400, 'invalid_request'],
      ] as const),
    ],
    [
      '6749-51 an unknown refresh_token',
      'token',
      { ...WEB, grant_type: 'refresh_token', refresh_token: 'x' },
      {},
      [400, 'invalid_grant'],
    ],
    [
      '8628-02 no device_code',
      ...([
        'token',
        { client_id: 'native', grant_type: DEVICE_CODE },
        {},
        [400, 'invalid_request'],
      ] as const),
    ],
    [
      '8628-02 an unknown device_code',
      'token',
      { client_id: 'native', grant_type: DEVICE_CODE, device_code: 'x' },
      {},
      [400, 'invalid_grant'],
    ],
    [
      '6749-50 a scope that is not the client’s',
      'token',
      { ...WEB, grant_type: 'client_credentials', scope: 'admin' },
      {},
      [400, 'invalid_scope'],
      { theirs: [200, undefined], why: '§3.3: a token for less than was asked for surprises' },
    ],
    [
      '6749-65 a wrong secret',
      'token',
      { ...WEB, ...code, client_secret: 'wrong' },
      {},
      [401, 'invalid_client'],
    ],
    [
      '6749-65 an unknown client',
      'token',
      { ...WEB, ...code, client_id: 'nobody' },
      {},
      [401, 'invalid_client'],
    ],
    [
      '6749-66 no client at all',
      'token',
      code,
      {},
      [401, 'invalid_client'],
      { theirs: [400, 'invalid_request'], why: '§5.2: no client authentication included' },
    ],
    [
      '6749-66 a confidential client without its secret',
      'token',
      { ...code, client_id: 'web' },
      {},
      [401, 'invalid_client'],
    ],
    [
      '6749-66 a public client with a secret',
      'token',
      { ...code, client_id: 'native', client_secret: 'x' },
      {},
      [401, 'invalid_client'],
    ],
    [
      '6749-66 the body where Basic was declared',
      'token',
      { grant_type: 'client_credentials', client_id: 'basic', client_secret: 'basic-secret' },
      {},
      [401, 'invalid_client'],
      { theirs: [200, undefined], why: 'the method that was declared is the only one' },
    ],
    [
      '6749-65 a wrong secret by Basic',
      'token',
      { grant_type: 'client_credentials' },
      basic('basic', 'wrong'),
      [401, 'invalid_client'],
    ],
    [
      '6749-63 Basic and a secret in the body',
      'token',
      { grant_type: 'client_credentials', client_secret: 'basic-secret' },
      basic('basic', 'basic-secret'),
      [400, 'invalid_request'],
    ],
    [
      '6749-64 Basic and another client_id in the body',
      'token',
      { grant_type: 'client_credentials', client_id: 'web' },
      basic('basic', 'basic-secret'),
      [400, 'invalid_request'],
    ],
    [
      '6749-61 Basic that is no base64',
      'token',
      { grant_type: 'client_credentials' },
      { Authorization: 'Basic !!!' },
      [401, 'invalid_client'],
      { theirs: [400, 'invalid_request'], why: '§5.2: authentication that failed' },
    ],
    [
      '6749-07 a parameter twice',
      'token',
      'grant_type=client_credentials&grant_type=client_credentials&client_id=web&client_secret=web-secret',
      {},
      [400, 'invalid_request'],
    ],
    [
      '6749-03 JSON',
      'token',
      JSON.stringify({ ...WEB, grant_type: 'client_credentials' }),
      { 'Content-Type': 'application/json' },
      [400, 'invalid_request'],
    ],
    ['7009-02 nothing to revoke', 'revoke', WEB, {}, [400, 'invalid_request']],
    ['7009-02 an unknown token', 'revoke', { ...WEB, token: 'x' }, {}, [200, undefined]],
    [
      '7009-01 a wrong secret',
      ...([
        'revoke',
        { ...WEB, client_secret: 'x', token: 'x' },
        {},
        [401, 'invalid_client'],
      ] as const),
    ],
    ['7662-02 nothing to introspect', 'introspect', WEB, {}, [400, 'invalid_request']],
    ['7662-02 an unknown token', 'introspect', { ...WEB, token: 'x' }, {}, [200, undefined]],
    [
      '7662-01 a wrong secret',
      ...([
        'introspect',
        { ...WEB, client_secret: 'x', token: 'x' },
        {},
        [401, 'invalid_client'],
      ] as const),
    ],
    [
      '8628-07 a client that is no device',
      'device_authorization',
      WEB,
      {},
      [400, 'unauthorized_client'],
      { theirs: [400, 'invalid_request'], why: '§5.2 of RFC 6749, which RFC 8628 §3.2 refers to' },
    ],
    [
      '8628-07 an unknown client',
      ...(['device_authorization', { client_id: 'nobody' }, {}, [401, 'invalid_client']] as const),
    ],
  ])('%s', async (_, endpoint, fields, headers, expected, exception) => {
    const ask = async ({ origin }: Server): Promise<Answer> => {
      const { status, body } = await postForm(`${origin}/oauth/${endpoint}`, fields, headers)
      return [status, body.error]
    }
    expectAlike(await compare(ask), expected, exception)
  })

  it.each<[string, (server: Server) => Promise<Answer>, Answer, Exception?]>([
    [
      '6749-41 a code of another client',
      async (server) => {
        const callback = await codeFor(server, client(server, 'web'))
        const { status, body } = await client(server, 'other').redeem(callback)
        return [status, body.error]
      },
      [400, 'invalid_grant'],
    ],
    [
      '6749-42 another redirect_uri',
      async (server) => {
        const web = client(server, 'web')
        const wrong = { redirect_uri: 'https://app.example/other' }
        const { status, body } = await web.redeem(await codeFor(server, web), wrong)
        return [status, body.error]
      },
      [400, 'invalid_grant'],
    ],
    [
      '7636-05 another verifier',
      async (server) => {
        const web = client(server, 'web')
        const wrong = { code_verifier: client(server, 'web').code_verifier }
        const { status, body } = await web.redeem(await codeFor(server, web), wrong)
        return [status, body.error]
      },
      [400, 'invalid_grant'],
    ],
    [
      '7636-05 no verifier',
      async (server) => {
        const web = client(server, 'web')
        const { status, body } = await web.redeem(await codeFor(server, web), { code_verifier: '' })
        return [status, body.error]
      },
      [400, 'invalid_grant'],
    ],
    [
      '6749-43 a code twice',
      async (server) => {
        const web = client(server, 'web')
        const callback = await codeFor(server, web)
        expect((await web.redeem(callback)).status).toBe(200)
        const { status, body } = await web.redeem(callback)
        return [status, body.error]
      },
      [400, 'invalid_grant'],
    ],
    [
      '6749-52 a refresh for more than was given',
      async (server) => {
        const web = client(server, 'web')
        const first = await web.redeem(await codeFor(server, web))
        const { status, body } = await web.refresh(first.body.refresh_token, { scope: 'admin' })
        return [status, body.error]
      },
      [400, 'invalid_scope'],
    ],
    [
      '6749-51 a refresh token of another client',
      async (server) => {
        const web = client(server, 'web')
        const first = await web.redeem(await codeFor(server, web))
        const { status, body } = await client(server, 'other').refresh(first.body.refresh_token)
        return [status, body.error]
      },
      [400, 'invalid_grant'],
    ],
    [
      '8628-02 a device that nobody has answered',
      async (server) => {
        const native = client(server, 'native')
        const { body: device } = await native.post('device_authorization', {})
        const device_code = String(device.device_code)
        const { status, body } = await native.post('token', {
          grant_type: DEVICE_CODE,
          device_code,
        })
        return [status, body.error]
      },
      [400, 'authorization_pending'],
    ],
  ])('%s', async (_, ask, expected, exception) => {
    expectAlike(await compare(ask), expected, exception)
  })
})

describe('authorization requests that are wrong', () => {
  /** A page, or what the client is told. */
  type Told = readonly ['page' | 'client', unknown]
  const ask = async ({ origin }: Server, change: Record<string, string | undefined>) => {
    const url = createClient(origin, 'web').authorizationUrl({ scope: SCOPE, ...change })
    const { location, status } = await openBrowser().open(url.href)
    if (location === undefined) return ['page', status >= 400 && status < 500] as const
    const told = new URL(location)
    if (told.origin === origin) return ['goes on', undefined] as const
    // Of response_type=token theirs tells in the fragment, where that would be answered.
    const fragment = new URLSearchParams(told.hash.slice(1))
    return ['client', told.searchParams.get('error') ?? fragment.get('error')] as const
  }

  it.each<
    [string, Record<string, string | undefined>, Told, { theirs: readonly unknown[]; why: string }?]
  >([
    ['6749-20 no client_id', { client_id: undefined }, ['page', true]],
    ['6749-20 an unknown client_id', { client_id: 'nobody' }, ['page', true]],
    ['6749-20 another redirect_uri', { redirect_uri: 'https://evil.example/' }, ['page', true]],
    ['6749-20 a redirect_uri that is none', { redirect_uri: 'x' }, ['page', true]],
    ['6749-21 no response_type', { response_type: undefined }, ['client', 'invalid_request']],
    [
      '6749-21 response_type=token',
      { response_type: 'token' },
      ['client', 'unsupported_response_type'],
    ],
    [
      '6749-21 response_type=CODE',
      { response_type: 'CODE' },
      ['client', 'unsupported_response_type'],
    ],
    [
      '7636-01 no code_challenge',
      { code_challenge: undefined, code_challenge_method: undefined },
      ['client', 'invalid_request'],
    ],
    [
      '7636-02 code_challenge_method=plain',
      { code_challenge_method: 'plain' },
      ['client', 'invalid_request'],
    ],
    [
      '7636-03 a code_challenge that is too short',
      { code_challenge: 'short' },
      ['client', 'invalid_request'],
    ],
    [
      '6749-22 a scope that nobody knows',
      { scope: 'admin' },
      ['client', 'invalid_scope'],
      { theirs: ['goes on', undefined], why: '§3.3: theirs leaves it out, in silence' },
    ],
    ['9101-01 a request object', { request: 'e30.e30.' }, ['client', 'request_not_supported']],
    [
      '9101-01 a request_uri of others',
      { request_uri: 'https://app.example/request' },
      ['client', 'request_uri_not_supported'],
    ],
    ['A41 prompt=none without a session', { prompt: 'none' }, ['client', 'login_required']],
    ['A41 prompt=none with another', { prompt: 'none login' }, ['client', 'invalid_request']],
    ['A41 max_age that is no number', { max_age: 'x' }, ['client', 'invalid_request']],
    [
      'A40 an unknown response_mode',
      { response_mode: 'carrier_pigeon' },
      ['client', 'invalid_request'],
      {
        theirs: ['client', 'unsupported_response_mode'],
        why: 'that word is in no register of errors',
      },
    ],
  ])('%s', async (_, change, expected, exception) => {
    expect(await ask(ours, change)).toEqual(expected)
    expect(await ask(theirs, change)).toEqual(exception?.theirs ?? expected)
  })

  it('9207 theirs and ours put the issuer into the answer', async () => {
    for (const { origin } of [ours, theirs]) {
      const url = createClient(origin, 'web').authorizationUrl({ prompt: 'none', scope: SCOPE })
      const { location } = await openBrowser().open(url.href)
      expect(new URL(location ?? '').searchParams.get('iss')).toBe(origin)
    }
  })
})
