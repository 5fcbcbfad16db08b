import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AdminClient, createAdminClient, madeToken } from './support/admin.ts'
import { createClient } from './support/client.ts'
import { createPerson } from './support/person.ts'
import { freePort, type Portcullis, startPortcullis, until } from './support/portcullis.ts'

const FILE_SECRET = 'a-secret-of-the-file-32-characters'
const configuration = (port: number) => `
demo: true
registration: token
registrationTokens: [an-initial-access-token-of-the-file-43-chars]
secret: [the-key-of-this-gateway-long-enough]
scopes: { a: See a, b: See b }
upstreams:
  api: { targets: ['http://127.0.0.1:${port}'], health: { path: /, interval: 100ms } }
routes:
  - { path: /a/*, upstream: api, scope: a }
clients:
  - { client_id: filed, client_secret: ${FILE_SECRET}, grant_types: [client_credentials], scope: a }
  - { client_id: web, redirect_uris: ['https://app.example/callback'], grant_types: [authorization_code], scope: a }
  - { client_id: off, client_secret: ${FILE_SECRET}-2, grant_types: [client_credentials], disabled: true }
accounts:
  - { username: olga, password: olga-password-of-the-file, admin: owner }
`

let running: Portcullis
let admin: AdminClient
const upstream = createServer((_, res) => res.end('served'))
/** What must never be seen again. */
const secrets: string[] = []

beforeAll(async () => {
  const port = await freePort()
  await new Promise<void>((resolve) => upstream.listen(port, '127.0.0.1', resolve))
  running = await startPortcullis(configuration(port))
  const token = await madeToken(running.folder)
  admin = await createAdminClient(running.admin, token)
  secrets.push(token, FILE_SECRET, `${FILE_SECRET}-2`, 'olga-password-of-the-file')
  secrets.push(
    'an-initial-access-token-of-the-file-43-chars',
    'the-key-of-this-gateway-long-enough',
  )
})
afterAll(async () => {
  await running.stop()
  upstream.close()
})

const MACHINE = { grant_types: ['client_credentials'], scope: 'a b' }

const create = async (settings: object = {}) => {
  const answer = await admin.token('POST', '/api/v1/clients', { body: { ...MACHINE, ...settings } })
  const { client_id, client_secret } = answer.body
  if (client_secret !== undefined) secrets.push(client_secret)
  return { ...answer, path: `/api/v1/clients/${client_id}`, client_id, client_secret }
}

const createAccount = async (settings: object = {}) => {
  const body = { username: `person-${secrets.length}`, password: `password-${secrets.length}-x` }
  secrets.push(body.password)
  const answer = await admin.token('POST', '/api/v1/accounts', { body: { ...body, ...settings } })
  return { ...answer, path: `/api/v1/accounts/${answer.body.sub}` }
}

const tokenFor = async (client_id: string, secret: string) =>
  createClient(running.origin, client_id, { secret }).post('token', {
    grant_type: 'client_credentials',
    scope: 'a',
  })
const atGateway = async (access_token: unknown) =>
  (await fetch(`${running.origin}/a/1`, { headers: { Authorization: `Bearer ${access_token}` } }))
    .status

const events = async (query: string) => {
  let items: { event: string; fields: Record<string, unknown> }[] = []
  await until(async () => {
    items = (await admin.token('GET', `/api/v1/audit?${query}`)).body.items
    return items.length > 0
  })
  return items
}

