import { dirname, resolve } from 'node:path'
import * as z from 'zod/mini'
import { assemble } from './assemble.ts'
import { runChecks } from './checks.ts'
import type { Config } from './config.ts'
import { fileStamp } from './file-stamp.ts'
import { collectFindings } from './findings.ts'
import { prepareInterpolation } from './interpolation.ts'
import { type Problem, Wrong } from './problem.ts'
import { readText } from './read-text.ts'
import { schema } from './schema.ts'
import { reportIssues } from './schema-problems.ts'
import { readTree } from './yaml-tree.ts'

export { formatProblem, type Problem } from './problem.ts'

/** `stamp`: the state of the file that was read (see file-stamp.ts). */
export type LoadResult = Judgement & { readonly stamp: string }

/**
 * Reads, fills in and checks a configuration file. Never rejects: whatever is wrong is told, all of it, in the order of
 * the file. A warning leaves the configuration usable. `env` is what `${NAME}` is taken from.
 */
export const loadConfiguration = async (
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<LoadResult> => {
  // Before the file is read: if it is written meanwhile, its stamp will be another.
  const stamp = await fileStamp(file)
  try {
    return { stamp, ...(await judge(await readText(file), file, env)) }
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    return { stamp, problems: [{ file, line: 1, column: 1, path: '', message: error.message }] }
  }
}

type Judgement =
  | { readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly problems: readonly Problem[] }

const judge = async (
  text: string,
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Judgement> => {
  const absolute = resolve(file)
  const tree = readTree(text, await prepareInterpolation(text, env, dirname(absolute)))
  const findings = collectFindings(tree, text, file)
  if (tree.data === undefined) return { problems: findings.problems() }
  if (tree.data === null) throw new Wrong('is empty')

  const parsed = z.safeParse(schema, tree.data, { jitless: true })
  if (!parsed.success) reportIssues(parsed.error.issues, schema, findings)
  runChecks(tree.data, findings, dirname(absolute))
  const problems = findings.problems()
  if (problems.length > 0 || !parsed.success) return { problems }
  return { config: assemble(parsed.data, absolute, findings.line), warnings: findings.warnings() }
}
