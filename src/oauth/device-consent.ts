import type Koa from 'koa'

import { deviceAnsweredPage } from '../pages/device-answered.ts'
import { deviceConsentPage } from '../pages/device-consent.ts'
import type { Client } from '../store/clients.ts'
import type { DeviceCode } from '../store/device-codes.ts'
import { type Begun, bindBrowser, checkBegun } from './browser-binding.ts'
import { answerPage, callerOf, sendOn } from './endpoint.ts'
import { invalidRequest, type OAuthError } from './errors.ts'
import { bindForm, checkBinding, type FormBinding } from './form-binding.ts'
import { DEVICE_CODE } from './grants/device-code.ts'
import { lifetimesOf } from './lifetimes.ts'
import type { Parameters } from './parameters.ts'
import { findRemembered } from './remembered-consent.ts'
import { endpointPath, type Room } from './room.ts'
import { scopeBoxes, tickedScope } from './scope-boxes.ts'
import { type Person, requireStanding } from './session.ts'
import { shownClient } from './shown-client.ts'
import { storedValues } from './stored-values.ts'
import { networkOf } from './throttle.ts'
import { signInPath } from './visit.ts'

/** A device whose code a person has entered: theirs to answer, in the browser that it was entered in. */
type PendingDevice = Begun & {
  readonly v: 1
  /** Of the device code. */
  readonly id: string
  readonly user_code: string
  /** Who entered it. */
  readonly sub: string
}

type Answerable = {
  readonly pending: PendingDevice
  readonly sealed: string
  readonly code: DeviceCode
  readonly client: Client
  readonly person: Person
}

/** Where the person decides about a device whose code they have entered. */
export const consentPath = (
  ctx: Koa.Context,
  { id }: DeviceCode,
  user_code: string,
  { account }: Person,
  room: Room,
): string => {
  const pending: PendingDevice = {
    ...{ v: 1, id, user_code, sub: account.sub },
    ...{ created: room.clock(), browser: bindBrowser(ctx, room) },
  }
  const sealed = room.stores.secrets.seal('device-code', pending)
  return `${endpointPath(room.config, 'device')}?request=${sealed}`
}

/**
 * Shows which device asks, and for what. Always: neither what was allowed before nor who vouches for the client answers for
 * the person, since whoever has the device gets the access (RFC 8628 §5.4, RFC 10027).
 */
export const showDevice = async (
  ctx: Koa.Context,
  parameters: Parameters,
  person: Person | undefined,
  room: Room,
): Promise<void> => {
  const answerable = await resumeDevice(ctx, parameters, person, room)
  if (answerable) await showForm(ctx, answerable, room)
}

/** `decision` = allow or deny, and one `scope` for each that is allowed. */
export const decideDevice = async (
  ctx: Koa.Context,
  parameters: Parameters,
  person: Person | undefined,
  room: Room,
): Promise<void> => {
  const answerable = await resumeDevice(ctx, parameters, person, room)
  if (!answerable) return
  checkBinding(parameters, bindingOf(answerable.pending), room)
  const decision = parameters.get('decision')
  if (decision === 'deny') return deny(ctx, answerable, room)
  if (decision !== 'allow') throw invalidRequest('decision must be allow or deny')
  await allow(ctx, answerable, parameters, room)
}

/** Undefined where the browser was sent on: to sign in, or to enter the code as the person who sits there now. */
const resumeDevice = async (
  ctx: Koa.Context,
  parameters: Parameters,
  person: Person | undefined,
  room: Room,
): Promise<Answerable | undefined> => {
  const { stores, config } = room
  const sealed = parameters.get('request') ?? ''
  const pending = stores.secrets.open('device-code', sealed)
  if (!isPending(pending)) throw invalidRequest('this page needs the code of a device')
  checkBegun(ctx, pending, room)
  if (person?.account.sub !== pending.sub) {
    const query = `?user_code=${pending.user_code}`
    sendOn(
      ctx,
      person ? endpointPath(config, 'device') + query : signInPath(ctx, 'device', query, room),
    )
    return undefined
  }
  const code = await stores.deviceCodes.findPending(pending.id)
  if (!code) throw answered()
  const client = await stores.clients.find(code.client_id)
  if (!client?.grant_types.includes(DEVICE_CODE))
    throw invalidRequest('the application that asked is no longer registered')
  return { pending, sealed, code, client, person }
}

const deny = async (
  ctx: Koa.Context,
  { code, client, person }: Answerable,
  room: Room,
): Promise<void> => {
  if (!(await room.stores.deviceCodes.deny(code))) throw answered()
  const { client_id } = client
  room.log.audit('device.denied', { client_id, sub: person.account.sub, ...callerOf(ctx, room) })
  showAnswer(ctx, 'deny', client)
}

const allow = async (
  ctx: Koa.Context,
  answerable: Answerable,
  parameters: Parameters,
  room: Room,
): Promise<void> => {
  const { code, client, person } = answerable
  const { stores, config, clock, log } = room
  const scope = tickedScope(code, person.account, parameters)
  if (scope.length === 0 && code.scope.length > 0)
    return showForm(ctx, answerable, room, 'Tick at least one, or deny.')
  const created = clock()
  const { client_id } = client
  const { sub } = person.account
  requireStanding(person, room)
  const grant = stores.grants.begin({
    ...{ client_id, sub, scope, resource: code.resource },
    ...storedValues(client, person.account),
    ...{ auth_time: person.auth_time, created },
    expires: created + lifetimesOf(client, config).grant,
  })
  if (!(await stores.deviceCodes.allow(code, grant))) throw answered()
  const { remote: device } = code
  const given = { client_id, sub, grant_id: grant.id, scope, device }
  log.audit('device.authorized', { ...given, ...callerOf(ctx, room) })
  showAnswer(ctx, 'allow', client)
}

const showForm = async (
  ctx: Koa.Context,
  { pending, sealed, code, client, person }: Answerable,
  room: Room,
  problem?: string,
): Promise<void> => {
  const { account } = person
  const { config, clock } = room
  const former = await findRemembered(client, account, room)
  const ticked = problem === undefined
  ctx.status = ticked ? 200 : 400
  const page = deviceConsentPage({
    action: endpointPath(config, 'device'),
    hidden: { request: sealed, csrf: bindForm(bindingOf(pending), room) },
    device: {
      ...shownClient(client),
      user_code: pending.user_code,
      remote: code.remote,
      minutes: Math.max(0, Math.floor((clock() - code.created) / 60)),
      elsewhere: networkOf(code.remote) !== networkOf(callerOf(ctx, room).remote),
    },
    person: { name: account.name ?? account.username, username: account.username },
    signOut: signInPath(ctx, 'device', `?user_code=${pending.user_code}`, room, true),
    scopes: scopeBoxes(code, account, { former, ticked }, room),
    ...(problem !== undefined && { problem }),
  })
  answerPage(ctx, 'self', page)
}

const showAnswer = (ctx: Koa.Context, decision: 'allow' | 'deny', client: Client): void =>
  answerPage(
    ctx,
    'self',
    deviceAnsweredPage({ decision, clientName: client.client_name ?? client.client_id }),
  )

/** The form is this person's, in this browser, for this device. */
const bindingOf = ({ browser, id, sub }: PendingDevice): FormBinding => ['device', browser, id, sub]

const isPending = (value: unknown): value is PendingDevice =>
  typeof value === 'object' && value !== null && 'v' in value && value.v === 1

const answered = (): OAuthError =>
  invalidRequest('this device has its answer already, or its code has expired')