describe('what is made says where it is, and what it is', () => {
  it('RFC 9110 §15.3.2 a client: 201 with Location and the ETag that GET has', async () => {
    const made = await create({ client_id: 'a/b c?d' })
    expect(made.status).toBe(201)
    const location = made.headers.get('location') ?? ''
    const read = await admin.token('GET', location)
    expect(read.body).toMatchObject({ client_id: 'a/b c?d', source: 'operator', secrets: 1 })
    expect(read.headers.get('etag')).toBe(made.headers.get('etag'))
  })

  it('an account: the same', async () => {
    const made = await createAccount({ sub: 'ünï/côde' })
    expect(made.status).toBe(201)
    const read = await admin.token('GET', made.headers.get('location') ?? '')
    expect(read.body.sub).toBe('ünï/côde')
    expect(read.headers.get('etag')).toBe(made.headers.get('etag'))
  })

  it('of 20 that make the same client at once one does, and the others are told', async () => {
    const body = { ...MACHINE, client_id: 'raced' }
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => admin.token('POST', '/api/v1/clients', { body })),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19)
    for (const { body: made } of answers) if (made.client_secret) secrets.push(made.client_secret)
  })

  it('of 20 that make the same account at once one does, by username and by sub', async () => {
    const password = 'the password of all of them'
    secrets.push(password)
    for (const body of [{ username: 'raced' }, { username: 'raced-too', sub: 'raced-sub' }]) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () =>
          admin.token('POST', '/api/v1/accounts', { body: { ...body, password } }),
        ),
      )
      const statuses = answers.map(({ status }) => status).sort()
      expect(statuses).toEqual([201, ...Array.from({ length: 19 }, () => 409)])
    }
  }, 60_000)
})

describe('RFC 9110 §13.1.1 nobody’s change is lost', () => {
  it.each<[string, () => Promise<{ path: string; etag: string | null }>, string, object]>([
    [
      'PUT of a client',
      async () => {
        const { path, headers } = await create()
        return { path, etag: headers.get('etag') }
      },
      'PUT',
      MACHINE,
    ],
    [
      'PATCH of an account',
      async () => {
        const { path, headers } = await createAccount()
        return { path, etag: headers.get('etag') }
      },
      'PATCH',
      {},
    ],
  ])('%s: without If-Match 428, of 20 with one ETag one wins', async (_, make, method, body) => {
    const { path, etag } = await make()
    expect((await admin.token(method, path, { body })).status).toBe(428)
    const named = (at: number) =>
      method === 'PUT' ? { ...body, client_name: `Name ${at}` } : { name: `Name ${at}` }
    const headers = { 'If-Match': etag ?? '' }
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_each, at) =>
        admin.token(method, path, { body: named(at), headers }),
      ),
    )
    const won = answers.filter(({ status }) => status === 200)
    expect(won).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(19)
    const read = await admin.token('GET', path)
    expect(read.body).toEqual(won[0]?.body)
    expect(read.headers.get('etag')).toBe(won[0]?.headers.get('etag'))
    expect(read.headers.get('etag')).not.toBe(etag)
    const anyway = { body: named(99), headers: { 'If-Match': '*' } }
    expect((await admin.token(method, path, anyway)).status).toBe(200)
  })

  it.each(['clients', 'accounts'] as const)('DELETE of %s: 428, 412, then 204', async (kind) => {
    const made = kind === 'clients' ? await create() : await createAccount()
    const method = kind === 'clients' ? 'PUT' : 'PATCH'
    const body = kind === 'clients' ? { ...MACHINE, client_name: 'New' } : { name: 'New' }
    const headers = { 'If-Match': made.headers.get('etag') ?? '' }
    const changed = await admin.token(method, made.path, { body, headers })
    expect((await admin.token('DELETE', made.path)).status).toBe(428)
    expect((await admin.token('DELETE', made.path, { headers })).status).toBe(412)
    expect((await admin.token('GET', made.path)).status).toBe(200)
    const now = { headers: { 'If-Match': changed.headers.get('etag') ?? '' } }
    expect((await admin.token('DELETE', made.path, now)).status).toBe(204)
    expect((await admin.token('GET', made.path)).status).toBe(404)
    expect((await admin.token('DELETE', made.path, now)).status).toBe(404)
  })

  it('a change and a deletion with one ETag: never both', async () => {
    for (const kind of ['clients', 'accounts'] as const) {
      for (let round = 0; round < 10; round += 1) {
        const made = kind === 'clients' ? await create() : await createAccount()
        const headers = { 'If-Match': made.headers.get('etag') ?? '' }
        const method = kind === 'clients' ? 'PUT' : 'PATCH'
        const body = kind === 'clients' ? { ...MACHINE, client_name: 'New' } : { name: 'New' }
        const [changed, deleted] = await Promise.all([
          admin.token(method, made.path, { body, headers }),
          admin.token('DELETE', made.path, { headers }),
        ])
        const done = [changed.status === 200, deleted.status === 204]
        expect(done.filter(Boolean)).toHaveLength(1)
        expect((await admin.token('GET', made.path)).status).toBe(done[0] ? 200 : 404)
      }
    }
  }, 60_000)

  it('what is no ETag, or one of something else, matches nothing', async () => {
    const { path } = await create()
    for (const field of ['x', '""', '"x"', 'W/"x"', '"a", "b"', '"file"']) {
      const answer = await admin.token('PUT', path, {
        body: MACHINE,
        headers: { 'If-Match': field },
      })
      expect([field, answer.status]).toEqual([field, 412])
    }
  })
})

