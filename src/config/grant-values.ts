import { Wrong } from './problem.ts'
import { setting } from './setting.ts'

/** Names and values that are stored with a grant and told to whoever may introspect its tokens. */
export type GrantValues = Readonly<Record<string, string>>

/** A mapping from names to short texts. `whose` ends its description. */
export const grantValues = (whose: string) =>
  setting(
    `Values that are stored with each grant ${whose} and that introspection and token information return, at most ${MOST}: a name of letters, digits, _ . and -, a text of at most ${LONGEST} characters.`,
    { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
    parse,
  )

const parse = (given: unknown): GrantValues => {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new Wrong('must be a mapping from names to texts', true)
  const entries = Object.entries(given)
  if (entries.length > MOST) throw new Wrong(`must not have more than ${MOST} values`)
  return Object.fromEntries(entries.map(([name, value]) => [nameOf(name), shortText(name, value)]))
}

const nameOf = (name: string): string => {
  if (!/^[A-Za-z][\w.-]{0,63}$/.test(name))
    throw new Wrong(
      `must not name a value ${JSON.stringify(name)}: a letter first, then letters, digits, _ . and -, 64 in all`,
    )
  if (TAKEN.has(name))
    throw new Wrong(`must not name a value ${name}, which the answer has already`)
  return name
}

const shortText = (name: string, value: unknown): string => {
  const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value
  if (typeof text !== 'string') throw new Wrong(`must have a text as its ${name}`)
  if (text.length > LONGEST)
    throw new Wrong(`must not have more than ${LONGEST} characters in its ${name}`)
  if (/\p{Cc}/u.test(text)) throw new Wrong(`must not have control characters in its ${name}`)
  return text
}

const MOST = 20
const LONGEST = 256

/** What answers say themselves: RFC 7662 §2.2, those that other standards add to it, token information, errors. */
const TAKEN: ReadonlySet<string> = new Set([
  ...['active', 'scope', 'client_id', 'username', 'token_type', 'exp', 'iat', 'nbf', 'sub', 'aud'],
  ...['iss', 'jti', 'cnf', 'act', 'may_act', 'auth_time', 'acr', 'authorization_details'],
  ...['audience', 'user_id', 'expires_in', 'error', 'error_description', 'request_id'],
])
