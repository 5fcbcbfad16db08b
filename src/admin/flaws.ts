import type * as z from 'zod/mini'
import type { Flaw } from './answer.ts'

/** What is wrong with a value, in words of ours, each at its place (RFC 6901). */
export const flawsOf = (issues: readonly z.core.$ZodIssue[]): readonly Flaw[] =>
  issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({
        pointer: pointerTo([...issue.path, key]),
        detail: 'is not known here',
      }))
    return [{ pointer: pointerTo(issue.path), detail: wordsFor(issue) }]
  })

export const pointerTo = (path: readonly PropertyKey[]): string =>
  path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

const wordsFor = (issue: z.core.$ZodIssue): string => {
  // What a check was given to say; zod's own words are not loaded.
  if (issue.message !== UNSAID) return issue.message
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'is required'
        : `must be ${KINDS.get(issue.expected) ?? issue.expected}`
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`
    case 'too_small':
      if (issue.origin === 'string' && issue.minimum === 1) return 'must not be empty'
      return `must be at least ${issue.minimum}${unitOf(issue.origin)}`
    case 'too_big':
      return `must be at most ${issue.maximum}${unitOf(issue.origin)}`
    default:
      return 'is not as it should be'
  }
}

const UNSAID = 'Invalid input'

const unitOf = (origin: string): string =>
  origin === 'string' ? ' characters' : origin === 'array' ? ' of them' : ''

const KINDS = new Map<string, string>([
  ['string', 'text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'a list'],
  ['object', 'an object'],
])
