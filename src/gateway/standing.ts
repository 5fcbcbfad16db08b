import type { IncomingMessage } from 'node:http'
import type { AccessToken } from '../store/tokens.ts'
import { opens } from './bearer.ts'
import type { Place } from './place.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import { upgradePlace } from './upgrade-place.ts'

/**
 * Whether what was let in under a former configuration would be let in now: its route is there and asks for no more than its
 * token opens. Whether the token itself still lives is not asked; the store tells of that.
 */
export const stands = (
  req: IncomingMessage,
  token: AccessToken | undefined,
  now: {
    readonly locate: (req: IncomingMessage) => Place | Refusal | undefined
    readonly scopes: ReadonlyMap<string, string>
  },
): boolean => {
  const located = now.locate(req)
  const place = req.headers.upgrade === undefined ? located : upgradePlace(req, located)
  if (place === undefined || isRefusal(place)) return false
  const { guard } = place.route
  if (guard === undefined) return true
  if (token === undefined) return guard.optional
  const scope = token.scope.filter((name) => now.scopes.has(name))
  return !isRefusal(opens({ ...token, scope }, guard))
}