describe('changes', () => {
  it('what GET shows PUT takes, and nothing changes by it', async () => {
    const settings = {
      client_name: 'Round',
      tokens: { accessToken: '5m' },
      grantValues: { t: '1' },
    }
    const { path, headers, client_id, client_secret } = await create(settings)
    const { body } = await admin.token('GET', path)
    const etag = { 'If-Match': headers.get('etag') ?? '' }
    const put = await admin.token('PUT', path, { body, headers: etag })
    expect([put.status, put.body]).toEqual([200, body])
    expect((await tokenFor(client_id, client_secret)).status).toBe(200)
  })

  it('PUT replaces: what is left out is as if it was never set', async () => {
    const { path } = await create({ client_name: 'Gone', grantValues: { t: '1' } })
    const put = await admin.token('PUT', path, { body: MACHINE, headers: { 'If-Match': '*' } })
    expect(put.body).not.toHaveProperty('client_name')
    expect(put.body).not.toHaveProperty('grantValues')
  })

  it('a client that is made public has no secret left', async () => {
    const { path, client_id, client_secret } = await create()
    const body = {
      grant_types: ['authorization_code'],
      redirect_uris: ['https://app.example/callback'],
      token_endpoint_auth_method: 'none',
    }
    const put = await admin.token('PUT', path, { body, headers: { 'If-Match': '*' } })
    expect([put.status, put.body.secrets]).toEqual([200, 0])
    expect((await tokenFor(client_id, client_secret)).status).toBe(401)
  })

  it('a client_id, a secret and disabled are not set by PUT', async () => {
    const { path } = await create()
    for (const wrong of [
      { client_id: 'x' },
      { client_secret: 'x'.repeat(40) },
      { disabled: true },
    ]) {
      const ask = { body: { ...MACHINE, ...wrong }, headers: { 'If-Match': '*' } }
      expect((await admin.token('PUT', path, ask)).status).toBe(400)
    }
    const body = { ...MACHINE, disabled: true }
    expect((await admin.token('POST', '/api/v1/clients', { body })).status).toBe(400)
  })

  it('RFC 7396 PATCH: null takes away, what is left out stays', async () => {
    const { path } = await createAccount({
      name: 'N',
      email: 'a@b.example',
      grantValues: { t: '1' },
    })
    const patch = { body: { name: null, scope: 'a', grantValues: { u: 2 } } }
    const answer = await admin.token('PATCH', path, { ...patch, headers: { 'If-Match': '*' } })
    expect(answer.body).toMatchObject({ email: 'a@b.example', scope: 'a', grantValues: { u: '2' } })
    expect(answer.body).not.toHaveProperty('name')
    const wrong = { body: { username: null }, headers: { 'If-Match': '*' } }
    expect((await admin.token('PATCH', path, wrong)).status).toBe(400)
  })

  it('a mistake is told at its place (RFC 6901)', async () => {
    const body = { ...MACHINE, grant_types: ['password'], scope: 'nope', tokens: { 'a/b~c': '1m' } }
    const answer = await admin.token('POST', '/api/v1/clients', { body })
    expect(answer.status).toBe(400)
    const pointers = answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)
    expect(pointers).toEqual(expect.arrayContaining(['/grant_types/0', '/tokens/a~1b~0c']))
  })

  it('a username that is given up is free, and one that is taken is not', async () => {
    const one = await createAccount({ username: 'first' })
    const two = await createAccount({ username: 'second' })
    const headers = { 'If-Match': '*' }
    const taken = await admin.token('PATCH', two.path, { body: { username: 'first' }, headers })
    expect([taken.status, taken.body.error]).toEqual([409, 'taken'])
    await admin.token('PATCH', one.path, { body: { username: 'third' }, headers })
    const free = await admin.token('PATCH', two.path, { body: { username: 'first' }, headers })
    expect(free.status).toBe(200)
  })
})

