import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { loadConfiguration } from '../src/config/load.ts'
import {
  asserted,
  claimsOf,
  createSigningKey,
  type SigningKey,
  signClaims,
} from './support/assertion.ts'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { postForm } from './support/client.ts'
import { type DocumentHost, json, startDocumentHost } from './support/document-host.ts'
import { startPortcullis } from './support/portcullis.ts'

const MACHINE = {
  redirect_uris: [],
  grant_types: ['client_credentials'],
  token_endpoint_auth_method: 'private_key_jwt' as const,
}
const HOUR = 3600

describe('keys that a client publishes', () => {
  let host: DocumentHost
  let server: RunningAuthorizationServer
  let first: SigningKey
  let second: SigningKey
  let now = 1_800_000_000

  beforeAll(async () => {
    host = await startDocumentHost()
    first = await createSigningKey('ES256', 'first')
    second = await createSigningKey('ES256', 'second')
  })
  afterAll(() => host.stop())
  beforeEach(async () => {
    host.answer = json({ keys: [first.jwk] })
    server = await started()
  })
  afterEach(() => server.stop())

  const jwks_uri = (path: string) => `https://localhost:${host.port}/${path}`
  const started = (fetch = { privateNetworks: ['127.0.0.0/8', '::1'], ca: host.ca }) =>
    startAuthorizationServer(
      {
        fetch,
        clients: [
          ...['a', 'b'].map((id) => ({ client_id: id, jwks_uri: jwks_uri(id), ...MACHINE })),
          { client_id: 'sibling', jwks_uri: jwks_uri('a'), ...MACHINE },
        ],
        limits: { clientSecrets: { points: 10_000, duration: 300 } },
      },
      { clock: () => now },
    )
  const present = async (key: SigningKey, client_id = 'a', header = {}) =>
    postForm(`${server.origin}/oauth/token`, {
      grant_type: 'client_credentials',
      ...asserted(await signClaims(key, claimsOf(client_id, server.origin, now), header)),
    })
  const statusOf = async (key: SigningKey, client_id = 'a', header = {}) =>
    (await present(key, client_id, header)).status
  const fetches = async (during: () => Promise<unknown>): Promise<number> => {
    const before = host.asked.length
    await during()
    return host.asked.length - before
  }
  const lastReason = () =>
    server.logged.findLast(({ event }) => event === 'client.authentication_failed')?.fields.reason
  const down = () => {
    host.answer = (_, res) => res.socket?.destroy()
  }

  it('7591-2 the keys at jwks_uri are fetched when they are needed, and known then', async () => {
    expect(host.asked.length).toBe(0)
    expect(await fetches(async () => expect(await statusOf(first)).toBe(200))).toBe(1)
    const known = await fetches(async () => {
      for (let n = 0; n < 5; n += 1) expect(await statusOf(first)).toBe(200)
      expect(await statusOf(first, 'sibling')).toBe(200)
    })
    expect(known).toBe(0)
  })

  it('R-42 a hundred at once are one fetch', async () => {
    const count = await fetches(async () => {
      const all = await Promise.all(Array.from({ length: 100 }, () => statusOf(first)))
      expect(new Set(all)).toEqual(new Set([200]))
    })
    expect(count).toBe(1)
  })

  it('7517-4.5 a key that is new is looked for, once in half a minute', async () => {
    expect(await statusOf(first)).toBe(200)
    host.answer = json({ keys: [first.jwk, second.jwk] })
    const early = await fetches(async () => expect(await statusOf(second)).toBe(401))
    expect(early).toBe(0)
    now += 30
    const rotated = await fetches(async () => {
      const all = await Promise.all(Array.from({ length: 50 }, () => statusOf(second)))
      expect(new Set(all)).toEqual(new Set([200]))
      expect(await statusOf(first)).toBe(200)
    })
    expect(rotated).toBe(1)
    const unknown = await createSigningKey('ES256', 'third')
    const flood = await fetches(async () => {
      for (let n = 0; n < 21; n += 1) {
        expect(await statusOf(unknown, 'a', { kid: `kid-${n}` })).toBe(401)
        now += 3
      }
    })
    expect(flood).toBe(2)
  })

  it('7517-4.5 so is a key under a kid that was another’s', async () => {
    expect(await statusOf(first)).toBe(200)
    host.answer = json({ keys: [{ ...second.jwk, kid: 'first' }] })
    now += 30
    expect(await statusOf(second, 'a', { kid: 'first' })).toBe(200)
    expect(await statusOf(first)).toBe(401)
  })

  it('A20 a key that is withdrawn counts for ten minutes more, no longer', async () => {
    expect(await statusOf(first)).toBe(200)
    host.answer = json({ keys: [second.jwk] })
    now += 599
    expect(await statusOf(first)).toBe(200)
    now += 1
    expect(await statusOf(first)).toBe(401)
    expect(await statusOf(second)).toBe(200)
  })

  it('A20 while a client’s host is down what was known of it counts for six hours, and it is asked once in half a minute', async () => {
    expect(await statusOf(first)).toBe(200)
    down()
    now += 700
    const count = await fetches(async () => {
      for (let n = 0; n < 10; n += 1) expect(await statusOf(first)).toBe(200)
    })
    expect(count).toBe(1)
    now += 6 * HOUR - 701
    expect(await statusOf(first)).toBe(200)
    now += 30
    expect(await statusOf(first)).toBe(401)
    host.answer = json({ keys: [first.jwk] })
    expect(await statusOf(first)).toBe(401)
    now += 30
    expect(await statusOf(first)).toBe(200)
  })

  it('A22 a document that cannot be had is invalid_client, as an unknown client is; why is in the log alone', async () => {
    down()
    const failed = await present(first)
    const unknown = await present(first, 'nobody')
    expect([failed.status, failed.body]).toEqual([401, unknown.body])
    expect([...failed.headers.keys()]).toEqual([...unknown.headers.keys()])
    const { fields } = server.logged.find(({ event }) => event === 'client.keys_unavailable') ?? {}
    expect(fields).toEqual({
      jwks_uri: jwks_uri('a'),
      reason: expect.stringMatching(/hang up|RESET/),
    })
  })

  it.each<[string, unknown, string]>([
    ['an object', { key: {} }, 'must be a JWK set: { keys: [ … ] }'],
    ['a list', [], 'must be a JWK set: { keys: [ … ] }'],
    ['no JSON', '{', expect.stringContaining('JSON') as unknown as string],
    ['more keys than anybody has', { keys: Array(21).fill({}) }, 'must not have more than 20 keys'],
  ])('A20 %s is no JWK set', async (_, document, reason) => {
    host.answer = json(document)
    expect(await statusOf(first)).toBe(401)
    expect(lastReason()).toEqual(reason)
  })

  it('7517-5 keys of other kinds and for other uses are passed over', async () => {
    const others = [
      null,
      'x',
      {},
      { kty: 'oct', k: 'AA' },
      { ...second.jwk, d: 'AA' },
      { ...second.jwk, use: 'enc' },
      { ...second.jwk, crv: 'P-521' },
      { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AA' },
    ]
    host.answer = json({ keys: [...others, first.jwk] })
    expect(await statusOf(first)).toBe(200)
    expect(await statusOf(second)).toBe(401)
  })

  it('A20 nothing on a private network is asked, unless the configuration says so', async () => {
    const strict = await started({ privateNetworks: [], ca: host.ca })
    const before = host.connections()
    const { status } = await postForm(`${strict.origin}/oauth/token`, {
      grant_type: 'client_credentials',
      ...asserted(await signClaims(first, claimsOf('a', strict.origin, now))),
    })
    expect([status, host.connections()]).toEqual([401, before])
    const { fields } = strict.logged.find(({ event }) => event === 'client.keys_unavailable') ?? {}
    expect(fields?.reason).toBe('its host has an address that is not public')
    await strict.stop()
  })

  it('A20 one host is asked for sixty documents a minute, however many clients name it', async () => {
    const many = Array.from({ length: 70 }, (_, n) => `client-${n}`)
    const crowd = await startAuthorizationServer(
      {
        fetch: { privateNetworks: ['127.0.0.0/8', '::1'], ca: host.ca },
        clients: many.map((client_id) => ({
          client_id,
          jwks_uri: jwks_uri(client_id),
          ...MACHINE,
        })),
      },
      { clock: () => now },
    )
    const count = await fetches(() =>
      Promise.all(
        many.map(async (client_id) =>
          postForm(`${crowd.origin}/oauth/token`, {
            grant_type: 'client_credentials',
            ...asserted(await signClaims(first, claimsOf(client_id, crowd.origin, now))),
          }),
        ),
      ),
    )
    expect(count).toBe(60)
    await crowd.stop()
  })
})

describe('the whole program', () => {
  it('A20 the whole program fetches keys as its configuration says, and keeps them over a reload while their host is down', async () => {
    const host = await startDocumentHost()
    const key = await createSigningKey('ES256', 'first')
    host.answer = json({ keys: [key.jwk] })
    const server = await startPortcullis(
      `
fetch: { privateNetworks: [127.0.0.0/8, '::1'], ca: "\${CA}" }
clients:
  - client_id: ledger
    grant_types: [client_credentials]
    token_endpoint_auth_method: private_key_jwt
    jwks_uri: https://localhost:${host.port}/jwks.json
`,
      { env: { CA: host.ca } },
    )
    const statusOf = async () => {
      const claims = claimsOf('ledger', server.origin, Date.now() / 1000)
      const { status } = await postForm(`${server.origin}/oauth/token`, {
        grant_type: 'client_credentials',
        ...asserted(await signClaims(key, claims)),
      })
      return status
    }
    expect(await statusOf()).toBe(200)
    await host.stop()
    const file = join(server.folder, 'portcullis.yaml')
    const env = { ORIGIN: server.origin, PORT: String(server.port), CA: host.ca }
    const loaded = await loadConfiguration(file, env)
    if ('problems' in loaded) throw new Error('the configuration has problems')
    await server.server.apply(loaded.config)
    expect(await statusOf()).toBe(200)
    await server.stop()
  })
})
