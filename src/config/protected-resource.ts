import type { Config, RouteSettings } from './config.ts'
import { parameterName } from './route-pattern.ts'

/** What RFC 9728 publishes of one protected host and path. */
export type ProtectedResource = {
  /** The resource identifier: an absolute URL without `/*` and without what stands behind a parameter (RFC 9728 §1.2). */
  readonly resource: string
  readonly metadata_url: string
  readonly well_known_path: string
  /** The route's own host; undefined where several will do. */
  readonly host?: string
  /** Every scope that some method of this host and path asks for, in the order of the routes. */
  readonly scopes: readonly string[]
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/**
 * The protected resource of each route that takes a token. Routes of one host and path share one object; so do `/orders` and
 * `/orders/*`, and `/t` and `/t/:tenant/orders`, whose identifier is the same: values of parameters, like hosts below a
 * wildcard, are named by whoever asks, and what is published is what the configuration says.
 */
export const protectedResources = <Route extends NamedRoute>(
  config: Pick<Config, 'issuer'> & { readonly routes: readonly Route[] },
): ReadonlyMap<Route, ProtectedResource> => {
  const guarded = config.routes.filter((route) => route.access !== 'public')
  const groups = Map.groupBy(guarded, (route) => `${ownHost(route) ?? ''} ${resourcePath(route)}`)
  const resources = new Map<Route, ProtectedResource>()
  for (const routes of groups.values()) {
    const resource = describe(config.issuer, routes)
    for (const route of routes) resources.set(route, resource)
  }
  return resources
}

/** What of a route its resource is named for. */
type NamedRoute = Pick<RouteSettings, 'path' | 'host' | 'access' | 'scope'>

const describe = (issuer: string, routes: readonly NamedRoute[]): ProtectedResource => {
  const [first] = routes
  if (first === undefined) throw new Error('a protected resource has a route')
  const host = ownHost(first)
  const base = baseUrl(issuer, host)
  const path = base.path + resourcePath(first)
  return {
    resource: base.origin + path,
    // RFC 9728 §3.1: the well-known name comes between the host and the path
    metadata_url: base.origin + WELL_KNOWN + path,
    well_known_path: WELL_KNOWN + path,
    ...(host === undefined ? {} : { host }),
    scopes: [...new Set(routes.flatMap((route) => route.scope?.scopes ?? []))],
  }
}

const resourcePath = ({ path }: NamedRoute): string => {
  const segments = path === '/' ? [] : path.replace(/\/\*$/, '').split('/')
  const parameter = segments.findIndex((segment) => parameterName(segment) !== undefined)
  return (parameter < 0 ? segments : segments.slice(0, parameter)).join('/')
}

const ownHost = ({ host }: NamedRoute): string | undefined =>
  host?.startsWith('*.') ? undefined : host

// A host of its own is reached through the same listener, hence with the issuer's scheme and port.
const baseUrl = (issuer: string, host: string | undefined) => {
  const { protocol, origin, port, pathname } = new URL(issuer)
  if (host === undefined) return { origin, path: pathname.replace(/\/$/, '') }
  return { origin: `${protocol}//${host}${port === '' ? '' : `:${port}`}`, path: '' }
}