describe('secrets of clients', () => {
  it('a new one is shown once; the former one is good for the overlap, and no longer', async () => {
    const { path, client_id, client_secret } = await create()
    const rotated = await admin.token('POST', `${path}/secret`, { body: { overlap: 2 } })
    secrets.push(rotated.body.client_secret)
    expect((await tokenFor(client_id, client_secret)).status).toBe(200)
    expect((await tokenFor(client_id, rotated.body.client_secret)).status).toBe(200)
    expect((await admin.token('GET', path)).body.secrets).toBe(2)
    await until(async () => (await tokenFor(client_id, client_secret)).status === 401)
    expect((await tokenFor(client_id, rotated.body.client_secret)).status).toBe(200)
    const last = await admin.token('POST', `${path}/secret`, { body: { overlap: 0 } })
    secrets.push(last.body.client_secret)
    expect((await tokenFor(client_id, rotated.body.client_secret)).status).toBe(401)
  })

  it('a public client has none to rotate: 409', async () => {
    const redirect_uris = ['https://app.example/callback']
    const { path, body } = await create({
      ...{ grant_types: ['authorization_code'], redirect_uris },
      token_endpoint_auth_method: 'none',
    })
    expect(body).not.toHaveProperty('client_secret')
    const answer = await admin.token('POST', `${path}/secret`, { body: {} })
    expect([answer.status, answer.body.error]).toEqual([409, 'public'])
  })
})

