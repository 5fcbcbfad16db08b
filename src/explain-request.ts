import type { Config } from './config/config.ts'
import type { Question } from './gateway/explain.ts'
import type { Explanation } from './gateway/explanation.ts'
import type { Gateway } from './gateway/gateway.ts'
import type { AuthorizationNote } from './oauth/explain-authorization.ts'
import type { Stores } from './store/open.ts'

/** What becomes of a request, and of an authorization request in particular. */
export type FullExplanation = Explanation & { readonly authorization?: AuthorizationNote }

/** Asks the gateway, and the authorization server where the request is one for its authorization endpoint. */
export const explainRequest = async (
  question: Question,
  room: { readonly gateway: Gateway; readonly config: Config; readonly stores: Stores },
): Promise<FullExplanation> => {
  const explanation = await room.gateway.explain(question)
  const { outcome, target } = explanation
  if (outcome.by !== 'ourselves' || 'refusal' in target) return explanation
  if (target.path !== `${room.config.paths.oauth}/authorize`) return explanation
  const { explainAuthorization } = await import('./oauth/explain-authorization.ts')
  return { ...explanation, authorization: await explainAuthorization(target.query, room) }
}
