import type { IncomingHttpHeaders, IncomingMessage as Request } from 'node:http'
import { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import { reservedPaths } from '../config/reserved-paths.ts'
import { IncomingMessage } from '../node-http.ts'
import type { AccessTokens } from '../store/tokens.ts'
import { preflightMethod } from './cors.ts'
import type { Explanation, Outcome, RouteNote } from './explanation.ts'
import { fieldChanges } from './field-changes.ts'
import type { Place } from './place.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import { readHead } from './request-head.ts'
import { readTarget } from './request-target.ts'
import { decodeSlashes } from './routes.ts'
import { compareRoutes, type RunnerUp } from './runners-up.ts'
import { tokenNote } from './token-note.ts'
import { upstreamNote } from './upstream-note.ts'
import type { Target } from './upstreams.ts'
import { openVisit, type Visit } from './visit.ts'

/** A request that is only thought of. */
export type Question = {
  readonly method: string
  /** As it would stand in the request line. */
  readonly target: string
  /** Flat list name, value. The issuer's host stands in where there is no Host among them. */
  readonly fields: readonly string[]
}

/** The steps that every request takes, as the gateway takes them. */
export type Pipeline = {
  readonly config: Config
  readonly tokens: Pick<AccessTokens, 'inspect'>
  readonly clock: Clock
  locate(req: Request): Place | Refusal | undefined
  upgradePlace(req: Request, found: Place | Refusal | undefined): Place | Refusal
  admit(visit: Visit, found: Place | Refusal, on: Recorder): void
  fieldsOf(visit: Visit, place: Place): string[]
}

/** Stands where the client and the upstream would. */
type Recorder = {
  gone(): boolean
  pass(place: Place, target: Target): void
  deny(refused: Refusal): void
}

/**
 * Takes a request that nobody sent through the steps of the pipeline, and tells what each said. Nothing is forwarded; the
 * target that was picked is given back at once, having had its turn.
 */
export const explain = async (question: Question, pipeline: Pipeline): Promise<Explanation> => {
  const { config, clock } = pipeline
  const { origin, host, protocol } = new URL(config.issuer)
  const req = imagined(question, host)
  const upgrade = isUpgrade(req)
  const proto = protocol === 'https:' ? 'https' : 'http'
  const visit = openVisit(req, { address: CLIENT, trusted: false, proto }, clock())
  const located = pipeline.locate(req)
  const found = upgrade ? pipeline.upgradePlace(req, located) : located
  const passage = found === undefined ? undefined : await pass(visit, found, pipeline)
  const head = visit.place?.head ?? readHead(req)
  const authorization = isRefusal(head) ? undefined : head.authorization
  return {
    request: {
      method: question.method,
      target: question.target,
      host: req.headers.host ?? origin,
      upgrade,
    },
    ...targetNote(req),
    ...(await routeNotes(req, visit, { config, ours: found === undefined })),
    ...(visit.place && { rewritten: visit.place.path }),
    token: await tokenNote(visit, authorization, { tokens: pipeline.tokens, now: clock() }),
    ...(passage?.sent && { fields: fieldChanges(req.rawHeaders, passage.sent) }),
    ...(visit.place && {
      upstream: upstreamNote(visit.place.route.upstream, passage?.target),
    }),
    outcome: outcomeOf(visit, passage, isReserved(req, config)),
  }
}

const CLIENT = 'the client’s address'

const imagined = ({ method, target, fields }: Question, host: string): Request => {
  const named = fields.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'host')
  const req = new IncomingMessage(new Socket())
  Object.assign(req, {
    method,
    url: target,
    httpVersion: '1.1',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
  })
  req.rawHeaders = named ? [...fields] : ['Host', host, ...fields]
  req.headers = collected(req.rawHeaders)
  return req
}