describe('out of action', () => {
  it('a client that is disabled, or deleted: its tokens are refused at the gateway at once', async () => {
    const { path, client_id, client_secret } = await create()
    const first = (await tokenFor(client_id, client_secret)).body.access_token
    expect(await atGateway(first)).toBe(200)
    const disabled = await admin.token('POST', `${path}/disable`, { body: { reason: 'leaked' } })
    expect(disabled.body.disabled).toMatchObject({ reason: 'leaked' })
    expect(await atGateway(first)).toBe(401)
    expect((await tokenFor(client_id, client_secret)).status).toBe(401)
    const enabled = await admin.token('POST', `${path}/enable`)
    expect(enabled.body).not.toHaveProperty('disabled')
    expect(await atGateway(first)).toBe(401)
    const second = (await tokenFor(client_id, client_secret)).body.access_token
    expect(await atGateway(second)).toBe(200)
    await admin.token('DELETE', path, { headers: { 'If-Match': '*' } })
    expect(await atGateway(second)).toBe(401)
  })

  it('explain says why: the client was disabled, and for what', async () => {
    const { path, client_id, client_secret } = await create()
    const token = (await tokenFor(client_id, client_secret)).body.access_token
    const body = { method: 'GET', url: '/a/1', token }
    const good = (await admin.token('POST', '/api/v1/explain', { body })).body
    expect(good).toMatchObject({ route: { path: '/a/*' }, outcome: { by: 'upstream' } })
    await admin.token('POST', `${path}/disable`, { body: { reason: 'leaked' } })
    const refused = (await admin.token('POST', '/api/v1/explain', { body })).body
    expect(refused.outcome).toMatchObject({ by: 'gateway', status: 401, error: 'invalid_token' })
    expect(JSON.stringify(refused.token)).toContain('leaked')
  })

  it('an account that is disabled, gets another password or is deleted: its tokens are refused at once', async () => {
    const client = createClient(running.origin, 'web')
    const begin = async (password: string) => {
      const person = createPerson('kay', password)
      const callback = await person.authorize(client.authorizationUrl({ scope: 'a' }))
      return String((await client.redeem(callback)).body.access_token)
    }
    const passwords = ['the first password of kay', 'the second password of kay']
    secrets.push(...passwords)
    const body = { username: 'kay', sub: 'kay', password: passwords[0] }
    await admin.token('POST', '/api/v1/accounts', { body })
    const first = await begin(passwords[0] ?? '')
    expect(await atGateway(first)).toBe(200)
    const [session] = (await admin.token('GET', '/api/v1/sessions?sub=kay')).body.items
    expect(session).toMatchObject({ sub: 'kay', remote: '127.0.0.1' })
    const other = { body: { password: passwords[1] } }
    await admin.token('POST', '/api/v1/accounts/kay/password', other)
    expect(await atGateway(first)).toBe(401)
    expect((await admin.token('GET', '/api/v1/sessions?sub=kay')).body.items).toEqual([])
    const second = await begin(passwords[1] ?? '')
    expect(await atGateway(second)).toBe(200)
    const reason = { body: { reason: 'left' } }
    await admin.token('POST', '/api/v1/accounts/kay/disable', reason)
    expect(await atGateway(second)).toBe(401)
    await admin.token('POST', '/api/v1/accounts/kay/enable')
    expect(await atGateway(second)).toBe(401)
    const third = await begin(passwords[1] ?? '')
    expect(await atGateway(third)).toBe(200)
    await admin.token('DELETE', '/api/v1/accounts/kay', { headers: { 'If-Match': '*' } })
    expect(await atGateway(third)).toBe(401)
  })

  it('a session that an operator ends, or all of a person: signed out', async () => {
    const { path, body } = await createAccount({ username: 'lea' })
    const password = secrets.at(-1) ?? ''
    const client = createClient(running.origin, 'web')
    const browsers = [createPerson('lea', password), createPerson('lea', password)]
    for (const one of browsers) await one.authorize(client.authorizationUrl({ scope: 'a' }))
    const list = `/api/v1/sessions?sub=${body.sub}`
    const { items } = (await admin.token('GET', list)).body
    expect(items).toHaveLength(2)
    const one = `/api/v1/sessions/${items[0].id}?sub=${body.sub}`
    expect((await admin.token('DELETE', one)).status).toBe(204)
    const left = (await admin.token('GET', list)).body.items
    expect(left.map(({ id }: { id: string }) => id)).toEqual([items[1].id])
    expect((await admin.token('DELETE', list)).status).toBe(204)
    expect((await admin.token('GET', list)).body.items).toEqual([])
    expect((await admin.token('GET', path)).status).toBe(200)
  })

  it('a grant that is ended: its token is refused at once, and it is in no list', async () => {
    const { client_id, client_secret } = await create()
    const { access_token } = (await tokenFor(client_id, client_secret)).body
    const list = `/api/v1/grants?client_id=${client_id}`
    const [grant] = (await admin.token('GET', list)).body.items
    expect(grant).toMatchObject({ client_id, sub: `client:${client_id}`, scope: ['a'] })
    const bySubject = `/api/v1/grants?sub=${encodeURIComponent(grant.sub)}`
    expect((await admin.token('GET', bySubject)).body.items).toEqual([grant])
    expect(await atGateway(access_token)).toBe(200)
    expect((await admin.token('DELETE', `/api/v1/grants/${grant.id}`)).status).toBe(204)
    expect(await atGateway(access_token)).toBe(401)
    expect((await admin.token('GET', list)).body.items).toEqual([])
    expect((await admin.token('DELETE', `/api/v1/grants/${grant.id}`)).status).toBe(404)
  })

  it('who is given the name of somebody who was disabled and deleted is not disabled', async () => {
    const again = { client_id: 'twice' }
    const client = await create(again)
    await admin.token('POST', `${client.path}/disable`, { body: { reason: 'leaked' } })
    await admin.token('DELETE', client.path, { headers: { 'If-Match': '*' } })
    const second = await create(again)
    expect(second.body).not.toHaveProperty('disabled')
    expect((await tokenFor('twice', second.client_secret)).status).toBe(200)
    const person = await createAccount({ username: 'twice', sub: 'twice' })
    await admin.token('POST', `${person.path}/disable`, { body: { reason: 'left' } })
    await admin.token('DELETE', person.path, { headers: { 'If-Match': '*' } })
    const other = await createAccount({ username: 'twice', sub: 'twice' })
    expect([other.status, other.body.disabled]).toEqual([201, undefined])
  })

  it('a deletion that is refused for another ETag ends nothing', async () => {
    const { path, headers, client_id, client_secret } = await create()
    const { access_token } = (await tokenFor(client_id, client_secret)).body
    const stale = { headers: { 'If-Match': headers.get('etag') ?? '' } }
    const body = { ...MACHINE, client_name: 'Kept' }
    const answers = await Promise.all([
      admin.token('PUT', path, { body, headers: { 'If-Match': '*' } }),
      ...Array.from({ length: 5 }, (_, at) =>
        admin.token('PUT', path, {
          body: { ...body, client_name: `Kept ${at}` },
          headers: { 'If-Match': '*' },
        }),
      ),
      admin.token('DELETE', path, stale),
    ])
    const isGone = answers.at(-1)?.status === 204
    expect(await atGateway(access_token)).toBe(isGone ? 401 : 200)
  })

  it('what is disabled in the file is enabled there', async () => {
    const answer = await admin.token('POST', '/api/v1/clients/off/enable')
    expect([answer.status, answer.body.error]).toEqual([409, 'of_the_file'])
  })

  it('nothing that there is not is disabled or enabled', async () => {
    for (const kind of ['clients', 'accounts']) {
      const body = { reason: 'x' }
      expect((await admin.token('POST', `/api/v1/${kind}/none/disable`, { body })).status).toBe(404)
      expect((await admin.token('POST', `/api/v1/${kind}/none/enable`)).status).toBe(404)
    }
  })
})

