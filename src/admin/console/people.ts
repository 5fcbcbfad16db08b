import type Router from '@koa/router'
import {
  peoplePage,
  personPage,
  placeOfPerson,
  type ShownPerson,
} from '../../pages/console/people.ts'
import {
  answerWithAccount,
  disableAccount,
  enableAccount,
  removeAccount,
  setAccountPassword,
} from '../account-changes.ts'
import { listAccounts } from '../accounts.ts'
import { listGrants } from '../grants.ts'
import { mayDo } from '../principal.ts'
import { endSession, endSessions } from '../sessions.ts'
import type { ConsoleRoom, PageContext } from './console.ts'
import { failurePage } from './failure.ts'
import { action, callOf, page, seeOther } from './forms.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { addPersonForms } from './person-form.ts'
import { queryOf } from './query.ts'
import { frameOf } from './shown-frame.ts'

/** People, where they are signed in, and what they gave. */
export const peoplePages = (router: Router, room: ConsoleRoom): void => {
  router.get(
    '/people',
    page(room, 'viewer', (ctx) => showList(ctx, room)),
  )
  router.get(
    '/people/:sub',
    page(room, 'viewer', (ctx) => showPerson(ctx, room, {})),
  )
  addPersonForms(router, room)
  addStanding(router, room)
  addSessionEnds(router, room)
}

const addStanding = (router: Router, room: ConsoleRoom): void => {
  router.post(
    '/people/:sub/disable',
    action(room, 'operator', async (ctx, form) => {
      const reason = (form.get('reason') ?? '').trim().slice(0, 200) || 'no reason given'
      await showOutcome(ctx, room, outcomeOf(await disableAccount(callOf(ctx, { reason }), room)))
    }),
  )
  router.post(
    '/people/:sub/enable',
    action(room, 'operator', async (ctx) => {
      await showOutcome(ctx, room, outcomeOf(await enableAccount(callOf(ctx, undefined), room)))
    }),
  )
  router.post(
    '/people/:sub/password',
    action(room, 'owner', async (ctx, form) => {
      const body = { password: form.get('password') ?? '' }
      await showOutcome(ctx, room, outcomeOf(await setAccountPassword(callOf(ctx, body), room)))
    }),
  )
  router.post(
    '/people/:sub/delete',
    action(room, 'owner', async (ctx, form) => {
      const call = { ...callOf(ctx, undefined), ifMatch: form.get('etag') ?? '' }
      const outcome = outcomeOf(await removeAccount(call, room))
      if (!outcome.done) return showOutcome(ctx, room, outcome)
      seeOther(ctx, '/people?done=deleted')
    }),
  )
}

const addSessionEnds = (router: Router, room: ConsoleRoom): void => {
  router.post(
    '/people/:sub/end-sessions',
    action(room, 'operator', async (ctx) => {
      const sub = ctx.params.sub ?? ''
      await endSessions(sub, ctx.state.visitor, room)
      seeOther(ctx, placeOfPerson(sub))
    }),
  )
  router.post(
    '/people/:sub/end-session',
    action(room, 'operator', async (ctx, form) => {
      const sub = ctx.params.sub ?? ''
      await endSession(form.get('session') ?? '', sub, ctx.state.visitor, room)
      seeOther(ctx, placeOfPerson(sub))
    }),
  )
}

const showList = async (ctx: PageContext, room: ConsoleRoom): Promise<void> => {
  const given = queryOf(ctx)
  const [search, cursor] = [given('search').slice(0, 200), given('cursor')]
  const found = await listAccounts(
    { limit: 50, ...(search !== '' && { search }), ...(cursor !== '' && { cursor }) },
    room,
  )
  ctx.body = peoplePage(frameOf(ctx, room), {
    people: found.items as readonly ShownPerson[],
    search,
    mayCreate: mayDo(ctx.state.visitor, 'owner'),
    ...(found.next !== undefined && { next: found.next }),
    ...(given('done') === 'deleted' && {
      done: 'The account is gone, and everything that it gave has ended.',
    }),
  })
}

const showOutcome = (ctx: PageContext, room: ConsoleRoom, outcome: Outcome): Promise<void> => {
  ctx.status = outcome.done ? 200 : outcome.status
  return showPerson(ctx, room, outcome.done ? { done: 'Done.' } : { problem: outcome.problem })
}

type Said = { readonly done?: string; readonly problem?: string }

const showPerson = async (ctx: PageContext, room: ConsoleRoom, said: Said): Promise<void> => {
  const { stores } = room
  const sub = ctx.params.sub ?? ''
  const answer = answerWithAccount(await stores.accounts.read(sub), room)
  const outcome = outcomeOf(answer)
  if (!outcome.done) return failurePage(ctx, room, 404)
  const [ofPages, ofConsole, grants] = await Promise.all([
    stores.sessions.ofAccount(sub),
    stores.consoleSessions.ofAccount(sub),
    listGrants({ limit: 50, sub }, room),
  ])
  const { visitor } = ctx.state
  ctx.body = personPage(frameOf(ctx, room), {
    // Made by shownAccount.
    person: outcome.body as unknown as ShownPerson,
    etag: answer.headers?.ETag ?? '',
    sessions: [
      ...ofPages.map((session) => ({ ...session, ofConsole: false })),
      ...ofConsole.map((session) => ({ ...session, ofConsole: true })),
    ],
    grants: grants.items,
    more: grants.next !== undefined,
    may: { end: mayDo(visitor, 'operator'), own: mayDo(visitor, 'owner') },
    ...said,
  })
}
