import * as z from 'zod/mini'
import type { KnownAccount } from '../store/account-row.ts'

/** A person as the API shows them; never a password, in whatever form. Times in seconds. */
export const accountShape = z.looseObject({
  sub: z.string(),
  username: z.string(),
  name: z.exactOptional(z.string()),
  email: z.exactOptional(z.string()),
  scope: z.exactOptional(z.string()),
  admin: z.exactOptional(z.enum(['viewer', 'operator', 'owner'])),
  source: z.enum(['file', 'operator']),
  /** The line of the file that declares it. */
  line: z.exactOptional(z.number()),
  /** 0 for one of the file. */
  created: z.number(),
  disabled: z.exactOptional(z.strictObject({ at: z.number(), reason: z.string() })),
})

export const shownAccount = (
  { version: _, ...account }: KnownAccount,
  line: number | undefined,
): z.output<typeof accountShape> => ({ ...account, ...(line !== undefined && { line }) })

export const etagOfAccount = ({ version }: KnownAccount): string => `"${version || 'file'}"`
