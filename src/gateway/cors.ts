import type { IncomingMessage } from 'node:http'
import type { CorsSettings, RouteSettings } from '../config/config.ts'
import { type Refusal, refusal } from './refusal.ts'
import { addVary } from './vary.ts'

/** A route's side of the CORS protocol (the Fetch standard), worked out at load. */
export type Cors = {
  /** Fields of every answer to a request from this origin, flat: refusals too, so that the page can read why. */
  fields(origin: string | undefined): readonly string[]
  /** Replaces what the upstream says of CORS in a flat list of fields. */
  replace(fields: readonly string[], origin: string | undefined): string[]
  /** Fields of the 204 that answers a preflight; or a refusal for an origin that is not let in. */
  preflight(req: IncomingMessage): readonly string[] | Refusal
}

/**
 * The method that a preflight asks for; undefined for every other request. An OPTIONS request without
 * Access-Control-Request-Method is an ordinary one.
 */
export const preflightMethod = (req: IncomingMessage): string | undefined =>
  req.method === 'OPTIONS' && req.headers.origin !== undefined && req.headers.upgrade === undefined
    ? req.headers['access-control-request-method']
    : undefined

export const createCors = (
  settings: CorsSettings,
  route: Pick<RouteSettings, 'methods' | 'access'>,
): Cors => {
  const allowed = allowedOrigins(settings)
  const exposed = ['Access-Control-Expose-Headers', exposedFields(settings)]
  const every = settings.origins === '*' ? ['Access-Control-Allow-Origin', '*', ...exposed] : OTHERS
  const byOrigin = new Map(
    [...allowed].map(([origin, fields]) => [origin, [...fields, ...exposed]]),
  )
  const fields: Cors['fields'] = (origin) => byOrigin.get(origin ?? '') ?? every
  const answer = preflightFields(settings, route)
  return {
    fields,
    replace(given, origin) {
      const kept: string[] = []
      for (let at = 0; at + 1 < given.length; at += 2) {
        const name = given[at] ?? ''
        if (!/^access-control-/i.test(name)) kept.push(name, given[at + 1] ?? '')
      }
      const ours = fields(origin)
      for (let at = 0; at + 1 < ours.length; at += 2) {
        const name = ours[at] ?? ''
        if (name === 'Vary') addVary(kept, 'Origin')
        else kept.push(name, ours[at + 1] ?? '')
      }
      return kept
    },
    preflight({ headers }) {
      const origin = settings.origins === '*' ? ANY : allowed.get(headers.origin ?? '')
      if (origin === undefined) return STRANGER
      const wanted = headers['access-control-request-headers']
      return [...origin.filter(isNotVary), ...answer(wanted), 'Vary', PREFLIGHT_VARY]
    },
  }
}

/** By origin, what says that it is let in. Empty for `*`, which is the same for all. */
const allowedOrigins = ({
  origins,
  credentials,
}: CorsSettings): ReadonlyMap<string, readonly string[]> =>
  new Map(
    (origins === '*' ? [] : origins).map((origin) => [
      origin,
      [
        ...['Access-Control-Allow-Origin', origin],
        ...(credentials ? ['Access-Control-Allow-Credentials', 'true'] : []),
        ...OTHERS,
      ],
    ]),
  )

const isNotVary = (_: string, at: number, fields: readonly string[]): boolean =>
  fields[at - (at % 2)] !== 'Vary'

/** What a client of ours has to see whatever happens; the rest is the configuration's. */
const exposedFields = ({ expose = [] }: CorsSettings): string =>
  [...new Set(['WWW-Authenticate', 'X-Request-Id', 'Retry-After', ...expose])].join(', ')

const preflightFields = (
  { methods, headers, maxAge }: CorsSettings,
  route: Pick<RouteSettings, 'methods' | 'access'>,
) => {
  const allowed = [...new Set((methods ?? route.methods ?? USUAL_METHODS).flatMap(withHead))]
  const always = [
    ...['Access-Control-Allow-Methods', allowed.join(', ')],
    ...['Access-Control-Max-Age', String(maxAge)],
  ]
  const named = headers && [
    ...new Set([...(route.access === 'public' ? [] : ['Authorization']), ...headers]),
  ]
  return (wanted: string | undefined): readonly string[] => {
    const given = named === undefined ? wanted : named.join(', ')
    return given === undefined || !FIELD_NAMES.test(given)
      ? always
      : [...always, 'Access-Control-Allow-Headers', given]
  }
}

const withHead = (method: string): readonly string[] =>
  method === 'GET' ? ['GET', 'HEAD'] : [method]

const USUAL_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY']

/** What is sent back has been looked at: names and commas. */
const FIELD_NAMES = /^[\w!#$%&'+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'+.^`|~-]+)*$/

const ANY: readonly string[] = ['Access-Control-Allow-Origin', '*']
const OTHERS: readonly string[] = ['Vary', 'Origin']
const PREFLIGHT_VARY = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'

const STRANGER: Refusal = refusal(
  403,
  'origin_not_allowed',
  'Pages of this origin may not call this path from a browser',
  { headers: OTHERS, reason: 'cors.origin' },
)
