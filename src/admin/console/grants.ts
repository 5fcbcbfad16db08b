import type Router from '@koa/router'
import * as z from 'zod/mini'
import { type GrantFilters, grantsPage, placeOfGrants } from '../../pages/console/grants.ts'
import { placeOfPerson } from '../../pages/console/people.ts'
import { endGrant, type GrantQuery, hasOwnCursor, listGrants } from '../grants.ts'
import { scopeName } from '../list-query.ts'
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
  scope: text('scope'),
  unused: text('unused'),
  cursor: text('cursor'),
})

type Said = { readonly done?: string; readonly problem?: string }

const show = async (
  ctx: PageContext,
  room: ConsoleRoom,
  filters: GrantFilters,
  said: Said,
): Promise<void> => {
  const query = queryBy(filters)
  if ('problem' in query) ctx.status = 400
  const { items, next } = 'problem' in query ? NONE : await listGrants(query, room)
  ctx.body = grantsPage(frameOf(ctx, room), {
    grants: items,
    ...(next !== undefined && { next }),
    filters,
    mayEnd: mayDo(ctx.state.visitor, 'operator'),
    ...said,
    ...('problem' in query && { problem: query.problem }),
  })
}

const queryBy = ({
  client_id,
  sub,
  scope,
  unused,
  cursor,
}: GrantFilters): GrantQuery | { readonly problem: string } => {
  const days = /^\d{1,4}$/.test(unused) ? Number(unused) : 0
  if (unused !== '' && (days < 1 || days > 3650)) return { problem: NO_DAYS }
  if (scope !== '' && !z.safeParse(scopeName, scope).success) return { problem: NO_SCOPE }
  const query = {
    limit: 50,
    ...(client_id !== '' && { client_id }),
    ...(sub !== '' && { sub }),
    ...(scope !== '' && { scope }),
    ...(unused !== '' && { unused: days }),
    ...(cursor !== '' && { cursor }),
  }
  return hasOwnCursor(query) ? query : { problem: NO_PAGE }
}

const NONE: Awaited<ReturnType<typeof listGrants>> = { items: [] }
const NO_DAYS = 'Days are a whole number from 1 to 3650.'
const NO_SCOPE = 'A scope is one word, as orders.read.'
const NO_PAGE = 'There is no such page of this list. Begin with the first.'
