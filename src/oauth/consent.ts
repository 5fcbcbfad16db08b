import type Koa from 'koa'

import { consentPage } from '../pages/consent.ts'
import { answerWithError } from './authorization-response.ts'
import { answerPage, callerOf, type Handler } from './endpoint.ts'
import { accessDenied, invalidRequest } from './errors.ts'
import { bindForm, checkBinding, type FormBinding, refuseCrossSite } from './form-binding.ts'
import { giveCode, usedBefore, usedMarker } from './give-code.ts'
import { grantableScope, mustSignIn, proceed } from './next-step.ts'
import type { Parameters } from './parameters.ts'
import { type Resumed, resume } from './pending-request.ts'
import { redirectHost } from './redirect-uri.ts'
import { findRemembered, toRemember } from './remembered-consent.ts'
import { endpointPath, type Room } from './room.ts'
import { scopeBoxes, tickedScope } from './scope-boxes.ts'
import { currentPerson, type Person } from './session.ts'
import { shownClient } from './shown-client.ts'

/** GET: asks the person; without one, or where the password must be given first, it leads to the sign-in form. */
export const consentForm =
  (room: Room): Handler =>
  async (ctx, parameters) => {
    const resumed = await resume(ctx, parameters, room)
    const person = await currentPerson(ctx, room)
    if (!canDecide(resumed, person)) return proceed(ctx, resumed, person, room)
    await showForm(ctx, resumed, person, room)
  }

/** POST: `decision` = allow or deny, and one `scope` for each that is allowed. */
export const decideConsent =
  (room: Room): Handler =>
  async (ctx, parameters) => {
    refuseCrossSite(ctx.req, room)
    const resumed = await resume(ctx, parameters, room)
    const person = await currentPerson(ctx, room)
    if (!canDecide(resumed, person)) return proceed(ctx, resumed, person, room)
    checkBinding(parameters, bindingOf(resumed, person), room)
    const decision = parameters.get('decision')
    if (decision === 'deny') return deny(ctx, resumed, person, room)
    if (decision !== 'allow') throw invalidRequest('decision must be allow or deny')
    await allow(ctx, resumed, person, parameters, room)
  }

/** Signed in, freshly enough, and with something to give. */
const canDecide = ({ pending }: Resumed, person: Person | undefined): person is Person =>
  person !== undefined &&
  !mustSignIn(pending, person) &&
  (pending.scope.length === 0 || grantableScope(pending, person.account).length > 0)

const deny = async (
  ctx: Koa.Context,
  { pending, client }: Resumed,
  { account }: Person,
  room: Room,
): Promise<void> => {
  if (!(await room.stores.store.swap(usedMarker(pending)))) throw usedBefore()
  const { client_id } = client
  room.log.audit('consent.denied', { client_id, sub: account.sub, ...callerOf(ctx, room) })
  answerWithError(ctx, pending, accessDenied('the person said no'), room)
}

const allow = async (
  ctx: Koa.Context,
  resumed: Resumed,
  person: Person,
  parameters: Parameters,
  room: Room,
): Promise<void> => {
  const { pending, client } = resumed
  const scope = tickedScope(pending, person.account, parameters)
  if (scope.length === 0 && pending.scope.length > 0) {
    return showForm(ctx, resumed, person, room, 'Tick at least one, or deny.')
  }
  const { account } = person
  const former = await findRemembered(client, account, room)
  const decided = { asked: pending.scope, allowed: scope }
  const remembered = toRemember(decided, client, account, former, room)
  const writes = [room.stores.consents.write(remembered)]
  await giveCode(ctx, resumed, person, { scope, writes }, room)
  const { client_id } = client
  const { sub } = account
  room.log.audit('consent.given', { client_id, sub, scope, ...callerOf(ctx, room) })
}

const showForm = async (
  ctx: Koa.Context,
  resumed: Resumed,
  person: Person,
  room: Room,
  problem?: string,
): Promise<void> => {
  const { pending, client, sealed } = resumed
  const { account } = person
  const former = await findRemembered(client, account, room)
  const ticked = problem === undefined
  ctx.status = ticked ? 200 : 400
  const page = consentPage({
    action: endpointPath(room.config, 'consent'),
    hidden: { request: sealed, csrf: bindForm(bindingOf(resumed, person), room) },
    client: { ...shownClient(client), redirectHost: redirectHost(pending.redirect_uri) },
    person: { name: account.name ?? account.username, username: account.username },
    signOut: `${endpointPath(room.config, 'login')}?request=${sealed}&prompt=login`,
    scopes: scopeBoxes(pending, account, { former, ticked }, room),
    ...(former?.gained && { gained: former.gained }),
    ...(problem !== undefined && { problem }),
  })
  answerPage(ctx, 'client', page)
}

/** The form is this person's, in this browser, for this request; another sign-in of the same person does not disturb it. */
const bindingOf = ({ pending }: Resumed, { account }: Person): FormBinding => [
  'consent',
  pending.browser,
  pending.id,
  account.sub,
]
