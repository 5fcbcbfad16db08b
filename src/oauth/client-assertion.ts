import { algorithmsOf, type PublicKey, SIGNING_ALGORITHMS } from '../config/jwks.ts'
import type { Client } from '../store/clients.ts'
import { endpointUrl, type Room } from './room.ts'
import { parseObject } from './strict-json.ts'

/** A JWT that a client authenticates with (RFC 7523 §2.2), read and not yet believed. */
export type Assertion = {
  readonly token: string
  readonly alg: string
  readonly kid: string | undefined
  /** `iss` and `sub`, which are the same. */
  readonly client_id: string
  readonly claims: ReadonlyMap<string, unknown>
}

/** Why an assertion proves nothing: for the log. `proven`: its signature was good, so that its sender may hear it. */
export type Refusal = { readonly reason: string; readonly proven?: true }

/** A refusal for what is no assertion that we would verify, whoever signed it. */
export const readAssertion = (token: string): Assertion | Refusal => {
  if (token.length > LONGEST) return { reason: 'the assertion is too long' }
  const [, head = '', body = ''] = COMPACT.exec(token) ?? []
  const [header, claims] = [parsePart(head), parsePart(body)]
  if (!header || !claims) return { reason: 'the assertion is no signed JWT' }
  const [alg, kid, typ] = [header.get('alg'), header.get('kid'), header.get('typ') ?? 'JWT']
  if (typeof alg !== 'string' || !SIGNING_ALGORITHMS.includes(alg))
    return { reason: 'the algorithm of the assertion is none of ours' }
  if (kid !== undefined && typeof kid !== 'string') return { reason: 'kid is not text' }
  if (typeof typ !== 'string' || !TYPES.test(typ)) return { reason: 'typ is that of another JWT' }
  const refused = REFUSED.find((name) => header.has(name))
  if (refused) return { reason: `the header has ${refused}` }
  const client_id = claims.get('iss')
  if (typeof client_id !== 'string' || client_id === '' || claims.get('sub') !== client_id)
    return { reason: 'iss and sub are not the same client' }
  return { token, alg, kid, client_id, claims }
}

/**
 * Undefined for an assertion that its client signed for us, now, and has not used before; from then on it is used. Throws
 * StoreUnavailable where that cannot be written.
 */
export const refuseAssertion = async (
  assertion: Assertion,
  client: Client,
  room: Pick<Room, 'stores' | 'clock' | 'clientKeys' | 'config'>,
): Promise<Refusal | undefined> => {
  const reason = await findUnsigned(assertion, client, room)
  if (reason !== undefined) return { reason }
  const claim = refuseClaims(assertion.claims, client, room)
  if (claim !== undefined) return { reason: claim, proven: true }
  const [jti, exp] = [String(assertion.claims.get('jti')), Number(assertion.claims.get('exp'))]
  // Others of us may have a clock that is behind ours, and would take it for good when we have forgotten it.
  const fresh = await room.stores.assertions.use(client.client_id, jti, exp + SKEW)
  return fresh ? undefined : { reason: 'jti was used before', proven: true }
}

/** Keys that are published are asked for anew where none of those that are known fits. */
const findUnsigned = async (
  assertion: Assertion,
  client: Client,
  { clientKeys }: Pick<Room, 'clientKeys'>,
): Promise<string | undefined> => {
  const { jwks, jwks_uri } = client
  if (jwks) return (await isSigned(assertion, jwks.keys)) ? undefined : UNSIGNED
  if (jwks_uri === undefined) return 'the client has no keys'
  const known = await clientKeys.find(jwks_uri)
  if ('unavailable' in known) return known.unavailable
  if (await isSigned(assertion, known.document)) return undefined
  const renewed = await clientKeys.renew(jwks_uri)
  return renewed && (await isSigned(assertion, renewed)) ? undefined : UNSIGNED
}

