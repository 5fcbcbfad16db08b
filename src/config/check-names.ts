import { type Row, rowOf } from './loose.ts'
import type { Report } from './problem.ts'
import { SCOPE, SCOPE_CHARACTERS } from './scope-list.ts'

/** Names that the user chose, where they stand as keys. */
export const checkNames = (data: Row, report: Report): void => {
  for (const name of Object.keys(rowOf(data.scopes)))
    if (!SCOPE.test(name))
      report.problem(['scopes', name], `must be made of ${SCOPE_CHARACTERS}`, 'key')
  for (const name of Object.keys(rowOf(data.upstreams)))
    if (!/^[\w.-]{1,64}$/.test(name))
      report.problem(
        ['upstreams', name],
        'must be a name of at most 64 letters, digits, dots, dashes and underscores',
        'key',
      )
}
