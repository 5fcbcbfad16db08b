import type { RouteSettings } from '../config/config.ts'
import { patternKey, routePattern } from '../config/route-pattern.ts'
import { createHostTable } from './host-table.ts'
import { createPathTable, type PathTable } from './path-table.ts'
import { malformed, type Refusal, refusal } from './refusal.ts'
import type { RequestTarget } from './request-target.ts'

export type RouteTable<Route> = {
  /** The route, or why there is none for this method or spelling; undefined: nobody names this path. */
  match(
    host: string | undefined,
    target: RequestTarget,
    method: string,
  ): Route | Refusal | undefined
}

/**
 * Compiles routes into tables. The order of the configuration does not count: the more special host comes first, then the
 * more special path (path-table.ts); among the routes of one host and path the method decides, and what none of them names
 * is 405. HEAD needs what GET needs.
 */
export const compileRoutes = <Route>(
  settings: readonly RouteSettings[],
  compile: (route: RouteSettings) => Route,
): RouteTable<Route> => {
  const ofHost = Map.groupBy(settings, ({ host }) => host?.toLowerCase())
  const hosts = createHostTable(
    new Map([...ofHost].map(([host, routes]) => [host, compilePaths(routes, compile)])),
  )
  return {
    match(host, target, method) {
      const place = hosts.find(host, target.key)
      if (target.encodedSlash && place !== hosts.find(host, decodeSlashes(target.key)))
        return AMBIGUOUS
      return place && (place.byMethod.get(method) ?? place.anyMethod ?? place.notAllowed)
    },
  }
}

/** A key as a server reads it that takes `%2F` for a separator. */
export const decodeSlashes = (key: string): string => key.replaceAll('%2F', '/')

/** The routes of one host and path. */
type Place<Route> = {
  readonly byMethod: ReadonlyMap<string, Route>
  readonly anyMethod: Route | undefined
  readonly notAllowed: Refusal
}

const compilePaths = <Route>(
  settings: readonly RouteSettings[],
  compile: (route: RouteSettings) => Route,
): PathTable<Place<Route>> => {
  const places = Map.groupBy(settings, ({ path }) => patternKey(routePattern(path)))
  return createPathTable(
    [...places.values()].map((routes) => ({
      path: routes[0]?.path ?? '',
      found: compilePlace(routes, compile),
    })),
  )
}

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
