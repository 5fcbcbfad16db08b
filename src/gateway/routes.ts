import type { RouteSettings } from '../config/config.ts'
import { malformed, type Refusal, refusal } from './refusal.ts'
import { type RequestTarget, routeKey } from './request-target.ts'

export type RouteTable<Route> = {
  /** The route, or why there is none for this method or spelling; undefined: nobody names this path. */
  match(
    host: string | undefined,
    target: RequestTarget,
    method: string,
  ): Route | Refusal | undefined
}

/**
 * Compiles routes into maps, so that a look-up costs the same with ten routes and with ten thousand. The order of the
 * configuration does not count: a named host goes before none, exact before prefix, the longer prefix first; among the
 * routes of one host and path the method decides, and what none of them names is 405. HEAD needs what GET needs.
 */
export const compileRoutes = <Route>(
  settings: readonly RouteSettings[],
  compile: (route: RouteSettings) => Route,
): RouteTable<Route> => {
  const ofHost = Map.groupBy(settings, ({ host }) => host?.toLowerCase())
  const hosts = new Map<string, PathTable<Route>>()
  for (const [host, routes] of ofHost) {
    if (host !== undefined) hosts.set(host, compilePaths(routes, compile))
  }
  const anyHost = compilePaths(ofHost.get(undefined) ?? [], compile)
  const find = (host: string | undefined, key: string): Place<Route> | undefined =>
    (hosts.size > 0 && host !== undefined && hosts.get(hostname(host))?.find(key)) ||
    anyHost.find(key)

  return {
    match(host, target, method) {
      const place = find(host, target.key)
      if (target.encodedSlash && place !== find(host, decodeSlashes(target.key))) return AMBIGUOUS
      return place && (place.byMethod.get(method) ?? place.anyMethod ?? place.notAllowed)
    },
  }
}

/** A key as a server reads it that takes `%2F` for a separator. */
export const decodeSlashes = (key: string): string => key.replaceAll('%2F', '/')

/** Without the port and the dot of the root, in small letters. */
const hostname = (host: string): string => host.replace(PORT, '').replace(/\.$/, '').toLowerCase()

const PORT = /:[0-9]+$/

/** The routes of one host and path. */
type Place<Route> = {
  readonly byMethod: ReadonlyMap<string, Route>
  readonly anyMethod: Route | undefined
  readonly notAllowed: Refusal
}

type PathTable<Route> = { find(key: string): Place<Route> | undefined }

const compilePaths = <Route>(
  settings: readonly RouteSettings[],
  compile: (route: RouteSettings) => Route,
): PathTable<Route> => {
  const exact = new Map<string, Place<Route>>()
  const prefixes = new Map<string, Place<Route>>()
  for (const [path, routes] of Map.groupBy(settings, (route) => route.path)) {
    const place = compilePlace(routes, compile)
    if (path.endsWith('/*')) prefixes.set(configuredKey(path.slice(0, -2)), place)
    else exact.set(configuredKey(path), place)
  }
  const depth = Math.max(0, ...[...prefixes.keys()].map((prefix) => prefix.split('/').length - 1))
  return {
    find: (key) =>
      exact.get(key) ?? (prefixes.size === 0 ? undefined : longest(prefixes, depth, key)),
  }
}

/** From the deepest prefix that is configured upwards, one look a segment. */
const longest = <Found>(
  prefixes: ReadonlyMap<string, Found>,
  depth: number,
  key: string,
): Found | undefined => {
  let end = 0
  for (let segment = 0; segment < depth && end < key.length; segment++) {
    const slash = key.indexOf('/', end + 1)
    end = slash < 0 ? key.length : slash
  }
  while (end > 0) {
    const found = prefixes.get(key.slice(0, end))
    if (found !== undefined) return found
    end = key.lastIndexOf('/', end - 1)
  }
  return prefixes.get('')
}

// A configured path may hold characters that only arrive as escapes of their UTF-8.
const configuredKey = (path: string): string => routeKey(Buffer.from(path).toString('latin1'))

const compilePlace = <Route>(
  settings: readonly RouteSettings[],
  compile: (route: RouteSettings) => Route,
): Place<Route> => {
  const byMethod = new Map<string, Route>()
  let anyMethod: Route | undefined
  for (const route of settings) {
    const compiled = compile(route)
    if (route.methods === undefined) anyMethod = compiled
    for (const method of route.methods ?? []) byMethod.set(method, compiled)
  }
  const get = byMethod.get('GET')
  if (get !== undefined) byMethod.set('HEAD', get)
  return { byMethod, anyMethod, notAllowed: notAllowed([...byMethod.keys()]) }
}

const notAllowed = (methods: readonly string[]): Refusal =>
  refusal(405, 'method_not_allowed', `The methods of this path are ${methods.join(', ')}`, {
    headers: ['Allow', methods.join(', ')],
    reason: 'method',
  })

const AMBIGUOUS = malformed(
  'An encoded slash must not decide which route a path belongs to',
  'target.path',
)
