import { dirname } from 'node:path'
import type {
  ClientSettings,
  Config,
  FetchSettings,
  RouteSettings,
  TokenLifetimes,
  UpstreamSettings,
} from './config.ts'
import { readPem } from './pem.ts'
import type { Report } from './problem.ts'
import type { Settings } from './schema.ts'
import { locate } from './store-location.ts'

/** The frozen value that the program runs on. `file` is absolute; `line` tells where in it a path stands. */
export const assemble = (
  settings: Settings,
  file: string,
  line: Report['line'] = () => 1,
): Config => {
  const tokens = withinHalf(settings.tokens)
  return deepFreeze({
    ...settings,
    file,
    lines: {
      clients: new Map(settings.clients.map((one, at) => [one.client_id, line(['clients', at])])),
      accounts: new Map(settings.accounts.map((one, at) => [one.username, line(['accounts', at])])),
    },
    store: locate(settings.store, dirname(file)),
    secret: settings.secret ?? [],
    admin: assembleAdmin(settings.admin, dirname(file)),
    registrationTokens: settings.registrationTokens ?? [],
    tokens,
    scopes: new Map(Object.entries(settings.scopes)),
    upstreams: new Map(
      Object.entries(settings.upstreams).map(([name, pool]) => [
        name,
        assembleUpstream(name, pool, dirname(file)),
      ]),
    ),
    routes: settings.routes.map(assembleRoute),
    clients: settings.clients.map((client) => ({
      ...client,
      grant_types: ownGrantTypes(client),
      tokens: ownLifetimes(client.tokens, tokens),
    })),
    fetch: assembleFetch(settings.fetch, dirname(file)),
    accounts: settings.accounts.map((account) => ({ sub: account.username, ...account })),
  })
}

const assembleUpstream = (
  name: string,
  { tls, ...pool }: Settings['upstreams'][string],
  folder: string,
): UpstreamSettings => {
  if (tls === undefined) return { name, ...pool }
  const { ca, cert, key, servername } = tls
  return {
    name,
    ...pool,
    tls: {
      ...(ca !== undefined && { ca: readPem(ca, folder) }),
      ...(cert !== undefined && { cert: readPem(cert, folder) }),
      ...(key !== undefined && { key: readPem(key, folder) }),
      ...(servername !== undefined && { servername }),
    },
  }
}

const assembleAdmin = (
  { listen, token = '', tls: { cert, key } = {} }: Settings['admin'],
  folder: string,
): Config['admin'] => ({
  listen,
  token,
  // The one without the other is a problem.
  ...(cert && key && { tls: { cert: readPem(cert, folder), key: readPem(key, folder) } }),
})

const assembleFetch = ({ ca, ...fetch }: Settings['fetch'], folder: string): FetchSettings => ({
  ...fetch,
  ...(ca !== undefined && { ca: readPem(ca, folder) }),
})

const assembleRoute = ({ scope, ...route }: Settings['routes'][number]): RouteSettings => {
  if (scope === undefined) return route
  return { ...route, scope: 'any' in scope ? { mode: 'any', scopes: scope.any } : scope }
}

/** The default of 60s would be too long beside a very short access token; a longer one that was written is refused. */
const withinHalf = <T extends Pick<TokenLifetimes, 'accessToken' | 'refreshRetry'>>(
  tokens: T,
): T => ({
  ...tokens,
  refreshRetry: Math.min(tokens.refreshRetry, tokens.accessToken / 2),
})

/** So would the general one beside a client's own short access token. A client's own stays as it was written. */
export const ownLifetimes = (
  own: ClientSettings['tokens'],
  general: TokenLifetimes,
): ClientSettings['tokens'] => {
  if (own.accessToken === undefined || own.refreshRetry !== undefined) return own
  const half = own.accessToken / 2
  return general.refreshRetry > half ? { ...own, refreshRetry: half } : own
}

/**
 * A resource server comes to introspect, and for no token. What is left of a default without a redirect URI was not written:
 * written, it would have been a problem.
 */
export const ownGrantTypes = ({
  introspect,
  redirect_uris,
  grant_types,
}: Pick<
  ClientSettings,
  'introspect' | 'redirect_uris' | 'grant_types'
>): ClientSettings['grant_types'] =>
  introspect && redirect_uris.length === 0
    ? grant_types.filter((type) => type !== 'authorization_code')
    : grant_types

const deepFreeze = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of value instanceof Map ? value.values() : Object.values(value))
    deepFreeze(inner)
  return Object.freeze(value)
}
