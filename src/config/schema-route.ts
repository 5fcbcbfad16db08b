import * as z from 'zod/mini'
import { method } from './method.ts'
import { parsePrefix, parseRewrite, parseRouteHost, parseRoutePath } from './route-path.ts'
import { cors } from './schema-cors.ts'
import { websocket } from './schema-websocket.ts'
import { parseScope } from './scope-list.ts'
import { list, object, optional, otherwise } from './section.ts'
import { choice, duration, flag, reference, setting, size, text } from './setting.ts'

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
    'An exact path (/status), or a prefix that ends in /* (/orders/* matches /orders, /orders/ and all below). A segment may be a parameter: /t/:tenant/orders/*.',
    { pattern: '^/|\\$\\{' },
    parseRoutePath,
  ),
  host: optional(
    text(
      'Only requests for this host, without a port; *.example.com: for all hosts below example.com. Omitted: every host.',
      {},
      parseRouteHost,
    ),
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
    choice(
      'token: only with a valid access token. public: anyone, no token is looked at. optional: anyone, but a token that is sent must be valid.',
      ['token', 'public', 'optional'],
    ),
  ),
  stripPrefix: optional(
    text(
      'Taken off the front of the path before it is forwarded: /v2/billing turns /v2/billing/42 into /42.',
      {},
      parsePrefix,
    ),
  ),
  rewrite: optional(
    text(
      'What the path becomes before it is forwarded, with the parameters of the path, and /* for all that follows: /v1/:tenant/*. In place of stripPrefix.',
      { pattern: '^/|\\$\\{' },
      parseRewrite,
    ),
  ),
  timeout: optional(
    duration('For the head of the response, in place of the upstream’s timeout.response.', {
      min: 0.001,
      max: 86_400,
    }),
  ),
  maxBody: optional(
    size('Largest body of a request; a larger one is 413. Omitted: any size.', 0, 2 ** 50),
  ),
  cors: optional(cors),
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
  websocket: otherwise(true, websocket),
  onExpiry: otherwise(
    'keep',
    choice(
      'What becomes of WebSockets and streamed responses when their token has expired. keep: they stay for as long as its grant lives. close: they end, and the client comes again with another token. A revoked token ends them in any case.',
      ['keep', 'close'],
    ),
  ),
})
