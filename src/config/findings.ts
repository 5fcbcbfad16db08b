import { formatPath, type Path, type Place, type Problem, type Report } from './problem.ts'
import type { YamlTree } from './yaml-tree.ts'

export type Findings = Report & { problems(): Problem[]; warnings(): Problem[] }

/** Gathers what is found in a file, and tells it once and in the file's order. The tree's own faults are in it. */
export const collectFindings = (tree: YamlTree, text: string, file: string): Findings => {
  const position = positions(text)
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const add = (list: Problem[], path: Path, message: string, at: Place = path) => {
    // A value that could not be filled in is no longer there to be judged.
    if (tree.faults.some((fault) => isWithin(path, fault.path))) return
    const offset = at === 'key' ? tree.offset(path, 'key') : tree.offset(at, 'value')
    list.push({ file, ...position(offset), path: formatPath(path), message })
  }
  for (const { path, offset, message } of tree.faults)
    problems.push({ file, ...position(offset), path: formatPath(path), message })
  return {
    problem: (path, message, at) => add(problems, path, message, at),
    warning: (path, message, at) => add(warnings, path, message, at),
    line: (path) => position(tree.offset(path, 'value')).line,
    problems: () => inOrder(problems),
    warnings: () => inOrder(warnings),
  }
}

const isWithin = (path: Path, around: Path): boolean =>
  around.length > 0 && around.every((step, depth) => path[depth] === step)

const inOrder = (problems: readonly Problem[]): Problem[] =>
  problems
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
    .filter(
      (problem, index, all) =>
        !all
          .slice(0, index)
          .some((other) => other.path === problem.path && other.message === problem.message),
    )

/** Line and column, both from 1, of an offset. */
const positions = (text: string) => {
  const starts = [0]
  for (const { index } of text.matchAll(/\n/g)) starts.push(index + 1)
  return (offset: number): { line: number; column: number } => {
    const next = starts.findIndex((start) => start > offset)
    const line = next === -1 ? starts.length : next
    return { line, column: offset - (starts[line - 1] ?? 0) + 1 }
  }
}
