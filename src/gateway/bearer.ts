import { StoreUnavailable } from '../store/store.ts'
import type { AccessToken, AccessTokens, Refusal as Judgement } from '../store/tokens.ts'
import { type Guard, STORE_UNAVAILABLE } from './challenge.ts'
import type { Refusal } from './refusal.ts'
import type { Verdict } from './verdict.ts'

/**
 * The token that a request presents, if it opens the route (RFC 6750 §2.1; only the header counts, never query or body).
 * Synchronous when the token is in memory. Rejects only with what is a mistake of ours.
 */
export const authenticate = (
  authorization: string | undefined,
  guard: Guard,
  tokens: Pick<AccessTokens, 'find' | 'why'>,
): AccessToken | Refusal | Promise<AccessToken | Refusal> => {
  if (authorization === undefined) return guard.missing
  const value = bearerValue(authorization)
  if (value === undefined) return SCHEME.test(authorization) ? guard.unreadable : guard.missing
  try {
    const found = tokens.find(value)
    if (!(found instanceof Promise)) return judge(found, guard, tokens, value)
    return found.then((token) => judge(token, guard, tokens, value), unchecked)
  } catch (error) {
    return unchecked(error)
  }
}

/** RFC 6750 §2.1: the scheme in any case, spaces, one token68. */
export const bearerValue = (authorization: string): string | undefined =>
  BEARER.exec(authorization)?.[1]

const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i
const SCHEME = /^bearer(?![^\s,])/i

const judge = (
  found: AccessToken | Judgement,
  guard: Guard,
  tokens: Pick<AccessTokens, 'why'>,
  value: string,
): AccessToken | Refusal => {
  if (typeof found === 'string') {
    const refused = guard.invalid.get(found) ?? guard.unknown
    return WAS_GOOD.has(found) ? withVerdict(refused, tokens.why(value)) : refused
  }
  return opens(found, guard)
}

/** The token again, if it opens what the guard keeps. */
export const opens = (found: AccessToken, guard: Guard): AccessToken | Refusal => {
  if (found.aud.length > 0 && !found.aud.includes(guard.resource)) {
    return withVerdict(guard.wrongAudience, { token: found })
  }
  if (covers(found.scope, guard)) return found
  const missing = guard.scopes.filter((scope) => !found.scope.includes(scope))
  return withVerdict(guard.insufficient, { token: found, missing })
}

/** Of the others nothing is known but the word. */
const WAS_GOOD: ReadonlySet<Judgement> = new Set(['expired', 'revoked'])

const withVerdict = (refused: Refusal, verdict: Verdict | undefined): Refusal =>
  verdict === undefined ? refused : { ...refused, verdict }

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
