import Koa from 'koa'
import { errorPage } from './pages/error.ts'
import { pageHeaders } from './pages/page-headers.ts'
import type { PeerOf } from './peer.ts'
import { isClientError } from './telemetry/client-error.ts'
import { describeError } from './telemetry/describe-error.ts'
import type { Observe } from './telemetry/exchange.ts'
import type { Log } from './telemetry/log.ts'
import { requestId } from './telemetry/request-id.ts'

/**
 * The Koa application behind the data plane: our own endpoints and pages, and the 404 of what nobody names.
 * Gives every request its id and its line in the access log.
 */
export const createFront = (deps: {
  middleware: readonly Koa.Middleware[]
  peer: PeerOf
  observe: Observe
  log: Log
}): ReturnType<Koa['callback']> => {
  const app = new Koa()
  app.on('error', (error: unknown, ctx?: Koa.Context) => {
    const request_id: string | undefined = ctx?.state.request_id
    const words = { request_id, error: describeError(error) }
    if (isClientError(error, ctx?.req)) deps.log.debug('client.gone', words)
    else {
      const stack = error instanceof Error ? error.stack : undefined
      deps.log.error('request.failed', { ...words, stack })
    }
  })
  app.use(observed(deps.peer, deps.observe))
  app.use(failures)
  for (const middleware of deps.middleware) app.use(middleware)
  app.use((ctx) => refuse(ctx, 404))
  return app.callback()
}

const observed =
  (peer: PeerOf, observe: Observe): Koa.Middleware =>
  (ctx, next) => {
    const started = performance.now()
    const { address, trusted } = peer(ctx.req)
    const id = requestId(ctx.req, trusted)
    ctx.state.request_id = id
    ctx.set('X-Request-Id', id)
    ctx.res.once('close', () =>
      observe({
        id,
        method: ctx.req.method ?? '',
        path: ctx.path,
        status: ctx.res.headersSent ? ctx.res.statusCode : 0,
        seconds: (performance.now() - started) / 1000,
        remote: address,
      }),
    )
    return next()
  }

/** What no endpoint rendered itself is our fault: 500, logged, and nothing of it shown. */
async function failures(ctx: Koa.Context, next: Koa.Next): Promise<void> {
  try {
    await next()
  } catch (error) {
    ctx.app.emit('error', error, ctx)
    refuse(ctx, 500)
  }
}

type Refusal = { readonly error: string; readonly title: string; readonly message: string }

const REFUSALS = new Map<number, Refusal>([
  [
    404,
    {
      error: 'not_found',
      title: 'Nothing here',
      message: 'No route and no page has this address.',
    },
  ],
  [
    500,
    {
      error: 'server_error',
      title: 'Our mistake',
      message: 'Something failed on our side. It has been logged.',
    },
  ],
])

const refuse = (ctx: Koa.Context, status: 404 | 500): void => {
  const refusal = REFUSALS.get(status)
  if (!refusal) return
  const request_id: string = ctx.state.request_id
  ctx.status = status
  if (ctx.accepts('json', 'html') === 'html') {
    ctx.set(pageHeaders({ form: 'self' }))
    ctx.type = 'html'
    ctx.body = errorPage({
      status,
      title: refusal.title,
      message: refusal.message,
      requestId: request_id,
    })
    return
  }
  ctx.set('Cache-Control', 'no-store')
  ctx.body = { error: refusal.error, error_description: refusal.message, request_id }
}
