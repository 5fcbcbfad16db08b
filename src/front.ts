import type { IncomingMessage, ServerResponse } from 'node:http'
import Koa from 'koa'
import type { Program } from './oauth/program-endpoint.ts'
import { errorPage } from './pages/error.ts'
import { pageHeaders } from './pages/page-headers.ts'
import type { PeerOf } from './peer.ts'
import { isClientError } from './telemetry/client-error.ts'
import { describeError } from './telemetry/describe-error.ts'
import type { Observe } from './telemetry/exchange.ts'
import type { Log } from './telemetry/log.ts'
import { requestId } from './telemetry/request-id.ts'
import { noteOf, noteOn } from './telemetry/request-note.ts'

/**
 * What is behind the data plane: our endpoints for programs, and a Koa application with our pages and the 404 of what nobody
 * names. Gives every request its id and its line in the access log.
 */
export const createFront = (deps: {
  programs: ReadonlyMap<string, Program>
  middleware: readonly Koa.Middleware[]
  peer: PeerOf
  observe: Observe
  log: Log
}): ((req: IncomingMessage, res: ServerResponse) => void) => {
  const app = new Koa()
  const failed = (request_id: string | undefined, error: unknown, req?: IncomingMessage) => {
    const words = { request_id, error: describeError(error) }
    if (isClientError(error, req)) deps.log.debug('client.gone', words)
    else {
      const stack = error instanceof Error ? error.stack : undefined
      deps.log.error('request.failed', { ...words, stack })
    }
  }
  app.on('error', (error: unknown, ctx?: Koa.Context) =>
    failed(ctx?.state.request_id, error, ctx?.req),
  )
  app.use((ctx, next) => {
    const { request_id } = observed(ctx.req, ctx.res, ctx.path, deps)
    ctx.state.request_id = request_id
    ctx.set('X-Request-Id', request_id)
    return next()
  })
  app.use(failures)
  for (const middleware of deps.middleware) app.use(middleware)
  app.use((ctx) => refuse(ctx, 404))
  const koa = app.callback()
  return (req, res) => {
    const path = pathOf(req.url)
    const program = deps.programs.get(path)
    if (program === undefined) return void koa(req, res)
    const caller = observed(req, res, path, deps)
    program(req, res, caller).catch((error: unknown) => {
      failed(caller.request_id, error, req)
      refuseProgram(req, res, caller.request_id)
    })
  }
}

const pathOf = (url = ''): string => {
  const mark = url.indexOf('?')
  return mark < 0 ? url : url.slice(0, mark)
}

/** Gives a request its id, and tells of it when it is over. */
const observed = (
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  { peer, observe }: { peer: PeerOf; observe: Observe },
): { readonly remote: string; readonly request_id: string } => {
  const started = performance.now()
  const { address, trusted } = peer(req)
  const id = requestId(req, trusted)
  res.once('close', () =>
    observe({
      id,
      method: req.method ?? '',
      path,
      status: res.headersSent ? res.statusCode : 0,
      seconds: (performance.now() - started) / 1000,
      remote: address,
      ...noteOf(req),
    }),
  )
  return { remote: address, request_id: id }
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
  noteOn(ctx.req, { refusal: refusal.error })
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

/** The same to a program, whose answer may have begun. */
const refuseProgram = (req: IncomingMessage, res: ServerResponse, request_id: string): void => {
  if (res.headersSent) {
    res.destroy()
    return
  }
  const refusal = REFUSALS.get(500)
  noteOn(req, { refusal: 'server_error' })
  res.writeHead(500, {
    'X-Request-Id': request_id,
    'Cache-Control': 'no-store',
    'Content-Type': 'application/json; charset=utf-8',
  })
  res.end(
    JSON.stringify({ error: refusal?.error, error_description: refusal?.message, request_id }),
  )
}
