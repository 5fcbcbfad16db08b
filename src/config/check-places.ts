import { listOf, type Row, textOf } from './loose.ts'
import { attempt, type Path, type Report } from './problem.ts'
import { parseRoutePath } from './route-path.ts'
import { patternKey, type RoutePattern, routePattern } from './route-pattern.ts'

type RouteRow = { readonly path: Path; readonly row: Row }
type Placed = RouteRow & { readonly pattern: RoutePattern }

/**
 * That each route has requests of its own. The choice does not depend on their order, so two that match equally are a
 * contradiction; and one whose every request belongs to others would be a line without effect.
 */
export const checkPlaces = (routes: readonly RouteRow[], report: Report): void => {
  const placed = routes.flatMap((route): Placed[] => {
    const path = textOf(route.row.path)
    const good = path === undefined ? undefined : attempt(() => parseRoutePath(path))
    return good === undefined ? [] : [{ ...route, pattern: routePattern(good) }]
  })
  for (const ofHost of Map.groupBy(placed, hostOf).values()) {
    const places = Map.groupBy(ofHost, ({ pattern }) => patternKey(pattern))
    for (const twins of places.values()) checkTwins(twins, report)
    for (const [route] of places.values())
      if (route?.pattern.open) checkHidden(route, places, report)
  }
}

const hostOf = ({ row }: RouteRow): string => String(row.host ?? '').toLowerCase()

const checkTwins = (twins: readonly RouteRow[], report: Report): void =>
  twins.forEach((route, index) => {
    const methods = methodsOf(route)
    const twin = twins.slice(0, index).find((other) => shared(methods, methodsOf(other)))
    if (twin) report.problem(route.path, twinMessage(route, twin, report))
  })

const twinMessage = (route: RouteRow, twin: RouteRow, report: Report): string => {
  const common = shared(methodsOf(route), methodsOf(twin))
  const head = common === 'HEAD' ? ' (HEAD goes with GET)' : ''
  return `matches the same requests as routes[${twin.path[1]}] on line ${report.line(twin.path)}: same host and path, both for ${common}${head}`
}

/**
 * The only way to take a prefix all its requests: its own path, with and without the last slash, and every segment below.
 * Literals cannot do that, however many; and what is more special than another never takes all of it.
 */
const checkHidden = (
  { path, pattern: { segments } }: Placed,
  places: ReadonlyMap<string, readonly Placed[]>,
  report: Report,
): void => {
  const taking = [
    ...(segments.length === 0 ? [] : [{ segments, open: false }]),
    { segments: [...segments, ''], open: false },
    { segments: [...segments, undefined], open: true },
  ].map((part) => findCovering(part, places))
  if (taking.some((route) => route === undefined)) return
  const lines = taking.flatMap((route) => (route ? report.line(route.path) : []))
  report.problem(
    path,
    `is never reached: the routes on lines ${[...new Set(lines)].join(', ')} take every request that it matches`,
  )
}

type Part = Pick<RoutePattern, 'segments' | 'open'>

/** A route that matches all that this part does: the same, or with a parameter where it has a literal. */
const findCovering = (
  part: Part,
  places: ReadonlyMap<string, readonly Placed[]>,
): Placed | undefined => {
  for (const [route] of places.values()) if (route && covers(route.pattern, part)) return route
  return undefined
}

const covers = (general: Part, part: Part): boolean =>
  general.open === part.open &&
  general.segments.length === part.segments.length &&
  general.segments.every((segment, at) => {
    const special = part.segments[at]
    return segment === special || (segment === undefined && special !== '')
  })

/** Undefined: every method. */
const methodsOf = ({ row }: RouteRow): readonly string[] | undefined => {
  if (row.methods === undefined) return undefined
  const methods = listOf(row.methods).filter((method) => typeof method === 'string')
  return methods.includes('GET') ? [...methods, 'HEAD'] : methods
}

const shared = (
  some: readonly string[] | undefined,
  others: readonly string[] | undefined,
): string | undefined => {
  if (some === undefined && others === undefined) return 'every method'
  if (some === undefined) return others?.[0]
  return some.find((method) => others === undefined || others.includes(method))
}
