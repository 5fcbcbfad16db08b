import { hash, hkdfSync } from 'node:crypto'
import { StoreRefused } from './store.ts'

/** A key for one use and purpose; `kid` is the same for all keys of one configured secret. */
export type Key = {
  readonly kid: Buffer
  readonly raw: Buffer
  /** The two blocks that HMAC begins its hashes with (RFC 2104 §2). */
  readonly inner: Buffer
  readonly outer: Buffer
}

/** The keys that stand behind the configured secrets: the first mints, all verify. */
export type KeyRing = {
  keys(use: 'mint' | 'tag' | 'seal', purpose: string): readonly [Key, ...Key[]]
  /** Takes on another list of secrets. */
  replace(secrets: readonly string[]): void
}

export const createKeyRing = (secrets: readonly string[]): KeyRing => {
  let current = checked(secrets)
  const derived = new Map<string, readonly [Key, ...Key[]]>()
  return {
    keys(use, purpose) {
      const info = `${use} ${purpose}`
      const known = derived.get(info)
      if (known !== undefined) return known
      const [first, ...rest] = current
      const keys = [derive(first, info), ...rest.map((secret) => derive(secret, info))] as const
      derived.set(info, [...keys])
      return [...keys]
    },
    replace(next) {
      current = checked(next)
      derived.clear()
    },
  }
}

/**
 * HMAC-SHA-256 over fields with their lengths before them, so that no boundary can move. Two one-shot hashes, as RFC 2104 §2
 * has it: a third of what an object of `createHmac` costs, and several are made for each token.
 */
export const hmac = (key: Key, fields: readonly (string | Buffer)[]): Buffer => {
  const parts = [key.inner]
  for (const field of fields) {
    const bytes = typeof field === 'string' ? Buffer.from(field) : field
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32BE(bytes.length)
    parts.push(length, bytes)
  }
  const digest = hash('sha256', Buffer.concat(parts), 'buffer')
  return hash('sha256', Buffer.concat([key.outer, digest]), 'buffer')
}

const MINIMUM = 16

const checked = (secrets: readonly string[]): readonly [string, ...string[]] => {
  const [first, ...rest] = secrets
  if (first === undefined || secrets.some((secret) => secret.length < MINIMUM)) {
    throw new StoreRefused(
      `secret: each must be at least ${MINIMUM} characters long`,
      'Give a random one, such as the output of: openssl rand -base64 32',
    )
  }
  return [first, ...rest]
}

// RFC 5869. A key id is public: two bytes that say which secret to try, from a derivation of its own.
const derive = (secret: string, info: string): Key => {
  const expand = (label: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, 'portcullis', label, bytes))
  const raw = expand(info, 32)
  return { kid: expand('key id', 2), raw, inner: padded(raw, 0x36), outer: padded(raw, 0x5c) }
}

const BLOCK = 64

const padded = (key: Buffer, pad: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: BLOCK }, (_, at) => (key[at] ?? 0) ^ pad))
