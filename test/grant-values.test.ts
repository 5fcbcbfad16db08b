import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { client as clientYaml, configurations } from './support/configuration.ts'
import { createPerson, openBrowser } from './support/person.ts'

describe('values that are stored with a grant', () => {
  let server: RunningAuthorizationServer
  const client = (client_id: string) =>
    createClient(server.origin, client_id, { secret: `${client_id}-secret` })
  const begin = async (username = 'ada') => {
    const web = client('web')
    const person = createPerson(username, `${username}-password`, openBrowser())
    const { body } = await web.redeem(await person.authorize(web.authorizationUrl()))
    return { web, access: String(body.access_token), refresh: String(body.refresh_token), body }
  }
  const introspected = async (who: string, token: string) =>
    (await client(who).post('introspect', { token })).body
  const informed = async (who: string, access_token: string) =>
    (await client(who).post('tokeninfo', { access_token })).body

  beforeAll(async () => {
    server = await startAuthorizationServer({
      compatibility: ['axway'],
      clients: [
        {
          client_id: 'web',
          client_secret: 'web-secret',
          grantValues: { tenant: 'acme', level: 'the client’s' },
        },
        {
          client_id: 'machine',
          client_secret: 'machine-secret',
          grant_types: ['client_credentials'],
          grantValues: { tenant: 'acme' },
        },
        { client_id: 'other', client_secret: 'other-secret' },
        { client_id: 'server', client_secret: 'server-secret', introspect: true },
      ],
      accounts: [
        { username: 'ada', grantValues: { department: 'sales', level: 'the person’s' } },
        { username: 'bob' },
      ],
    })
  })
  afterAll(() => server.stop())

  it('§2.2 7662-03 introspection returns the client’s and the person’s, the client’s before', async () => {
    const { access, refresh } = await begin()
    const expected = { tenant: 'acme', department: 'sales', level: 'the client’s', sub: 'ada' }
    expect(await introspected('web', access)).toMatchObject(expected)
    expect(await introspected('server', access)).toMatchObject(expected)
    expect(await introspected('web', refresh)).toMatchObject(expected)
  })

  it('so does token information', async () => {
    const { access } = await begin()
    expect(await informed('web', access)).toEqual({
      ...{ tenant: 'acme', department: 'sales', level: 'the client’s' },
      ...{ audience: 'web', user_id: 'ada', scope: 'orders.read orders.write', expires_in: 600 },
    })
  })

  it('they stay through refreshes, and each person has only their own', async () => {
    const { web, refresh } = await begin()
    const { body } = await web.refresh(refresh)
    expect(await introspected('web', String(body.access_token))).toMatchObject({
      department: 'sales',
    })
    const other = await introspected('web', (await begin('bob')).access)
    expect(other).toMatchObject({ tenant: 'acme', sub: 'bob' })
    expect(other).not.toHaveProperty('department')
  })

  it('a client’s own grant has them', async () => {
    const { body } = await client('machine').post('token', { grant_type: 'client_credentials' })
    expect(await introspected('machine', String(body.access_token))).toMatchObject({
      ...{ tenant: 'acme', sub: 'client:machine' },
    })
  })

  it('whoever may not introspect learns none, and the token response has none', async () => {
    const { access, body } = await begin()
    expect(await introspected('other', access)).toEqual({ active: false })
    expect(body).not.toHaveProperty('tenant')
    expect(body).not.toHaveProperty('department')
  })
})

describe('grantValues in the configuration', () => {
  const { problemsOf } = configurations()
  const withValues = (values: string) =>
    problemsOf(
      clientYaml(`    redirect_uris: [https://app.example/cb]\n    grantValues: ${values}\n`),
    )

  it('takes texts, numbers and booleans', async () => {
    expect(await withValues('{ tenant: acme, level: 3, beta: true }')).toEqual([])
  })

  it.each([
    ['[a]', 'must be a mapping from names to texts'],
    ['{ sub: eve }', 'must not name a value sub, which the answer has already'],
    ['{ user_id: eve }', 'must not name a value user_id, which the answer has already'],
    ['{ active: no }', 'must not name a value active, which the answer has already'],
    ['{ __proto__: x }', '__proto__: cannot be a key'],
    ['{ "a b": x }', 'must not name a value "a b"'],
    ['{ a: [x] }', 'must have a text as its a'],
    [`{ a: ${'x'.repeat(257)} }`, 'must not have more than 256 characters in its a'],
    ['{ a: "x\\u0007" }', 'must not have control characters in its a'],
    [
      `{ ${Array.from({ length: 21 }, (_, at) => `a${at}: x`).join(', ')} }`,
      'must not have more than 20 values',
    ],
  ])('refuses %s', async (values, problem) => {
    expect((await withValues(values)).join()).toContain(problem)
  })
})
