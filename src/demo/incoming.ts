import { type ServerResponse, STATUS_CODES } from 'node:http'
import type Koa from 'koa'
import { type Exchange, headerPairs, type Message } from './exchange.ts'

/** A request that the browser made to the demo application, and the answer as it stands. Cookies are left out. */
export const incoming = (ctx: Koa.Context): Exchange => ({
  from: 'Your browser',
  to: 'Demo application',
  url: ctx.href,
  method: ctx.method,
  request: {
    start: `${ctx.method} ${ctx.originalUrl} HTTP/${ctx.req.httpVersion}`,
    ...browserHeaders(headerPairs(ctx.req.rawHeaders)),
    body: '',
  },
  response: {
    start: `HTTP/${ctx.req.httpVersion} ${ctx.status} ${STATUS_CODES[ctx.status]}`,
    headers: headersOf(ctx.res),
    body: '',
  },
  status: ctx.status,
})

/** What a browser says of itself with every request, apart from what matters here. */
const browserHeaders = (
  pairs: Message['headers'],
): Pick<Message, 'headers'> & { readonly incidental: Message['headers'] } => {
  const sent = pairs.filter(([name]) => name.toLowerCase() !== 'cookie')
  const matters = ([name]: readonly [string, string]) => TELLING.has(name.toLowerCase())
  return { headers: sent.filter(matters), incidental: sent.filter((pair) => !matters(pair)) }
}

const TELLING = new Set(['host', 'origin', 'referer', 'content-type', 'content-length'])

// Every outgoing message of Node knows its names as they were written; its types say so of requests only.
const headersOf = (res: ServerResponse & { getRawHeaderNames?(): string[] }): Message['headers'] =>
  (res.getRawHeaderNames?.() ?? res.getHeaderNames())
    .filter((name) => name.toLowerCase() !== 'set-cookie')
    .map((name) => [name, String(res.getHeader(name))] as const)
