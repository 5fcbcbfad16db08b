import type * as z from 'zod/mini'
import { suggestion } from './nearest.ts'
import type { Path, Report } from './problem.ts'

type Issue = z.core.$ZodIssue

/** Reports what the schema found, in our words. */
export const reportIssues = (
  issues: readonly Issue[],
  schema: z.core.$ZodType,
  report: Report,
  around: Path = [],
): void => {
  for (const issue of issues) {
    const path = [...around, ...issue.path.map(asStep)]
    if (issue.code === 'invalid_union') reportUnion(issue, schema, report, path)
    else if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys)
        report.problem([...path, key], unknownKey(key, keysAt(schema, path)), 'key')
    else if (issue.code === 'invalid_type') report.problem(path, wrongKind(issue.expected))
    else if (!isUnreadable(issue)) report.problem(path, issue.message)
  }
}

const isUnreadable = (issue: Issue): boolean =>
  issue.code === 'custom' && issue.params?.unreadable === true

const asStep = (step: PropertyKey): string | number =>
  typeof step === 'symbol' ? String(step) : step

const wrongKind = (expected: string): string =>
  expected === 'array' ? 'must be a list' : 'must be a mapping (key: value)'

const unknownKey = (key: string, known: readonly string[]): string =>
  key === '<<'
    ? 'is a merge key, which is not supported: repeat the keys, or use an alias for a whole value'
    : `is an unknown key${suggestion(key, known)}`

/** Of the forms that a value may have, the one that was meant is the one whose kind fits: text, or a mapping. */
const reportUnion = (
  issue: z.core.$ZodIssueInvalidUnion,
  schema: z.core.$ZodType,
  report: Report,
  path: Path,
): void => {
  const meant = issue.errors.find((issues) => !issues.some(isOfAnotherKind))
  if (meant) reportIssues(meant, schema, report, path)
  else report.problem(path, 'must be text or a mapping (key: value)')
}

const isOfAnotherKind = (issue: Issue): boolean =>
  issue.path.length === 0 &&
  (issue.code === 'invalid_type' || (issue.code === 'custom' && issue.params?.kind === true))

/** Keys that the mapping at a path may have. */
const keysAt = (schema: z.core.$ZodType, path: Path): readonly string[] => {
  const [step, ...rest] = path
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'optional':
    case 'prefault':
      return keysAt(def.innerType, path)
    case 'union':
      return def.options.flatMap((option) => keysAt(option, path))
    case 'object': {
      if (step === undefined) return Object.keys(def.shape)
      const next = def.shape[step]
      return next ? keysAt(next, rest) : []
    }
    case 'array':
      return step === undefined ? [] : keysAt(def.element, rest)
    case 'record':
      return step === undefined ? [] : keysAt(def.valueType, rest)
    default:
      return []
  }
}
