import type * as z from 'zod/mini'
import { parseListen, parseNetwork } from './address.ts'
import { Wrong } from './problem.ts'
import { parsePrefix } from './route-path.ts'
import { account } from './schema-account.ts'
import { client } from './schema-client.ts'
import { fetchSettings } from './schema-fetch.ts'
import { limits } from './schema-limits.ts'
import { registration, registrationPolicy, registrationTokens } from './schema-registration.ts'
import { route } from './schema-route.ts'
import { sessions, tokens } from './schema-tokens.ts'
import { upstream } from './schema-upstream.ts'
import { list, mapping, object, optional, otherwise } from './section.ts'
import { asInteger, asText, choice, duration, flag, setting, text } from './setting.ts'
import { parseStore } from './store-location.ts'
import { parseIssuer } from './urls.ts'

const listen = (description: string) =>
  setting(description, { type: ['string', 'integer'] }, (value) =>
    parseListen(typeof value === 'number' ? String(value) : asText(value)),
  )

const PEM = 'A file, looked for from the folder of the configuration, or PEM text.'

const adminTls = object(
  'Makes the admin listener speak https, and nothing else. Files that are renewed are taken up without a restart.',
  {
    cert: optional(text(`Its certificate, with those in between. ${PEM}`, {}, String)),
    key: optional(text(`The private key of the certificate. ${PEM}`, {}, String)),
  },
)

const admin = object(
  'The second listener: /healthz, /readyz, /metrics, the admin API and the console. Keep it where strangers do not reach it.',
  {
    listen: otherwise(
      '127.0.0.1:8081',
      listen(
        'HOST:PORT of the admin listener. Health and metrics need no credential there, the rest does.',
      ),
    ),
    token: optional(
      text(
        'What the admin API and the command line authenticate with (Authorization: Bearer): 32 random characters or more. Empty with SQLite: made once and kept, mode 0600, beside the file. Required with a shared store.',
        {},
        String,
      ),
    ),
    tls: optional(adminTls),
  },
)

const log = object('The log: one JSON line an event, on standard output.', {
  level: otherwise(
    'info',
    choice(
      'The least severe events that are written. Audit events are written at every level but silent.',
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    ),
  ),
  access: otherwise(true, flag('Whether each request is written as a line of its own.')),
})

const audit = object('The audit trail: what an operator may have to answer for, searchable.', {
  keep: otherwise(
    '30d',
    duration(
      'How long audit events stay in the store, for the console and portcullis audit. What comes with every token is in the log alone. 0s: all of it is in the log alone.',
      { min: 0 },
    ),
  ),
})

