import { Wrong } from './problem.ts'
import { isUnsafeScheme } from './redirect-uri.ts'
import { GRANT_TYPES, scopeOf } from './schema-client.ts'
import { list, object, optional, otherwise } from './section.ts'
import { asText, choice, duration, setting, text } from './setting.ts'

export const registration = choice(
  'Who may register clients over the network (RFC 7591): closed: nobody; token: who holds an initial access token; open: anyone.',
  ['closed', 'token', 'open'],
)

export const registrationTokens = setting(
  'Initial access tokens, for registration: token: a text of 16 random characters or more (openssl rand -base64 32), or a list of such, so that one can be replaced without failing anyone. Sent as Authorization: Bearer.',
  { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
  // An entry of a list may be empty for want of a variable: ${OLD_TOKEN:-}
  (value) =>
    (Array.isArray(value) ? value : [value])
      .filter((token) => token !== '' && token !== null)
      .map(parseToken),
)

export const registrationPolicy = object(
  'What clients that register themselves may be at most. Scopes and grant types that are taken out here are refused to those that did already, too.',
  {
    scope: optional(
      scopeOf('Scopes that they may ask for, separated by spaces. Omitted: every scope.'),
    ),
    grant_types: otherwise(
      ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      list(
        'How they may get tokens. client_credentials needs no person, and so nobody’s consent: refused where registration is open.',
        choice('A grant type.', GRANT_TYPES),
      ),
    ),
    schemes: otherwise(
      ['cursor', 'vscode', 'vscode-insiders', 'windsurf', 'zed', 'grokbot', 'claude', 'warp'],
      list(
        'Schemes of redirect URIs that they may have besides https, http on loopback, and schemes with a dot (com.example.app).',
        text('A scheme without a dot, as cursor in cursor://callback.', {}, parseScheme),
      ),
    ),
    redirectHosts: optional(
      list(
        'Hosts that their https redirect URIs may have. Omitted: any.',
        text('app.example.com; *.example.com is all below it.', {}, parseHost),
      ),
    ),
    unused: otherwise(
      '24h',
      duration('How long one stays that was never given a token.', { min: 60, max: 90 * 86_400 }),
    ),
    idle: otherwise(
      '365d',
      duration(
        'How long one stays since it was last given a token; never shorter than tokens.grant.',
        { min: 86_400 },
      ),
    ),
  },
)

// RFC 6750 §2.1: b64token
function parseToken(value: unknown): string {
  const token = asText(value)
  if (!/^[\w.~+/-]+=*$/.test(token))
    throw new Wrong('must be made of letters, digits and -._~+/, with = at the end only')
  if (token.length < 16) throw new Wrong('must have at least 16 characters, random ones')
  return token
}

function parseScheme(given: string): string {
  if (isUnsafeScheme(given))
    throw new Wrong('must not be one that a browser could be made to act on')
  if (/^[a-z][a-z0-9+-]*$/.test(given) && given !== 'http' && given !== 'https') return given
  throw new Wrong('must be a scheme in lower case, without a colon, and neither http nor https')
}

function parseHost(given: string): string {
  if (/^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(given)) return given
  throw new Wrong('must be a host name in lower case, or *. and one')
}
