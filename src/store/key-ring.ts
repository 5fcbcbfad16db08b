import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { StoreRefused } from './store.ts'

/** A key for one use and purpose; `kid` is the same for all keys of one configured secret. */
export type Key = { readonly kid: Buffer; readonly key: KeyObject; readonly raw: Buffer }

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

/** HMAC-SHA-256 over fields with their lengths before them, so that no boundary can move. */
export const hmac = (key: Key, fields: readonly (string | Buffer)[]): Buffer => {
  const mac = createHmac('sha256', key.key)
  const length = Buffer.alloc(4)
  for (const field of fields) {
    length.writeUInt32BE(Buffer.byteLength(field))
    mac.update(length)
    mac.update(field)
  }
  return mac.digest()
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
  return { kid: expand('key id', 2), key: createSecretKey(raw), raw }
}
