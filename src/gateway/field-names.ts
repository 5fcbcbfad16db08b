import { createNameTable } from './name-table.ts'

/**
 * What becomes of a request field on its way upstream:
 * `pass` as it came; `drop`; `forwarding`: only from a trusted proxy; the others are read for what they mean.
 */
export type Disposition =
  | 'pass'
  | 'drop'
  | 'forwarding'
  | 'host'
  | 'authorization'
  | 'connection'
  | 'length'
  | 'coding'
  | 'cookie'
  | 'type'
  | 'proof'
  | 'expect'
  | 'via'

/**
 * The disposition of a field name in any spelling. A name with characters other than letters, digits and `-` is dropped:
 * `X_Auth_Subject` and `X.Auth.Subject` are `X-Auth-Subject` to many a server.
 */
export const dispositionOf = (name: string): Disposition => {
  const usual = known(name)
  if (usual !== undefined) return usual
  const lower = name.toLowerCase()
  return known(lower) ?? (PLAIN_NAME.test(lower) ? byPrefix(lower) : 'drop')
}

const byPrefix = (name: string): Disposition =>
  FORWARDING_PREFIX.test(name) ? 'forwarding' : 'pass'

const PLAIN_NAME = /^[a-z0-9-]+$/
const FORWARDING_PREFIX = /^(?:x-forwarded-|x-envoy-|x-ssl-|x-client-cert)/

/** Fields of one connection (RFC 9110 §7.6.1), and what only a proxy may say to a proxy. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

const DROPPED = [
  ...HOP_BY_HOP,
  // Ours: set again by us, or not at all.
  'x-auth-subject',
  'x-auth-client-id',
  'x-auth-scope',
  // Part of an upgrade only, which takes them from the handshake itself (RFC 6455 §11.3); one of them may hold a token.
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'sec-websocket-key',
  'sec-websocket-protocol',
  'sec-websocket-version',
  // Another method or path than the one that was authorised.
  'x-envoy-original-path',
  'x-forwarded-method',
  'x-forwarded-uri',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-method',
  'x-original-uri',
  'x-original-url',
  'x-rewrite-url',
]

/** Who the client is and what came before: believed from trusted proxies only. */
const FORWARDING = [
  'cf-connecting-ip',
  'client-cert',
  'client-cert-chain',
  'client-ip',
  'forwarded',
  'traceparent',
  'tracestate',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-real-ip',
  'x-request-id',
]

/** Spelled as most clients do, so that the first look finds them. */
const PASSED = [
  'Accept',
  'Accept-Encoding',
  'Accept-Language',
  'Cache-Control',
  'Content-Encoding',
  'If-Match',
  'If-Modified-Since',
  'If-None-Match',
  'Last-Event-ID',
  'Origin',
  'Pragma',
  'Range',
  'Referer',
  'User-Agent',
]

const READ: readonly [string, Disposition][] = [
  ['Authorization', 'authorization'],
  ['Connection', 'connection'],
  ['Content-Length', 'length'],
  ['Content-Type', 'type'],
  ['Cookie', 'cookie'],
  ['DPoP', 'proof'],
  ['Expect', 'expect'],
  ['Host', 'host'],
  ['Transfer-Encoding', 'coding'],
  ['Via', 'via'],
]

const known = createNameTable<Disposition>([
  ...DROPPED.map((name): [string, Disposition] => [name, 'drop']),
  ...FORWARDING.map((name): [string, Disposition] => [name, 'forwarding']),
  ...PASSED.flatMap((name): [string, Disposition][] => [
    [name, 'pass'],
    [name.toLowerCase(), 'pass'],
  ]),
  ...READ.flatMap(([name, disposition]): [string, Disposition][] => [
    [name, disposition],
    [name.toLowerCase(), disposition],
  ]),
])
