/**
 * A configuration, read and checked: what `load` returns and every room takes its slice of.
 * All durations are seconds, all sizes bytes. Names that an RFC defines keep their spelling.
 */
export type Config = {
  /** Absolute path of the file this came from. */
  readonly file: string
  readonly issuer: string
  readonly listen: Listen
  readonly store: StoreLocation
  /** The first key mints, all verify. Empty: made once and kept beside the SQLite file. */
  readonly secret: readonly string[]
  readonly workers: number | 'auto'
  readonly trustedProxies: readonly string[]
  readonly admin: { readonly listen: Listen; readonly token: string }
  readonly registration: 'closed' | 'token' | 'open'
  readonly compatibility: readonly 'axway'[]
  readonly demo: boolean
  /** `oauth`: the prefix of our own endpoints, without a trailing slash. */
  readonly paths: { readonly oauth: string }
  readonly tokens: TokenLifetimes
  readonly sessions: { readonly idle: number; readonly absolute: number }
  readonly limits: Limits
  readonly log: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
    readonly access: boolean
  }
  /** Seconds that running requests and streams are given when the process is asked to stop. */
  readonly drain: number
  /** Scope name → the words that the consent page shows. */
  readonly scopes: ReadonlyMap<string, string>
  readonly upstreams: ReadonlyMap<string, UpstreamSettings>
  readonly routes: readonly RouteSettings[]
  readonly clients: readonly ClientSettings[]
  readonly accounts: readonly AccountSettings[]
}

export type Listen = { readonly host: string; readonly port: number }

export type StoreLocation =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'redis' | 'postgres'; readonly url: string }

export type TokenLifetimes = {
  readonly accessToken: number
  readonly refreshToken: number
  readonly grant: number
  readonly authorizationCode: number
  readonly refreshRetry: number
  readonly cache: number
  readonly graceWithoutStore: number
}

/** Failures (and creations by strangers) that are let through before 429, and in how many seconds. */
export type Limit = { readonly points: number; readonly duration: number }

type Limits = {
  /** Wrong passwords, per account and address. */
  readonly passwords: Limit
  /** Wrong client secrets, per client and address. */
  readonly clientSecrets: Limit
  /** Largest form that our own endpoints read. */
  readonly formBody: number
  /** Connections to the public listener at a time. */
  readonly connections: number
  /** Access tokens held in memory. */
  readonly cachedTokens: number
}

export type UpstreamSettings = {
  readonly name: string
  /** Origins with an optional base path, no trailing slash: `http://10.0.0.4:9002`. */
  readonly targets: readonly string[]
  readonly timeout: { readonly connect: number; readonly response: number; readonly idle: number }
  readonly health?: { readonly path: string; readonly interval: number }
  /** Connections kept to one target. */
  readonly connections: number
}

type ScopeRule = { readonly mode: 'all' | 'any'; readonly scopes: readonly string[] }

export type RouteSettings = {
  /** `/status` is exact; `/orders/*` matches `/orders`, `/orders/` and below. */
  readonly path: string
  readonly host?: string
  /** Undefined: every method. */
  readonly methods?: readonly string[]
  readonly upstream: string
  /** Undefined: every valid token will do. */
  readonly scope?: ScopeRule
  readonly access: 'token' | 'public'
  readonly stripPrefix?: string
  readonly allowEncodedSlash: boolean
  readonly upstreamHost: 'target' | 'keep'
  readonly websocket: boolean
}

export type ClientSettings = {
  readonly client_id: string
  readonly client_name?: string
  readonly client_secret?: string
  readonly client_uri?: string
  readonly redirect_uris: readonly string[]
  readonly grant_types: readonly string[]
  /** Space-separated. Undefined: every scope. */
  readonly scope?: string
  /** Undefined with a secret: Basic or the body; without one: `none`. */
  readonly token_endpoint_auth_method?: 'none' | 'client_secret_basic' | 'client_secret_post'
  readonly require_pkce: boolean
  readonly introspect: boolean
  readonly tokens: Partial<
    Pick<TokenLifetimes, 'accessToken' | 'refreshToken' | 'grant' | 'refreshRetry'>
  >
}

export type AccountSettings = {
  readonly username: string
  /** Subject of this person's tokens; the username unless given. */
  readonly sub: string
  /** argon2id PHC string; plain text only in the demo. */
  readonly password: string
  readonly name?: string
  readonly email?: string
  /** Space-separated: what this person may grant. Undefined: every scope. */
  readonly scope?: string
  readonly admin?: 'viewer' | 'operator' | 'owner'
}