const isSigned = async (
  { token, alg, kid }: Assertion,
  keys: readonly PublicKey[],
): Promise<boolean> => {
  const { compactVerify } = await import('jose')
  const fitting = keys.filter(
    (key) =>
      (kid === undefined || key.kid === undefined || key.kid === kid) &&
      algorithmsOf(key).includes(alg),
  )
  for (const key of fitting.slice(0, MOST_TRIED)) {
    const verified = compactVerify(token, materialOf(key), { algorithms: [alg] })
    if (await succeeds(verified)) return true
  }
  return false
}

const succeeds = (step: Promise<unknown>): Promise<boolean> =>
  step.then(
    () => true,
    () => false,
  )

/** The key alone, the same object each time: by it jose remembers the key that it has imported. */
const materialOf = (key: PublicKey): PublicKey => {
  const { alg: _, kid: __, ...made } = key
  const material = MATERIALS.get(key) ?? made
  MATERIALS.set(key, material)
  return material
}

const MATERIALS = new WeakMap<PublicKey, PublicKey>()

/** RFC 7523 §3. What holds of the time holds for clocks that differ by a minute; a lifetime is a lifetime. */
const refuseClaims = (
  claims: ReadonlyMap<string, unknown>,
  client: Client,
  { clock, config }: Pick<Room, 'clock' | 'config'>,
): string | undefined => {
  const now = clock()
  const [aud, jti] = [claims.get('aud'), claims.get('jti')]
  const [exp, iat, nbf] = [claims.get('exp'), claims.get('iat'), claims.get('nbf')]
  // One, as text: an assertion for several servers is one that another of them can use here.
  if (typeof aud !== 'string' || !audiencesOf(client, config).includes(aud))
    return `aud must be ${config.issuer}, as text`
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI)
    return 'jti is missing or too long'
  if (!isTime(exp)) return 'exp is missing or not whole seconds'
  if (exp <= now) return 'exp is in the past'
  for (const time of [iat, nbf]) {
    if (time !== undefined && !isTime(time)) return 'iat or nbf is not whole seconds'
    if (isTime(time) && time > now + SKEW) return 'iat or nbf is in the future'
  }
  const begun = isTime(iat) ? Math.max(iat, now - LIFETIME) : now
  return exp > begun + LIFETIME ? 'exp must be within 5 minutes' : undefined
}

/**
 * The endpoints only where the operator vouches that no other server can make the client sign for them. Deviation: RFC 7523
 * §3 lets a client name the token endpoint; the draft that updates it does not, nor do we by default.
 */
const audiencesOf = ({ assertionAudience }: Client, config: Room['config']): readonly string[] =>
  assertionAudience === 'endpoint'
    ? [config.issuer, ...ENDPOINTS.map((name) => endpointUrl(config, name))]
    : [config.issuer]

const ENDPOINTS = ['token', 'par', 'device_authorization', 'revoke', 'introspect', 'tokeninfo']

const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

const parsePart = (part: string): ReadonlyMap<string, unknown> | undefined => {
  try {
    return parseObject(UTF8.decode(Buffer.from(part, 'base64url')))
  } catch {
    return undefined
  }
}

const LONGEST = 8192
const LONGEST_JTI = 256
/** Who has more keys of a kind names the one that signed: trying them is work for whoever sends anything. */
const MOST_TRIED = 8
const LIFETIME = 300
const SKEW = 60
const COMPACT = /^([A-Za-z0-9_-]{1,4096})\.([A-Za-z0-9_-]{1,8192})\.[A-Za-z0-9_-]{1,2048}$/
/** Of no type, of the old one, or of its own (draft-ietf-oauth-rfc7523bis): never that of a token of another kind. */
const TYPES = /^(?:application\/)?(?:jwt|client-authentication\+jwt)$/i
/** Extensions that we would have to know, keys that the sender brings along, and everything of encryption. */
const REFUSED = ['crit', 'b64', 'jku', 'jwk', 'x5u', 'x5c', 'zip', 'enc', 'p2c', 'epk']
const UNSIGNED = 'no key of the client verifies the signature'
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
