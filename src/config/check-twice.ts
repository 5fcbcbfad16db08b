import type { Row } from './loose.ts'
import type { Path, Report } from './problem.ts'

type Entry = { readonly path: Path; readonly row: Row }

/** That no two entries of a list have the same name; reports the later one, at `key`. */
export const checkTwice = (
  entries: readonly Entry[],
  key: string,
  nameOf: (entry: Entry) => string | undefined,
  report: Report,
): void => {
  const seen = new Map<string, Path>()
  for (const entry of entries) {
    const name = nameOf(entry)
    if (name === undefined) continue
    const first = seen.get(name)
    if (first === undefined) seen.set(name, entry.path)
    else
      report.problem(
        [...entry.path, key],
        `is taken by ${first[0]}[${first[1]}] on line ${report.line(first)}`,
      )
  }
}
