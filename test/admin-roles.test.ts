import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AdminClient, type Caller, createAdminClient, madeToken } from './support/admin.ts'
import { createJudge, operationsIn } from './support/admin-document.ts'
import { type Portcullis, startPortcullis, until } from './support/portcullis.ts'

const CONFIGURATION = `
demo: true
registration: token
scopes: { a: See a, b: See b }
upstreams: { api: http://127.0.0.1:9 }
routes:
  - { path: /a/*, upstream: api, scope: a }
clients:
  - { client_id: filed, client_secret: a-secret-of-the-file-32-characters, grant_types: [client_credentials], scope: a }
accounts:
  - { username: vic, password: vic-password, admin: viewer }
  - { username: opa, password: opa-password, admin: operator }
  - { username: olga, password: olga-password, admin: owner }
  - { username: ada, password: ada-password }
`

let running: Portcullis
let admin: AdminClient
const callers = new Map<string, Caller>()

beforeAll(async () => {
  running = await startPortcullis(CONFIGURATION)
  admin = await createAdminClient(running.admin, await madeToken(running.folder))
  callers.set('viewer', await admin.as('vic', 'vic-password'))
  callers.set('operator', await admin.as('opa', 'opa-password'))
  callers.set('owner', await admin.as('olga', 'olga-password'))
  callers.set('token', admin.token)
})
afterAll(() => running.stop())

const ROLES = ['viewer', 'operator', 'owner', 'token']
const rankOf = (role: string): number => ROLES.indexOf(role)

let made = 0
const newName = (): string => {
  made += 1
  return `made-${made}`
}

