import * as z from 'zod/mini'
import { nearest } from './nearest.ts'
import { Wrong } from './problem.ts'
import { DURATION, formatDuration, parseDuration, parseSize, SIZE } from './units.ts'

/** Descriptions and JSON Schema of the settings: what the reference is generated from. */
export const reference = z.registry<Readonly<Record<string, unknown>>>()

type Form = Readonly<Record<string, unknown>>

/** One value of the file. `judge` makes ours of it or throws `Wrong`; `form` is its JSON Schema. */
export const setting = <T>(description: string, form: Form, judge: (value: unknown) => T) =>
  z
    .transform((value: unknown, context): T => {
      try {
        if (value === undefined) throw new Wrong('is required')
        if (value === null || value === '') throw new Wrong(EMPTY)
        return judge(value)
      } catch (error) {
        if (!(error instanceof Wrong)) throw error
        const params = { kind: error.kind, unreadable: isUnreadable(value) }
        context.issues.push({ code: 'custom', message: error.message, input: value, params })
        return z.NEVER
      }
    })
    .register(reference, { description, ...form })

/** What could not be filled in is a symbol in the tree (yaml-tree.ts), and was told of there. */
const isUnreadable = (value: unknown): boolean =>
  typeof value === 'symbol' ||
  (Array.isArray(value) && value.some((item) => typeof item === 'symbol'))

const EMPTY = 'is empty: give it a value, or leave the key out'

/** What `parse` makes of a text. */
export const text = <T>(description: string, form: Form, parse: (text: string) => T) =>
  setting(description, { type: 'string', ...form }, (value) => parse(asText(value)))

export const asText = (value: unknown): string => {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean')
    throw new Wrong('must be text: put it in quotes', true)
  throw new Wrong('must be text', true)
}

/** An amount with its unit. YAML reads an amount alone as a number: `parse` knows better than we what it lacks. */
const measure = (description: string, pattern: RegExp, parse: (text: string) => number) =>
  setting(description, { type: 'string', pattern: orVariable(pattern) }, (value) =>
    parse(typeof value === 'number' ? String(value) : asText(value)),
  )

/** Seconds. Bounds in seconds, inclusive. */
export const duration = (description: string, { min = 1, max = YEARS, whole = false } = {}) =>
  measure(description, DURATION, (given) => {
    const seconds = parseDuration(given)
    if (seconds < min) throw new Wrong(`must be at least ${formatDuration(min)}`)
    if (seconds > max) throw new Wrong(`must be at most ${formatDuration(max)}`)
    if (whole && !Number.isInteger(seconds)) throw new Wrong('must be whole seconds')
    return seconds
  })

/** Bytes. */
export const size = (description: string, min: number, max: number) =>
  measure(description, SIZE, (given) => {
    const bytes = parseSize(given)
    if (bytes < min || bytes > max) throw new Wrong(`must be from ${min}b to ${max}b`)
    return bytes
  })

export const integer = (description: string, min: number, max: number) =>
  setting(
    description,
    { anyOf: [{ type: 'integer', minimum: min, maximum: max }, DIGITS] },
    (value) => asInteger(value, min, max),
  )

export const asInteger = (value: unknown, min: number, max: number): number => {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isInteger(number) || number < min || number > max)
    throw new Wrong(`must be a whole number from ${min} to ${max}`)
  return number
}

export const flag = (description: string) =>
  setting(description, { anyOf: [{ type: 'boolean' }, TRUE_OR_FALSE] }, (value) => {
    if (typeof value === 'boolean') return value
    if (value === 'true' || value === 'false') return value === 'true'
    throw new Wrong('must be true or false')
  })

/** One of a few words. */
export const choice = <const T extends string>(description: string, words: readonly T[]) =>
  setting(description, { anyOf: [{ enum: words }, VARIABLE] }, (value) => asChoice(value, words))

export const asChoice = <const T extends string>(value: unknown, words: readonly T[]): T => {
  const word = words.find((known) => known === value)
  if (word !== undefined) return word
  const near = typeof value === 'string' ? nearest(value, words) : undefined
  throw new Wrong(
    `must be one of ${words.join(', ')}${near === undefined ? '' : `; did you mean "${near}"?`}`,
  )
}

const YEARS = 10 * 365 * 86_400

/** A pattern for editors, which see the file before anything is filled in. */
const orVariable = (pattern: RegExp): string => `(?:${pattern.source})|\\$\\{`

const VARIABLE = { type: 'string', pattern: '\\$\\{' }
const DIGITS = { type: 'string', pattern: '^[0-9]+$|\\$\\{' }
const TRUE_OR_FALSE = { type: 'string', pattern: '^(true|false)$|\\$\\{' }