const secret = setting(
  'The key that everything minted and sealed here hangs on, 32 random characters or more (openssl rand -base64 32), or a list of such keys: the first mints, all verify, so that a key can be replaced without failing anyone. Empty: made once and kept, mode 0600, beside the SQLite file. Required with a shared store, the same for every instance.',
  { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
  // An entry of a list may be empty for want of a variable: ${OLD_SECRET:-}
  (value) =>
    (Array.isArray(value) ? value : [value])
      .filter((key) => key !== '' && key !== null)
      .map(asText),
)

const scopeName =
  'Every scope that can be granted: its name, and the words that the consent page shows for it.'

/**
 * The schema of the file. The descriptions are the reference manual: they, the defaults and the forms become the JSON
 * Schema. What one value must be is judged here; what several must be together, in the `check-` files, on the YAML tree.
 */
export const schema = object('Configuration of Portcullis: OAuth in front of HTTP APIs.', {
  issuer: text(
    'Public base URL of this server, as clients see it: the issuer of its tokens (RFC 8414). https, except on loopback; no trailing slash. Never taken from the Host header.',
    {},
    parseIssuer,
  ),
  listen: otherwise(
    '127.0.0.1:8080',
    listen(
      'HOST:PORT of the public listener. Plain HTTP: elsewhere than on loopback put a TLS proxy in front. :8080 listens on every address, "[::1]:8080" on IPv6 loopback. A change is bound before the old one closes.',
    ),
  ),
  store: otherwise(
    'sqlite:data/portcullis.db',
    text(
      'Where grants, tokens and sessions are kept. sqlite:FILE (one machine; a relative file starts at the folder of this file), memory: (forgotten at the end; one worker), or shared by several machines: redis:// rediss:// postgres:// (what may follow a ?: docs/configuration.md). A change needs a restart.',
      {},
      parseStore,
    ),
  ),
  secret: optional(secret),
  workers: otherwise(
    1,
    setting(
      'Processes that serve: a number, or auto for one a core. A change needs a restart.',
      { anyOf: [{ type: 'integer', minimum: 1, maximum: 256 }, { type: 'string' }] },
      (value) => {
        if (value === 'auto') return value
        if (typeof value === 'string' && !/^\d+$/.test(value))
          throw new Wrong('must be a whole number from 1 to 256, or auto')
        return asInteger(value, 1, 256)
      },
    ),
  ),
  drain: otherwise(
    '30s',
    duration(
      'How long running requests and streams may go on when the process is asked to stop; what is left then is cut.',
      { min: 0, max: 86_400 },
    ),
  ),
  drainDelay: otherwise(
    '1s',
    duration(
      'How long /readyz says that the process stops before the public listener closes, so that a balancer that asks there sends nothing more. Longer than it takes to notice: its interval times the failures that it waits for. Comes before `drain`; not at SIGINT.',
      { min: 0, max: 3600 },
    ),
  ),
  trustedProxies: otherwise(
    [],
    list(
      'Proxies in front of this server, whose X-Forwarded-For and X-Forwarded-Proto are believed. Empty: nobody is.',
      text('An address or a network: 10.0.0.7, 10.0.0.0/8, 2001:db8::/32.', {}, parseNetwork),
    ),
  ),
  admin: otherwise({}, admin),
  registration: otherwise('closed', registration),
  registrationTokens: optional(registrationTokens),
  registrationPolicy: otherwise({}, registrationPolicy),
  compatibility: otherwise(
    [],
    list(
      'Systems whose clients run unchanged, where they rely on something that the standards do not say.',
      choice(
        'axway: scopes may be separated by commas, the token endpoint knows format=json|urlencoded|xml, confidential clients need no PKCE, and /oauth/tokeninfo is served.',
        ['axway'],
      ),
    ),
  ),
  demo: otherwise(
    false,
    flag(
      'Makes this configuration the demo: plain passwords are taken, /demo is served. Refused unless both listeners are on loopback.',
    ),
  ),
  paths: otherwise(
    {},
    object('Where our own endpoints are.', {
      oauth: otherwise(
        '/oauth',
        text('Prefix of /authorize, /token and the other endpoints.', {}, parsePrefix),
      ),
    }),
  ),
  require_pushed_authorization_requests: otherwise(
    false,
    flag(
      'Whether every client must push its authorization requests (RFC 9126): what is asked for then never stands in the address of a browser.',
    ),
  ),
  tokens: otherwise({}, tokens),
  sessions: otherwise({}, sessions),
  limits: otherwise({}, limits),
  fetch: otherwise({}, fetchSettings),
  log: otherwise({}, log),
  audit: otherwise({}, audit),
  scopes: otherwise(
    {},
    mapping(
      scopeName,
      text('What a person reads on the consent page: See your orders.', {}, String),
    ),
  ),
  upstreams: otherwise(
    {},
    mapping('The services that requests are forwarded to, by a name that routes use.', upstream),
  ),
  routes: otherwise(
    [],
    list(
      'What is let through, and to where. Deny by default: what no route names is 404. Order does not matter: a named host goes before none, an exact path before a prefix, a longer prefix before a shorter; the method decides among routes of one host and path, and one that none of them names is 405.',
      route,
    ),
  ),
  clients: otherwise(
    [],
    list('Applications, by the names of RFC 7591. More can be registered at run time.', client),
  ),
  accounts: otherwise(
    [],
    list('People who may sign in (resource owners). More can be added at run time.', account),
  ),
})

/** The file's values, each in our own units, defaults filled in. */
export type Settings = z.output<typeof schema>
