import { dirname, resolve } from 'node:path'
import * as z from 'zod/mini'
import { assemble } from './assemble.ts'
import { certificateFiles } from './check-tls.ts'
import { runChecks } from './checks.ts'
import type { Config } from './config.ts'
import { fileStamps } from './file-stamp.ts'
import { collectFindings } from './findings.ts'
import { namedFiles, prepareInterpolation } from './interpolation.ts'
import { rowOf } from './loose.ts'
import { type Problem, Wrong } from './problem.ts'
import { readText } from './read-text.ts'
import { schema } from './schema.ts'
import { reportIssues } from './schema-problems.ts'
import { readTree } from './yaml-tree.ts'

export { formatProblem, type Problem } from './problem.ts'

/** `stamp`: the state of the `files` that were read, the configuration first (see file-stamp.ts). */
export type LoadResult = Judgement & { readonly stamp: string; readonly files: readonly string[] }

/**
 * Reads, fills in and checks a configuration file. Never rejects: whatever is wrong is told, all of it, in the order of
 * the file. A warning leaves the configuration usable. `env` is what `${NAME}` is taken from.
 */
export const loadConfiguration = async (
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<LoadResult> => {
  const files: string[] = []
  const stamps: string[] = []
  // Before they are read: if one is written meanwhile, its stamp will be another.
  const take = async (names: readonly string[]): Promise<void> => {
    const fresh = names.filter((name) => !files.includes(name))
    files.push(...fresh)
    for (const name of fresh) stamps.push(await fileStamps([name]))
  }
  const result = (judgement: Judgement) => ({ ...judgement, files, stamp: stamps.join('\n') })
  try {
    await take([file])
    return result(await judge(await readText(file), file, env, take))
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    return result({ problems: [{ file, line: 1, column: 1, path: '', message: error.message }] })
  }
}

type Judgement =
  | { readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly problems: readonly Problem[] }

const judge = async (
  text: string,
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  take: (files: readonly string[]) => Promise<void>,
): Promise<Judgement> => {
  const absolute = resolve(file)
  const folder = dirname(absolute)
  const takeNamed = (names: readonly string[]) => take(names.map((name) => resolve(folder, name)))
  await takeNamed(namedFiles(text))
  const tree = readTree(text, await prepareInterpolation(text, env, folder))
  await takeNamed(certificateFiles(rowOf(tree.data)))
  const findings = collectFindings(tree, text, file)
  if (tree.data === undefined) return { problems: findings.problems() }
  if (tree.data === null) throw new Wrong('is empty')

  const parsed = z.safeParse(schema, tree.data, { jitless: true })
  if (!parsed.success) reportIssues(parsed.error.issues, schema, findings)
  runChecks(tree.data, findings, folder)
  const problems = findings.problems()
  if (problems.length > 0 || !parsed.success) return { problems }
  return { config: assemble(parsed.data, absolute, findings.line), warnings: findings.warnings() }
}
