import { checkScopes } from './check-names.ts'
import { listOf, type Row, rowsOf, textOf, wordsOf } from './loose.ts'
import { suggestion } from './nearest.ts'
import { attempt, type Path, type Report } from './problem.ts'
import { protectedResources } from './protected-resource.ts'
import { resourceNames } from './resource-names.ts'
import { parseIssuer, parseResource } from './urls.ts'

/** That what a client asks for by default exists, and that it may ask for it. */
export const checkRequests = (data: Row, report: Report): void => {
  const resources = resourcesOf(data)
  for (const { path, row } of rowsOf(data, 'clients')) {
    checkDefaultScope(data, row, path, report)
    for (const [index, given] of listOf(row.defaultResource).entries())
      checkResource(textOf(given), [...path, 'defaultResource', index], resources, report)
  }
}

const checkDefaultScope = (data: Row, row: Row, path: Path, report: Report): void => {
  const words = wordsOf(row.defaultScope, [...path, 'defaultScope'])
  checkScopes(data, words, report)
  if (row.scope === undefined) return
  const allowed = new Set(wordsOf(row.scope, []).map(({ word }) => word))
  for (const { word, path: at } of words)
    if (!allowed.has(word)) report.problem(at, `has ${word}, which is not in the client’s scope`)
}

const checkResource = (
  given: string | undefined,
  path: Path,
  resources: Parameters<typeof resourceNames>[0] | undefined,
  report: Report,
): void => {
  // What is no URL is told of by the schema; with an issuer that is none nothing can be said.
  if (given === undefined || resources === undefined || !attempt(() => parseResource(given))) return
  if (resourceNames(resources)(given) !== undefined) return
  const known = Array.from(protectedResources(resources).values(), ({ resource }) => resource)
  report.problem(
    path,
    `names no protected resource${suggestion(given, known, ': no route takes a token')}`,
  )
}

const resourcesOf = (data: Row): Parameters<typeof resourceNames>[0] | undefined => {
  const issuer = attempt(() => parseIssuer(textOf(data.issuer) ?? ''))
  if (issuer === undefined) return undefined
  const routes = rowsOf(data, 'routes').flatMap(({ row }) => {
    const [path, host] = [textOf(row.path), textOf(row.host)?.toLowerCase()]
    if (path === undefined || !path.startsWith('/')) return []
    const access = row.access === 'public' ? ('public' as const) : ('token' as const)
    return [{ path, access, ...(host !== undefined && { host }) }]
  })
  return { issuer, routes }
}
