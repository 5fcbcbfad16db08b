import type Router from '@koa/router'
import type Koa from 'koa'
import { consoleSignInPage } from '../../pages/console/sign-in.ts'
import { addressOf } from '../../peer.ts'
import { equal } from '../../store/secrets.ts'
import { StoreUnavailable } from '../../store/store.ts'
import type { ConsoleRoom } from './console.ts'
import { readCookie, writeCookie } from './cookie.ts'
import { failurePage, stalePage } from './failure.ts'
import { action, readForm } from './forms.ts'
import { isSameOrigin } from './same-origin.ts'

export const signInPages = (router: Router, room: ConsoleRoom): void => {
  router.get('/sign-in', (ctx) => showForm(ctx, room, { next: placeIn(ctx.query.next) }))
  router.post('/sign-in', (ctx) => signIn(ctx, room))
  router.post(
    '/sign-out',
    action(room, 'viewer', async (ctx) => {
      await room.sessions.end(ctx.req, ctx.res)
      room.log.audit('console.signed_out', { actor: ctx.state.visitor.actor })
      ctx.redirect('/sign-in')
    }),
  )
}

type Shown = {
  readonly next: string
  readonly username?: string
  readonly problem?: string
  readonly status?: number
}

const showForm = (ctx: Koa.Context, room: ConsoleRoom, shown: Shown): void => {
  const { status = 200, ...rest } = shown
  const browser = readCookie(ctx.req, FORM) ?? room.stores.secrets.id()
  writeCookie(ctx.res, FORM, browser)
  ctx.status = status
  ctx.type = 'html'
  ctx.body = consoleSignInPage({
    assets: room.assets.addresses,
    warnings: room.warnings(),
    csrf: tokenOf(browser, room),
    ...rest,
  })
}

const signIn = async (ctx: Koa.Context, room: ConsoleRoom): Promise<void> => {
  const form = await readForm(ctx)
  if (typeof form === 'number') return failurePage(ctx, room, form)
  const browser = readCookie(ctx.req, FORM)
  if (browser === undefined || !isSameOrigin(ctx.req)) return stalePage(ctx, room)
  if (!equal(form.get('csrf') ?? '', tokenOf(browser, room))) return stalePage(ctx, room)
  const next = placeIn(form.get('next') ?? undefined)
  const username = form.get('username') ?? ''
  const remote = addressOf(ctx.req.socket)
  const password = form.get('password') ?? ''
  const proven = await room.prove({ username, password }, remote).catch(storeAway)
  if (proven === STORE_AWAY)
    return showForm(ctx, room, { next, username, status: 503, problem: STORE_AWAY })
  if (proven !== undefined && 'wait' in proven) {
    ctx.set('Retry-After', String(proven.wait))
    return showForm(ctx, room, { next, username, status: 429, problem: TOO_OFTEN })
  }
  // Who may not use the console learns no more than who has the password wrong.
  if (proven?.admin === undefined) {
    if (proven !== undefined) room.log.audit('console.refused', { sub: proven.sub, remote })
    return showForm(ctx, room, { next, username, status: 401, problem: WRONG })
  }
  await room.sessions.end(ctx.req, ctx.res)
  await room.sessions.start(ctx.res, proven, remote)
  room.log.audit('console.signed_in', { actor: proven.username, sub: proven.sub, remote })
  ctx.redirect(next)
  ctx.status = 303
}

const storeAway = (error: unknown): typeof STORE_AWAY => {
  if (error instanceof StoreUnavailable) return STORE_AWAY
  throw error
}

const tokenOf = (browser: string, { stores }: ConsoleRoom): string =>
  stores.secrets.tag('csrf', ['console-sign-in', browser])

/** A path of the console itself, whatever it was called with (security.md A10). */
const placeIn = (given: unknown): string =>
  typeof given === 'string' && /^\/(?![/\\])[\x21-\x7e]*$/.test(given) && !given.includes('\\')
    ? given
    : '/'

const FORM = 'pc_console_form'
const WRONG = 'The username or the password is not right, or the account has no admin role.'
const STORE_AWAY =
  'The store does not answer: nobody can sign in until it is back. /readyz and the log say more.'
const TOO_OFTEN = 'Too many wrong attempts. Wait a while, then try again.'
