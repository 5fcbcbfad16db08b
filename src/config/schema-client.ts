import * as z from 'zod/mini'
import { grantValues } from './grant-values.ts'
import { parseJwks } from './jwks.ts'
import { Wrong } from './problem.ts'
import { parseRedirectUri } from './redirect-uri.ts'
import { LIFETIMES } from './schema-tokens.ts'
import { parseScope } from './scope-list.ts'
import { list, object, optional, otherwise } from './section.ts'
import { asChoice, asText, choice, duration, flag, setting, text } from './setting.ts'
import { parseDocumentUrl, parsePage, parseResource } from './urls.ts'

export const GRANT_TYPES = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
] as const

const grantType = setting('A grant type.', { enum: GRANT_TYPES }, (value) => {
  if (value === 'password' || value === 'implicit')
    throw new Wrong(`must not be ${value}, which OAuth 2.1 took out: use authorization_code`)
  return asChoice(value, GRANT_TYPES)
})

const visible = (given: string): string => {
  // RFC 6749 appendix A.1 and A.2: VSCHAR
  if (!/^[ -~]+$/.test(given)) throw new Wrong('must be made of printable ASCII characters')
  return given
}

/** One secret, or several of which each is good. */
const parseSecrets = (value: unknown): string | readonly string[] => {
  if (!Array.isArray(value)) return visible(asText(value))
  // One may be empty for want of a variable: ${OLD_SECRET:-}
  const secrets = value.filter((one) => one !== '' && one !== null).map(asText)
  if (secrets.length === 0) throw new Wrong('must have a secret in the list')
  if (secrets.length > MOST_SECRETS)
    throw new Wrong(`must not have more than ${MOST_SECRETS} secrets`)
  return secrets.map(visible)
}

const MOST_SECRETS = 5

const parseJson = (given: string): unknown => {
  try {
    return JSON.parse(given)
  } catch {
    throw new Wrong('must be a JWK set, and is not JSON')
  }
}

/** Text that people read: no control characters, nothing that turns the direction of writing. */
export const displayed = (given: string): string => {
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(given))
    throw new Wrong('must not have invisible characters')
  if (given.length > 200) throw new Wrong('must not be longer than 200 characters')
  return given
}

export const scopeOf = (description: string) =>
  setting(
    description,
    { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
    (value) => parseScope(value).join(' '),
  )

export const client = object('An application that asks for tokens.', {
  client_id: text('Its public name, which it sends in requests.', {}, (given) => {
    if (given.length > 255) throw new Wrong('must not be longer than 255 characters')
    return visible(given)
  }),
  client_name: optional(
    text('What people see it called on the consent page. Omitted: its client_id.', {}, displayed),
  ),
  client_secret: optional(
    setting(
      'Its password, which makes it a confidential client; or a list while another password takes its place, each of them good. Omitted, and no private_key_jwt: a public client, one that runs where secrets cannot be kept (browser, phone, command line).',
      { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
      parseSecrets,
    ),
  ),
  jwks: optional(
    setting(
      'The public keys that its assertions are signed by (RFC 7523), as a JWK set or the JSON text of one. For private_key_jwt, in place of jwks_uri.',
      { anyOf: [{ type: 'object' }, { type: 'string' }] },
      (value) => parseJwks(typeof value === 'string' ? parseJson(value) : value),
    ),
  ),
  jwks_uri: optional(
    text(
      'Where it publishes those keys: https, fetched as fetch says. For private_key_jwt, in place of jwks.',
      {},
      parseDocumentUrl,
    ),
  ),
  client_uri: optional(text('A page about it, linked on the consent page.', {}, parsePage)),
  redirect_uris: otherwise(
    [],
    list(
      'Where people are sent back to with the code, compared character by character. A public client’s loopback address takes any port.',
      text(
        'https, http on loopback (http://127.0.0.1/callback), or a scheme of the application (com.example.app:/callback). No fragment.',
        {},
        parseRedirectUri,
      ),
    ),
  ),
  grant_types: otherwise(
    ['authorization_code'],
    list(
      'How it may get tokens. authorization_code: a person allows it; refresh_token: it may stay signed in; client_credentials: it acts for itself; urn:ietf:params:oauth:grant-type:device_code: a person allows it on another device (RFC 8628). A client that introspects and has no redirect_uris needs none.',
      grantType,
    ),
  ),
  scope: optional(
    scopeOf('Scopes that it may ask for, separated by spaces. Omitted: every scope.'),
  ),
  token_endpoint_auth_method: optional(
    choice(
      'How it must authenticate. private_key_jwt: by assertions that it signs (RFC 7523). Omitted: none without a secret; with one client_secret_basic or client_secret_post, as it likes.',
      ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    ),
  ),
  assertionAudience: optional(
    choice(
      'What its assertions must name as aud. issuer: the issuer and nothing else. endpoint: the URL of the token endpoint, or of another one that takes them, will do as well, as older libraries have it; only for a client that no other authorization server knows by these keys. Omitted: issuer.',
      ['issuer', 'endpoint'],
    ),
  ),
  require_pkce: otherwise(
    true,
    flag('Whether it must use PKCE (RFC 7636). false only for a confidential client.'),
  ),
  introspect: otherwise(
    false,
    flag(
      'Whether it may introspect the tokens of other clients (RFC 7662), as a resource server does.',
    ),
  ),
  skipConsent: optional(
    flag(
      'Whether people are not asked if it may have what it asks for: for applications of your own, which they need not tell from this server. Only for a confidential client. Omitted: false.',
    ),
  ),
  require_pushed_authorization_requests: optional(
    flag(
      'Whether it must push its authorization requests (RFC 9126). Omitted: false, unless all clients must.',
    ),
  ),
  requestedScope: optional(
    choice(
      'What becomes of a request for scopes of which it may not ask for all. all: it is refused. any: it is for those that it may ask for. Omitted: all.',
      ['all', 'any'],
    ),
  ),
  defaultScope: optional(
    scopeOf('Scopes that a request without scope asks for. Omitted: all that it may ask for.'),
  ),
  defaultResource: optional(
    list(
      'Protected resources (RFC 8707) that a request without resource asks for: its tokens are good nowhere else. Omitted: they are good wherever their scopes lead.',
      text(
        'The identifier of a resource, as its metadata has it: the issuer and the path of a route, without /*.',
        {},
        parseResource,
      ),
    ).check(z.minLength(1, 'must name a resource; leave the key out for none')),
  ),
  disabled: optional(
    flag(
      'Whether it is out of action: refused everywhere, and what it was given ends at once, for good. Omitted: false.',
    ),
  ),
  grantValues: optional(grantValues('to this client')),
  tokens: otherwise(
    {},
    object('Lifetimes of its own, where they differ from those in tokens.', {
      accessToken: optional(duration(LIFETIMES.accessToken, { whole: true })),
      refreshToken: optional(duration(LIFETIMES.refreshToken, { whole: true })),
      grant: optional(duration(LIFETIMES.grant, { whole: true })),
      refreshRetry: optional(
        duration(
          'As in tokens, up to 30m for a client that cannot do better; above half of its access token’s life check warns.',
          { min: 0, max: 1800 },
        ),
      ),
    }),
  ),
})
