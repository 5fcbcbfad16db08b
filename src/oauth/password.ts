import type Koa from 'koa'

import { type PasswordField, passwordPage } from '../pages/password.ts'
import { AccountRefused } from '../store/account-registry.ts'
import { noteOn } from '../telemetry/request-note.ts'
import { answerPage, callerOf, type Handler, sendOn } from './endpoint.ts'
import { noteError } from './error-response.ts'
import { OAuthError } from './errors.ts'
import { bindForm, checkBinding, type FormBinding, refuseCrossSite } from './form-binding.ts'
import type { Parameters } from './parameters.ts'
import { provenAccount } from './proven-account.ts'
import { endpointPath, type Room } from './room.ts'
import { currentPerson, type Person, startSession } from './session.ts'
import { networkOf } from './throttle.ts'
import { signInPath } from './visit.ts'

/** GET: where a signed-in person changes their password. */
export const passwordForm =
  (room: Room): Handler =>
  async (ctx) => {
    const person = await currentPerson(ctx, room)
    if (!person) return sendOn(ctx, signInPath(ctx, 'password', '', room))
    showForm(ctx, person, {}, room)
  }

/**
 * POST: `current_password`, `new_password` and `new_password_again`. What was given under the former password is over, as are
 * all sessions; this browser gets a new one. Wrong current passwords count as wrong sign-ins do.
 */
export const changePassword =
  (room: Room): Handler =>
  async (ctx, parameters) => {
    refuseCrossSite(ctx.req, room)
    const person = await currentPerson(ctx, room)
    if (!person) return sendOn(ctx, signInPath(ctx, 'password', '', room))
    checkBinding(parameters, bindingOf(person), room)
    try {
      const problem = await change(ctx, person, parameters, room)
      if (problem) return showForm(ctx, person, problem, room)
      sendOn(ctx, `${endpointPath(room.config, 'apps')}?done=password`)
    } catch (error) {
      if (!(error instanceof OAuthError && error.status === 429)) throw error
      noteError(ctx.req, error)
      ctx.set(error.headers)
      showForm(ctx, person, { status: 429, field: 'current_password', problem: TOO_OFTEN }, room)
    }
  }

type Problem = {
  readonly status?: number
  readonly field?: PasswordField
  readonly problem?: string
}

const change = async (
  ctx: Koa.Context,
  { account: { username, sub } }: Person,
  parameters: Parameters,
  room: Room,
): Promise<Problem | undefined> => {
  const { stores } = room
  const next = parameters.get('new_password') ?? ''
  const problem = problemWith(next, parameters.get('new_password_again'), username)
  if (problem) return problem
  const password = parameters.get('current_password') ?? ''
  const caller = callerOf(ctx, room)
  const proven = await provenAccount({ username, password }, caller, room)
  if (!proven) return wrong(ctx)
  if (next.normalize('NFC') === password.normalize('NFC')) return refused(SAME)
  const hash = await stores.passwords.hash(next, networkOf(caller.remote))
  try {
    await stores.accounts.setPassword(sub, hash, caller, proven.password)
  } catch (error) {
    if (!(error instanceof AccountRefused)) throw error
    return wrong(ctx)
  }
  // Whoever was faster with yet another password wanted all sessions to end: this browser must not outlive that.
  const now = await stores.accounts.find(username)
  if (now?.password === hash) await startSession(ctx, now, room)
  return undefined
}

/** NIST SP 800-63B §3.1.1.2: a length, no rules of composition, and not what is known of the account. */
const problemWith = (
  next: string,
  again: string | undefined,
  username: string,
): Problem | undefined => {
  const length = [...next.normalize('NFC')].length
  if (length < SHORTEST) return refused(`The new password needs ${SHORTEST} characters or more.`)
  if (length > LONGEST) return refused(`The new password must not be longer than ${LONGEST}.`)
  if (lettersOf(next) === lettersOf(username) && lettersOf(username) !== '')
    return refused('The new password must not be your username.')
  if (new Set(next).size < 4) return refused('The new password is too easy to guess.')
  return next === again ? undefined : { field: 'new_password_again', problem: DIFFERENT }
}

/** `Ada.1234` is as good as `ada`. */
const lettersOf = (text: string): string => text.toLowerCase().replace(/\P{L}/gu, '')

const wrong = (ctx: Koa.Context): Problem => {
  noteOn(ctx.req, { refusal: 'login.failed', description: WRONG })
  return { status: 401, field: 'current_password', problem: WRONG }
}

const refused = (problem: string): Problem => ({ field: 'new_password', problem })

const showForm = (
  ctx: Koa.Context,
  person: Person,
  { field, problem, status = problem === undefined ? 200 : 400 }: Problem,
  room: Room,
): void => {
  const { account } = person
  ctx.status = status
  const page = passwordPage({
    action: endpointPath(room.config, 'password'),
    hidden: { csrf: bindForm(bindingOf(person), room) },
    person: { name: account.name ?? account.username, username: account.username },
    shortest: SHORTEST,
    cancel: endpointPath(room.config, 'apps'),
    ...(field && problem !== undefined && { problem: { field, text: problem } }),
  })
  answerPage(ctx, 'self', page)
}

/** The form of this sign-in, and no other. */
const bindingOf = ({ session, account }: Person): FormBinding => ['password', session, account.sub]

const SHORTEST = 8
const LONGEST = 1024
const WRONG = 'The current password is not right.'
const SAME = 'The new password is the one that you have.'
const DIFFERENT = 'The two new passwords are not the same.'
const TOO_OFTEN = 'Too many wrong attempts. Wait a while, then try again.'
