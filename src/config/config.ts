import type { GrantValues } from './grant-values.ts'
import type { PublicKey } from './jwks.ts'
import type { StoreLocation } from './store-location.ts'

/**
 * A configuration, read and checked: what `load` returns and every room takes its slice of.
 * All durations are seconds, all sizes bytes. Names that an RFC defines keep their spelling.
 */
export type Config = {
  /** Absolute path of the file this came from. */
  readonly file: string
  /** Where in it each client and each account stands, by client_id and by username; lines from 1. */
  readonly lines: {
    readonly clients: ReadonlyMap<string, number>
    readonly accounts: ReadonlyMap<string, number>
  }
  readonly issuer: string
  readonly listen: Listen
  readonly store: StoreLocation
  /** The first key mints, all verify. Empty: made once and kept beside the SQLite file. */
  readonly secret: readonly string[]
  readonly workers: number | 'auto'
  readonly trustedProxies: readonly string[]
  readonly admin: {
    readonly listen: Listen
    readonly token: string
    /** PEM: it speaks https. */
    readonly tls?: { readonly cert: string; readonly key: string }
  }
  readonly registration: 'closed' | 'token' | 'open'
  /** Initial access tokens (RFC 7591 §3), for `registration: token`. */
  readonly registrationTokens: readonly string[]
  readonly registrationPolicy: RegistrationPolicy
  readonly compatibility: readonly 'axway'[]
  readonly demo: boolean
  /** `oauth`: the prefix of our own endpoints, without a trailing slash. */
  readonly paths: { readonly oauth: string }
  /** No authorization request but a pushed one, from any client (RFC 9126 §5). */
  readonly require_pushed_authorization_requests: boolean
  readonly tokens: TokenLifetimes
  readonly sessions: { readonly idle: number; readonly absolute: number }
  readonly limits: Limits
  readonly fetch: FetchSettings
  readonly log: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
    readonly access: boolean
  }
  /** Seconds that audit events stay in the store; 0: none does. */
  readonly audit: { readonly keep: number }
  /** Seconds that running requests and streams are given when the process is asked to stop. */
  readonly drain: number
  /** Seconds that readiness is off before the listener closes. */
  readonly drainDelay: number
  /** Scope name → the words that the consent page shows. */
  readonly scopes: ReadonlyMap<string, string>
  readonly upstreams: ReadonlyMap<string, UpstreamSettings>
  readonly routes: readonly RouteSettings[]
  readonly clients: readonly ClientSettings[]
  readonly accounts: readonly AccountSettings[]
}

/** What clients that register themselves (RFC 7591) may be at most. */
export type RegistrationPolicy = {
  /** Space-separated. Undefined: every scope. */
  readonly scope?: string
  readonly grant_types: readonly string[]
  /** Schemes of redirect URIs besides https, http on loopback, and those with a dot. */
  readonly schemes: readonly string[]
  /** Of https redirect URIs: `app.example.com`, or `*.example.com` for all below. Undefined: any. */
  readonly redirectHosts?: readonly string[]
  /** Seconds that one stays which never was given a token, and that one stays since it last was. */
  readonly unused: number
  readonly idle: number
}

export type Listen = { readonly host: string; readonly port: number }

export type TokenLifetimes = {
  readonly accessToken: number
  readonly refreshToken: number
  readonly grant: number
  readonly authorizationCode: number
  /** Of a pushed authorization request (RFC 9126). */
  readonly pushedRequest: number
  /** How long a device code waits for a person (RFC 8628). */
  readonly deviceCode: number
  readonly refreshRetry: number
  readonly cache: number
  readonly graceWithoutStore: number
}

/** How documents are fetched that clients name. */
export type FetchSettings = {
  /** Networks that may be reached although they are not public. */
  readonly privateNetworks: readonly string[]
  /** PEM: authorities besides those that Node trusts. */
  readonly ca?: string
}

/** Failures that are let through before 429, and in how many seconds. */
export type Limit = { readonly points: number; readonly duration: number }

/** What strangers may create: `points` from one address and `total` from all, in `duration` seconds. */
export type CreationLimit = Limit & { readonly total: number }

type Limits = {
  /** Wrong passwords, per account and address. */
  readonly passwords: Limit
  /** Wrong client secrets and assertions, per client and address. */
  readonly clientSecrets: Limit
  /** By public clients; each other client has `total` for itself. */
  readonly pushedRequests: CreationLimit
  /** Wrong user codes of devices, per account; ten times as many per address. */
  readonly userCodes: Limit
  /** By public clients; each other client has `total` for itself. */
  readonly deviceCodes: CreationLimit
  /** By clients that register themselves, and their changes; with an initial access token `total` alone bounds. */
  readonly registrations: CreationLimit
  /** Clients that registered themselves, at a time. */
  readonly registeredClients: number
  /** Largest form that our own endpoints read. */
  readonly formBody: number
  /** Connections to the public listener at a time. */
  readonly connections: number
  /** Access tokens held in memory. */
  readonly cachedTokens: number
}

