import { checkCors } from './check-cors.ts'
import { checkScopes } from './check-names.ts'
import { checkPlaces } from './check-places.ts'
import { checkRewrite } from './check-rewrite.ts'
import { type Row, rowOf, rowsOf, textOf, wordsOf } from './loose.ts'
import { suggestion } from './nearest.ts'
import { attempt, type Path, type Report } from './problem.ts'
import { reservedPaths } from './reserved-paths.ts'
import { parsePrefix } from './route-path.ts'
import { routeKey } from './route-pattern.ts'

/** That routes name what exists, leave our own paths alone, and that no request could match two of them equally. */
export const checkRoutes = (data: Row, report: Report): void => {
  const upstreams = Object.keys(rowOf(data.upstreams))
  const isReserved = reservedPaths({ paths: { oauth: oauthPrefix(data, report) } })
  const routes = rowsOf(data, 'routes')
  for (const { path, row } of routes) {
    checkUpstream(row, path, upstreams, report)
    checkScopes(data, scopeWords(row.scope, [...path, 'scope']), report)
    checkPath(row, path, isReserved, report)
    checkRewrite(row, path, report)
    checkCors(row, path, report)
    if (row.access === 'public') checkPublic(row, path, report)
  }
  checkPlaces(routes, report)
  const used = new Set(routes.map(({ row }) => row.upstream))
  for (const name of upstreams)
    if (!used.has(name))
      report.warning(['upstreams', name], 'is an upstream that no route names', 'key')
}

const checkPublic = (row: Row, path: Path, report: Report): void => {
  const useless = (...key: string[]) =>
    report.problem([...path, ...key], 'has no use on a public route: no token is looked at')
  if (row.scope !== undefined) useless('scope')
  if (row.onExpiry !== undefined) useless('onExpiry')
  if (rowOf(row.websocket).token === 'protocol') useless('websocket', 'token')
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
  if (base !== undefined && isReserved(routeKey(base)))
    report.problem([...path, 'path'], 'names a path of our own, which no route can take')
}
