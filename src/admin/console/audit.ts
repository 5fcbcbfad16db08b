import type Router from '@koa/router'
import * as z from 'zod/mini'
import { type AuditFilters, auditPage } from '../../pages/console/audit.ts'
import { instant } from '../list-query.ts'
import type { ConsoleRoom, PageContext } from './console.ts'
import { page } from './forms.ts'
import { queryOf } from './query.ts'
import { frameOf } from './shown-frame.ts'

export const auditPages = (router: Router, room: ConsoleRoom): void => {
  router.get(
    '/audit',
    page(room, 'viewer', (ctx) => showAudit(ctx, room)),
  )
}

const showAudit = async (ctx: PageContext, room: ConsoleRoom): Promise<void> => {
  const filters = filtersIn(ctx)
  const times = timesIn(filters)
  const cursor = ctx.query.cursor
  const off = room.config().audit.keep === 0
  if (times === undefined) {
    ctx.status = 400
    ctx.body = auditPage(frameOf(ctx, room), { events: [], filters, off, problem: NO_DATE })
    return
  }
  const { events, cursor: next } = await room.stores.audit.search({
    limit: 100,
    ...named(filters),
    ...times,
    ...(typeof cursor === 'string' && cursor !== '' && { cursor }),
  })
  ctx.body = auditPage(frameOf(ctx, room), {
    events,
    filters,
    off,
    ...(next !== undefined && { next }),
  })
}

const filtersIn = (ctx: PageContext): AuditFilters => {
  const text = queryOf(ctx)
  return {
    event: text('event'),
    client_id: text('client_id'),
    sub: text('sub'),
    actor: text('actor'),
    request_id: text('request_id'),
    since: text('since'),
    until: text('until'),
  }
}

const named = ({ event, client_id, sub, actor, request_id }: AuditFilters) => ({
  ...(event !== '' && { event }),
  ...(client_id !== '' && { client_id }),
  ...(sub !== '' && { sub }),
  ...(actor !== '' && { actor }),
  ...(request_id !== '' && { request_id }),
})

/** Undefined: one of them is no date. */
const timesIn = ({ since, until }: AuditFilters) => {
  const [from, to] = [since, until].map((text) =>
    text === '' ? { success: true as const, data: undefined } : z.safeParse(instant, text),
  )
  if (!from?.success || !to?.success) return undefined
  return {
    ...(from.data !== undefined && { since: from.data }),
    ...(to.data !== undefined && { until: to.data }),
  }
}

const NO_DATE = 'A date is written 2026-01-31, or 2026-01-31T12:00:00Z.'
