import { StoreUnavailable } from '../store/store.ts'
import type { AccessToken, AccessTokens, Refusal as Judgement } from '../store/tokens.ts'
import { type Guard, STORE_UNAVAILABLE } from './challenge.ts'
import type { Refusal } from './refusal.ts'

/**
 * The token that a request presents, if it opens the route (RFC 6750 §2.1; only the header counts, never query or body).
 * Synchronous when the token is in memory. Rejects only with what is a mistake of ours.
 */
export const authenticate = (
  authorization: string | undefined,
  guard: Guard,
  tokens: Pick<AccessTokens, 'find'>,
): AccessToken | Refusal | Promise<AccessToken | Refusal> => {
  if (authorization === undefined) return guard.missing
  const value = credentials(authorization)
  if (value === undefined) return SCHEME.test(authorization) ? guard.unreadable : guard.missing
  try {
    const found = tokens.find(value)
    if (!(found instanceof Promise)) return judge(found, guard)
    return found.then((token) => judge(token, guard), unchecked)
  } catch (error) {
    return unchecked(error)
  }
}

/** RFC 6750 §2.1: the scheme in any case, spaces, one token68. */
const credentials = (authorization: string): string | undefined => BEARER.exec(authorization)?.[1]

const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i
const SCHEME = /^bearer(?![^\s,])/i

const judge = (found: AccessToken | Judgement, guard: Guard): AccessToken | Refusal => {
  if (typeof found === 'string') return guard.invalid.get(found) ?? guard.unknown
  if (found.aud.length > 0 && !found.aud.includes(guard.resource)) return guard.wrongAudience
  return covers(found.scope, guard) ? found : guard.insufficient
}

const covers = (granted: readonly string[], { mode, scopes }: Guard): boolean => {
  if (scopes.length === 0) return true
  return mode === 'all'
    ? scopes.every((scope) => granted.includes(scope))
    : scopes.some((scope) => granted.includes(scope))
}

const unchecked = (error: unknown): Refusal => {
  if (error instanceof StoreUnavailable) return STORE_UNAVAILABLE
  throw error
}
