import type Koa from 'koa'

import { appsPage, type ShownSession } from '../pages/apps.ts'
import type { LiveSession } from '../store/sessions.ts'
import { browserCookie } from './browser-binding.ts'
import { answerPage, callerOf, type Handler, sendOn } from './endpoint.ts'
import { invalidRequest } from './errors.ts'
import { bindForm, checkBinding, type FormBinding, refuseCrossSite } from './form-binding.ts'
import { type GivenAccess, givenAccess } from './given-access.ts'
import type { Parameters } from './parameters.ts'
import { endpointPath, type Room } from './room.ts'
import { currentPerson, type Person } from './session.ts'
import { signInPath } from './visit.ts'

/** GET: which applications a signed-in person has given access to, what they last used, and where the person is signed in. */
export const appsList =
  (room: Room): Handler =>
  async (ctx, parameters) => {
    const person = await currentPerson(ctx, room)
    if (!person) return sendOn(ctx, signInPath(ctx, 'apps', '', room))
    await showApps(ctx, person, parameters, room)
  }

/** POST: takes back, at once and everywhere, what the application `client_id` was given, and forgets that it was allowed. */
export const takeBack =
  (room: Room): Handler =>
  async (ctx, parameters) => {
    refuseCrossSite(ctx.req, room)
    const person = await currentPerson(ctx, room)
    if (!person) return sendOn(ctx, signInPath(ctx, 'apps', '', room))
    const client_id = parameters.get('client_id')
    if (client_id === undefined) throw invalidRequest('client_id is missing')
    checkBinding(parameters, bindingOf(ctx, client_id, person, room), room)
    await end(ctx, client_id, person, room)
    sendOn(ctx, `${endpointPath(room.config, 'apps')}?done=removed`)
  }

/** The consent first: were the rest to fail, the application would at least have to ask. */
const end = async (
  ctx: Koa.Context,
  client_id: string,
  { account: { sub } }: Person,
  { stores, log, ...room }: Room,
): Promise<void> => {
  await stores.consents.remove(client_id, sub)
  const count = await stores.grants.endAllOfAccount(
    sub,
    'taken back by the person',
    (grant) => grant.client_id === client_id,
  )
  log.audit('access.taken_back', { client_id, sub, count, ...callerOf(ctx, room) })
}

const showApps = async (
  ctx: Koa.Context,
  person: Person,
  parameters: Parameters,
  room: Room,
): Promise<void> => {
  const { account } = person
  const { config, stores, clock } = room
  const [given, sessions] = await Promise.all([
    givenAccess(account, room),
    stores.sessions.ofAccount(account.sub),
  ])
  const notice = NOTICES.get(parameters.get('done') ?? '')
  const page = appsPage({
    action: endpointPath(config, 'apps'),
    person: { name: account.name ?? account.username, username: account.username },
    apps: given.map((access) => shown(ctx, access, person, room)),
    sessions: sessions.map(sessionOf(person)),
    now: clock(),
    links: {
      password: endpointPath(config, 'password'),
      signOut: endpointPath(config, 'logout'),
      again: signInPath(ctx, 'apps', '', room, true),
    },
    ...(notice !== undefined && { notice }),
  })
  answerPage(ctx, 'self', page)
}

const shown = (ctx: Koa.Context, access: GivenAccess, person: Person, room: Room) => {
  const { client_id, scope, client, ...rest } = access
  const csrf = bindForm(bindingOf(ctx, client_id, person, room), room)
  const words = scope.map((name) => room.config.scopes.get(name) ?? name)
  return { ...rest, ...client, client_id, words, hidden: { client_id, csrf } }
}

const sessionOf =
  (person: Person) =>
  ({ id, agent = 'A browser', remote = '', auth_time, used }: LiveSession): ShownSession => ({
    ...{ agent, remote, begun: auth_time, used, here: id === person.session },
  })

/** One application of this person's, in this browser. */
const bindingOf = (
  ctx: Koa.Context,
  client_id: string,
  { account }: Person,
  room: Room,
): FormBinding => ['apps', browserCookie(ctx, room), account.sub, client_id]

const NOTICES: ReadonlyMap<string, string> = new Map([
  ['removed', 'The application has no access any more.'],
  ['password', 'Your password is changed. You are signed out everywhere but here.'],
])