export type UpstreamSettings = {
  readonly name: string
  readonly targets: readonly TargetSettings[]
  readonly balance: 'roundRobin' | 'leastInFlight' | 'subject'
  /** `stream`: as `idle`, of event streams. */
  readonly timeout: {
    readonly connect: number
    readonly response: number
    readonly idle: number
    readonly stream: number
  }
  /** `status` undefined: 2xx and 3xx. */
  readonly health?: {
    readonly path: string
    readonly interval: number
    readonly timeout: number
    readonly status?: number
  }
  /** After so many failures in a row a target is left out for `pause`, twice as long each time, up to `longest`. */
  readonly eject: { readonly failures: number; readonly pause: number; readonly longest: number }
  /** Connections kept to one target. */
  readonly connections: number
  /** Requests to all targets together; undefined: what their connections allow. */
  readonly inFlight?: number
  /** PEM texts, of `https` targets. */
  readonly tls?: UpstreamTls
}

export type TargetSettings = {
  /** Origin with an optional base path, no trailing slash: `http://10.0.0.4:9002`; or `unix:/run/app.sock`. */
  readonly url: string
  /** Its share beside the others'. */
  readonly weight: number
}

export type UpstreamTls = {
  /** Instead of the authorities that Node trusts. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** Instead of the target's host, to ask for (SNI) and to verify. */
  readonly servername?: string
}

type ScopeRule = { readonly mode: 'all' | 'any'; readonly scopes: readonly string[] }

export type RouteSettings = {
  /** `/status` is exact; `/orders/*` matches `/orders`, `/orders/` and below; `:name` is a segment whatever it says. */
  readonly path: string
  /** A name, or `*.example.com`: all below it. */
  readonly host?: string
  /** Undefined: every method. */
  readonly methods?: readonly string[]
  readonly upstream: string
  /** Undefined: every valid token will do. */
  readonly scope?: ScopeRule
  /** `optional`: a token is checked where one is sent. */
  readonly access: 'token' | 'public' | 'optional'
  readonly stripPrefix?: string
  /** With the parameters of `path`, and `/*` where it has one. */
  readonly rewrite?: string
  /** For the head of the response, in place of the upstream's. */
  readonly timeout?: number
  /** Largest body of a request. */
  readonly maxBody?: number
  /** Undefined: the upstream's own business. */
  readonly cors?: CorsSettings
  readonly allowEncodedSlash: boolean
  readonly upstreamHost: 'target' | 'keep'
  /** True: they pass, with no rules of their own. */
  readonly websocket: boolean | WebSocketSettings
  /** What becomes of streams whose token has expired. */
  readonly onExpiry: 'keep' | 'close'
}

export type WebSocketSettings = {
  /** `protocol`: in Sec-WebSocket-Protocol as well. */
  readonly token: 'header' | 'protocol'
  /** As browsers send them. Undefined: any. */
  readonly origins?: readonly string[]
  /** Undefined: the upstream's. */
  readonly idle?: number
  /** Undefined: for ever. */
  readonly lifetime?: number
}

/** What a browser lets pages of other origins do (the Fetch standard, CORS protocol). */
export type CorsSettings = {
  readonly origins: '*' | readonly string[]
  /** Undefined: those of the route. */
  readonly methods?: readonly string[]
  /** Fields that a request may have. Undefined: whichever it wants. */
  readonly headers?: readonly string[]
  /** Fields of an answer that the page may read, besides our own. */
  readonly expose?: readonly string[]
  readonly credentials: boolean
  readonly maxAge: number
}

export type ClientSettings = {
  readonly client_id: string
  readonly client_name?: string
  /** Several while one takes another's place: each is good. */
  readonly client_secret?: string | readonly string[]
  /** Whom its assertions may be signed by (RFC 7523), or where that is published. */
  readonly jwks?: { readonly keys: readonly PublicKey[] }
  readonly jwks_uri?: string
  readonly client_uri?: string
  readonly redirect_uris: readonly string[]
  readonly grant_types: readonly string[]
  /** Space-separated. Undefined: every scope. */
  readonly scope?: string
  /** Undefined with a secret: Basic or the body; without one: `none`. */
  readonly token_endpoint_auth_method?:
    | 'none'
    | 'client_secret_basic'
    | 'client_secret_post'
    | 'private_key_jwt'
  /** `endpoint`: its assertions may name the URL of the endpoint in place of the issuer. */
  readonly assertionAudience?: 'issuer' | 'endpoint'
  readonly require_pkce: boolean
  readonly introspect: boolean
  /** Whether nobody is asked whether it may have what it asks for. Never of a public client. */
  readonly skipConsent?: boolean
  /** No authorization request of it but a pushed one (RFC 9126 §6). */
  readonly require_pushed_authorization_requests?: boolean
  /** Of the scopes that it asks for, whether it must be allowed all (by default), or gets those that it is allowed. */
  readonly requestedScope?: 'all' | 'any'
  /** Space-separated: what a request without `scope` asks for. Undefined: all that it may. */
  readonly defaultScope?: string
  /** What a request without `resource` asks for (RFC 8707). Undefined: a token for wherever its scopes lead. */
  readonly defaultResource?: readonly string[]
  /** As if it were not there; what it was given ends. */
  readonly disabled?: boolean
  /** Stored with its grants, and told to whoever may introspect their tokens. */
  readonly grantValues?: GrantValues
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
  /** Stored with the grants of this person, and told to whoever may introspect their tokens. */
  readonly grantValues?: GrantValues
  readonly admin?: 'viewer' | 'operator' | 'owner'
  /** May not sign in, and what it was given is over. */
  readonly disabled?: boolean
}
