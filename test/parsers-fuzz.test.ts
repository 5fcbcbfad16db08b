import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseJwks, usableKeys } from '../src/config/jwks.ts'
import { Wrong } from '../src/config/problem.ts'
import { parseRedirectUri } from '../src/config/redirect-uri.ts'
import { resourceNames } from '../src/config/resource-names.ts'
import { parseDocumentUrl } from '../src/config/urls.ts'
import { readBasic } from '../src/oauth/basic-credentials.ts'
import { readAssertion } from '../src/oauth/client-assertion.ts'
import { OAuthError } from '../src/oauth/errors.ts'
import { parseParameters } from '../src/oauth/parameters.ts'
import { provesKey, readChallenge } from '../src/oauth/pkce.ts'
import { readMaxAge, readPrompt } from '../src/oauth/prompt.ts'
import { isRegistered } from '../src/oauth/redirect-uri.ts'
import { redirectUriDifference } from '../src/oauth/redirect-uri-difference.ts'
import { narrowedScope, requestedScope } from '../src/oauth/scope.ts'
import { parseObject } from '../src/oauth/strict-json.ts'
import { networkOf } from '../src/oauth/throttle.ts'
import { createSecrets } from '../src/store/secrets.ts'
import { readUserCode } from '../src/store/user-code.ts'
import { createSigningKey, type SigningKey, signClaims } from './support/assertion.ts'

const secrets = createSecrets(['a secret for tests, long enough'])
const client = { redirect_uris: ['https://app.example/cb', 'http://127.0.0.1/cb'], public: true }
const settings = {
  scopes: new Map([
    ['orders.read', ''],
    ['orders.write', ''],
  ]),
  compatibility: ['axway'],
} as const
const resources = resourceNames({
  issuer: 'https://auth.example',
  routes: ['/orders/*', '/a b/*', '/'].map((path) => ({ path, upstream: 'a', access: 'token' })),
} as never)

/** Everything that reads what a stranger sends to these endpoints. */
const PARSERS: Readonly<Record<string, (text: string) => unknown>> = {
  parameters(text) {
    const read = parseParameters([text, text], new Set(['resource']))
    readChallenge(read, false)
    readPrompt(read)
    return readMaxAge(read)
  },
  'a parameter': (text) => parseParameters([`prompt=${text}&max_age=${text}`]).refuseFlaws(),
  'Basic credentials': (text) =>
    readBasic(text.startsWith('Basic ') ? text : `Basic ${Buffer.from(text).toString('base64')}`),
  'an Authorization header': (text) => readBasic(text),
  'a redirect URI': (text) => [isRegistered(text, client), redirectUriDifference(text, client)],
  'a redirect URI to register': (text) => parseRedirectUri(text),
  'the URL of a document': (text) => parseDocumentUrl(text),
  'an assertion': (text) => readAssertion(text),
  'the parts of an assertion': (text) =>
    readAssertion(`${base64url('{"alg":"ES256"}')}.${base64url(text)}.AA`),
  'the header of an assertion': (text) => readAssertion(`${base64url(text)}.${base64url('{}')}.AA`),
  'strict JSON': (text) => parseObject(text),
  'a JWK set': (text) => usableKeys(JSON.parse(text)),
  'a JWK set to register': (text) =>
    parseJwks({ keys: [{ kty: 'RSA', n: text, e: text, kid: text }] }),
  'a scope': (text) => requestedScope(text, {}, settings),
  'a narrowed scope': (text) => narrowedScope(text, ['orders.read'], settings),
  'a resource': (text) => resources(text),
  'a user code': (text) => readUserCode(text),
  'a request_uri': (text) => secrets.minted('pushed-request', text),
  'a sealed request': (text) => secrets.open('request', text),
  'a code verifier': (text) => provesKey('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', text),
  'an address': (text) => networkOf(text),
}

const base64url = (text: string) => Buffer.from(text).toString('base64url')

/** What makes careless readers slow: a little, 64 KiB of times, with something at the end that does not fit. */
const long = fc
  .tuple(
    fc.constantFrom(
      '',
      'https://',
      'http://127.0.0.1:',
      'Basic ',
      'a:',
      '{"',
      '[',
      '{"a":',
      'scope=',
    ),
    fc.constantFrom(
      ...[
        'a',
        '/',
        '.',
        ' ',
        ',',
        '(',
        '[',
        '{"a":',
        '"',
        '\\',
        '\\"',
        '%',
        '%2',
        '%20',
        '%25',
        '+',
        '&',
        '=',
        ':',
        '@',
      ],
      ...[
        'a=b&',
        'a=&',
        '\u0000',
        '\u00a0',
        '\u00fc',
        '\ud83d',
        '\ufdfa',
        '\u0300',
        '-',
        'pc_pr_',
        '0',
        '9',
      ],
      ...[
        'orders.read ',
        'https://app.example/cb',
        '../',
        '..;/',
        '"a":1,',
        'A.',
        '\r\n',
        '::',
        '.1',
      ],
    ),
    fc.constantFrom('', '!', '\n', '"', '}', '=', 'x', '.'),
  )
  .map(([first, part, last]) => first + part.repeat(Math.ceil(65_536 / part.length)) + last)

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.webUrl({ withFragments: true, withQueryParameters: true }),
  fc.webQueryParameters(),
  fc.json(),
  fc.base64String(),
  fc.ipV6(),
  fc.string({ unit: fc.constantFrom(...'{}[]",:\\a1 %=&+./@#?-') }),
)

