import * as z from 'zod/mini'

const pagingBy = (cursor: RegExp) => ({
  limit: z._default(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(500)), 50),
  cursor: z.exactOptional(z.string().check(z.regex(cursor, 'is no cursor of this list'))),
})

/** What every list takes. */
export const paging = pagingBy(/^\d{1,15}$/)

/** What a list takes that begins with what the file declares (registry-page.ts). */
export const registryPaging = pagingBy(/^(?:\d{1,15}|f[\w-]{0,1500})$/)

/** What a list of refusals takes: time and id of the last one. */
export const refusalPaging = pagingBy(/^\d{1,12}(?:\.\d{1,9})?~[A-Za-z0-9_.:-]{1,128}$/)

/** The id of a request, `X-Request-Id`. */
export const requestId = z
  .string()
  .check(z.regex(/^[A-Za-z0-9_.:-]{1,128}$/, 'is no id of a request'))

/** What the list of grants takes: which cursors are its own depends on whose they are (grants-of-all.ts). */
export const grantPaging = pagingBy(/^[\w-]{1,1501}(?:\.\d{1,15})?$/)

/** What something may be called: no name that a store could not take, or none ever has. */
export const nameChecks = [
  z.minLength(1),
  z.maxLength(255),
  z.regex(/^[^\p{Cc}\p{Cs}]*$/u, 'is no name'),
] as const
export const name = z.string().check(...nameChecks)

/** One scope (RFC 6749 §3.3: scope-token). */
export const scopeName = z
  .string()
  .check(z.maxLength(255), z.regex(/^[\x21\x23-\x5B\x5D-\x7E]+$/, 'is no scope'))

/** A page of a list: hand `next` back as `cursor`; without it there is no more. */
export const pageOf = <T extends z.ZodMiniType>(item: T) =>
  z.strictObject({ items: z.array(item), next: z.exactOptional(z.string()) })

export const asPage = <T>(items: readonly T[], cursor: string | undefined) => ({
  items,
  ...(cursor !== undefined && { next: cursor }),
})

/** Seconds since the epoch, or a date (ISO 8601). */
export const instant = z.pipe(
  z
    .string()
    .check(
      z.refine(
        (text) => !Number.isNaN(secondsOf(text)),
        'must be a date, as 2026-01-31 or 2026-01-31T12:00:00Z, or seconds',
      ),
    ),
  z.transform(secondsOf),
)

function secondsOf(text: string): number {
  return /^\d{1,12}(\.\d+)?$/.test(text) ? Number(text) : Date.parse(text) / 1000
}