describe('what the file declares', () => {
  it.each([
    ['clients/filed', 'client_id: filed', 'PUT', MACHINE],
    ['accounts/olga', 'username: olga', 'PATCH', { name: 'x' }],
  ])('%s says its line, and is read-only', async (path, words, method, body) => {
    const file = await readFile(join(running.folder, 'portcullis.yaml'), 'utf8')
    const line = file.split('\n').findIndex((one) => one.includes(words)) + 1
    const read = await admin.token('GET', `/api/v1/${path}`)
    expect(read.body).toMatchObject({ source: 'file', line, created: 0 })
    const headers = { 'If-Match': read.headers.get('etag') ?? '' }
    const changed = await admin.token(method, `/api/v1/${path}`, { body, headers })
    const deleted = await admin.token('DELETE', `/api/v1/${path}`, { headers })
    for (const answer of [changed, deleted])
      expect([answer.status, answer.body.error]).toEqual([409, 'of_the_file'])
  })

  it('its name cannot be taken', async () => {
    const body = { ...MACHINE, client_id: 'filed' }
    expect((await admin.token('POST', '/api/v1/clients', { body })).status).toBe(409)
    const account = { username: 'olga', password: 'another password' }
    expect((await admin.token('POST', '/api/v1/accounts', { body: account })).status).toBe(409)
  })

  it('a client of it is disabled here, and enabled', async () => {
    const { access_token } = (await tokenFor('filed', FILE_SECRET)).body
    await admin.token('POST', '/api/v1/clients/filed/disable', { body: { reason: 'test' } })
    expect(await atGateway(access_token)).toBe(401)
    expect((await admin.token('POST', '/api/v1/clients/filed/enable')).status).toBe(200)
    expect((await tokenFor('filed', FILE_SECRET)).status).toBe(200)
  })
})