const newClient = async (): Promise<string> => {
  const body = { client_id: newName(), grant_types: ['client_credentials'], scope: 'a' }
  await admin.token('POST', '/api/v1/clients', { body })
  return body.client_id
}
const newAccount = async (): Promise<string> => {
  const body = { username: newName(), password: 'a password of theirs' }
  return (await admin.token('POST', '/api/v1/accounts', { body })).body.sub
}
const newGrant = async (): Promise<string> => {
  const client_id = newName()
  const body = { client_id, grant_types: ['client_credentials'], scope: 'a' }
  const { client_secret } = (await admin.token('POST', '/api/v1/clients', { body })).body
  await fetch(`${running.origin}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret }),
  })
  const { items } = (await admin.token('GET', `/api/v1/grants?client_id=${client_id}`)).body
  return items[0].id
}
const newRegistrationToken = async (): Promise<string> => {
  const body = { note: 'for a test' }
  return (await admin.token('POST', '/api/v1/registration-tokens', { body })).body.id
}

type Sample = {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: string
  readonly body?: unknown
  readonly status?: number
}

/** A call of each operation that goes well. Those of GET without parameters need none. */
const SAMPLES: Readonly<Record<string, () => Sample | Promise<Sample>>> = {
  createClient: () => ({
    body: { client_id: newName(), grant_types: ['client_credentials'], scope: 'a' },
    status: 201,
  }),
  getClient: async () => ({ params: { client_id: await newClient() } }),
  replaceClient: async () => ({
    params: { client_id: await newClient() },
    body: { grant_types: ['client_credentials'], scope: 'b' },
  }),
  deleteClient: async () => ({ params: { client_id: await newClient() }, status: 204 }),
  rotateClientSecret: async () => ({ params: { client_id: await newClient() }, body: {} }),
  disableClient: async () => ({
    params: { client_id: await newClient() },
    body: { reason: 'test' },
  }),
  enableClient: async () => ({ params: { client_id: await newClient() } }),
  importClients: () => ({ body: { clients: [{ client_id: newName(), grant_types: [] }] } }),
  createRegistrationToken: () => ({ body: { note: 'for a test' }, status: 201 }),
  withdrawRegistrationToken: async () => ({
    params: { id: await newRegistrationToken() },
    status: 204,
  }),
  createAccount: () => ({
    body: { username: newName(), password: 'a password of theirs' },
    status: 201,
  }),
  getAccount: async () => ({ params: { sub: await newAccount() } }),
  changeAccount: async () => ({ params: { sub: await newAccount() }, body: { name: 'Other' } }),
  deleteAccount: async () => ({ params: { sub: await newAccount() }, status: 204 }),
  setAccountPassword: async () => ({
    params: { sub: await newAccount() },
    body: { password: 'another password' },
    status: 204,
  }),
  disableAccount: async () => ({ params: { sub: await newAccount() }, body: { reason: 'test' } }),
  enableAccount: async () => ({ params: { sub: await newAccount() } }),
  getGrant: async () => ({ params: { id: await newGrant() } }),
  endGrant: async () => ({ params: { id: await newGrant() }, status: 204 }),
  listSessions: () => ({ query: '?sub=ada' }),
  endSessions: () => ({ query: '?sub=ada', status: 204 }),
  endSession: () => ({ params: { id: 'none' }, query: '?sub=ada', status: 204 }),
  explain: () => ({ body: { method: 'GET', url: '/a/1' } }),
  // Nobody can take the place of a process that runs within a test.
  takeOver: () => ({ body: {}, status: 409 }),
}

describe('the admin API and its roles', () => {
  it('every operation has a call here', () => {
    const ids = operationsIn(admin.document).map(({ operation }) => operation.operationId)
    const known = operationsIn(admin.document)
      .filter(({ method, operation }) => method === 'GET' && operation.parameters.length === 0)
      .map(({ operation }) => operation.operationId)
    const paged = ids.filter((id) => /^(list|search|export)/.test(id))
    const called = new Set([...Object.keys(SAMPLES), ...known, ...paged])
    expect(ids.filter((id) => !called.has(id))).toEqual([])
    expect(Object.keys(SAMPLES).filter((id) => !ids.includes(id))).toEqual([])
    expect(ids.length).toBeGreaterThan(30)
  })

  it.each(ROLES)('every operation as %s: what the role may do, and no more', async (role) => {
    const call = callers.get(role)
    for (const { method, path, operation } of operationsIn(admin.document)) {
      const isMeant = rankOf(role) >= rankOf(operation['x-role'])
      const sample = await SAMPLES[operation.operationId]?.()
      const { params = {}, query = '', body, status = 200 } = sample ?? {}
      const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? '')
      const answer = await call?.(method, filled + query, {
        ...(body !== undefined && { body }),
        headers: { 'If-Match': '*' },
      })
      expect([operation.operationId, answer?.status]).toEqual([
        operation.operationId,
        isMeant ? status : 403,
      ])
      if (!isMeant) expect(answer?.body).toMatchObject({ error: 'forbidden' })
    }
  })

  it('no operation answers to nobody, nor to a page of another origin, nor without the token of the form', async () => {
    for (const { method, path } of operationsIn(admin.document)) {
      const filled = path.replace(/\{\w+\}/g, 'x')
      expect((await admin.nobody(method, filled)).status).toBe(401)
      const elsewhere = { headers: { 'Sec-Fetch-Site': 'cross-site', 'If-Match': '*' } }
      expect((await callers.get('owner')?.(method, filled, elsewhere))?.status).toBe(403)
      const unbound = { headers: { 'X-CSRF-Token': 'x', 'If-Match': '*' } }
      if (method !== 'GET')
        expect((await callers.get('owner')?.(method, filled, unbound))?.status).toBe(403)
    }
  })

  it('who is refused is in the log, with the name where there is one', () => {
    const refused = running.logged.filter(({ event }) => event === 'admin.refused')
    expect(refused.map(({ fields }) => fields.actor)).toEqual(
      expect.arrayContaining(['vic', 'opa', undefined]),
    )
    expect(refused[0]?.fields).toMatchObject({ path: expect.any(String), remote: '127.0.0.1' })
  })

  it('a role that does not suffice is an audit event: who wanted what, and what was lacking', async () => {
    const vic = callers.get('viewer')
    const refused = await vic?.('DELETE', '/api/v1/accounts/nobody', {
      headers: { 'If-Match': '*' },
    })
    expect(refused?.body.detail).toBe('This takes the role owner, and yours is viewer')
    const path = '/api/v1/accounts/nobody'
    const wanted = { actor: 'vic', method: 'DELETE', path, reason: 'role', needed: 'owner' }
    await until(async () => {
      const { body } = await admin.token('GET', '/api/v1/audit?event=admin.refused&actor=vic')
      return body.items.some(
        ({ fields }: { fields: Record<string, unknown> }) =>
          fields.role === 'viewer' &&
          Object.entries(wanted).every(([name, value]) => fields[name] === value),
      )
    })
  })

  it('a person without a role, or who lost it, is nobody', async () => {
    await expect(admin.as('ada', 'ada-password')).rejects.toThrow('401')
    const body = { username: 'temp', password: 'a password of temp', admin: 'owner' }
    await admin.token('POST', '/api/v1/accounts', { body })
    const temp = await admin.as('temp', 'a password of temp')
    expect((await temp('GET', '/api/v1/clients')).status).toBe(200)
    const headers = { 'If-Match': '*' }
    const { items } = (await admin.token('GET', '/api/v1/accounts?search=temp')).body
    const path = `/api/v1/accounts/${items[0].sub}`
    await admin.token('PATCH', path, { body: { admin: 'viewer' }, headers })
    expect((await temp('GET', '/api/v1/clients/export')).status).toBe(403)
    await admin.token('PATCH', path, { body: { admin: null }, headers })
    expect((await temp('GET', '/api/v1/clients')).status).toBe(403)
  })
})

describe('the OpenAPI document', () => {
  it('OpenAPI 3.1: every path, parameter and answer is declared once and completely', () => {
    const { document } = admin
    expect(document.openapi).toMatch(/^3\.1\.\d$/)
    expect(document).toMatchObject({
      info: { title: expect.any(String), version: expect.any(String) },
    })
    const operations = operationsIn(document)
    const ids = operations.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { path, operation } of operations) {
      expect(path).toMatch(/^\/api\/v1\//)
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const declared = operation.parameters.filter((one) => one.in === 'path')
      expect(declared.map(({ name }) => name)).toEqual(inPath)
      expect(declared.every(({ required }) => required)).toBe(true)
      for (const parameter of operation.parameters) {
        expect(['path', 'query', 'header']).toContain(parameter.in)
        expect(parameter.schema).toBeTypeOf('object')
      }
      const names = operation.parameters.map((one) => `${one.in} ${one.name}`)
      expect(new Set(names).size).toBe(names.length)
      expect(Object.keys(operation.responses)).toContain('default')
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^([1-5]\d\d|default)$/)
        if (response.$ref === undefined) expect(response.description).toBeTypeOf('string')
        else expect(response.$ref).toBe('#/components/responses/Problem')
      }
    }
  })

  it('docs/admin-api.md has each operation with its role', async () => {
    const file = new URL('../docs/admin-api.md', import.meta.url)
    const listed = (await readFile(file, 'utf8'))
      .split('\n')
      .filter((line) => line.startsWith('| `'))
    for (const { method, path, operation } of operationsIn(admin.document))
      expect(
        listed.filter((line) =>
          line.startsWith(`| \`${method} ${path}\` | ${operation['x-role']} |`),
        ),
      ).toHaveLength(1)
  })

  it('every schema in it is one of JSON Schema 2020-12, strictly', () => {
    expect(() => createJudge(admin.document).compileAll()).not.toThrow()
  })

  it('RFC 9110 §9.3.2 what can be had answers to HEAD, without a body', async () => {
    const answer = await admin.token('HEAD', '/api/v1/clients/filed')
    expect([answer.status, answer.text]).toEqual([200, ''])
    expect(answer.headers.get('etag')).toBe('"file"')
  })

  it('RFC 9110 §15.5.6 another method: 405 with Allow', async () => {
    const answer = await admin.token('POST', '/api/v1/clients/filed', { body: {} })
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe('GET, HEAD, PUT, DELETE')
  })
})

describe('A37 what reaches beyond a client takes an owner', () => {
  const trusted = (more: object) => ({
    client_id: newName(),
    redirect_uris: ['https://app.example/callback'],
    scope: 'a',
    ...more,
  })

  it.each([{ introspect: true }, { skipConsent: true }])(
    'an operator makes no client with %o, and gives it to none',
    async (more) => {
      const operator = callers.get('operator')
      const owner = callers.get('owner')
      const refused = await operator?.('POST', '/api/v1/clients', { body: trusted(more) })
      expect([refused?.status, refused?.body.error]).toEqual([403, 'forbidden'])
      const plain = trusted({})
      await operator?.('POST', '/api/v1/clients', { body: plain })
      const path = `/api/v1/clients/${plain.client_id}`
      const change = { body: { ...plain, ...more }, headers: { 'If-Match': '*' } }
      expect((await operator?.('PUT', path, change))?.status).toBe(403)
      expect((await owner?.('PUT', path, change))?.status).toBe(200)
      // What an owner gave stays when an operator changes something else.
      const renamed = { ...change, body: { ...change.body, client_name: 'Renamed' } }
      expect((await operator?.('PUT', path, renamed))?.status).toBe(200)
    },
  )
})
