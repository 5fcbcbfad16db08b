import { checkScopes } from './check-names.ts'
import { listOf, type Row, rowOf, rowsOf, textOf, wordsOf } from './loose.ts'
import { suggestion } from './nearest.ts'
import { attempt, type Path, type Report } from './problem.ts'
import { reservedPaths } from './reserved-paths.ts'
import { parsePrefix } from './route-path.ts'

/** That routes name what exists, leave our own paths alone, and that no request could match two of them equally. */
export const checkRoutes = (data: Row, report: Report): void => {
  const upstreams = Object.keys(rowOf(data.upstreams))
  const isReserved = reservedPaths({ paths: { oauth: oauthPrefix(data, report) } })
  const routes = rowsOf(data, 'routes')
  for (const { path, row } of routes) {
    checkUpstream(row, path, upstreams, report)
    checkScopes(data, scopeWords(row.scope, [...path, 'scope']), report)
    checkPath(row, path, isReserved, report)
    if (row.access === 'public' && row.scope !== undefined)
      report.problem([...path, 'scope'], 'has no use on a public route: no token is looked at')
  }
  checkTwins(routes, report)
  const used = new Set(routes.map(({ row }) => row.upstream))
  for (const name of upstreams)
    if (!used.has(name))
      report.warning(['upstreams', name], 'is an upstream that no route names', 'key')
}

const oauthPrefix = (data: Row, report: Report): string => {
  const given = textOf(rowOf(data.paths).oauth)
  if (given === undefined || attempt(() => parsePrefix(given)) === undefined) return '/oauth'
  if (/^\/(\.well-known|demo)(\/|$)/.test(given))
    report.problem(['paths', 'oauth'], 'must not be below /.well-known or /demo')
  return given
}

const checkUpstream = (
  row: Row,
  path: Path,
  upstreams: readonly string[],
  report: Report,
): void => {
  const name = textOf(row.upstream)
  if (name !== undefined && name !== '' && !upstreams.includes(name))
    report.problem(
      [...path, 'upstream'],
      `names an upstream that does not exist, "${name}"${suggestion(name, upstreams, '; none is defined')}`,
    )
}

const scopeWords = (scope: unknown, path: Path) =>
  typeof scope === 'object' && scope !== null && !Array.isArray(scope)
    ? wordsOf(rowOf(scope).any, [...path, 'any'])
    : wordsOf(scope, path)

const checkPath = (
  row: Row,
  path: Path,
  isReserved: (path: string) => boolean,
  report: Report,
): void => {
  const base = textOf(row.path)?.replace(/\/\*$/, '')
  if (base === undefined) return
  if (isReserved(base))
    report.problem([...path, 'path'], 'names a path of our own, which no route can take')
  const strip = textOf(row.stripPrefix)
  const isPrefix = strip !== undefined && attempt(() => parsePrefix(strip)) !== undefined
  if (isPrefix && base !== strip && !base.startsWith(`${strip}/`))
    report.problem(
      [...path, 'stripPrefix'],
      `must be the path’s beginning, up to a slash: ${base} does not begin with it`,
    )
}

type RouteRow = { readonly path: Path; readonly row: Row }

/** The choice among routes does not depend on their order, so two that match equally are a contradiction. */
const checkTwins = (routes: readonly RouteRow[], report: Report): void => {
  const places = Map.groupBy(
    routes.filter(({ row }) => typeof row.path === 'string'),
    ({ row }) => `${String(row.host ?? '').toLowerCase()} ${row.path}`,
  )
  for (const twins of places.values())
    twins.forEach((route, index) => {
      const methods = methodsOf(route)
      const twin = twins.slice(0, index).find((other) => shared(methods, methodsOf(other)))
      if (twin) report.problem(route.path, twinMessage(route, twin, report))
    })
}

const twinMessage = (route: RouteRow, twin: RouteRow, report: Report): string => {
  const common = shared(methodsOf(route), methodsOf(twin))
  const head = common === 'HEAD' ? ' (HEAD goes with GET)' : ''
  return `matches the same requests as routes[${twin.path[1]}] on line ${report.line(twin.path)}: same host and path, both for ${common}${head}`
}

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
