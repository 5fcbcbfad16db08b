import type Router from '@koa/router'
import * as z from 'zod/mini'
import { type RefusalFilters, refusalsPage } from '../../pages/console/refusals.ts'
import { flawsOf } from '../flaws.ts'
import { refusalPaging } from '../list-query.ts'
import { refusalFilters } from '../refusals.ts'
import type { ConsoleRoom, PageContext } from './console.ts'
import { page } from './forms.ts'
import { queryOf } from './query.ts'
import { frameOf } from './shown-frame.ts'

export const refusalPages = (router: Router, room: ConsoleRoom): void => {
  router.get(
    '/refusals',
    page(room, 'viewer', (ctx) => showRefusals(ctx, room)),
  )
}

const showRefusals = async (ctx: PageContext, room: ConsoleRoom): Promise<void> => {
  const filters = filtersIn(ctx)
  const given = { ...filters, cursor: queryOf(ctx)('cursor') }
  const judged = z.safeParse(
    query,
    Object.fromEntries(Object.entries(given).filter(([, text]) => text !== '')),
  )
  if (!judged.success) {
    ctx.status = 400
    const [first] = flawsOf(judged.error.issues)
    const problem = `${first?.pointer.slice(1) ?? 'It'} ${first?.detail ?? 'is not as it should be'}`
    ctx.body = refusalsPage(frameOf(ctx, room), { refusals: [], filters, problem })
    return
  }
  const { items, next } = await room.refusals(judged.data)
  ctx.body = refusalsPage(frameOf(ctx, room), {
    refusals: items,
    filters,
    ...(next !== undefined && { next }),
  })
}

const query = z.strictObject({ ...refusalPaging, ...refusalFilters })

const filtersIn = (ctx: PageContext): RefusalFilters => {
  const text = queryOf(ctx)
  return {
    request_id: text('request_id'),
    client_id: text('client_id'),
    sub: text('sub'),
    route: text('route'),
    status: text('status'),
  }
}
