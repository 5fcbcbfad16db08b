import type { Path, Report } from './problem.ts'

/** What is wrong with a value, by its path, in the words of `check`. */
export type Finding = { readonly path: Path; readonly message: string }

/** Paths are told from the value on, not from the root of a file. */
export const collecting = (findings: Finding[], root: Path): Report => ({
  problem(path, message) {
    const isBelow = root.every((step, depth) => path[depth] === step)
    findings.push({ path: isBelow ? path.slice(root.length) : path, message })
  },
  warning() {},
  line: () => 0,
})