/** As Node collects them, but for what `readHead` refuses where it comes twice. */
const collected = (raw: readonly string[]): IncomingHttpHeaders => {
  const headers: Record<string, string> = Object.create(null)
  for (let at = 0; at < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase()
    const before = headers[name]
    headers[name] = before === undefined ? (raw[at + 1] ?? '') : `${before}, ${raw[at + 1]}`
  }
  return headers
}

const isUpgrade = ({ headers }: Request): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket' &&
  /(^|[\s,])upgrade($|[\s,])/i.test(headers.connection ?? '')

type Passage = {
  readonly preflight?: boolean
  readonly refused?: Refusal
  readonly target?: Target
  readonly sent?: readonly string[]
}

const pass = (
  visit: Visit,
  found: Place | Refusal,
  { admit, fieldsOf }: Pipeline,
): Promise<Passage> =>
  new Promise((resolve) => {
    if (!isRefusal(found) && found.preflight !== undefined) {
      visit.place = found
      resolve({ preflight: true })
      return
    }
    admit(visit, found, {
      gone: () => false,
      pass(place, target) {
        target.leave(undefined, visit.token === undefined)
        const host = place.route.keepHost ? (place.head.host ?? target.host) : target.host
        resolve({ target, sent: ['Host', host, ...fieldsOf(visit, place)] })
      },
      deny: (refused) => resolve({ refused }),
    })
  })

const targetNote = (req: Request): Pick<Explanation, 'target'> => {
  const target = readTarget(req.url ?? '')
  if (isRefusal(target))
    return { target: { refusal: target.reason, description: target.description } }
  const { path, query, key, encodedSlash } = target
  return { target: { path, query, compared: key, encodedSlash } }
}

const routeNotes = async (
  req: Request,
  visit: Visit,
  { config: { routes }, ours }: { readonly config: Config; readonly ours: boolean },
): Promise<Pick<Explanation, 'route' | 'others'>> => {
  const target = readTarget(req.url ?? '')
  const head = readHead(req)
  if (isRefusal(target) || isRefusal(head)) return { others: [] }
  // A preflight belongs to the route of the request that is to follow it.
  const method = (visit.place?.preflight && preflightMethod(req)) ?? req.method ?? ''
  const asked = { host: head.host, target, method }
  const { chosen, others } = await compareRoutes(routes, asked)
  return { ...(chosen && !ours && { route: noteOf(chosen) }), others: others.map(otherNote) }
}

const otherNote = ({ route, why }: RunnerUp) => ({ ...noteOf(route), why })

const noteOf = ({
  path,
  host,
  methods,
  access,
  scope,
  upstream,
}: RunnerUp['route']): RouteNote => ({
  path,
  ...(host !== undefined && { host }),
  ...(methods && { methods }),
  access,
  ...(scope && { scope }),
  upstream,
})

const isReserved = (req: Request, config: Config): boolean => {
  const target = readTarget(req.url ?? '')
  if (isRefusal(target)) return false
  const reserved = reservedPaths(config)
  return reserved(target.key) || reserved(decodeSlashes(target.key))
}

const outcomeOf = (visit: Visit, passage: Passage | undefined, reserved: boolean): Outcome => {
  if (passage === undefined) return reserved ? { by: 'ourselves' } : { by: 'gateway', ...NO_ROUTE }
  if (passage.preflight) return { by: 'gateway', ...PREFLIGHT }
  const { refused } = passage
  if (refused === undefined) return { by: 'upstream' }
  const at = refused.headers.indexOf('WWW-Authenticate')
  return {
    by: 'gateway',
    status: refused.status,
    refusal: visit.refusal ?? refused.reason,
    error: refused.error,
    description: refused.description,
    ...(at >= 0 && { challenge: refused.headers[at + 1] ?? '' }),
  }
}

const PREFLIGHT = {
  status: 204,
  description: 'A CORS preflight, answered without a token',
}

const NO_ROUTE = {
  status: 404,
  refusal: 'not_found',
  error: 'not_found',
  description: 'No route has this path',
}
