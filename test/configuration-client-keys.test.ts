// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${…} in a text is what is tested here
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { createSigningKey } from './support/assertion.ts'
import { createAuthority } from './support/certificates.ts'
import { configurations, ISSUER } from './support/configuration.ts'

const { folder, configOf, problemsOf } = configurations()

const CLIENT = `${ISSUER}clients:
  - client_id: ledger
    grant_types: [client_credentials]
`
const KEYED = `${CLIENT}    token_endpoint_auth_method: private_key_jwt\n`

describe('clients that sign (RFC 7591 §2)', () => {
  let jwks: string
  beforeAll(async () => {
    jwks = JSON.stringify({ keys: [(await createSigningKey('ES256', '2026')).jwk] })
  })

  it('have their keys in the file, in a variable, or in another file', async () => {
    writeFileSync(join(folder(), 'jwks.json'), jwks)
    const { keys } = JSON.parse(jwks)
    for (const written of [jwks, '${JWKS}', `\${file:${join(folder(), 'jwks.json')}}`]) {
      const { clients } = await configOf(`${KEYED}    jwks: ${written}\n`, { JWKS: jwks })
      expect(clients[0]?.jwks).toEqual({ keys })
    }
  })

  it('or say where they are', async () => {
    const { clients, fetch } = await configOf(`${KEYED}    jwks_uri: https://a.example/jwks.json\n`)
    expect(clients[0]?.jwks_uri).toBe('https://a.example/jwks.json')
    expect(fetch).toEqual({ privateNetworks: [] })
  })

  it.each([
    [
      KEYED,
      '5:33 clients[0].token_endpoint_auth_method: needs jwks, the public keys of this client, or jwks_uri, where it publishes them',
    ],
    [
      `${KEYED}    jwks_uri: https://a.example/j\n    jwks: JWKS\n`,
      '6:15 clients[0].jwks_uri: must not stand beside jwks: one of them says the keys',
    ],
    [
      `${KEYED}    jwks: JWKS\n    client_secret: 0123456789abcdef\n`,
      '7:20 clients[0].client_secret: has no effect with private_key_jwt: leave it out',
    ],
    [
      `${CLIENT}    client_secret: 0123456789abcdef\n    jwks: JWKS\n`,
      '6:11 clients[0].jwks: needs token_endpoint_auth_method: private_key_jwt',
    ],
    [
      `${CLIENT}    client_secret: 0123456789abcdef\n    assertionAudience: endpoint\n`,
      '6:24 clients[0].assertionAudience: needs token_endpoint_auth_method: private_key_jwt',
    ],
    [`${KEYED}    jwks: { keys: [] }\n`, '6:11 clients[0].jwks: must have at least one key'],
    [`${KEYED}    jwks: '{'\n`, '6:11 clients[0].jwks: must be a JWK set, and is not JSON'],
    [
      `${KEYED}    jwks: { keys: [{ kty: oct, k: AA }] }\n`,
      '6:11 clients[0].jwks: must be public, and keys[0] has private members',
    ],
    [
      `${KEYED}    jwks_uri: http://a.example/j\n`,
      '6:15 clients[0].jwks_uri: must be an https URL',
    ],
    [
      `${KEYED}    jwks_uri: https://u:secret@a.example/j\n`,
      '6:15 clients[0].jwks_uri: must not hold a user name or password',
    ],
    [
      `${KEYED}    jwks_uri: https://a.example/j#x\n`,
      '6:15 clients[0].jwks_uri: must not have a fragment',
    ],
    [
      `${KEYED}    jwks_uri: "https://a.example\\\\@b.example/j"\n`,
      '6:15 clients[0].jwks_uri: must be an https URL',
    ],
  ])('%s', async (yaml, problem) => {
    expect(await problemsOf(yaml.replace('JWKS', jwks))).toEqual([problem])
  })
})

describe('two secrets at once', () => {
  const listed = (secrets: string) => `${CLIENT}    client_secret: ${secrets}\n`

  it('are a list, in which a variable may be empty', async () => {
    const { clients } = await configOf(listed('["${NEXT}", "${FORMER:-}"]'), {
      NEXT: 'next-secret-of-16',
    })
    expect(clients[0]?.client_secret).toEqual(['next-secret-of-16'])
  })

  it.each([
    ['["${FORMER:-}"]', 'must have a secret in the list'],
    ['[]', 'must have a secret in the list'],
    ['[a, b, c, d, e, f]', 'must not have more than 5 secrets'],
    ['[é]', 'must be made of printable ASCII characters'],
    ['{ a: b }', 'must be text'],
  ])('%s', async (secrets, problem) => {
    expect(await problemsOf(listed(secrets))).toContain(`5:20 clients[0].client_secret: ${problem}`)
  })
})

describe('where documents that clients name are fetched from', () => {
  it('networks, and authorities from a file beside this one', async () => {
    const { ca } = createAuthority()
    writeFileSync(join(folder(), 'ca.pem'), ca)
    const yaml = `${ISSUER}fetch: { privateNetworks: [10.1.0.0/16, "fd00::/8"], ca: ca.pem }\n`
    const { fetch } = await configOf(yaml)
    expect(fetch).toEqual({
      privateNetworks: ['10.1.0.0/16', 'fd00::/8'],
      ca: readFileSync(join(folder(), 'ca.pem'), 'utf8'),
    })
  })

  it.each([
    [
      `${ISSUER}fetch: { privateNetworks: [10.0.0] }\n`,
      '2:28 fetch.privateNetworks[0]: must be an address or a network, such as 10.0.0.7 or 10.0.0.0/8',
    ],
    [
      `${ISSUER}fetch: { ca: '-----BEGIN CERTIFICATE-----' }\n`,
      '2:14 fetch.ca: has no certificate in it',
    ],
  ])('%s', async (yaml, problem) => {
    expect(await problemsOf(yaml)).toEqual([problem])
  })
})