/** Milliseconds of this thread's CPU; the least of a few runs, since the collector may have come in between. */
const cpuOf = (step: () => unknown): number => {
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < 3 && least > 50; run += 1) {
    const before = process.threadCpuUsage()
    step()
    const { user, system } = process.threadCpuUsage(before)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

const outcomeOf = (read: () => unknown): unknown => {
  try {
    return read()
  } catch (error) {
    if (error instanceof OAuthError || error instanceof Wrong || error instanceof SyntaxError)
      return error
    throw error
  }
}

describe.each(Object.entries(PARSERS))('the reader of %s', (_, read) => {
  it('A32 takes anything, refuses in its own words, and says the same each time', () => {
    fc.assert(
      fc.property(text, (any) => {
        const [one, other] = [outcomeOf(() => read(any)), outcomeOf(() => read(any))]
        expect(String(one)).toBe(String(other))
      }),
      { numRuns: 300 },
    )
  })

  it('A32 does not stall on what is long: below 50 ms', () => {
    fc.assert(
      fc.property(long, (any) => {
        expect(cpuOf(() => outcomeOf(() => read(any)))).toBeLessThan(50)
      }),
      { numRuns: 150 },
    )
  })
})

describe('what a reader makes of it', () => {
  let key: SigningKey
  beforeAll(async () => {
    key = await createSigningKey()
  })

  it('6749-60 Basic of any id and secret is read as it was written', () => {
    const half = fc
      .string({ unit: 'grapheme', maxLength: 100 })
      .filter((any) => !/\p{Cc}/u.test(any))
    fc.assert(
      fc.property(half, half, (client_id, secret) => {
        fc.pre(client_id !== '')
        const encoded = [client_id, secret].map((any) =>
          new URLSearchParams({ '': any.toWellFormed() }).toString().slice(1),
        )
        const header = `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`
        expect(readBasic(header)).toEqual({
          client_id: client_id.toWellFormed(),
          secret: secret.toWellFormed(),
        })
      }),
    )
  })

  it('6749-07 a form of any pairs is read as URLSearchParams does, but for what is repeated or has no value', () => {
    const word = fc
      .string({ unit: 'grapheme', maxLength: 20 })
      .map((any) => any.replaceAll(/\p{Cc}/gu, '').toWellFormed())
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word), { maxLength: 20 }), (pairs) => {
        const form = new URLSearchParams(pairs)
        const read = parseParameters([form.toString()])
        for (const name of form.keys()) {
          const values = form.getAll(name)
          expect(read.flawed(name)).toBe(values.length > 1)
          expect(read.get(name)).toBe(values.length > 1 ? undefined : values[0] || undefined)
        }
      }),
    )
  })

  it('A26 strict JSON takes what JSON.stringify makes, and nothing with a name twice', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.string(),
        fc.jsonValue(),
        (object, name, value) => {
          const written = JSON.stringify(object)
          expect(parseObject(written)).toEqual(new Map(Object.entries(JSON.parse(written))))
          const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`
          const escaped = `"${[...name].map((c) => (c.length > 1 ? JSON.stringify(c).slice(1, -1) : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)).join('')}":0`
          expect(parseObject(`{${member}, ${escaped}}`)).toBeUndefined()
          expect(parseObject(`{"x":[{"y":{${member}\n,${escaped}}}]}`)).toBeUndefined()
        },
      ),
    )
  })

  it('A26 any claims that a client signs are read or refused; only a client of iss and sub is named', async () => {
    const claims = fc.dictionary(
      fc.oneof(fc.constantFrom('iss', 'sub', 'aud', 'exp', 'jti', 'iat'), fc.string()),
      fc.oneof(fc.constantFrom('web', 'https://auth.example', 1e9), fc.jsonValue()),
    )
    await fc.assert(
      fc.asyncProperty(claims, async (any) => {
        const read = readAssertion(await signClaims(key, any))
        if ('reason' in read) return
        expect([any.iss, any.sub]).toEqual([read.client_id, read.client_id])
      }),
      { numRuns: 100 },
    )
  })

  it('9700-4.1 no redirect URI is accepted but the registered ones and their ports', () => {
    const near = fc.oneof(
      fc.webUrl({ withFragments: true, withQueryParameters: true }),
      fc
        .tuple(fc.constantFrom(...client.redirect_uris), fc.string({ maxLength: 8 }))
        .map((both) => both.join('')),
      fc
        .tuple(fc.string({ maxLength: 8 }), fc.constantFrom(...client.redirect_uris))
        .map((both) => both.join('')),
      fc.integer({ min: -10, max: 70_000 }).map((port) => `http://127.0.0.1:${port}/cb`),
    )
    fc.assert(
      fc.property(near, (any) => {
        const port = /^http:\/\/127\.0\.0\.1:([1-9]\d*)\/cb$/.exec(any)?.[1]
        const expected =
          client.redirect_uris.includes(any) || (port !== undefined && Number(port) < 65_536)
        expect(isRegistered(any, client)).toBe(expected)
        const { differs } = redirectUriDifference(any, client)
        if (!expected) expect(differs.length).toBeGreaterThan(0)
      }),
      { numRuns: 500 },
    )
  })
})
