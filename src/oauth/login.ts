import type Koa from 'koa'

import { signInPage } from '../pages/sign-in.ts'
import { noteOn } from '../telemetry/request-note.ts'
import { answerPage, callerOf, type Handler } from './endpoint.ts'
import { noteError } from './error-response.ts'
import { OAuthError } from './errors.ts'
import { bindForm, checkBinding, type FormBinding, refuseCrossSite } from './form-binding.ts'
import { type Occasion, readOccasion } from './occasion.ts'
import { provenAccount } from './proven-account.ts'
import { endpointPath, type Room } from './room.ts'
import { currentPerson, startSession } from './session.ts'

/** GET: the sign-in form; who is signed in already goes on, unless they come to change that (`prompt=login`). */
export const signInForm =
  (room: Room): Handler =>
  async (ctx, parameters) => {
    const occasion = await readOccasion(ctx, parameters, room)
    const person = await currentPerson(ctx, room)
    const stays = person && !occasion.mustSignIn(person)
    if (stays && parameters.get('prompt') !== 'login') return occasion.goOn(person, false)
    await showForm(ctx, occasion, { username: occasion.login_hint }, room)
  }

/** POST: `username` and `password`. What is wrong shows the form again: 401, and 429 when it was wrong too often. */
export const signIn =
  (room: Room): Handler =>
  async (ctx, parameters) => {
    refuseCrossSite(ctx.req, room)
    const occasion = await readOccasion(ctx, parameters, room)
    checkBinding(parameters, bindingOf(occasion), room)
    const username = parameters.get('username') ?? ''
    try {
      const password = parameters.get('password') ?? ''
      const account = await provenAccount({ username, password }, callerOf(ctx, room), room)
      if (!account) {
        noteOn(ctx.req, { refusal: 'login.failed', description: WRONG })
        return await showForm(ctx, occasion, { username, status: 401, problem: WRONG }, room)
      }
      const person = await startSession(ctx, account, room)
      room.log.audit('session.started', { sub: account.sub, ...callerOf(ctx, room) })
      await occasion.goOn(person, true)
    } catch (error) {
      if (!(error instanceof OAuthError && error.status === 429)) throw error
      noteError(ctx.req, error)
      ctx.set(error.headers)
      await showForm(ctx, occasion, { username, status: 429, problem: TOO_OFTEN }, room)
    }
  }

const showForm = async (
  ctx: Koa.Context,
  occasion: Occasion,
  shown: {
    readonly username?: string | undefined
    readonly status?: number
    readonly problem?: string
  },
  room: Room,
): Promise<void> => {
  const { status = 200, problem, username } = shown
  ctx.status = status
  const page = signInPage({
    action: endpointPath(room.config, 'login'),
    hidden: { ...occasion.hidden, csrf: bindForm(bindingOf(occasion), room) },
    ...occasion.shown,
    ...(username !== undefined && { username }),
    ...(problem !== undefined && { problem }),
    ...(await hintOf(room)),
  })
  answerPage(ctx, 'client', page)
}

/** Only the demo has passwords that can be read, and nobody to ask for them. */
const hintOf = async ({ config, stores }: Room): Promise<{ hint?: string }> => {
  if (!config.demo) return {}
  const known = await Promise.all(
    config.accounts.map(({ username }) => stores.accounts.find(username)),
  )
  const account = known.find((one) => one && !one.password.startsWith('$'))
  return account
    ? { hint: `Demo: sign in as ${account.username}, password ${account.password}` }
    : {}
}

const bindingOf = ({ browser, id }: Occasion): FormBinding => ['login', browser, id]

const WRONG = 'The username or the password is not right.'
const TOO_OFTEN = 'Too many wrong attempts. Wait a while, then try again.'
