import * as z from 'zod/mini'
import type { KnownClient } from '../store/client-registry.ts'

/** A client as the API shows it: what it is set to, where it comes from, and nothing secret. Times in seconds. */
export const clientShape = z.looseObject({
  client_id: z.string(),
  client_name: z.exactOptional(z.string()),
  redirect_uris: z.array(z.string()),
  grant_types: z.array(z.string()),
  scope: z.exactOptional(z.string()),
  token_endpoint_auth_method: z.exactOptional(z.string()),
  require_pkce: z.boolean(),
  introspect: z.boolean(),
  tokens: z.record(z.string(), z.number()),
  source: z.enum(['file', 'operator', 'registered']),
  /** The line of the file that declares it. */
  line: z.exactOptional(z.number()),
  /** 0 for one of the file. */
  created: z.number(),
  secrets: z.number(),
  disabled: z.exactOptional(z.strictObject({ at: z.number(), reason: z.string() })),
  /** When it last got a token, to the hour. */
  last_used: z.exactOptional(z.number()),
  /** When it last used a token that it holds for itself, and on which route. */
  own_last_used: z.exactOptional(z.number()),
  own_last_route: z.exactOptional(z.string()),
})

export const shownClient = (
  { client, disabled, last_used, own_use }: KnownClient,
  line: number | undefined,
): z.output<typeof clientShape> => {
  const { secret_digests, ...settings } = client
  return {
    ...settings,
    redirect_uris: [...client.redirect_uris],
    grant_types: [...client.grant_types],
    tokens: { ...client.tokens } as Record<string, number>,
    secrets: secret_digests.length,
    ...(line !== undefined && { line }),
    ...(disabled !== undefined && { disabled }),
    ...(last_used !== undefined && { last_used }),
    ...(own_use && { own_last_used: own_use.at, own_last_route: own_use.route }),
  }
}

/** RFC 9110 §8.8.3. What the file declares changes with the file alone. */
export const etagOf = ({ version }: KnownClient): string => `"${version || 'file'}"`
