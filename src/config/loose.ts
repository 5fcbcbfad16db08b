import { parseListen } from './address.ts'
import type { Listen } from './config.ts'
import { attempt, type Path } from './problem.ts'
import { parseDuration } from './units.ts'

// Reading a tree that may be wrong anywhere: what is not as it should be is absent, and the schema tells of it.

export type Row = Readonly<Record<string, unknown>>

export const rowOf = (value: unknown): Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Row) : {}

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The mappings of a list at the top of the file, each with its path. */
export const rowsOf = (
  data: Row,
  key: string,
): readonly { readonly path: Path; readonly row: Row }[] =>
  listOf(data[key]).map((row, index) => ({ path: [key, index], row: rowOf(row) }))

export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined

export const flagOf = (value: unknown, otherwise: boolean): boolean =>
  value === undefined ? otherwise : value === true || value === 'true'

export const secondsOf = (value: unknown): number | undefined =>
  typeof value === 'string' ? attempt(() => parseDuration(value)) : undefined

export const listenOf = (value: unknown, otherwise: string): Listen | undefined =>
  value === undefined || typeof value === 'string' || typeof value === 'number'
    ? attempt(() => parseListen(String(value ?? otherwise)))
    : undefined

/** Words of a space-separated text, or of a list of such, each with the path where it stands. */
export const wordsOf = (
  value: unknown,
  path: Path,
): readonly { readonly word: string; readonly path: Path }[] => {
  if (Array.isArray(value)) return value.flatMap((part, index) => wordsOf(part, [...path, index]))
  if (typeof value !== 'string') return []
  const words = new Set(value.split(' ').filter((word) => word !== ''))
  return Array.from(words, (word) => ({ word, path }))
}