describe('clients on their way to another gateway', () => {
  it('export and import: secrets go on, former ones until their end, who is disabled stays so', async () => {
    const kept = await create({ client_id: 'x-kept', tokens: { accessToken: '5m' } })
    const off = await create({ client_id: 'x-off' })
    const rotated = await admin.token('POST', `${kept.path}/secret`, { body: { overlap: 600 } })
    secrets.push(rotated.body.client_secret)
    await admin.token('POST', `${off.path}/disable`, { body: { reason: 'leaked' } })
    const { items } = (await admin.token('GET', '/api/v1/clients/export?limit=500')).body
    const moved = items.filter(({ client_id }: { client_id: string }) => client_id.startsWith('x-'))
    expect(moved).toHaveLength(2)
    expect(moved[0].former_secrets).toEqual([
      { digest: expect.any(String), until: expect.any(Number) },
    ])
    for (const { path } of [kept, off])
      await admin.token('DELETE', path, { headers: { 'If-Match': '*' } })
    const wrong = { client_id: 'x-wrong', grant_types: ['password'] }
    const body = { clients: [...moved, wrong, moved[0]] }
    const outcomes = (await admin.token('POST', '/api/v1/clients/import', { body })).body.items
    expect(outcomes.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      ...['created', 'created', 'invalid', 'taken'],
    ])
    expect((await tokenFor('x-kept', kept.client_secret)).status).toBe(200)
    expect((await tokenFor('x-kept', rotated.body.client_secret)).status).toBe(200)
    expect((await tokenFor('x-off', off.client_secret)).status).toBe(401)
    const again = (await admin.token('GET', '/api/v1/clients/export?limit=500')).body.items
    expect(again.filter((one: { client_id: string }) => one.client_id.startsWith('x-'))).toEqual(
      moved,
    )
  })

  it('digests that are none: 400, and nothing is made', async () => {
    const one = { client_id: 'x-half', ...MACHINE, secret_digests: ['short'] }
    const answer = await admin.token('POST', '/api/v1/clients/import', { body: { clients: [one] } })
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([
      400,
      '/clients/0/secret_digests/0',
    ])
    expect((await admin.token('GET', '/api/v1/clients/x-half')).status).toBe(404)
  })
})

describe('every change is an audit event: who, what, before and after', () => {
  it('clients, from the beginning to the end', async () => {
    const { path, client_id } = await create({ client_name: 'One' })
    const body = { ...MACHINE, client_name: 'Two', scope: 'a' }
    await admin.token('PUT', path, { body, headers: { 'If-Match': '*' } })
    const { client_secret } = (await admin.token('POST', `${path}/secret`, { body: {} })).body
    secrets.push(client_secret)
    await admin.token('POST', `${path}/disable`, { body: { reason: 'leaked' } })
    await admin.token('POST', `${path}/enable`)
    await admin.token('DELETE', path, { headers: { 'If-Match': '*' } })
    await until(async () =>
      (await events(`client_id=${client_id}`)).some(({ event }) => event === 'client.removed'),
    )
    const found = await events(`client_id=${client_id}&actor=admin+token`)
    const who = { actor: 'admin token', remote: '127.0.0.1', client_id }
    expect(found.map(({ event }) => event)).toEqual([
      ...['client.removed', 'client.enabled', 'client.disabled', 'client.secret_rotated'],
      ...['client.changed', 'client.created'],
    ])
    const fields = new Map(found.map((one) => [one.event, one.fields]))
    expect(fields.get('client.created')).toMatchObject({
      ...who,
      ...{ before: null, after: { client_name: 'One', scope: 'a b' } },
    })
    expect(fields.get('client.changed')).toMatchObject(who)
    expect(fields.get('client.changed')?.before).toEqual({ client_name: 'One', scope: 'a b' })
    expect(fields.get('client.changed')?.after).toEqual({ client_name: 'Two', scope: 'a' })
    expect(fields.get('client.secret_rotated')).toMatchObject({
      ...{ ...who, before: { secrets: 1 }, after: { secrets: 2 } },
    })
    expect(fields.get('client.disabled')).toMatchObject({
      ...{ ...who, before: { disabled: null }, after: { disabled: 'leaked' } },
    })
    expect(fields.get('client.enabled')).toMatchObject({
      ...{ ...who, before: { disabled: 'leaked' }, after: { disabled: null } },
    })
    expect(fields.get('client.removed')).toMatchObject({
      ...{ ...who, before: { client_name: 'Two', scope: 'a' }, after: null },
    })
  })

  it('accounts, by somebody at the console', async () => {
    const olga = await admin.as('olga', 'olga-password-of-the-file')
    const password = 'the first password of kim'
    secrets.push(password, 'the second password of kim')
    const body = { username: 'kim', sub: 'kim', name: 'K', password }
    const headers = { 'If-Match': '*' }
    await olga('POST', '/api/v1/accounts', { body })
    await olga('PATCH', '/api/v1/accounts/kim', { body: { name: 'Kim' }, headers })
    const other = { body: { password: 'the second password of kim' } }
    await olga('POST', '/api/v1/accounts/kim/password', other)
    await olga('POST', '/api/v1/accounts/kim/disable', { body: { reason: 'left' } })
    await olga('POST', '/api/v1/accounts/kim/enable')
    await olga('DELETE', '/api/v1/accounts/kim', { headers })
    await until(async () =>
      (await events('sub=kim')).some(({ event }) => event === 'account.removed'),
    )
    const found = await events('sub=kim&actor=olga')
    expect(found.map(({ event }) => event)).toEqual([
      ...['account.removed', 'account.enabled', 'account.disabled', 'password.changed'],
      ...['account.changed', 'account.created'],
    ])
    expect(found.at(-1)?.fields).toMatchObject({
      before: null,
      after: { username: 'kim', name: 'K' },
    })
    expect(found.at(-2)?.fields).toMatchObject({ before: { name: 'K' }, after: { name: 'Kim' } })
    expect(found[0]?.fields).toMatchObject({ before: { name: 'Kim' }, after: null })
  })

  it('grants and initial access tokens', async () => {
    const { client_id, client_secret } = await create()
    await tokenFor(client_id, client_secret)
    const [grant] = (await admin.token('GET', `/api/v1/grants?client_id=${client_id}`)).body.items
    await admin.token('DELETE', `/api/v1/grants/${grant.id}`)
    const [ended] = await events(`event=grant.ended&client_id=${client_id}`)
    expect(ended?.fields).toMatchObject({
      ...{ actor: 'admin token', grant_id: grant.id, sub: grant.sub, before: { scope: ['a'] } },
      after: null,
    })
    const body = { note: 'for a partner', lifetime: 600, uses: 2 }
    const token = (await admin.token('POST', '/api/v1/registration-tokens', { body })).body
    secrets.push(token.initial_access_token)
    const [created] = await events('event=registration_token.created')
    expect(created?.fields).toMatchObject({ actor: 'admin token', id: token.id, after: body })
    await admin.token('DELETE', `/api/v1/registration-tokens/${token.id}`)
    const [withdrawn] = await events('event=registration_token.withdrawn')
    expect(withdrawn?.fields).toMatchObject({ actor: 'admin token', id: token.id })
  })
})

