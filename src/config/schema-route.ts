import * as z from 'zod/mini'
import { Wrong } from './problem.ts'
import { parseHost, parsePrefix, parseRoutePath } from './route-path.ts'
import { parseScope } from './scope-list.ts'
import { list, object, optional, otherwise } from './section.ts'
import { asChoice, choice, flag, reference, setting, text } from './setting.ts'

/** Methods of HTTP and its registered extensions that we forward. CONNECT and TRACE are none of them. */
const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'QUERY',
  ...['PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'REPORT', 'SEARCH'],
]

const method = setting('A method in upper case.', { enum: METHODS }, (value) => {
  const upper = typeof value === 'string' ? value.toUpperCase() : ''
  if (value !== upper && METHODS.includes(upper)) throw new Wrong(`must be in upper case: ${upper}`)
  return asChoice(value, METHODS)
})

const words = { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] }

const scope = z.union([
  setting('Scopes that the token must have, all of them, separated by spaces.', words, (value) => ({
    mode: 'all' as const,
    scopes: parseScope(value),
  })),
  object('Scopes of which the token must have one.', {
    any: setting('Scopes separated by spaces; any one of them will do.', words, parseScope),
  }),
])

export const route = object('A path, who may call it, and where it leads.', {
  path: text(
    'An exact path (/status), or a prefix that ends in /* (/orders/* matches /orders, /orders/ and all below).',
    { pattern: '^/|\\$\\{' },
    parseRoutePath,
  ),
  host: optional(
    text('Only requests for this host, without a port. Omitted: every host.', {}, parseHost),
  ),
  methods: optional(
    list('Methods that this route is for; GET brings HEAD with it. Omitted: all.', method).check(
      z.minLength(1, 'must name a method; leave the key out for all of them'),
    ),
  ),
  upstream: text('Name of the upstream that gets the request.', {}, String),
  scope: optional(
    scope.register(reference, {
      description:
        'What the token must be good for: all scopes of a space-separated list, or { any: "a b" } for one of them. Omitted: every valid token will do.',
    }),
  ),
  access: otherwise(
    'token',
    choice('token: only with a valid access token. public: anyone, no token is looked at.', [
      'token',
      'public',
    ]),
  ),
  stripPrefix: optional(
    text(
      'Taken off the front of the path before it is forwarded: /v2/billing turns /v2/billing/42 into /42.',
      {},
      parsePrefix,
    ),
  ),
  allowEncodedSlash: otherwise(
    false,
    flag('Whether a path may hold %2F. If not, it is 400: upstreams disagree about what it means.'),
  ),
  upstreamHost: otherwise(
    'target',
    choice('The Host field that the upstream gets. target: its own; keep: the one of the client.', [
      'target',
      'keep',
    ]),
  ),
  websocket: otherwise(
    true,
    flag('Whether WebSocket upgrades pass, under the same rules as requests.'),
  ),
})
