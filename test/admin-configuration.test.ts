import { describe, expect, it } from 'vitest'
import { shownConfiguration } from '../src/admin/configuration.ts'
import { locationOf, storeConfig } from './support/stores.ts'

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
})
