import type { IncomingMessage, ServerResponse } from 'node:http'
import Router from '@koa/router'
import Koa from 'koa'
import type { Account } from '../../store/accounts.ts'
import { StoreUnavailable } from '../../store/store.ts'
import { isClientError } from '../../telemetry/client-error.ts'
import { isOurs } from '../host.ts'
import type { Room } from '../room.ts'
import { createAssets } from './assets.ts'
import { failurePage } from './failure.ts'
import { createSamples, type Samples } from './samples.ts'
import type { ConsoleSessions, Visitor } from './session.ts'

/** What every page of the console works with. */
export type ConsoleRoom = Room & {
  readonly sessions: ConsoleSessions
  readonly assets: ReturnType<typeof createAssets>
  readonly samples: Samples
  /**
   * The account that a username and a password prove; undefined: none. `wait`: too many were wrong, so many seconds ago.
   */
  readonly prove: (
    given: { readonly username: string; readonly password: string },
    remote: string,
  ) => Promise<Account | undefined | { readonly wait: number }>
  /** What must not be overlooked, on every page. */
  readonly warnings: () => readonly string[]
  /** Has something done when the console closes. */
  readonly closing: (act: () => void) => void
}

/** A page: what it needs to know of who looks at it is in `ctx.state`. */
export type PageContext = Koa.ParameterizedContext<{ visitor: Visitor }> & {
  readonly params: Readonly<Record<string, string>>
}

export type Console = {
  handle(req: IncomingMessage, res: ServerResponse): void
  close(): void
}

/** The console: pages on the admin listener, for accounts with an `admin` role (security.md A37). */
export const createConsole = async (
  given: Omit<ConsoleRoom, 'assets' | 'samples' | 'closing'> & {
    readonly exposition: () => Promise<string>
  },
): Promise<Console> => {
  const samples = createSamples(given)
  const acts = [samples.close]
  const closing = (act: () => void) => void acts.push(act)
  const room: ConsoleRoom = { ...given, assets: createAssets(), samples, closing }
  const app = new Koa()
  app.on('error', (error: unknown, ctx?: Koa.Context) => {
    if (isClientError(error, ctx?.req)) return
    room.log.error('console.failed', { path: ctx?.path, error })
  })
  app.use(guarded(room))
  app.use(failures(room))
  app.use(assets(room))
  const { pages } = await import('./pages.ts')
  const router = new Router({ sensitive: true, strict: true })
  pages(router, room)
  app.use(router.routes())
  app.use((ctx) => failurePage(ctx, room, 404))
  const callback = app.callback()
  return {
    handle: (req, res) => void callback(req, res),
    close() {
      for (const act of acts) act()
    },
  }
}

/** Headers of every answer; and no answer under a name that a stranger pointed at us. */
const guarded =
  ({ config }: ConsoleRoom): Koa.Middleware =>
  async (ctx, next) => {
    ctx.set(HEADERS)
    if (!isOurs(ctx.req, config().admin.listen.host)) {
      ctx.status = 421
      ctx.body = 'Name this listener by an address, by localhost or by the host of admin.listen\n'
      return
    }
    await next()
  }

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  // With no-referrer browsers send `Origin: null` from our own forms, and over plain HTTP nothing else says whose they are.
  'Referrer-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
}

/** A store that is away is said so, on a page that can be used. */
const failures =
  (room: ConsoleRoom): Koa.Middleware =>
  async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      const isAway = error instanceof StoreUnavailable
      if (!isAway) ctx.app.emit('error', error, ctx)
      failurePage(ctx, room, isAway ? 503 : 500)
    }
  }

const assets =
  (room: ConsoleRoom): Koa.Middleware =>
  async (ctx, next) => {
    const asset = ctx.method === 'GET' ? room.assets.find(ctx.path) : undefined
    if (asset === undefined) return next()
    ctx.type = asset.type
    ctx.set('Cache-Control', 'public, max-age=31536000, immutable')
    ctx.body = asset.body
    return undefined
  }
