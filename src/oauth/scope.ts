import type { ClientSettings, Config } from '../config/config.ts'
import { invalidScope, type OAuthError } from './errors.ts'

/** What decides which scopes a client may ask for. */
type ScopeSettings = Pick<Config, 'scopes' | 'compatibility'>

/**
 * The scopes that a request names (RFC 6749 §3.3), each once, in the order given; when it names none, the client's default,
 * or all that it may ask for. Throws `invalid_scope` for one that is not well-formed, unknown, or not this client's to ask
 * for; with `requestedScope: any` only when all of them are.
 */
export const requestedScope = (
  scope: string | undefined,
  client: Pick<ClientSettings, 'scope' | 'defaultScope' | 'requestedScope'>,
  settings: ScopeSettings,
): readonly string[] => {
  const allowed = clientScope(client, settings)
  if (scope === undefined) return withinScope(allowed, client.defaultScope)
  if (client.requestedScope !== 'any') return narrowedScope(scope, allowed, settings)
  const granted = namesIn(scope, settings).filter((name) => allowed.includes(name))
  if (granted.length === 0) throw refusal()
  return granted
}

/** The scopes that a request names out of `allowed`; throws `invalid_scope` for any other. */
export const narrowedScope = (
  scope: string,
  allowed: readonly string[],
  settings: Pick<Config, 'compatibility'>,
): readonly string[] => {
  const names = namesIn(scope, settings)
  if (names.some((name) => !allowed.includes(name))) throw refusal()
  return names
}

const namesIn = (
  scope: string,
  { compatibility }: Pick<Config, 'compatibility'>,
): readonly string[] => {
  if (scope.length > LONGEST_SCOPE) throw invalidScope('scope is too long')
  // Deviation: clients of the system that `axway` stands for separate scopes by commas.
  const separator = compatibility.includes('axway') ? /[ ,]+/ : / +/
  const names = new Set(scope.split(separator).filter((name) => name !== ''))
  if (names.size === 0) throw invalidScope('scope has only separators')
  return [...names]
}

const refusal = (): OAuthError =>
  invalidScope('scope names one that is unknown or not for this client')

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
