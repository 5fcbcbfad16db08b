import {
  createCipheriv,
  createDecipheriv,
  hash,
  randomBytes,
  randomFillSync,
  timingSafeEqual,
} from 'node:crypto'
import { createKeyRing, hmac, type Key } from './key-ring.ts'

/** What a secret is for. Each purpose has a key of its own, so that none can pass for another. */
export type Purpose =
  | 'access-token'
  | 'authorization-code'
  | 'pushed-request'
  | 'refresh-token'
  | 'device-code'
  | 'user-code'
  | 'visit'
  | 'session'
  | 'browser'
  | 'client-secret'
  | 'initial-access'
  | 'registration'
  | 'request'
  | 'csrf'
  | 'account'
  | 'trial'

/** Mints, recognises and seals secrets. The only randomness of the program. */
export type Secrets = {
  /** 128 random bits, base64url, 22 characters: an identifier that nobody can guess. */
  id(): string
  /** `length` letters out of `alphabet`, of at most 256, each as likely as any other. */
  letters(alphabet: string, length: number): string
  /** A new secret: prefix, key id, 240 random bits, keyed tag; 70 characters for `pc_at_`, base64url after the prefix. */
  mint(purpose: MintedPurpose): string
  /** True when `value` was minted here for this purpose, by any key in the list. Synchronous, no store read. */
  minted(purpose: MintedPurpose, value: string): boolean
  /** True when `value` has the shape of this purpose, whoever made it. */
  shaped(purpose: MintedPurpose, value: string): boolean
  /** Keyed tag over fields (length-prefixed, so that boundaries cannot move), base64url, by the first key. */
  tag(purpose: Purpose, fields: readonly string[]): string
  /** The tags by every key, that of the first key first: where a row may stand whose key is a tag. */
  tags(purpose: Purpose, fields: readonly string[]): readonly string[]
  /** Compares with the tag by every key, in constant time. */
  verifyTag(purpose: Purpose, fields: readonly string[], tag: string): boolean
  /** AES-256-GCM over JSON; base64url. */
  seal(purpose: Purpose, value: unknown): string
  /** Undefined for anything that we did not seal for this purpose. */
  open(purpose: Purpose, sealed: string): unknown
  refreshToken: {
    make(parts: RefreshTokenParts): string
    /** Undefined for what was not minted here. */
    parse(value: string): RefreshTokenParts | undefined
  }
  /** Ids of the keys of the list, in its order, as access tokens carry them in their first two bytes; hexadecimal. */
  keyIds(): readonly string[]
  /** Takes on another list of secrets; what only the old ones verify is foreign from then on. */
  rotate(secrets: readonly string[]): void
}

export type MintedPurpose =
  | 'access-token'
  | 'authorization-code'
  | 'pushed-request'
  | 'device-code'
  | 'session'
  | 'browser'
  | 'client-secret'
  | 'initial-access'
  | 'registration'

export type RefreshTokenParts = {
  readonly grant_id: string
  readonly generation: number
  /** 16 random bytes of the grant, base64url. The store has only its digest. */
  readonly salt: string
}

/** `secrets`: the first mints, all verify; each at least 16 characters. */
export const createSecrets = (secrets: readonly string[]): Secrets => {
  const ring = createKeyRing(secrets)

  const sign = (purpose: MintedPurpose | 'refresh-token', content: Buffer): string => {
    const [key] = ring.keys('mint', purpose)
    const body = Buffer.concat([key.kid, content])
    const tag = hmac(key, [body]).subarray(0, TAG)
    return PREFIX[purpose] + Buffer.concat([body, tag]).toString('base64url')
  }

  const verify = (purpose: MintedPurpose | 'refresh-token', value: string, bytes: number) => {
    if (!hasShape(value, PREFIX[purpose], bytes)) return undefined
    const all = Buffer.from(value.slice(PREFIX[purpose].length), 'base64url')
    const body = all.subarray(0, bytes - TAG)
    const tag = all.subarray(bytes - TAG)
    for (const key of ring.keys('mint', purpose)) {
      if (!key.kid.equals(body.subarray(0, KID))) continue
      if (timingSafeEqual(hmac(key, [body]).subarray(0, TAG), tag)) return body.subarray(KID)
    }
    return undefined
  }

  const tagsOf: Secrets['tags'] = (purpose, fields) =>
    ring.keys('tag', purpose).map((key) => hmac(key, fields).toString('base64url'))

  return {
    letters: drawLetters,
    id: () => drawBytes(16).toString('base64url'),
    mint: (purpose) => sign(purpose, drawBytes(RANDOM)),
    minted: (purpose, value) => verify(purpose, value, MINTED) !== undefined,
    shaped: (purpose, value) => hasShape(value, PREFIX[purpose], MINTED),
    tag: (purpose, fields) => hmac(ring.keys('tag', purpose)[0], fields).toString('base64url'),
    tags: tagsOf,
    verifyTag: (purpose, fields, tag) =>
      tagsOf(purpose, fields)
        .map((known) => equal(known, tag))
        .includes(true),
    seal: (purpose, value) => encrypt(ring.keys('seal', purpose)[0], JSON.stringify(value)),
    open(purpose, sealed) {
      for (const key of ring.keys('seal', purpose)) {
        const text = decrypt(key, sealed)
        if (text !== undefined) return JSON.parse(text)
      }
      return undefined
    },
    refreshToken: {
      make: (parts) => sign('refresh-token', packRefresh(parts)),
      parse(value) {
        const body = verify('refresh-token', value, REFRESH)
        return body === undefined ? undefined : unpackRefresh(body)
      },
    },
    keyIds: () => ring.keys('mint', 'access-token').map(({ kid }) => kid.toString('hex')),
    rotate: (next) => ring.replace(next),
  }
}

