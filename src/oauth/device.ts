import type Koa from 'koa'

import { deviceEntryPage } from '../pages/device-entry.ts'
import type { DeviceCode } from '../store/device-codes.ts'
import { readUserCode } from '../store/user-code.ts'
import { noteOn } from '../telemetry/request-note.ts'
import { browserCookie } from './browser-binding.ts'
import { consentPath, decideDevice, showDevice } from './device-consent.ts'
import { answerPage, callerOf, type Handler, sendOn } from './endpoint.ts'
import { noteError } from './error-response.ts'
import { OAuthError } from './errors.ts'
import { bindForm, checkBinding, type FormBinding, refuseCrossSite } from './form-binding.ts'
import { grantableScope } from './next-step.ts'
import type { Parameters } from './parameters.ts'
import { endpointPath, type Room } from './room.ts'
import { currentPerson, type Person } from './session.ts'
import { signInPath } from './visit.ts'

/**
 * GET: where a signed-in person enters the code of a device (RFC 8628 §3.3); with `request`, where they decide. A code in the
 * address is filled in and no more: nothing is looked up, let alone allowed, before the person sends it (RFC 10027).
 */
export const devicePage =
  (room: Room): Handler =>
  async (ctx, parameters) => {
    const person = await currentPerson(ctx, room)
    const user_code = readUserCode(parameters.get('user_code') ?? '')
    const query = user_code === undefined ? '' : `?user_code=${user_code}`
    if (parameters.get('request') !== undefined) return showDevice(ctx, parameters, person, room)
    if (!person) return sendOn(ctx, signInPath(ctx, 'device', query, room))
    showForm(ctx, person, { user_code }, room)
  }

/** POST: a `user_code` that was entered, or with `request` a decision. */
export const answerDevice =
  (room: Room): Handler =>
  async (ctx, parameters) => {
    refuseCrossSite(ctx.req, room)
    const person = await currentPerson(ctx, room)
    if (parameters.get('request') !== undefined) return decideDevice(ctx, parameters, person, room)
    if (!person) return sendOn(ctx, signInPath(ctx, 'device', '', room))
    checkBinding(parameters, bindingOf(ctx, person, room), room)
    await enter(ctx, person, parameters, room)
  }

const enter = async (
  ctx: Koa.Context,
  person: Person,
  parameters: Parameters,
  room: Room,
): Promise<void> => {
  const user_code = parameters.get('user_code') ?? ''
  try {
    const code = await enteredCode(ctx, user_code, person, room)
    if (!code) return refuse(ctx, person, WRONG_CODE, user_code, room)
    if (code.scope.length > 0 && grantableScope(code, person.account).length === 0)
      return refuse(ctx, person, NOT_YOURS, user_code, room)
    sendOn(ctx, consentPath(ctx, code, readUserCode(user_code) ?? '', person, room))
  } catch (error) {
    if (!(error instanceof OAuthError && error.status === 429)) throw error
    noteError(ctx.req, error)
    ctx.set(error.headers)
    showForm(ctx, person, { user_code, status: 429, problem: TOO_OFTEN }, room)
  }
}

const refuse = (
  ctx: Koa.Context,
  person: Person,
  { refusal, status, problem }: typeof NOT_YOURS,
  user_code: string,
  room: Room,
): void => {
  noteOn(ctx.req, { refusal, description: problem })
  showForm(ctx, person, { user_code, status, problem }, room)
}

/** What cannot be a code is no guess; of what can be, few wrong ones are let through, wherever and by whomever. */
const enteredCode = async (
  ctx: Koa.Context,
  entered: string,
  { account: { sub } }: Person,
  room: Room,
): Promise<DeviceCode | undefined> => {
  const caller = callerOf(ctx, room)
  const { userCodes, userCodesFrom } = room.throttles
  const check = () =>
    Promise.all([userCodes.check(sub, ''), userCodesFrom.check('', caller.remote)])
  if (readUserCode(entered) === undefined) return undefined
  await check()
  const code = await room.stores.deviceCodes.findByUserCode(entered)
  await check()
  if (code) return code
  room.log.audit('user_code.failed', { sub, ...caller })
  await Promise.all([userCodes.failed(sub, ''), userCodesFrom.failed('', caller.remote)])
  return undefined
}

const showForm = (
  ctx: Koa.Context,
  person: Person,
  shown: {
    readonly user_code: string | undefined
    readonly status?: number
    readonly problem?: string
  },
  room: Room,
): void => {
  const { user_code, status = 200, problem } = shown
  const { account } = person
  const known = user_code === undefined ? undefined : readUserCode(user_code)
  const query = known === undefined ? '' : `?user_code=${known}`
  ctx.status = status
  const page = deviceEntryPage({
    action: endpointPath(room.config, 'device'),
    hidden: { csrf: bindForm(bindingOf(ctx, person, room), room) },
    person: { name: account.name ?? account.username, username: account.username },
    signOut: signInPath(ctx, 'device', query, room, true),
    ...(user_code !== undefined && { user_code: known ?? user_code.slice(0, 64) }),
    ...(problem !== undefined && { problem }),
  })
  answerPage(ctx, 'self', page)
}

const bindingOf = (ctx: Koa.Context, { account }: Person, room: Room): FormBinding => [
  'user-code',
  browserCookie(ctx, room),
  account.sub,
]

const WRONG_CODE = {
  refusal: 'user_code.failed',
  status: 400,
  problem: 'No device waits with this code. Look again, or have your device show a new one.',
}
const NOT_YOURS = {
  refusal: 'access_denied',
  status: 403,
  problem: 'Your account may give nothing of what this device asks for.',
}
const TOO_OFTEN = 'Too many wrong codes. Wait a while, then try again.'
