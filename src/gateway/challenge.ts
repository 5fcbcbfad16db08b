import type { RouteSettings } from '../config/config.ts'
import type { ProtectedResource } from '../config/protected-resource.ts'
import { type Refusal, refusal, unavailable } from './refusal.ts'

/** What a route asks of a token, and every way to refuse one, ready to send (RFC 6750 §3, RFC 9728 §5.1). */
export type Guard = {
  /** Whoever sends no credentials passes without an identity. */
  readonly optional: boolean
  readonly resource: string
  readonly mode: 'all' | 'any'
  readonly scopes: readonly string[]
  readonly missing: Refusal
  readonly unreadable: Refusal
  readonly insufficient: Refusal
  readonly wrongAudience: Refusal
  /** By what the store says of a token; any other word is answered like `unknown`. */
  readonly invalid: ReadonlyMap<string, Refusal>
  readonly unknown: Refusal
}

export const createGuard = (
  { scope, access }: Pick<RouteSettings, 'scope' | 'access'>,
  { resource, metadata_url }: ProtectedResource,
  realm: string,
): Guard => {
  const scopes = scope?.scopes ?? []
  const common = { realm, ...(scopes.length > 0 && { scope: scopes.join(' ') }) }
  const refuse = (status: number, error: string, description: string, reason = error): Refusal =>
    refusal(status, error, description, {
      reason,
      headers: ['WWW-Authenticate', challenge({ ...common, error, metadata_url, description })],
    })
  const invalid = (reason: string) => refuse(401, 'invalid_token', INVALID, reason)
  return {
    optional: access === 'optional',
    resource,
    mode: scope?.mode ?? 'all',
    scopes,
    // RFC 6750 §3.1: without credentials, no error.
    missing: refusal(401, 'unauthorized', 'This resource asks for an access token', {
      reason: 'no_token',
      headers: ['WWW-Authenticate', challenge({ ...common, metadata_url })],
    }),
    unreadable: refuse(400, 'invalid_request', 'Authorization has to be: Bearer, space, token'),
    insufficient: refuse(403, 'insufficient_scope', needs(scope)),
    wrongAudience: invalid('audience'),
    invalid: new Map(REASONS.map((reason) => [reason, invalid(reason)])),
    unknown: invalid('unknown'),
  }
}

/** RFC 6750 §3.1: one answer to all of them, whatever is wrong with the token. */
const INVALID =
  'The access token is not valid here: unknown, expired, revoked or for another resource'
const REASONS = ['malformed', 'foreign', 'unknown', 'expired', 'revoked']

const needs = (scope: RouteSettings['scope']): string =>
  `The access token needs ${scope?.mode === 'any' ? 'one of these scopes' : 'the scope'}: ${scope?.scopes.join(' ') ?? ''}`

const challenge = (parameters: {
  readonly realm: string
  readonly scope?: string
  readonly error?: string
  readonly description?: string
  readonly metadata_url: string
}): string => {
  const { realm, scope, error, description, metadata_url } = parameters
  const named: readonly [string, string | undefined][] = [
    ['realm', realm],
    ['error', error],
    ['error_description', description],
    ['scope', scope],
    ['resource_metadata', metadata_url],
  ]
  const given = named.flatMap(([name, value]) => (value ? [`${name}="${quoted(value)}"`] : []))
  return `Bearer ${given.join(', ')}`
}

const quoted = (text: string): string => text.replace(/["\\]/g, '\\$&')

/** The store cannot tell (6750-14): our fault, so neither 401 nor through. */
export const STORE_UNAVAILABLE = unavailable(
  'The access token cannot be checked at the moment',
  'store_unavailable',
)
