import type { AccessToken } from '../store/tokens.ts'

/**
 * The fields that tell an upstream whom it serves, flat. Worked out once a cached token. What is not ASCII (and `%`, so that
 * no two names look alike) is percent-encoded as UTF-8.
 */
export const identityFields = (token: AccessToken): readonly string[] => {
  const known = FIELDS.get(token)
  if (known !== undefined) return known
  const fields = [
    'X-Auth-Subject',
    printable(token.sub),
    'X-Auth-Client-Id',
    printable(token.client_id),
    'X-Auth-Scope',
    printable(token.scope.join(' ')),
  ]
  FIELDS.set(token, fields)
  return fields
}

const FIELDS = new WeakMap<AccessToken, readonly string[]>()

// Spaces at the ends would be lost on the way.
const printable = (text: string): string =>
  text.toWellFormed().replace(/[^!-$&-~ ]|^ | $/gu, (character) => encodeURIComponent(character))
