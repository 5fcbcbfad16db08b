// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${…} in a text is what is tested here
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { configurations, ISSUER } from './support/configuration.ts'

const { load } = configurations()

describe('whatever the file holds', () => {
  const KEYS =
    'issuer listen store secret workers trustedProxies admin registration compatibility demo paths tokens sessions limits log drain scopes upstreams routes clients accounts token oauth idle targets timeout health path host methods upstream scope any access stripPrefix websocket client_id client_secret redirect_uris grant_types require_pkce introspect username password sub name email accessToken refreshRetry points duration __proto__ constructor toString'.split(
      ' ',
    )
  const WORDS = [
    '',
    'memory:',
    'http://a',
    'https://localhost',
    '/a/*',
    '10m',
    '127.0.0.1:80',
    'true',
    'GET',
    '${X}',
    '${X:-y}',
    '$${',
    '${file:/x}',
    'client:x',
    '$argon2id$v=19$',
    'orders',
    '*',
    '&a',
    '%zz',
    '..',
    'a b',
    '\u0000',
    '\u{1f600}',
    ':',
    '[::1]:1',
    '0x7f.1',
  ]
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'medium', withCrossShrink: true },
      fc.constantFrom(...WORDS),
      fc.oneof(fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.string()),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.string()), tie('value'), { maxKeys: 6 }),
    ),
  }))

  it('random trees end in a configuration or in problems within the file, and never throw', async () => {
    const document = fc.dictionary(fc.constantFrom(...KEYS), value, { maxKeys: 12 })
    await fc.assert(
      fc.asyncProperty(document, fc.boolean(), async (tree, good) => {
        const text = stringify(good ? { ...tree, issuer: 'http://localhost' } : tree)
        const result = await load(text)
        if ('config' in result) return
        expect(result.problems.length).toBeGreaterThan(0)
        const lines = text.split('\n')
        for (const { line, column, message } of result.problems) {
          expect(lines[line - 1]?.length).toBeGreaterThanOrEqual(column - 1)
          expect(message).not.toBe('')
        }
      }),
      { numRuns: 400 },
    )
  })

  it('random text never throws', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc
        .array(
          fc.constantFrom(
            'a',
            ': ',
            '- ',
            '\n',
            '  ',
            '{',
            '}',
            '[',
            ']',
            ',',
            '&a ',
            '*a',
            '${',
            '}',
            '"',
            "'",
            '#',
            '|\n',
            '? ',
            '!x ',
            '%',
            '\t',
          ),
          { maxLength: 60 },
        )
        .map((parts) => parts.join('')),
    )
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        const result = await load(content)
        expect('problems' in result && result.problems.length).toBeGreaterThan(0)
      }),
      { numRuns: 400 },
    )
  })

  it('no problem or warning repeats a secret', async () => {
    const SECRET = 'hunter2hunter2'
    const shapes = [
      SECRET,
      `"${SECRET}\\q"`,
      `*${SECRET}`,
      `!${SECRET} x`,
      `&${SECRET}`,
      `@${SECRET}`,
      `%${SECRET}`,
      `${SECRET}: x`,
      `[${SECRET}`,
      `{${SECRET}}`,
      `$2b$${SECRET}`,
      `$argon2id$${SECRET}`,
      `postgres:${SECRET}`,
      `redis://u:${SECRET}@[`,
      `http://u:${SECRET}@h`,
      `"\${${SECRET} x}"`,
      `"\${X:-${SECRET}"`,
      `|\n ${SECRET}\n- x`,
      `\u0007${SECRET}`,
    ]
    const places = [
      'store: ',
      'secret: ',
      'admin:\n  token: ',
      'clients:\n- client_id: a\n  client_secret: ',
      'accounts:\n- username: a\n  password: ',
      'accounts:\n- username: a\n  password: x\n  email: ',
    ]
    const urls = [`http://u:${SECRET}@h`, `http://u:${SECRET}@h:x`, `http://u@h/${SECRET}`]
    const cases = [
      ...shapes.flatMap((shape) => places.map((place) => place + shape)),
      ...urls.flatMap((url) => [
        `upstreams: { a: '${url}' }`,
        `upstreams: { a: { targets: ['${url}'] } }`,
      ]),
    ]
    for (const yaml of cases) {
      const result = await load(`${ISSUER}${yaml}\n`)
      const told = JSON.stringify('problems' in result ? result.problems : result.warnings)
      expect(told).not.toContain(SECRET)
    }
  })
})
