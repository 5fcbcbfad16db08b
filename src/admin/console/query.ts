import type { PageContext } from './console.ts'

/** A parameter of the query, trimmed; '' where it is missing or there are several. */
export const queryOf =
  (ctx: PageContext) =>
  (name: string): string => {
    const value = ctx.query[name]
    return typeof value === 'string' ? value.trim() : ''
  }
