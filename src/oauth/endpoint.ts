import type Koa from 'koa'

import { pageHeaders } from '../pages/page-headers.ts'
import type { Call, Reply } from './call.ts'
import { OAuthError } from './errors.ts'
import type { Parameters } from './parameters.ts'
import type { Caller, Room } from './room.ts'

/** What answers a browser whose parameters are read. Errors are thrown and rendered once, at the edge. */
export type Handler = (ctx: Koa.Context, parameters: Parameters) => Promise<void> | void

/** The same of a program's request. */
export type ProgramHandler = (call: Call, parameters: Parameters) => Promise<Reply> | Reply

/** The same of a request whose parameters do not count; `read` resolves to the JSON document that it brought. */
export type DocumentHandler = (
  ctx: Koa.Context,
  read: () => Promise<unknown>,
) => Promise<void> | void

/** What takes documents (RFC 7591). `parameter`: a last segment, whatever it says, is `ctx.params` of that name. */
export type DocumentEndpoint = {
  readonly path: string
  readonly parameter?: string
  readonly methods: ReadonlyMap<string, DocumentHandler>
}

type EndpointOf<Answering> = {
  readonly path: string
  readonly get?: Answering
  readonly post?: Answering
  /** Parameters that may stand more than once. */
  readonly repeatable?: ReadonlySet<string>
}

/** What a person's browser comes to. */
export type PageEndpoint = EndpointOf<Handler> & {
  readonly renders: 'page'
  /** True where query and form of a post count alike and the handler judges flawed parameters (authorization requests). */
  readonly lenient?: boolean
}

/** What programs call. */
export type ProgramEndpoint = EndpointOf<ProgramHandler> & {
  readonly renders: 'json'
  /** True where any origin may call it with a script: nothing there depends on a cookie. */
  readonly cors?: boolean
}

/** How its errors look tells the two apart. */
export type Endpoint = PageEndpoint | ProgramEndpoint

/** For `Allow`. HEAD stands for GET where nothing comes of it; an authorization request or a form is more than a look (§3.1). */
export const methodsOf = (endpoint: Endpoint): string => {
  const programs = endpoint.renders === 'json'
  return [
    ...(endpoint.get ? (programs ? ['GET', 'HEAD'] : ['GET']) : []),
    ...(endpoint.post ? ['POST'] : []),
    ...(programs && endpoint.cors ? ['OPTIONS'] : []),
  ].join(', ')
}

export const methodNotAllowed = (allow: string): OAuthError =>
  new OAuthError('invalid_request', `the method must be one of ${allow}`, {
    status: 405,
    headers: { Allow: allow },
  })

/** A page of ours. `form`: 'client' where its post may end in a redirect to a client. */
export const answerPage = (ctx: Koa.Context, form: 'self' | 'client', page: string): void => {
  ctx.set(pageHeaders({ form }))
  ctx.type = 'html'
  ctx.body = page
}

/** A back-channel answer (RFC 6749 §5.1). */
export const answerJson = (ctx: Koa.Context, body: object): void => {
  ctx.set('Cache-Control', 'no-store')
  ctx.set('Pragma', 'no-cache')
  ctx.body = body
}

/** Sends a browser on. 303, never 307: no form is posted again (RFC 9700 §4.12). The bytes of `location` stay as they are. */
export const sendOn = (ctx: Koa.Context, location: string): void => {
  ctx.status = 303
  ctx.set('Location', location)
  ctx.set('Cache-Control', 'no-store')
  ctx.set('Referrer-Policy', 'no-referrer')
  ctx.body = ''
}

export const callerOf = (ctx: Koa.Context, { peer }: Pick<Room, 'peer'>): Caller => ({
  remote: peer(ctx.req).address,
  request_id: ctx.state.request_id ?? '',
})
