import type { Code } from '../../store/codes.ts'
import { invalidGrant, invalidRequest, type OAuthError } from '../errors.ts'
import { provesKey } from '../pkce.ts'
import { narrowedResource } from '../resource.ts'
import type { Room } from '../room.ts'
import {
  firstTokens,
  type GrantType,
  type Issued,
  standingScope,
  type TokenRequest,
} from './grant.ts'

/**
 * Redeems an authorization code (RFC 6749 §4.1.3). Everything that another client could get wrong is checked before the
 * code is claimed; a wrong verifier claims it, so that nobody guesses twice.
 */
export const redeemCode: GrantType = async (request, room) => {
  const { client, parameters } = request
  const value = parameters.get('code')
  if (value === undefined) throw invalidRequest('code is missing')
  const code = await room.stores.codes.find(value)
  if (!code) throw refusal()
  if (code.spent) return refuseSpent(code, request, room)
  if (code.client_id !== client.client_id) throw refuseForeign(code, request, room)
  checkRedirectUri(code, request)
  const resource = narrowedResource(parameters.all('resource'), code.grant.resource, room.config)
  const scope = await standingScope(code.grant, client, room)
  if (!provesKey(code.code_challenge, parameters.get('code_verifier')) || !scope) {
    await room.stores.codes.claim(code, { client_id: client.client_id })
    throw scope ? invalidGrant('code_verifier does not match') : refusal()
  }
  return claim(code, request, { scope, resource }, room)
}

const claim = async (
  code: Code,
  { client, caller }: TokenRequest,
  part: { readonly scope: readonly string[]; readonly resource: readonly string[] },
  room: Room,
): Promise<Issued> => {
  const { redeemed, writes, issued } = firstTokens(code.grant, client, part, room)
  const by = { client_id: client.client_id, redeemed, writes }
  if ((await room.stores.codes.claim(code, by)) === 'lost') throw refusal()
  const { grant_id, client_id, sub, scope } = issued.token
  const told = { grant_type: 'authorization_code', client_id, sub, grant_id, scope }
  room.log.audit('token.issued', { ...told, ...caller })
  return issued
}

/** RFC 6749 §4.1.3; left out only where PKCE took over its task (OAuth 2.1 §10.2). */
const checkRedirectUri = (code: Code, { parameters }: TokenRequest): void => {
  const given = parameters.get('redirect_uri')
  const mayLack = !code.redirect_uri_given || code.code_challenge !== undefined
  if (given === undefined ? !mayLack : given !== code.redirect_uri) throw refusal()
}

/**
 * A code that comes back (§4.1.2). The client that has just redeemed it, with the right verifier, is taken for one that
 * did not hear our answer; anything else is a replay, and what the code gave ends.
 */
const refuseSpent = async (
  code: Code,
  { client, parameters, caller }: TokenRequest,
  { stores, clock, log }: Room,
): Promise<never> => {
  const { spent } = code
  const again =
    spent !== undefined &&
    clock() - spent.at <= RETRY_SECONDS &&
    code.client_id === client.client_id &&
    provesKey(code.code_challenge, parameters.get('code_verifier'))
  if (!again) {
    await stores.grants.end(code.grant.id, 'code replayed')
    const { client_id, sub, id: grant_id } = code.grant
    const by = client.client_id
    log.audit('grant.replayed', {
      what: 'authorization_code',
      client_id,
      sub,
      grant_id,
      by,
      ...caller,
    })
  }
  throw refusal()
}

const refuseForeign = (code: Code, { client, caller }: TokenRequest, { log }: Room): OAuthError => {
  const { client_id, sub, id: grant_id } = code.grant
  log.audit('code.refused', { client_id, sub, grant_id, by: client.client_id, ...caller })
  return refusal()
}

/** One answer for all of it: whoever tries learns nothing about a code that is not theirs. */
const refusal = (): OAuthError =>
  invalidGrant('the code is unknown, expired, used, or not for this client and redirect_uri')

const RETRY_SECONDS = 2
