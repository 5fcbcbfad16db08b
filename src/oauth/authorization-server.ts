import Router, { type RouterMiddleware } from '@koa/router'
import type Koa from 'koa'

import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { PeerOf } from '../peer.ts'
import type { Stores } from '../store/open.ts'
import type { Log } from '../telemetry/log.ts'
import { authorize } from './authorize.ts'
import type { createClientKeys } from './client-keys.ts'
import { consentForm, decideConsent } from './consent.ts'
import { createCookie } from './cookies.ts'
import { answerDevice, devicePage } from './device.ts'
import { authorizeDevice } from './device-authorization.ts'
import type { Endpoint } from './endpoint.ts'
import { answerError } from './error-response.ts'
import { OAuthError } from './errors.ts'
import { createFormReader, type FormReader } from './form.ts'
import { introspect } from './introspection.ts'
import { signIn, signInForm } from './login.ts'
import { signOut, signOutForm } from './logout.ts'
import { metadataEndpoints } from './metadata.ts'
import { type Parameters, parseParameters } from './parameters.ts'
import { refusePlainHttp } from './plain-http.ts'
import { pushRequest } from './pushed-request.ts'
import { REPEATABLE } from './resource.ts'
import { revoke } from './revocation.ts'
import type { Room } from './room.ts'
import type { createThrottles } from './throttle.ts'
import { issueToken } from './token.ts'
import { informOfToken } from './token-information.ts'

/**
 * The authorization server as one Koa middleware; paths that are not its own go to the next. `ctx.state.request_id` must
 * have been set. `warm` loads what only the first requests need.
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
}): { middleware: Koa.Middleware; warm(): Promise<void> } => {
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
  const form = createFormReader(async () => {
    const { koaBody } = await import('koa-body')
    return koaBody({ ...RAW_FORM, textLimit: limits.formBody })
  })
  const router = new Router({ sensitive: true, strict: true })
  for (const endpoint of endpointTable(room)) {
    router.all(literal(endpoint.path), answering(endpoint, room, form))
  }
  return {
    middleware: router.routes() as Koa.Middleware,
    async warm() {
      const counts = Object.values(room.throttles)
      await Promise.all([form.warm(), ...counts.map((one) => one.warm())])
    },
  }
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

/** The bytes of a form, as latin1 text, untouched: nested names and arrays are not ours to make of them. */
const RAW_FORM = {
  json: false,
  urlencoded: false,
  multipart: false,
  text: true,
  textTypes: ['application/x-www-form-urlencoded'],
  encoding: 'latin1',
}

const SCOPE = new Set(['scope'])

/** One endpoint's requests, from the checks that all share to the one place where errors are rendered. */
const answering = (endpoint: Endpoint, room: Room, form: FormReader): RouterMiddleware => {
  const allow = methodsOf(endpoint)
  return async (ctx) => {
    try {
      if (endpoint.cors) ctx.set(CORS)
      if (endpoint.cors && ctx.method === 'OPTIONS') return answerPreflight(ctx, allow)
      refusePlainHttp(ctx.req, room)
      const handler = handlerOf(endpoint, ctx.method)
      if (!handler) throw methodNotAllowed(allow)
      await handler(ctx, await readParameters(ctx, endpoint, form))
    } catch (error) {
      answerError(ctx, error, endpoint.renders, room)
    }
  }
}

/** HEAD stands for GET where nothing comes of it; an authorization request or a form is more than a look (§3.1). */
const handlerOf = (endpoint: Endpoint, method: string) => {
  if (method === 'POST') return endpoint.post
  return method === 'GET' || (method === 'HEAD' && endpoint.renders === 'json')
    ? endpoint.get
    : undefined
}

const methodsOf = (endpoint: Endpoint): string => {
  const read = endpoint.renders === 'json' ? ['GET', 'HEAD'] : ['GET']
  return [
    ...(endpoint.get ? read : []),
    ...(endpoint.post ? ['POST'] : []),
    ...(endpoint.cors ? ['OPTIONS'] : []),
  ].join(', ')
}

const methodNotAllowed = (allow: string): OAuthError =>
  new OAuthError('invalid_request', `the method must be one of ${allow}`, {
    status: 405,
    headers: { Allow: allow },
  })

/**
 * Credentials never count in the query of a back-channel request (RFC 6749 §2.3.1, §3.2), but a name that stands there as
 * well as in the form is a repeated one.
 */
const readParameters = async (
  ctx: Koa.Context,
  { repeatable, lenient }: Endpoint,
  form: FormReader,
): Promise<Parameters> => {
  const query = ctx.querystring
  const posted = ctx.method === 'POST' ? [await form.read(ctx)] : []
  const everything = parseParameters([...posted, query], repeatable)
  if (lenient) return everything
  everything.refuseFlaws()
  return posted.length > 0 && query !== '' ? parseParameters(posted, repeatable) : everything
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