/** What is stored of a secret that we minted: 240 random bits need no salt and no slow hash. base64url. */
export const digest = (value: string): string => hash('sha256', value, 'base64url')

/** Compares by digests, so that neither length nor content shows in the time it takes. */
export const equal = (a: string, b: string): boolean =>
  timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'))

/** The same of two that are digests already, of one length: what they are of is longer than what a comparison could tell. */
export const equalDigests = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))

/** A whole secret for the operator's use: 256 random bits, base64url. */
export const randomSecret = (): string => randomBytes(32).toString('base64url')

/** A byte at or above the largest multiple of the alphabet's length would favour its first letters: it is thrown away. */
const drawLetters = (alphabet: string, length: number): string => {
  const fair = 256 - (256 % alphabet.length)
  let drawn = ''
  while (drawn.length < length) {
    for (const byte of randomBytes(2 * length)) {
      if (byte < fair && drawn.length < length) drawn += alphabet.charAt(byte % alphabet.length)
    }
  }
  return drawn
}

/**
 * Random bytes out of a supply that is drawn from the system at once, 4 KiB each time: a system call a token costs more than
 * the token. None is given twice, and none stays behind.
 */
const drawBytes = (length: number): Buffer => {
  if (drawn + length > supply.length) {
    randomFillSync(supply)
    drawn = 0
  }
  const bytes = Buffer.from(supply.subarray(drawn, drawn + length))
  supply.fill(0, drawn, drawn + length)
  drawn += length
  return bytes
}

const supply = Buffer.alloc(4096)
let drawn = supply.length

/** Random bytes for salts of passwords. */
export const randomSalt = (): Buffer => randomBytes(16)

const PREFIX: Readonly<Record<MintedPurpose | 'refresh-token', string>> = {
  'access-token': 'pc_at_',
  'authorization-code': 'pc_ac_',
  'refresh-token': 'pc_rt_',
  'pushed-request': 'pc_pr_',
  'device-code': 'pc_dc_',
  session: 'pc_se_',
  browser: 'pc_br_',
  'client-secret': 'pc_cs_',
  'initial-access': 'pc_ia_',
  registration: 'pc_rg_',
}

const KID = 2
const RANDOM = 30
const TAG = 16
const MINTED = KID + RANDOM + TAG
const REFRESH = KID + 16 + 4 + 16 + TAG
const BASE64URL = /^[A-Za-z0-9_-]*$/

// Both lengths are multiples of three bytes: one spelling each, with no spare bits at the end.
const hasShape = (value: string, prefix: string, bytes: number): boolean =>
  value.length === prefix.length + (bytes / 3) * 4 &&
  value.startsWith(prefix) &&
  BASE64URL.test(value.slice(prefix.length))

const packRefresh = ({ grant_id, generation, salt }: RefreshTokenParts): Buffer => {
  const content = Buffer.alloc(36)
  Buffer.from(grant_id, 'base64url').copy(content, 0, 0, 16)
  content.writeUInt32BE(generation, 16)
  Buffer.from(salt, 'base64url').copy(content, 20, 0, 16)
  return content
}

const unpackRefresh = (content: Buffer): RefreshTokenParts => ({
  grant_id: content.toString('base64url', 0, 16),
  generation: content.readUInt32BE(16),
  salt: content.toString('base64url', 20, 36),
})

const IV = 12

const encrypt = (key: Key, text: string): string => {
  const iv = randomBytes(IV)
  const cipher = createCipheriv('aes-256-gcm', key.raw, iv).setAAD(key.kid)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([key.kid, iv, sealed, cipher.getAuthTag()]).toString('base64url')
}

const decrypt = (key: Key, sealed: string): string | undefined => {
  const all = Buffer.from(sealed, 'base64url')
  const end = all.length - TAG
  if (end < KID + IV || !key.kid.equals(all.subarray(0, KID))) return undefined
  if (all.toString('base64url') !== sealed) return undefined
  const iv = all.subarray(KID, KID + IV)
  const decipher = createDecipheriv('aes-256-gcm', key.raw, iv, { authTagLength: TAG })
  decipher.setAAD(key.kid).setAuthTag(all.subarray(end))
  try {
    return decipher.update(all.subarray(KID + IV, end), undefined, 'utf8') + decipher.final('utf8')
  } catch {
    return undefined
  }
}
