import Router, { type RouterMiddleware } from '@koa/router'
import type Koa from 'koa'

import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { PeerOf } from '../peer.ts'
import type { Stores } from '../store/open.ts'
import type { Log } from '../telemetry/log.ts'
import { appsList, takeBack } from './apps.ts'
import { authorize } from './authorize.ts'
import type { Call } from './call.ts'
import type { createClientKeys } from './client-keys.ts'
import { consentForm, decideConsent } from './consent.ts'
import { createCookie } from './cookies.ts'
import { answerDevice, devicePage } from './device.ts'
import { authorizeDevice } from './device-authorization.ts'
import {
  callerOf,
  type DocumentEndpoint,
  type Endpoint,
  methodNotAllowed,
  methodsOf,
  type PageEndpoint,
} from './endpoint.ts'
import { answerError } from './error-response.ts'
import { invalidClientMetadata } from './errors.ts'
import { createFormReader, DOCUMENT, type FormReader } from './form.ts'
import { introspect } from './introspection.ts'
import { signIn, signInForm } from './login.ts'
import { signOut, signOutForm } from './logout.ts'
import { metadataEndpoints } from './metadata.ts'
import { readParameters } from './parameters.ts'
import { changePassword, passwordForm } from './password.ts'
import { refusePlainHttp } from './plain-http.ts'
import { type Program, serveProgram } from './program-endpoint.ts'
import { pushRequest } from './pushed-request.ts'
import { rawForm } from './raw-form.ts'
import { removeRegistration, replaceRegistration, showRegistration } from './registered-client.ts'
import { register } from './registration.ts'
import { REPEATABLE } from './resource.ts'
import { revoke } from './revocation.ts'
import type { Room } from './room.ts'
import type { createThrottles } from './throttle.ts'
import { issueToken } from './token.ts'
import { informOfToken } from './token-information.ts'

/**
 * The authorization server: all of it as one Koa middleware (paths that are not its own go to the next), and what programs
 * call besides, by path, for whoever has no need of Koa. `ctx.state.request_id` must have been set. `warm` loads what only the
 * first requests need.
 */
export const createAuthorizationServer = (deps: {
  config: Config
  stores: Stores
  peer: PeerOf
  clock: Clock
  log: Log
  /** Outlives this server, as the counts must. */
  throttles: ReturnType<typeof createThrottles>
  /** So must what clients publish. */
  clientKeys: ReturnType<typeof createClientKeys>
}): {
  middleware: Koa.Middleware
  programs: ReadonlyMap<string, Program>
  warm(): Promise<void>
} => {
  const { issuer, limits } = deps.config
  const room: Room = {
    ...deps,
    cookies: {
      session: createCookie(issuer, 'pc_session'),
      browser: createCookie(issuer, 'pc_browser'),
    },
    throttles: deps.throttles(limits),
    clientKeys: deps.clientKeys(deps.config.fetch),
  }
  const rawBody = async () => {
    const { koaBody } = await import('koa-body')
    return koaBody({ ...RAW_BODY, textLimit: limits.formBody })
  }
  const page = createFormReader<Koa.Context>(rawBody)
  const document = createFormReader<Koa.Context>(rawBody, undefined, DOCUMENT)
  // Programs ask by the thousand, and reading their form with koa-body costs as much as all that is done with it.
  const form = createFormReader<Call>(async () => rawForm(limits.formBody))
  const programs = new Map<string, Program>()
  // A path without parameters needs no pattern: the router would try each of them.
  const direct = new Map<string, Koa.Middleware>()
  for (const endpoint of endpointTable(room)) {
    if (endpoint.renders === 'page') direct.set(endpoint.path, answering(endpoint, room, page))
    else {
      const program = serveProgram(endpoint, room, form)
      programs.set(endpoint.path, program)
      direct.set(endpoint.path, throughKoa(program, room))
    }
  }
  const router = new Router({ sensitive: true, strict: true })
  for (const endpoint of documentTable(room)) {
    const { path, parameter } = endpoint
    const pattern = parameter === undefined ? literal(path) : `${literal(path)}/:${parameter}`
    router.all(pattern, answeringDocuments(endpoint, room, document))
  }
  const routed = router.routes() as Koa.Middleware
  return {
    middleware: (ctx, next) => (direct.get(ctx.path) ?? routed)(ctx, next),
    programs,
    async warm() {
      const counts = Object.values(room.throttles)
      await Promise.all([page, form, document, ...counts].map((one) => one.warm()))
    },
  }
}

/** What programs call, where Koa has the request. */
const throughKoa =
  (program: Program, room: Room): Koa.Middleware =>
  async (ctx) => {
    ctx.respond = false
    await program(ctx.req, ctx.res, callerOf(ctx, room))
  }

