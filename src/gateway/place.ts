import type { IncomingMessage } from 'node:http'
import type { Config } from '../config/config.ts'
import { reservedPaths } from '../config/reserved-paths.ts'
import { createRouteTallies, type RouteTallies } from '../telemetry/route-tally.ts'
import { preflightMethod } from './cors.ts'
import { isRefusal, malformed, type Refusal, refusal } from './refusal.ts'
import { type RequestHead, readHead } from './request-head.ts'
import { type RequestTarget, readTarget } from './request-target.ts'
import { compileConfiguration, type Route } from './route.ts'
import { decodeSlashes } from './routes.ts'
import type { Upstreams } from './upstreams.ts'

/** Where a request belongs. */
export type Place = {
  readonly head: RequestHead
  readonly route: Route
  /** What to ask the upstream for, path and query: as it came, but for what the route rewrites. */
  readonly path: string
  /** The fields of its answer, where it is a preflight, which goes no further. */
  readonly preflight: readonly string[] | undefined
}

/**
 * Finds the place of a request; undefined: not on the data plane. Whatever is wrong with the request itself is refused here,
 * whoever it is for.
 */
export const createLocate = (
  config: Pick<Config, 'issuer' | 'routes' | 'paths'>,
  upstreams: Pick<Upstreams, 'get'>,
  tallies: RouteTallies = createRouteTallies(),
): ((req: IncomingMessage) => Place | Refusal | undefined) => {
  const routes = compileConfiguration(config, upstreams, tallies)
  const isReserved = reservedPaths(config)
  const { host: name } = new URL(config.issuer)
  const preflights = config.routes.some(({ cors }) => cors !== undefined)
  /** The route of the request that a preflight is for, if we answer for it. */
  const routeOfPreflight = (req: IncomingMessage, { host }: RequestHead, target: RequestTarget) => {
    const method = preflightMethod(req)
    const route = method === undefined ? undefined : routes.match(host, target, method)
    return route === undefined || isRefusal(route) || route.cors === undefined ? undefined : route
  }
  return (req) => {
    const target = readTarget(req.url ?? '')
    if (isRefusal(target)) return target
    const head = readHead(req)
    if (isRefusal(head)) return head
    if (isReserved(target.key)) return undefined
    if (target.encodedSlash && isReserved(decodeSlashes(target.key))) return undefined
    const preflighted = preflights ? routeOfPreflight(req, head, target) : undefined
    const route = preflighted ?? routes.match(head.host, target, req.method ?? '')
    if (route === undefined || isRefusal(route)) return route
    if (target.encodedSlash && !route.allowEncodedSlash) return ENCODED_SLASH
    if (head.via !== undefined && hasPassed(head.via, name)) return LOOP
    const path = route.rewrite(target.path)
    if (path === undefined) return SPELLING
    const preflight = preflighted?.cors?.preflight(req)
    if (preflight !== undefined && isRefusal(preflight)) return preflight
    return { head, route, path: path + target.query, preflight }
  }
}

/** RFC 9110 §7.6.3: protocol, then who received it. */
const hasPassed = (via: string, name: string): boolean =>
  via.split(',').some((hop) => hop.trim().split(/[ \t]+/)[1] === name)

const ENCODED_SLASH = malformed('This route takes no encoded slash in its path', 'target.path')
const SPELLING = malformed(
  'The path has needless escapes, or an encoded slash where one segment is asked for',
  'target.path',
)
const LOOP = refusal(508, 'loop_detected', 'The request has been here before', {
  reason: 'loop',
  close: true,
})
