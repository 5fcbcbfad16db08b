/** What a secret is for. Each purpose has a key of its own, so that none can pass for another. */
export type Purpose =
  | 'access-token'
  | 'authorization-code'
  | 'refresh-token'
  | 'session'
  | 'browser'
  | 'request'
  | 'csrf'

/** Mints, recognises and seals secrets. The only randomness of the program. */
export type Secrets = {
  /** 128 random bits, base64url, 22 characters: an identifier that nobody can guess. */
  id(): string
  /** A new secret: prefix, key id, 240 random bits, keyed tag; 70 characters for `pc_at_`, base64url after the prefix. */
  mint(purpose: MintedPurpose): string
  /** True when `value` was minted here for this purpose, by any key in the list. Synchronous, no store read. */
  minted(purpose: MintedPurpose, value: string): boolean
  /** Keyed tag over fields (length-prefixed, so that boundaries cannot move), base64url, by the first key. */
  tag(purpose: Purpose, fields: readonly string[]): string
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
}

export type MintedPurpose = 'access-token' | 'authorization-code' | 'session' | 'browser'

export type RefreshTokenParts = {
  readonly grant_id: string
  readonly generation: number
  /** 16 random bytes of the grant, base64url. The store has only its digest. */
  readonly salt: string
}