const endpointTable = (room: Room): readonly Endpoint[] => {
  const at = (name: string) => `${room.config.paths.oauth}/${name}`
  const axway = room.config.compatibility.includes('axway')
  const [consent, login, logout] = [at('consent'), at('login'), at('logout')]
  const authorization = authorize(room)
  return [
    {
      path: at('authorize'),
      get: authorization,
      post: authorization,
      renders: 'page',
      repeatable: REPEATABLE,
      lenient: true,
    },
    { path: login, get: signInForm(room), post: signIn(room), renders: 'page' },
    {
      path: consent,
      get: consentForm(room),
      post: decideConsent(room),
      renders: 'page',
      repeatable: SCOPE,
    },
    { path: logout, get: signOutForm(room), post: signOut(room), renders: 'page' },
    { path: at('apps'), get: appsList(room), post: takeBack(room), renders: 'page' },
    { path: at('password'), get: passwordForm(room), post: changePassword(room), renders: 'page' },
    {
      path: at('token'),
      post: issueToken(room),
      renders: 'json',
      cors: true,
      repeatable: REPEATABLE,
    },
    {
      path: at('par'),
      post: pushRequest(room),
      renders: 'json',
      cors: true,
      repeatable: REPEATABLE,
    },
    {
      path: at('device_authorization'),
      post: authorizeDevice(room),
      renders: 'json',
      cors: true,
      repeatable: REPEATABLE,
    },
    {
      path: at('device'),
      get: devicePage(room),
      post: answerDevice(room),
      renders: 'page',
      repeatable: SCOPE,
    },
    { path: at('revoke'), post: revoke(room), renders: 'json', cors: true },
    { path: at('introspect'), post: introspect(room), renders: 'json' },
    ...(axway
      ? [{ path: at('tokeninfo'), post: informOfToken(room), renders: 'json' } as const]
      : []),
    ...metadataEndpoints(room),
  ]
}

/** What strangers may register (RFC 7591), and look after (RFC 7592). Where it is closed nothing is there. */
const documentTable = (room: Room): readonly DocumentEndpoint[] => {
  if (room.config.registration === 'closed') return []
  const path = `${room.config.paths.oauth}/register`
  return [
    { path, methods: new Map([['POST', register(room)]]) },
    {
      path,
      parameter: 'client_id',
      methods: new Map([
        ['GET', showRegistration(room)],
        ['PUT', replaceRegistration(room)],
        ['DELETE', removeRegistration(room)],
      ]),
    },
  ]
}

/** The bytes of a form or document, as latin1 text, untouched: nested names and arrays are not ours to make of them. */
const RAW_BODY = {
  json: false,
  urlencoded: false,
  multipart: false,
  text: true,
  textTypes: ['application/x-www-form-urlencoded', 'application/json'],
  // latin1 by another name, which its decoder has a shorter way for.
  encoding: 'binary',
}

const SCOPE = new Set(['scope'])

/** One page's requests, from the checks that all share to the one place where errors are rendered. */
const answering = (
  endpoint: PageEndpoint,
  room: Room,
  form: FormReader<Koa.Context>,
): Koa.Middleware => {
  const allow = methodsOf(endpoint)
  return async (ctx) => {
    try {
      refusePlainHttp(ctx.req, room)
      const handler = handlerOf(endpoint, ctx.method)
      if (!handler) throw methodNotAllowed(allow)
      const posted = ctx.method === 'POST' ? await form.read(ctx) : undefined
      await handler(ctx, readParameters(posted, ctx.querystring, endpoint))
    } catch (error) {
      answerError(ctx, error, 'page', room)
    }
  }
}

const answeringDocuments = (
  { methods }: DocumentEndpoint,
  room: Room,
  reader: FormReader<Koa.Context>,
): RouterMiddleware => {
  const allow = [...methods.keys(), 'OPTIONS'].join(', ')
  return async (ctx) => {
    try {
      ctx.set(CORS)
      if (ctx.method === 'OPTIONS') return answerPreflight(ctx, allow)
      refusePlainHttp(ctx.req, room)
      const handler = methods.get(ctx.method)
      if (!handler) throw methodNotAllowed(allow)
      await handler(ctx, async () => parseDocument(await reader.read(ctx)))
    } catch (error) {
      answerError(ctx, error, 'json', room)
    }
  }
}

const parseDocument = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    throw invalidClientMetadata('the document is not JSON')
  }
}

/** An authorization request or a form is more than a look: there HEAD is refused (§3.1). */
const handlerOf = ({ get, post }: PageEndpoint, method: string) => {
  if (method === 'POST') return post
  return method === 'GET' ? get : undefined
}

/** No cookie counts at these endpoints, so any origin may call them; an Authorization header is sent by scripts only. */
const CORS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'Retry-After, WWW-Authenticate, X-Request-Id',
}

const answerPreflight = (ctx: Koa.Context, allow: string): void => {
  ctx.status = 204
  ctx.set({
    'Access-Control-Allow-Methods': allow,
    'Access-Control-Allow-Headers': 'Authorization, Content-Type, MCP-Protocol-Version',
    'Access-Control-Max-Age': '86400',
  })
}

/** What means something to path-to-regexp stands for itself. */
const literal = (path: string): string => path.replace(/[{}()[\]+?!:*\\]/g, '\\$&')
