import * as z from 'zod/mini'

/** What every list takes. */
export const paging = {
  limit: z._default(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(500)), 50),
  cursor: z.exactOptional(z.string().check(z.maxLength(512))),
}

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