describe('what is true at this moment', () => {
  it('routes with the live health of where they lead', async () => {
    const upOf = async () =>
      (await admin.token('GET', '/api/v1/routes')).body.items[0].targets[0]?.up
    await fetch(`${running.origin}/a/1`)
    await until(async () => (await upOf()) === true)
    upstream.closeAllConnections()
    upstream.close()
    await until(async () => (await upOf()) === false)
  })

  it('the configuration in force and the problems of the file', async () => {
    const { body } = await admin.token('GET', '/api/v1/configuration')
    expect(body).toMatchObject({ problems: [], configuration: { scopes: { a: 'See a' } } })
    running.server.report(['portcullis.yaml:1:1 issuer: is wrong'])
    const { problems } = (await admin.token('GET', '/api/v1/configuration')).body
    expect(problems).toEqual(['portcullis.yaml:1:1 issuer: is wrong'])
    running.server.report([])
  })

  it('scopes with what hangs on each', async () => {
    const { items } = (await admin.token('GET', '/api/v1/scopes')).body
    expect(items[0]).toMatchObject({ scope: 'a', routes: ['/a/*'] })
    expect(items[0].clients.slice(0, 2)).toEqual(['filed', 'web'])
  })

  it('a secret is answered once, when it is made; no other answer and no line has one', async () => {
    const all = admin.answered.join('\n')
    const lines = JSON.stringify(running.logged)
    expect(secrets.length).toBeGreaterThan(40)
    for (const secret of secrets) {
      expect(all.split(secret).length - 1).toBeLessThanOrEqual(1)
      expect(lines).not.toContain(secret)
    }
    expect(all).not.toMatch(/\$argon2id\$/)
    for (const given of secrets.slice(0, 6)) expect(all).not.toContain(given)
  })
})
