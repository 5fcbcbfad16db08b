import { type Row, rowOf } from './loose.ts'
import { suggestion } from './nearest.ts'
import type { Path, Report } from './problem.ts'
import { SCOPE } from './scope-list.ts'

/** That words which stand for scopes name some that exist. */
export const checkScopes = (
  data: Row,
  words: readonly { readonly word: string; readonly path: Path }[],
  report: Report,
): void => {
  const scopes = Object.keys(rowOf(data.scopes))
  // What cannot be a scope at all is told of by the schema.
  for (const { word, path } of words)
    if (SCOPE.test(word) && !scopes.includes(word))
      report.problem(
        path,
        `names a scope that does not exist, "${word}"${suggestion(word, scopes, '; none is defined')}`,
      )
}
