import type Koa from 'koa'

import type { Account } from '../store/accounts.ts'
import { answerWithError } from './authorization-response.ts'
import { isPublic } from './client-authentication.ts'
import { sendOn } from './endpoint.ts'
import { accessDenied, OAuthError } from './errors.ts'
import { giveCode } from './give-code.ts'
import type { PendingRequest, Resumed } from './pending-request.ts'
import { findRemembered, type RememberedConsent } from './remembered-consent.ts'
import { endpointPath, type Room } from './room.ts'
import { withinScope } from './scope.ts'
import type { Person } from './session.ts'

/**
 * Sends a browser to the next step of its request: to sign in, to be asked, or back to the client with a code where the
 * answer is known. Where `prompt=none` forbids a page, the client is told which one it would have been.
 */
export const proceed = async (
  ctx: Koa.Context,
  resumed: Resumed,
  person: Person | undefined,
  room: Room,
): Promise<void> => {
  const { pending, client } = resumed
  if (!person || mustSignIn(pending, person)) {
    if (!pending.prompt.none) return sendToPage(ctx, 'login', resumed, room)
    return answerWithError(ctx, pending, LOGIN_REQUIRED, room)
  }
  const scope = grantableScope(pending, person.account)
  if (scope.length === 0 && pending.scope.length > 0) {
    return answerWithError(ctx, pending, NOTHING_TO_GRANT, room)
  }
  const former = await findRemembered(client, person.account, room)
  if (!isSettled(resumed, scope, former)) {
    if (!pending.prompt.none) return sendToPage(ctx, 'consent', resumed, room)
    return answerWithError(ctx, pending, CONSENT_REQUIRED, room)
  }
  return giveCode(ctx, resumed, person, { scope, writes: [] }, room)
}

/** Whether who sits there must give the password (again) before this request goes on. */
export const mustSignIn = (
  { created, max_age, proven }: PendingRequest,
  { account, auth_time }: Person,
): boolean =>
  max_age !== undefined &&
  proven !== account.sub &&
  (max_age === 0 || created - auth_time > max_age)

/** Of what the client asks for, what this person may give. */
export const grantableScope = (
  { scope }: Pick<PendingRequest, 'scope'>,
  account: Pick<Account, 'scope'>,
): readonly string[] => withinScope(scope, account.scope)

const sendToPage = (
  ctx: Koa.Context,
  page: 'login' | 'consent',
  { sealed }: Pick<Resumed, 'sealed'>,
  { config }: Pick<Room, 'config'>,
): void => sendOn(ctx, `${endpointPath(config, page)}?request=${sealed}`)

/**
 * What a person allowed once goes without saying again, for a client that the operator knows and that proves who it is; for
 * one that the operator says so of, everything does. Anyone can pass for a public one (RFC 8252 §8.6, RFC 6819 §5.2.3.2).
 */
const isSettled = (
  { pending, client }: Resumed,
  scope: readonly string[],
  former: RememberedConsent | undefined,
): boolean => {
  if (pending.prompt.consent || isPublic(client) || client.source === 'registered') return false
  if (client.skipConsent) return true
  return (
    former !== undefined &&
    former.gained === undefined &&
    scope.every((name) => former.scope.includes(name))
  )
}

const LOGIN_REQUIRED = new OAuthError('login_required', 'the person must sign in')
const CONSENT_REQUIRED = new OAuthError('consent_required', 'the person must be asked')
const NOTHING_TO_GRANT = accessDenied("none of these scopes is this person's to allow")
