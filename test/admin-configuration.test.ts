import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { shownConfiguration } from '../src/admin/configuration.ts'
import { formatProblem, loadConfiguration } from '../src/config/load.ts'
import { createAuthority } from './support/certificates.ts'
import { startPortcullis } from './support/portcullis.ts'
import { locationOf, storeConfig, temporaryFolder } from './support/stores.ts'

describe('GET /api/v1/configuration', () => {
  it.each(['redis', 'postgres'] as const)('A24 shows a %s store without its password', (kind) => {
    const store = locationOf(`${kind}://gateway:s3cret@db:7000/1`)
    const shown = shownConfiguration(storeConfig({ store }), []).configuration
    expect(JSON.stringify(shown)).not.toContain('s3cret')
    expect(shown.store).toMatchObject({ kind, host: 'db', username: 'gateway' })
  })

  it('A24, 7591-02 nor the initial access tokens, by which whoever may only look could register clients', () => {
    const shown = shownConfiguration(
      { ...storeConfig({}), registrationTokens: ['s3cret-of-registration'] },
      [],
    ).configuration
    expect(JSON.stringify(shown)).not.toContain('s3cret')
    expect(shown.registrationTokens).toBe('1 of them')
  })

  it('A24 nor the private key of its connection', () => {
    const tls = { verify: 'full', key: 's3cret', cert: 'shown' } as const
    const store = { ...locationOf('redis://db'), tls }
    const shown = shownConfiguration(storeConfig({ store }), []).configuration
    expect(JSON.stringify(shown)).not.toContain('s3cret')
    expect(shown.store).toMatchObject({ tls: { cert: 'shown' } })
  })

  it('A24 nor any other secret, wherever it stands and wherever it came from', async () => {
    const yaml = `
demo: true
secret: ['\${S1}', '\${S2}']
registration: token
registrationTokens: ['\${S3}']
admin: { listen: '127.0.0.1:0', token: '\${S4}' }
scopes: { a: See a }
upstreams:
  api: { targets: ['https://127.0.0.1:9'], tls: { cert: cert.pem, key: key.pem } }
routes: [{ path: /a, upstream: api }]
clients:
  - { client_id: one, client_secret: '\${S5}', grant_types: [client_credentials] }
  - { client_id: two, client_secret: ['\${S6}', '\${S7}'], grant_types: [client_credentials] }
accounts: [{ username: ada, password: '\${S8}' }]
`
    const folder = temporaryFolder()
    const { key, cert } = createAuthority().issue('IP:127.0.0.1')
    writeFileSync(join(folder.path, 'key.pem'), key)
    writeFileSync(join(folder.path, 'cert.pem'), cert)
    const file = join(folder.path, 'portcullis.yaml')
    const head = 'issuer: http://localhost:8080\nstore: memory:\n'
    writeFileSync(file, head + yaml)
    const env = Object.fromEntries(
      Array.from({ length: 8 }, (_, at) => [
        `S${at + 1}`,
        `s3cret-number-${at + 1}-${'x'.repeat(32)}`,
      ]),
    )
    const loaded = await loadConfiguration(file, env)
    folder.remove()
    if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'))
    expect(JSON.stringify(loaded.config)).toContain('s3cret-number-3')
    const shown = JSON.stringify(shownConfiguration(loaded.config, []))
    expect(shown).toContain('"client_id":"two"')
    expect(shown).not.toContain('s3cret')
    expect(shown).not.toContain('PRIVATE KEY')
    expect(shown).not.toContain(key.split('\n')[1])
  })
})

describe('admin.token', () => {
  it('that is changed is taken on with the file, and the former one is refused', async () => {
    const portcullis = await startPortcullis('')
    try {
      const { origin, port, folder } = portcullis
      const file = join(folder, 'portcullis.yaml')
      const loaded = await loadConfiguration(file, { ORIGIN: origin, PORT: String(port) })
      if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'))
      const statusFor = async (token: string) => {
        const headers = { Authorization: `Bearer ${token}` }
        return (await fetch(`${portcullis.admin}/api/v1/routes`, { headers })).status
      }
      const change = (token: string) =>
        portcullis.server.apply({ ...loaded.config, admin: { ...loaded.config.admin, token } })
      const [first, second] = ['1'.repeat(40), '2'.repeat(40)]
      await change(first)
      expect([await statusFor(first), await statusFor(second)]).toEqual([200, 401])
      await change(second)
      expect([await statusFor(first), await statusFor(second)]).toEqual([401, 200])
    } finally {
      await portcullis.stop()
    }
  })
})
