import { type Row, textOf } from './loose.ts'
import { suggestion } from './nearest.ts'
import { attempt, type Path, type Report } from './problem.ts'
import { parsePrefix, parseRewrite, parseRoutePath } from './route-path.ts'
import { routePattern } from './route-pattern.ts'

/** That what is forwarded can be made of what the path of the route has. */
export const checkRewrite = (row: Row, at: Path, report: Report): void => {
  const path = textOf(row.path)
  if (path === undefined || attempt(() => parseRoutePath(path)) === undefined) return
  checkStrip(path, row, at, report)
  const given = textOf(row.rewrite)
  const rewrite = given === undefined ? undefined : attempt(() => parseRewrite(given))
  if (rewrite === undefined) return
  const problem = (message: string) => report.problem([...at, 'rewrite'], message)
  if (row.stripPrefix !== undefined) problem('must not stand beside stripPrefix: it says it all')
  const [from, to] = [routePattern(path), routePattern(rewrite)]
  if (from.open && !to.open) problem('must end in /*, as the path does: what follows goes on')
  if (to.open && !from.open) problem('must not end in /*, as the path does not')
  const names = [...from.parameters.keys()]
  for (const name of to.parameters.keys())
    if (!names.includes(name))
      problem(
        `names a parameter that the path does not have, ":${name}"${suggestion(name, names, '; it has none')}`,
      )
}

const checkStrip = (path: string, row: Row, at: Path, report: Report): void => {
  const given = textOf(row.stripPrefix)
  const strip = given === undefined ? undefined : attempt(() => parsePrefix(given))
  if (strip === undefined) return
  const base = path.replace(/\/\*$/, '')
  const problem = (message: string) => report.problem([...at, 'stripPrefix'], message)
  if (base !== strip && !base.startsWith(`${strip}/`))
    problem(`must be the path’s beginning, up to a slash: ${base} does not begin with it`)
  else if (routePattern(strip).parameters.size > 0)
    problem('must not hold a parameter: use rewrite')
}
