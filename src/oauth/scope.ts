import type { Config } from '../config/config.ts'
import { invalidScope } from './errors.ts'

/** What decides which scopes a client may ask for. */
type ScopeSettings = Pick<Config, 'scopes' | 'compatibility'>

/**
 * The scopes that a request names (RFC 6749 §3.3), each once, in the order given; all that the client may ask for when
 * it names none. Throws `invalid_scope` for one that is not well-formed, unknown, or not this client's to ask for.
 */
export const requestedScope = (
  scope: string | undefined,
  client: { readonly scope?: string },
  settings: ScopeSettings,
): readonly string[] => {
  const allowed = clientScope(client, settings)
  if (scope === undefined) return allowed
  return narrowedScope(scope, allowed, settings)
}

/** The scopes that a request names out of `allowed`; throws `invalid_scope` for any other. */
export const narrowedScope = (
  scope: string,
  allowed: readonly string[],
  { compatibility }: Pick<Config, 'compatibility'>,
): readonly string[] => {
  if (scope.length > LONGEST_SCOPE) throw invalidScope('scope is too long')
  // Deviation: clients of the system that `axway` stands for separate scopes by commas.
  const separator = compatibility.includes('axway') ? /[ ,]+/ : / +/
  const names = new Set(scope.split(separator).filter((name) => name !== ''))
  const unknown = [...names].some((name) => !allowed.includes(name))
  if (unknown) throw invalidScope('scope names one that is unknown or not for this client')
  return [...names]
}

/** All that a client may ask for: of those that exist, what it was registered for. */
export const clientScope = (
  client: { readonly scope?: string },
  { scopes }: Pick<Config, 'scopes'>,
): readonly string[] => withinScope([...scopes.keys()], client.scope)

/** Those of `names` that stand in a space-separated list; all of them when there is no list. */
export const withinScope = (
  names: readonly string[],
  list: string | undefined,
): readonly string[] => {
  if (list === undefined) return names
  const listed = new Set(list.split(' '))
  return names.filter((name) => listed.has(name))
}

const LONGEST_SCOPE = 4096
