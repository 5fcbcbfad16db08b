import type { Operation } from './operation.ts'

export type Found = {
  readonly operation: Operation
  /** Decoded. */
  readonly params: Readonly<Record<string, string>>
}

/** Finds the operation of a request. `allow`: the path has others. Undefined: no operation has this path. */
export const createTable = (
  operations: readonly Operation[],
): ((
  method: string,
  path: string,
) => Found | { readonly allow: readonly string[] } | undefined) => {
  const places = operations.map((operation) => ({
    operation,
    segments: operation.path.split('/'),
  }))
  return (method, path) => {
    const segments = path.split('/')
    const matches = places.flatMap(({ operation, segments: pattern }) => {
      const params = match(pattern, segments)
      return params === undefined
        ? []
        : [{ operation, params, literal: !operation.path.includes('{') }]
    })
    // `/clients/export` is no client.
    const exact = matches.filter(({ literal }) => literal)
    const meant = exact.length > 0 ? exact : matches
    if (meant.length === 0) return undefined
    const found = meant.find(({ operation }) => operation.method === method)
    return found ?? { allow: [...new Set(meant.map(({ operation }) => operation.method))] }
  }
}

const match = (
  pattern: readonly string[],
  segments: readonly string[],
): Readonly<Record<string, string>> | undefined => {
  if (pattern.length !== segments.length) return undefined
  const params: [string, string][] = []
  for (const [at, expected] of pattern.entries()) {
    const given = segments[at] ?? ''
    const name = /^\{(\w+)\}$/.exec(expected)?.[1]
    if (name === undefined) {
      if (given !== expected) return undefined
      continue
    }
    const value = decoded(given)
    if (value === undefined || !NAME.test(value)) return undefined
    params.push([name, value])
  }
  return Object.fromEntries(params)
}

// Nothing is called otherwise, and a store may not take it.
const NAME = /^[^\p{Cc}\p{Cs}]{1,255}$/u

const decoded = (segment: string): string | undefined => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
