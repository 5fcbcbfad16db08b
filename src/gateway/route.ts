import type { Clock } from '../clock.ts'
import type { Config, RouteSettings } from '../config/config.ts'
import { protectedResources } from '../config/protected-resource.ts'
import { createGuard, type Guard } from './challenge.ts'
import { compileRoutes, type RouteTable } from './routes.ts'
import { createUpstream, type Upstream } from './upstreams.ts'

/** A route with everything worked out that can be before the first request. */
export type Route = {
  /** As configured: its name in logs and metrics. */
  readonly path: string
  readonly upstream: Upstream
  /** Undefined: public. */
  readonly guard: Guard | undefined
  readonly allowEncodedSlash: boolean
  readonly websocket: boolean
  /** The upstream sees the client's Host. */
  readonly keepHost: boolean
  /** The path to send for a path that came; undefined where the prefix to strip is spelled in another way. */
  rewrite(path: string): string | undefined
}

export const compileConfiguration = (
  config: Pick<Config, 'issuer' | 'routes' | 'upstreams'>,
  now: Clock,
): RouteTable<Route> => {
  const resources = protectedResources(config)
  const upstreams = new Map(
    [...config.upstreams].map(([name, settings]) => [name, createUpstream(settings, now)]),
  )
  return compileRoutes(config.routes, (settings) => {
    const upstream = upstreams.get(settings.upstream)
    if (upstream === undefined) throw new Error(`no upstream is named ${settings.upstream}`)
    const resource = resources.get(settings)
    if (settings.access !== 'public' && resource === undefined) {
      throw new Error(`${settings.path} has no protected resource`)
    }
    return {
      path: settings.path,
      upstream,
      guard: resource && createGuard(settings, resource, config.issuer),
      allowEncodedSlash: settings.allowEncodedSlash,
      websocket: settings.websocket,
      keepHost: settings.upstreamHost === 'keep',
      rewrite: rewriter(settings),
    }
  })
}

const rewriter = ({ stripPrefix }: RouteSettings): Route['rewrite'] => {
  const prefix = stripPrefix?.replace(/\/$/, '') ?? ''
  if (prefix === '') return (path) => path
  return (path) => {
    if (path === prefix) return '/'
    return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : undefined
  }
}
