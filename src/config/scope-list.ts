import { Wrong } from './problem.ts'
import { asText } from './setting.ts'

/** The scopes of a space-separated list (RFC 6749 §3.3), or of a YAML list of them; each once. */
export const parseScope = (value: unknown): readonly string[] => {
  const parts = Array.isArray(value) ? value : [asText(value)]
  const scopes = parts.flatMap((part) => asText(part).split(' ')).filter((scope) => scope !== '')
  if (scopes.length === 0) throw new Wrong('is empty: name a scope, or leave the key out')
  for (const scope of scopes) {
    if (scope.includes(',')) throw new Wrong('must be separated by spaces, not commas')
    if (!SCOPE.test(scope)) throw new Wrong(`must be made of ${SCOPE_CHARACTERS}`)
  }
  return [...new Set(scopes)]
}

/** RFC 6749 §3.3 scope-token; without the comma, which some clients separate scopes with. */
export const SCOPE = /^[!#-+\--[\]-~]+$/
export const SCOPE_CHARACTERS = 'printable ASCII without spaces, commas, quotes and backslashes'
