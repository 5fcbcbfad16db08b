import { createPublicKey } from 'node:crypto'
import { Wrong } from './problem.ts'

/** A public key that client assertions may be signed with (RFC 7517): the members that count, and no others. */
export type PublicKey = {
  readonly kty: 'RSA' | 'EC' | 'OKP'
  readonly kid?: string
  /** The only algorithm that it may be used with. Undefined: any of its type. */
  readonly alg?: string
  readonly crv?: string
  readonly x?: string
  readonly y?: string
  readonly n?: string
  readonly e?: string
}

/** Algorithms of client assertions, strongest kinds first, and the keys that each goes with (RFC 7518, 8037, 9864). */
export const SIGNING_ALGORITHMS: readonly string[] = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256']

/** The algorithms that a key may verify. EdDSA and Ed25519 are two names of one. */
export const algorithmsOf = ({ kty, alg }: Pick<PublicKey, 'kty' | 'alg'>): readonly string[] =>
  alg === undefined || kty === 'OKP' ? ALGORITHMS[kty] : [alg]

const ALGORITHMS = {
  RSA: ['PS256', 'RS256'],
  EC: ['ES256'],
  OKP: ['EdDSA', 'Ed25519'],
} as const

/** A JWK set that an operator or a registration writes down: every key must be usable. Throws `Wrong`. */
export const parseJwks = (value: unknown): { readonly keys: readonly PublicKey[] } => {
  const keys = keysOf(value)
  if (keys.length === 0) throw new Wrong('must have at least one key')
  return { keys: keys.map((key, index) => readKey(key, `keys[${index}]`)) }
}

/**
 * A JWK set that was fetched: keys for other purposes are passed over (RFC 7517 §5). Throws `Wrong` for what is no set.
 */
export const usableKeys = (value: unknown): readonly PublicKey[] =>
  keysOf(value).flatMap((key) => {
    try {
      return [readKey(key, 'a key')]
    } catch (error) {
      if (error instanceof Wrong) return []
      throw error
    }
  })

const keysOf = (value: unknown): readonly unknown[] => {
  const keys = memberOf(value, 'keys')
  if (!Array.isArray(keys)) throw new Wrong('must be a JWK set: { keys: [ … ] }', true)
  if (keys.length > MOST_KEYS) throw new Wrong(`must not have more than ${MOST_KEYS} keys`)
  return keys
}

const readKey = (value: unknown, name: string): PublicKey => {
  const text = (member: string) => textOf(value, member)
  // Whoever published it has lost it.
  if (PRIVATE.some((member) => memberOf(value, member) !== undefined))
    throw new Wrong(`must be public, and ${name} has private members`)
  const kty = text('kty')
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP')
    throw new Wrong(`must be of RSA, EC or OKP keys, and ${name} is none`)
  if (!signs(value)) throw new Wrong(`must be of keys that verify signatures, and ${name} is not`)
  const [kid, alg] = [text('kid'), text('alg')]
  if (alg !== undefined && !algorithmsOf({ kty }).includes(alg))
    throw new Wrong(`must be for ${SIGNING_ALGORITHMS.join(', ')}, and ${name} is not`)
  if ((kid?.length ?? 0) > LONGEST_KID) throw new Wrong(`has too long a kid in ${name}`)
  const members = MEMBERS[kty].map((member) => [member, text(member) ?? ''] as const)
  const material: Material = { kty, ...Object.fromEntries(members) }
  checkMaterial(material, name)
  return { ...material, ...(kid !== undefined && { kid }), ...(alg !== undefined && { alg }) }
}

type Material = Omit<PublicKey, 'kid' | 'alg'>

const signs = (value: unknown): boolean => {
  const [use, operations] = [memberOf(value, 'use'), memberOf(value, 'key_ops')]
  return (
    (use === undefined || use === 'sig') &&
    (operations === undefined || (Array.isArray(operations) && operations.includes('verify')))
  )
}

/** On its curve, of a size that is safe (FAPI 2.0 §5.4.2) and cheap: a long exponent would make each check a slow one. */
const checkMaterial = (key: Material, name: string): void => {
  const details = detailsOf(key)
  if (details === undefined) throw new Wrong(`must be of valid keys, and ${name} is not`)
  if (key.kty !== 'RSA') {
    if (key.crv === CURVES[key.kty]) return
    throw new Wrong(`must be on ${CURVES[key.kty]}, and ${name} is on another curve`)
  }
  const { modulusLength = 0, publicExponent = 0n } = details
  if (modulusLength < 2048 || modulusLength > 4096)
    throw new Wrong(`must have RSA keys of 2048 to 4096 bits, and ${name} has ${modulusLength}`)
  if (publicExponent < 3n || publicExponent > 0xffff_ffffn || publicExponent % 2n === 0n)
    throw new Wrong(`must have the usual exponent (AQAB), and ${name} has another`)
}

const detailsOf = (key: Material) => {
  try {
    return createPublicKey({ key, format: 'jwk' }).asymmetricKeyDetails ?? {}
  } catch {
    return undefined
  }
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined

const textOf = (value: unknown, name: string): string | undefined => {
  const member = memberOf(value, name)
  if (member === undefined || typeof member === 'string') return member
  throw new Wrong(`must be of keys whose ${name} is text`)
}

const MEMBERS = { RSA: ['n', 'e'], EC: ['crv', 'x', 'y'], OKP: ['crv', 'x'] } as const
const CURVES = { EC: 'P-256', OKP: 'Ed25519' } as const
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const MOST_KEYS = 20
const LONGEST_KID = 256
