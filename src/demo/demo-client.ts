import { createHash } from 'node:crypto'
import type Koa from 'koa'
import type { Config } from '../config/config.ts'
import { demoPage } from '../pages/demo.ts'
import { errorPage } from '../pages/error.ts'
import { pageHeaders } from '../pages/page-headers.ts'
import type { Log } from '../telemetry/log.ts'
import { isAnswerTo, receive } from './callback.ts'
import { createCall } from './exchange.ts'
import { incoming } from './incoming.ts'
import { demoSetup, type Setup } from './setup.ts'
import { takeAll, takeRest, takeStep } from './steps.ts'
import { viewOf } from './view.ts'
import { askedAgain, good, LAST_STEP, newWalk, type Walk, type World } from './walk.ts'
import { walkScript } from './walk-script.ts'
import { createWalks, type Walks } from './walks.ts'

/**
 * A small confidential web application, the client `demo`, that shows each of its steps. It lives in the gateway's
 * process but reaches the gateway over HTTP only. Serves `/demo` and below, and leads `/` there.
 */
export const createDemo = (deps: {
  readonly config: Config
  readonly log: Log
}): Koa.Middleware => {
  const setup = demoSetup(deps.config)
  const endpoints =
    typeof setup === 'string'
      ? new Map([['GET /demo', unavailable(setup)]])
      : endpointsOf(setup, { setup, call: createCall(deps.config) })
  endpoints.set('GET /', (ctx) => seeOther(ctx, '/demo'))
  return async (ctx, next) => {
    const method = ctx.method === 'HEAD' ? 'GET' : ctx.method
    const endpoint = endpoints.get(`${method} ${ctx.path}`)
    await (endpoint === undefined ? next() : endpoint(ctx))
  }
}

type Endpoint = (ctx: Koa.Context) => void | Promise<void>

const endpointsOf = (setup: Setup, world: World): Map<string, Endpoint> => {
  const walks = createWalks()
  const posted = (step: PostedStep) => acceptPost(setup, walks, step)
  const steps = [1, 2, 5, 6, 7, 8, 9].map((number): [string, Endpoint] => [
    `POST /demo/step/${number}`,
    // A step that was sent twice is taken once.
    posted((walk) => (walk.next === number ? takeStep(walk, world) : walk)),
  ])
  return new Map([
    ...steps,
    ['GET /demo', showWalk(setup, walks)],
    ['GET /demo/callback', receiveAnswer(setup, walks, world)],
    ['POST /demo/step/3', posted(toSignIn)],
    ['POST /demo/rest', posted(async (walk, ctx) => toSignIn(await takeRest(walk, world), ctx))],
    ['POST /demo/again', posted(askedAgain)],
    ['POST /demo/restart', posted(newWalk)],
  ])
}

const showWalk =
  (setup: Setup, walks: Walks): Endpoint =>
  (ctx) => {
    // The cookie belongs to one name of this machine, and the redirect URI is on the issuer's.
    if (ctx.host !== new URL(setup.origin).host) return seeOther(ctx, `${setup.origin}/demo`)
    const id = enter(ctx, walks)
    ctx.set(PAGE_HEADERS)
    ctx.type = 'html'
    ctx.body = demoPage({ ...viewOf(walks.get(id) ?? newWalk(), setup), script: walkScript })
  }

type PostedStep = (walk: Walk, ctx: Koa.Context) => Walk | Promise<Walk>

const acceptPost =
  (setup: Setup, walks: Walks, step: PostedStep): Endpoint =>
  async (ctx) => {
    if (!isSameOrigin(ctx, setup)) return refuse(ctx, 403, 'This form was not sent from here.')
    const id = enter(ctx, walks)
    const before = walks.get(id)?.next ?? 1
    const walk = await walks.change(id, (current) => step(current, ctx))
    if (ctx.status === 303) return
    seeOther(ctx, walk.next > before ? `/demo#step-${walk.next - 1}` : '/demo')
  }

/** Browsers send no Origin here, since the pages send no referrer, but they do say where a request comes from. */
const isSameOrigin = (ctx: Koa.Context, { origin }: Setup): boolean => {
  const site = ctx.get('Sec-Fetch-Site')
  return site === '' ? ctx.get('Origin') === origin : site === 'same-origin'
}

const enter = (ctx: Koa.Context, walks: Walks): string => {
  const id = walks.enter(ctx.cookies.get('pc_demo'))
  ctx.cookies.set('pc_demo', id, { path: '/demo', httpOnly: true, sameSite: 'lax' })
  return id
}

/** Step 3: the answer to the browser is the authorization request itself (RFC 6749 §4.1.1). */
const toSignIn: PostedStep = (walk, ctx) => {
  if (walk.next !== 3 || walk.authorization === undefined) return walk
  seeOther(ctx, walk.authorization.url)
  return { ...walk, taken: new Map(walk.taken).set(3, { exchange: incoming(ctx), note: SENT }) }
}

const SENT = good('Your browser was sent to the gateway, with the address of step 2.')

/** Step 4: the answer of RFC 6749 §4.1.2, or the refusal of §4.1.2.1. */
const receiveAnswer =
  (setup: Setup, walks: Walks, world: World): Endpoint =>
  async (ctx) => {
    const id = ctx.cookies.get('pc_demo')
    const walk = walks.get(id)
    const answer = new URLSearchParams(ctx.querystring)
    if (id === undefined || walk === undefined || !isAnswerTo(walk, answer, setup.issuer))
      return refuse(ctx, 400, 'This answer does not belong to a walk that this browser began.')
    seeOther(ctx, `/demo#step-${walk.hurried && answer.has('code') ? LAST_STEP : 4}`)
    await walks.change(id, (current) => {
      const arrived = receive(current, answer, incoming(ctx))
      return arrived.hurried ? takeAll(arrived, world) : arrived
    })
  }

const seeOther = (ctx: Koa.Context, location: string): void => {
  ctx.status = 303
  ctx.set({ Location: location, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' })
  ctx.body = ''
}

const refuse = (ctx: Koa.Context, status: number, message: string): void => {
  ctx.set(pageHeaders({ form: 'self' }))
  ctx.status = status
  ctx.type = 'html'
  ctx.body = errorPage({
    status,
    title: 'The walk stops here',
    message,
    remedy: 'Open /demo and begin again.',
    requestId: ctx.state.request_id,
  })
}

const unavailable =
  (problem: string): Endpoint =>
  (ctx) =>
    refuse(ctx, 503, problem)

const scriptHash = createHash('sha256').update(walkScript).digest('base64')
const PAGE_HEADERS = pageHeaders({ form: 'self', script: `'sha256-${scriptHash}'` })
