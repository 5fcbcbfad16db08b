import { flagOf, listOf, type Row, rowOf } from './loose.ts'
import type { Path, Report } from './problem.ts'

/** That a browser would take the answers: it refuses credentials for every origin (Fetch standard, CORS check). */
export const checkCors = (row: Row, at: Path, report: Report): void => {
  const cors = rowOf(row.cors)
  if (cors.origins === '*' && flagOf(cors.credentials, false))
    report.problem(
      [...at, 'cors', 'credentials'],
      'must not be true for every origin: any page could act as the person who looks at it. Name the origins',
    )
  if (row.methods === undefined) return
  const methods = listOf(row.methods)
  listOf(cors.methods).forEach((method, index) => {
    if (!methods.includes(method) && !(method === 'HEAD' && methods.includes('GET')))
      report.problem([...at, 'cors', 'methods', index], 'must be a method of the route')
  })
}
