import { formatDuration } from '../config/units.ts'
import type { ShownClient } from './client-text.ts'

/** As the command line gives them; `lifetime` by the keys of `tokens`. */
export type ClientSettingOptions = {
  readonly clientName?: string
  readonly redirectUri?: readonly string[]
  readonly grantType?: readonly string[]
  readonly scope?: string
  readonly public?: boolean
  readonly tokenEndpointAuthMethod?: string
  readonly jwksUri?: string
  readonly clientUri?: string
  readonly requirePkce?: boolean
  readonly introspect?: boolean
  readonly defaultScope?: string
  readonly lifetime?: Readonly<Record<string, string>>
}

export type Settings = Readonly<Record<string, unknown>>

/** What was given, by the keys of the API. */
export const settingsOf = (options: ClientSettingOptions): Settings =>
  Object.fromEntries(
    Object.entries({
      client_name: options.clientName,
      redirect_uris: options.redirectUri,
      grant_types: options.grantType,
      scope: options.scope,
      token_endpoint_auth_method: options.public ? 'none' : options.tokenEndpointAuthMethod,
      jwks_uri: options.jwksUri,
      client_uri: options.clientUri,
      require_pkce: options.requirePkce,
      introspect: options.introspect,
      defaultScope: options.defaultScope,
      tokens: options.lifetime,
    }).filter(([, value]) => value !== undefined),
  )

/** A shown client with changes (RFC 7396: null takes a key away), as it is sent back. */
export const changedSettings = (client: ShownClient, changes: Settings): Settings => {
  const { tokens, ...rest } = client
  const standing = Object.entries(rest).filter(([key]) => !SHOWN_ALONE.has(key))
  const lifetimes = Object.entries(tokens).map(([key, seconds]) => [key, formatDuration(seconds)])
  return merged({ ...Object.fromEntries(standing), tokens: Object.fromEntries(lifetimes) }, changes)
}

const merged = (standing: Settings, changes: Settings): Settings => {
  const result = new Map(Object.entries(standing))
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) result.delete(key)
    else if (isObject(value)) result.set(key, merged(asObject(result.get(key)), value))
    else result.set(key, value)
  }
  return Object.fromEntries(result)
}

const isObject = (value: unknown): value is Settings =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const asObject = (value: unknown): Settings => (isObject(value) ? value : {})

/** What is no setting; the last ones are what clients that registered themselves say of themselves. */
const SHOWN_ALONE = new Set([
  ...['source', 'line', 'created', 'secrets', 'disabled'],
  ...['last_used', 'own_last_used', 'own_last_route'],
  ...['logo_uri', 'tos_uri', 'policy_uri', 'contacts', 'software_id', 'software_version'],
  'application_type',
])
