import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import { reservedPaths } from '../config/reserved-paths.ts'
import { isRefusal, malformed, type Refusal, refusal } from './refusal.ts'
import { type RequestHead, readHead } from './request-head.ts'
import { readTarget } from './request-target.ts'
import { compileConfiguration, type Route } from './route.ts'
import { decodeSlashes } from './routes.ts'

/** Where a request belongs. */
export type Place = {
  readonly head: RequestHead
  readonly route: Route
  /** What to ask the upstream for, path and query: as it came, but for a prefix that the route strips. */
  readonly path: string
}

/**
 * Finds the place of a request; undefined: not on the data plane. Whatever is wrong with the request itself is refused here,
 * whoever it is for.
 */
export const createLocate = (
  config: Pick<Config, 'issuer' | 'routes' | 'upstreams' | 'paths'>,
  clock: Clock,
): ((req: IncomingMessage) => Place | Refusal | undefined) => {
  const routes = compileConfiguration(config, clock)
  const isReserved = reservedPaths(config)
  const { host: name } = new URL(config.issuer)
  return (req) => {
    const target = readTarget(req.url ?? '')
    if (isRefusal(target)) return target
    const head = readHead(req)
    if (isRefusal(head)) return head
    if (isReserved(target.key)) return undefined
    if (target.encodedSlash && isReserved(decodeSlashes(target.key))) return undefined
    const route = routes.match(head.host, target, req.method ?? '')
    if (route === undefined || isRefusal(route)) return route
    if (target.encodedSlash && !route.allowEncodedSlash) return ENCODED_SLASH
    if (head.via !== undefined && hasPassed(head.via, name)) return LOOP
    const path = route.rewrite(target.path)
    return path === undefined ? SPELLING : { head, route, path: path + target.query }
  }
}

/** RFC 9110 §7.6.3: protocol, then who received it. */
const hasPassed = (via: string, name: string): boolean =>
  via.split(',').some((hop) => hop.trim().split(/[ \t]+/)[1] === name)

const ENCODED_SLASH = malformed('This route takes no encoded slash in its path', 'target.path')
const SPELLING = malformed('The path has needless escapes', 'target.path')
const LOOP = refusal(508, 'loop_detected', 'The request has been here before', {
  reason: 'loop',
  close: true,
})
