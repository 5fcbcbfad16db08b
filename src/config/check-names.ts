import { type Row, rowOf } from './loose.ts'
import { suggestion } from './nearest.ts'
import type { Path, Report } from './problem.ts'
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

/** That no two entries of a list have the same name under `key`; reports the later one. */
export const checkTwice = (
  entries: readonly { readonly path: Path; readonly row: Row }[],
  key: string,
  report: Report,
): void => {
  const seen = new Map<string, Path>()
  for (const { path, row } of entries) {
    const name = row[key]
    if (typeof name !== 'string') continue
    const first = seen.get(name)
    if (first === undefined) seen.set(name, path)
    else
      report.problem(
        [...path, key],
        `is taken by ${first[0]}[${first[1]}] on line ${report.line(first)}`,
      )
  }
}
