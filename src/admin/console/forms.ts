import type Koa from 'koa'
import { equal } from '../../store/secrets.ts'
import { mayDo, type Role } from '../principal.ts'
import { readBody } from '../read-body.ts'
import { refusalOf } from '../refusal.ts'
import type { ConsoleRoom, PageContext } from './console.ts'
import { failurePage, roleMissingPage, stalePage } from './failure.ts'
import { isSameOrigin } from './same-origin.ts'
import type { Visitor } from './session.ts'

/** A page for whoever has signed in and has the role; others are led to sign in, or told. */
export const page =
  (room: ConsoleRoom, role: Role, show: (ctx: PageContext) => unknown): Koa.Middleware =>
  async (ctx) => {
    const visitor = await room.sessions.visitor(ctx.req)
    if (visitor === undefined) return leadToSignIn(ctx)
    if (visitor.isRemembered && role !== 'viewer') return failurePage(ctx, room, 503)
    if (!mayDo(visitor, role)) return roleMissing(ctx, room, visitor, role)
    ctx.state.visitor = visitor
    ctx.type = 'html'
    await show(ctx as PageContext)
  }

/** What a form asks for: by who has the role, from a page that was shown in this session (security.md A12). */
export const action =
  (
    room: ConsoleRoom,
    role: Role,
    act: (ctx: PageContext, form: URLSearchParams) => unknown,
  ): Koa.Middleware =>
  async (ctx, next) => {
    const form = await readForm(ctx)
    if (typeof form === 'number') return failurePage(ctx, room, form)
    const visitor = await room.sessions.visitor(ctx.req)
    if (visitor === undefined) return leadToSignIn(ctx)
    const isBound = equal(form.get('csrf') ?? '', visitor.csrf)
    if (!isBound || !isSameOrigin(ctx.req)) return stale(ctx, room, visitor)
    await page(room, role, (shown) => act(shown, form))(ctx, next)
  }

/** What the functions behind the API's operations take. */
export const callOf = <Body>(ctx: PageContext, body: Body) => ({
  ...{ params: ctx.params, body, principal: ctx.state.visitor },
  ifMatch: undefined,
})

/** Loading what comes next does not do it again. `place`: a path of the console. */
export const seeOther = (ctx: PageContext, place: string): void => {
  ctx.status = 303
  ctx.set('Location', place)
}

const stale = (ctx: Koa.Context, room: ConsoleRoom, { actor, remote }: Visitor): void => {
  const { method, path } = ctx
  room.log.warn('admin.refused', { status: 403, reason: 'form', method, path, actor, remote })
  stalePage(ctx, room)
}

const roleMissing = (ctx: Koa.Context, room: ConsoleRoom, visitor: Visitor, needed: Role): void => {
  room.log.audit('admin.refused', refusalOf(visitor, needed, ctx))
  roleMissingPage(ctx, room, { has: visitor.role, needed })
}

const leadToSignIn = (ctx: Koa.Context): void => {
  const next = ctx.method === 'GET' ? ctx.url : '/'
  // A part of a page has no place for a form: htmx loads the whole.
  if (ctx.get('HX-Request') !== '') ctx.set('HX-Redirect', '/sign-in')
  ctx.status = 303
  ctx.set('Location', `/sign-in?next=${encodeURIComponent(next)}`)
}

/** A form of at most 64 KiB, or the status of why there is none. */
export const readForm = async (ctx: Koa.Context): Promise<URLSearchParams | 408 | 413 | 415> => {
  // `null`: there is no body, and so nothing in it.
  const isForm = ctx.is('application/x-www-form-urlencoded') !== false
  if (!isForm || ctx.get('Content-Encoding') !== '') return 415
  const read = await readBody(ctx.req, MOST)
  if ('bytes' in read) return new URLSearchParams(read.bytes.toString('utf8'))
  ctx.set('Connection', 'close')
  return read.failure === 'tooLarge' ? 413 : 408
}

const MOST = 65_536
