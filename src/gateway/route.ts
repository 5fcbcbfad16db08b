import type { Config, RouteSettings } from '../config/config.ts'
import { protectedResources } from '../config/protected-resource.ts'
import type { UsedRoute } from '../store/noted-use.ts'
import type { RouteTallies, RouteTally } from '../telemetry/route-tally.ts'
import { createGuard, type Guard } from './challenge.ts'
import { type Cors, createCors } from './cors.ts'
import { createRewrite, type Rewrite } from './rewrite.ts'
import { compileRoutes, type RouteTable } from './routes.ts'
import { type WebSocketRules, webSocketRules } from './upgrade-place.ts'
import type { Upstream, Upstreams } from './upstreams.ts'

/** A route with everything worked out that can be before the first request. */
export type Route = {
  /** As configured: its name in logs and metrics. */
  readonly path: string
  readonly upstream: Upstream
  /** Undefined: public. */
  readonly guard: Guard | undefined
  readonly allowEncodedSlash: boolean
  /** Undefined: none pass. */
  readonly websocket: WebSocketRules | undefined
  /** What becomes of streams whose token has expired. */
  readonly onExpiry: RouteSettings['onExpiry']
  /** The upstream sees the client's Host. */
  readonly keepHost: boolean
  readonly rewrite: Rewrite
  /** Seconds for the head of the response; undefined: as the upstream has it. */
  readonly timeout: number | undefined
  /** Bytes of a request's body. */
  readonly maxBody: number
  readonly cors: Cors | undefined
  readonly tally: RouteTally
  /** What is noted of a use of it. Apart, so that who notes it holds nothing of a configuration that was replaced. */
  readonly use: UsedRoute
}

export const compileConfiguration = (
  config: Pick<Config, 'issuer' | 'routes'>,
  upstreams: Pick<Upstreams, 'get'>,
  tallies: RouteTallies,
): RouteTable<Route> => {
  const resources = protectedResources(config)
  tallies.keep(new Set(config.routes.map(({ path }) => path)))
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
      websocket: webSocketRules(settings),
      onExpiry: settings.onExpiry,
      keepHost: settings.upstreamHost === 'keep',
      rewrite: createRewrite(settings),
      timeout: settings.timeout,
      maxBody: settings.maxBody ?? Number.POSITIVE_INFINITY,
      cors: settings.cors && createCors(settings.cors, settings),
      tally: tallies.of(settings.path),
      use: { path: settings.path, scopes: settings.scope?.scopes ?? [] },
    }
  })
}
