import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAdminClient, madeToken } from './support/admin.ts'
import { createSigningKey } from './support/assertion.ts'
import { type Operator, openConsole, postFormsOf } from './support/console.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'

const configuration = `
demo: true
scopes: { a: See a, b: See b }
upstreams: { api: "http://127.0.0.1:1" }
routes: [{ path: /a/*, upstream: api, scope: a }]
accounts:
  - { username: olga, password: olga, admin: owner }
`

let portcullis: Portcullis
let owner: Operator
let client: (name: string) => Promise<Record<string, unknown>>
let create: (body: object) => Promise<unknown>

beforeAll(async () => {
  portcullis = await startPortcullis(configuration)
  const { token } = await createAdminClient(portcullis.admin, await madeToken(portcullis.folder))
  client = async (name) => (await token('GET', `/api/v1/clients/${name}`)).body
  create = async (body) => {
    const answer = await token('POST', '/api/v1/clients', { body })
    expect(answer.status, answer.text).toBe(201)
  }
  owner = await openConsole(portcullis.admin, 'olga')
})
afterAll(() => portcullis?.stop())

const CALLBACK = 'https://app.example/callback'

/** What a browser sends that changes nothing but a name: a box that is not ticked is not sent. */
const renamed = async (name: string) => {
  const { body } = await owner.open(`/clients/${name}/edit`)
  const boxes = [...body.matchAll(/<input type="checkbox" name="(\w+)" value="([^"]*)" checked>/g)]
  const texts = /<textarea[^>]*name="redirect_uris"[^>]*>([^<]*)</.exec(body)?.[1] ?? ''
  const form = postFormsOf(body).find(({ action }) => action.endsWith('/edit'))
  const fields = new URLSearchParams({
    csrf: form?.fields.get('csrf') ?? '',
    etag: form?.fields.get('etag') ?? '',
    client_name: 'Renamed',
    client_uri: form?.fields.get('client_uri') ?? '',
    redirect_uris: texts,
  })
  for (const [, box = '', value = ''] of boxes) fields.append(box, value)
  const answer = await owner.browser.post(
    `${portcullis.admin}/clients/${name}/edit`,
    Object.fromEntries(fields),
    { Origin: portcullis.admin },
  )
  expect(answer.status, answer.body).toBe(303)
  return body
}

describe('the form that changes a client leaves what it does not show as it is', async () => {
  const { jwk } = await createSigningKey('ES256', 'one')
  const CLIENTS: readonly (readonly [string, object])[] = [
    [
      'signs its assertions and is trusted',
      {
        redirect_uris: [CALLBACK],
        grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [jwk] },
        assertionAudience: 'endpoint',
        require_pkce: false,
        skipConsent: true,
        require_pushed_authorization_requests: true,
        introspect: true,
        scope: 'a',
        defaultScope: 'a',
        requestedScope: 'any',
        tokens: { accessToken: '5m', grant: '1d' },
        client_uri: 'https://app.example/',
      },
    ],
    [
      'keeps a secret and has one way to send it',
      {
        redirect_uris: [CALLBACK],
        grant_types: ['authorization_code'],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    [
      'signs people in on two ways',
      {
        redirect_uris: [CALLBACK],
        grant_types: [
          'authorization_code',
          'urn:ietf:params:oauth:grant-type:device_code',
          'refresh_token',
        ],
        token_endpoint_auth_method: 'none',
      },
    ],
    [
      'is a device with an address of its own',
      {
        redirect_uris: [CALLBACK],
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
        token_endpoint_auth_method: 'none',
      },
    ],
    ['is a machine', { grant_types: ['client_credentials'], introspect: true, scope: 'b' }],
    ['is a resource server', { grant_types: [], introspect: true }],
  ]

  it.each(CLIENTS.map(([what, body], at) => [what, `client-${at}`, body] as const))(
    'one that %s',
    async (_, client_id, body) => {
      await create({ client_id, client_name: 'First name', ...body })
      const before = await client(client_id)
      await renamed(client_id)
      expect(await client(client_id)).toEqual({ ...before, client_name: 'Renamed' })
    },
  )

  it('its kind is told, and cannot be changed by what is posted', async () => {
    const client_id = 'kind'
    await create({ client_id, redirect_uris: [CALLBACK], grant_types: ['authorization_code'] })
    const { body } = await owner.open(`/clients/${client_id}/edit`)
    expect(body).toContain('<strong>Web application</strong>')
    expect(body).not.toContain('name="kind"')
    const etag = postFormsOf(body)
      .find(({ action }) => action.endsWith('/edit'))
      ?.fields.get('etag')
    const fields = { kind: 'public', redirect_uris: CALLBACK, everyScope: 'yes', etag: etag ?? '' }
    const before = await client(client_id)
    expect((await owner.post(`/clients/${client_id}/edit`, fields)).status).toBe(303)
    expect(await client(client_id)).toEqual(before)
  })
})
