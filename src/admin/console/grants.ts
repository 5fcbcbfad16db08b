import type Router from '@koa/router'
import { type GrantFilters, grantsPage, placeOfGrants } from '../../pages/console/grants.ts'
import { placeOfPerson } from '../../pages/console/people.ts'
import { surveyGrants } from '../grant-survey.ts'
import { endGrant, isIdle, listGrants, shownGrant } from '../grants.ts'
import { mayDo } from '../principal.ts'
import type { ConsoleRoom, PageContext } from './console.ts'
import { action, page, seeOther } from './forms.ts'
import { outcomeOf } from './outcome.ts'
import { queryOf } from './query.ts'
import { frameOf } from './shown-frame.ts'

/** Who has access to what. */
export const grantPages = (router: Router, room: ConsoleRoom): void => {
  router.get(
    '/grants',
    page(room, 'viewer', (ctx) => {
      const given = queryOf(ctx)
      const filters = filtersBy(given)
      const done =
        given('done') === 'ended' ? { done: 'It has ended, and its tokens with it.' } : {}
      return show(ctx, room, filters, done)
    }),
  )
  router.post(
    '/grants/:id/end',
    action(room, 'operator', async (ctx, form) => {
      const filters = filtersBy((name) => (form.get(name) ?? '').trim())
      const id = ctx.params.id ?? ''
      const outcome = outcomeOf(await endGrant(id, ctx.state.visitor, room))
      if (!outcome.done) {
        ctx.status = outcome.status
        return show(ctx, room, filters, { problem: outcome.problem })
      }
      if (form.get('back') === 'person') seeOther(ctx, placeOfPerson(filters.sub))
      else seeOther(ctx, placeOfGrants({ ...filters, done: 'ended' }))
    }),
  )
}

const filtersBy = (text: (name: string) => string): GrantFilters => ({
  client_id: text('client_id'),
  sub: text('sub'),
  unused: text('unused'),
})

type Said = { readonly done?: string; readonly problem?: string }

const show = async (
  ctx: PageContext,
  room: ConsoleRoom,
  filters: GrantFilters,
  said: Said,
): Promise<void> => {
  const days = daysIn(filters)
  const wrong = Number.isNaN(days) ? { problem: NO_DAYS } : {}
  if (Number.isNaN(days)) ctx.status = 400
  const found = Number.isNaN(days) ? NONE : await find(ctx, room, filters, days)
  ctx.body = grantsPage(frameOf(ctx, room), {
    ...found,
    filters,
    mayEnd: mayDo(ctx.state.visitor, 'operator'),
    ...said,
    ...wrong,
  })
}

const find = async (
  ctx: PageContext,
  room: ConsoleRoom,
  { client_id, sub }: GrantFilters,
  unused: number | undefined,
) => {
  const cursor = queryOf(ctx)('cursor')
  if (client_id === '' && sub === '') return survey(room, unused)
  const { items, next } = await listGrants(
    {
      limit: 50,
      ...(client_id !== '' && { client_id }),
      ...(sub !== '' && { sub }),
      ...(unused !== undefined && { unused }),
      ...(cursor !== '' && { cursor }),
    },
    room,
  )
  return { grants: items, ...(next !== undefined && { next }) }
}

/** Of everybody: those that have lain idle for longest first. */
const survey = async (room: ConsoleRoom, unused: number | undefined) => {
  const { grants, clients, more } = await surveyGrants(room)
  const before = unused === undefined ? undefined : room.clock() - unused * 86_400
  const shown = grants
    .filter(({ grant, use }) => before === undefined || isIdle(grant, use, before))
    .map(({ grant, use }) => shownGrant(grant, use))
    .sort((a, b) => idleSince(a) - idleSince(b))
  return {
    grants: shown.slice(0, MOST_SHOWN),
    looked: { grants: grants.length, clients, more: more || shown.length > MOST_SHOWN },
  }
}

/** A client may have used others of its own before it got this one. */
const idleSince = ({ last_used = 0, created }: ReturnType<typeof shownGrant>): number =>
  Math.max(last_used, created)

/** Undefined: not asked for. NaN: no number of days. */
const daysIn = ({ unused }: GrantFilters): number | undefined => {
  if (unused === '') return undefined
  const days = /^\d{1,4}$/.test(unused) ? Number(unused) : Number.NaN
  return days >= 1 && days <= 3650 ? days : Number.NaN
}

const NONE = { grants: [] }
const MOST_SHOWN = 200
const NO_DAYS = 'Days are a whole number from 1 to 3650.'
