import { STATUS_CODES } from 'node:http'
import type Koa from 'koa'
import { type Exchange, headerPairs } from './exchange.ts'

/** A request that the browser made to the demo application, and the answer as it stands. Cookies are left out. */
export const incoming = (ctx: Koa.Context): Exchange => ({
  from: 'Your browser',
  to: 'Demo application',
  url: ctx.href,
  method: ctx.method,
  request: {
    start: `${ctx.method} ${ctx.originalUrl} HTTP/${ctx.req.httpVersion}`,
    headers: headerPairs(ctx.req.rawHeaders).filter(([name]) => name.toLowerCase() !== 'cookie'),
    body: '',
  },
  response: {
    start: `HTTP/${ctx.req.httpVersion} ${ctx.status} ${STATUS_CODES[ctx.status]}`,
    headers: Object.entries(ctx.response.headers)
      .filter(([name]) => name !== 'set-cookie')
      .map(([name, value]) => [name, String(value)]),
    body: '',
  },
  status: ctx.status,
})
