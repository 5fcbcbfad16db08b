import { type EndNote, isGone } from '../store/gone.ts'
import { StoreUnavailable } from '../store/store.ts'
import type { AccessToken, AccessTokens } from '../store/tokens.ts'
import { bearerValue } from './bearer.ts'
import type { Visit } from './visit.ts'

/** What there is to say of the token of a request, for an operator. Times are seconds since the epoch. */
export type TokenNote = {
  /**
   * `good`, `not_asked` (public, or nothing came as far as the token), or the word of the access log: `no_token`,
   * `invalid_request`, `malformed`, `foreign`, `unknown`, `expired`, `revoked`, `audience`, `insufficient_scope`,
   * `store_unavailable`.
   */
  readonly verdict: string
  /** What the store says of it, whatever the route asks: `good` or one of the words. Absent without a token. */
  readonly state?: string
  readonly client_id?: string
  readonly sub?: string
  readonly grant_id?: string
  readonly scope?: readonly string[]
  /** Empty: good on every route. */
  readonly audience?: readonly string[]
  readonly issued?: number
  readonly expires?: number
  /** Seconds. */
  readonly expired_for?: number
  readonly ended?: EndNote
  /** What the route asks for. */
  readonly needs?: {
    readonly mode: 'all' | 'any'
    readonly scopes: readonly string[]
    readonly resource: string
  }
  readonly missing?: readonly string[]
}

/** The verdict is that of the pipeline, which the visit has just been through; the rest is read from the store. */
export const tokenNote = async (
  visit: Visit,
  authorization: string | undefined,
  { tokens, now }: { readonly tokens: Pick<AccessTokens, 'inspect'>; readonly now: number },
): Promise<TokenNote> => {
  const guard = visit.place?.route.guard
  return {
    verdict: verdictOf(visit),
    ...(await stateOf(authorization, tokens, now)),
    ...(guard && {
      needs: { mode: guard.mode, scopes: guard.scopes, resource: guard.resource },
    }),
    ...(visit.verdict?.missing && { missing: visit.verdict.missing }),
  }
}

const verdictOf = ({ place, token, refusal }: Visit): string => {
  if (token !== undefined) return 'good'
  if (place?.route.guard === undefined) return 'not_asked'
  return refusal ?? 'no_token'
}

type State = Omit<TokenNote, 'verdict' | 'needs' | 'missing'>

const stateOf = async (
  authorization: string | undefined,
  tokens: Pick<AccessTokens, 'inspect'>,
  now: number,
): Promise<State> => {
  const value = authorization === undefined ? undefined : bearerValue(authorization)
  if (value === undefined) return {}
  try {
    const found = await tokens.inspect(value)
    if (!isGone(found)) return { state: 'good', ...described(found, now) }
    const { refusal: state, token, ended } = found
    return { state, ...(token && described(token, now)), ...(ended && { ended }) }
  } catch (error) {
    if (error instanceof StoreUnavailable) return { state: 'store_unavailable' }
    throw error
  }
}

const described = (token: AccessToken, now: number): State => ({
  client_id: token.client_id,
  sub: token.sub,
  grant_id: token.grant_id,
  scope: token.scope,
  audience: token.aud,
  issued: token.iat,
  expires: token.exp,
  ...(token.exp <= now && { expired_for: Math.floor(now - token.exp) }),
})
