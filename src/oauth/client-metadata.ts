import type { RegistrationPolicy } from '../config/config.ts'
import { parseJwks } from '../config/jwks.ts'
import { Wrong } from '../config/problem.ts'
import { parseRedirectUri } from '../config/redirect-uri.ts'
import { displayed } from '../config/schema-client.ts'
import { parseDocumentUrl } from '../config/urls.ts'
import type { StoredClient } from '../store/clients.ts'
import { invalidClientMetadata, invalidRedirectUri, OAuthError } from './errors.ts'
import { DEVICE_CODE } from './grants/device-code.ts'

/** What a client may say of itself (RFC 7591 §2), judged; with the defaults of what it left out. */
export type ClientMetadata = Omit<
  StoredClient,
  'client_id' | 'source' | 'created' | 'secrets' | 'access_digest'
>

/** The members of a document; null and '' stand for what was left out (RFC 7592 §2.2). */
type Document = ReadonlyMap<string, unknown>

/**
 * Reads what a client registers. What we do not know is ignored, and there is no way to say what only an operator may.
 * Throws `invalid_redirect_uri`, `invalid_client_metadata`, and the two errors about software statements.
 */
export const readClientMetadata = (
  document: unknown,
  policy: RegistrationPolicy,
  scopes: readonly string[],
): ClientMetadata => {
  const members = membersOf(document)
  refuseSoftwareStatement(members)
  const method = oneOf(members, 'token_endpoint_auth_method', METHODS)
  const grant_types = readGrantTypes(members, method, policy)
  return withinSize({
    redirect_uris: readRedirectUris(members, grant_types, policy),
    grant_types,
    // Who leaves it out is told the default, and may send its secret in the body as well: so libraries do.
    ...(method !== undefined && { token_endpoint_auth_method: method }),
    ...readScope(members, policy, scopes),
    ...(method === 'private_key_jwt' && readKeys(members)),
    ...readDescription(members),
    ...(readFlag(members, PUSHED) && { [PUSHED]: true }),
    require_pkce: true,
    introspect: false,
    tokens: {},
  })
}

/** What is kept of strangers is bounded in number, and so each has to be in size. */
const withinSize = (metadata: ClientMetadata): ClientMetadata => {
  if (Buffer.byteLength(JSON.stringify(metadata)) <= LARGEST) return metadata
  throw invalidClientMetadata(`what is registered must not be larger than ${LARGEST} bytes`)
}

const membersOf = (document: unknown): Document => {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw invalidClientMetadata('the document must be a JSON object')
  const given = Object.entries(document).filter(([, value]) => value !== null && value !== '')
  return new Map(given)
}

/** RFC 7591 §2.3: nobody's statements are approved here, so none can vouch for a client. */
const refuseSoftwareStatement = (members: Document): void => {
  const statement = members.get('software_statement')
  if (statement === undefined) return
  if (typeof statement !== 'string' || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(statement))
    throw new OAuthError('invalid_software_statement', 'software_statement is not a signed JWT')
  throw new OAuthError(
    'unapproved_software_statement',
    'no software statement is approved here: leave it out',
  )
}

/** RFC 7591 §2.1: grant types and response types go together. */
const readGrantTypes = (
  members: Document,
  method: string | undefined,
  policy: RegistrationPolicy,
): readonly string[] => {
  const grant_types = textsOf(members, 'grant_types') ?? ['authorization_code']
  const response_types = textsOf(members, 'response_types')
  const refused = grant_types.find((type) => !policy.grant_types.includes(type))
  if (refused !== undefined || grant_types.length === 0)
    throw invalidClientMetadata(`grant_types must be of ${policy.grant_types.join(', ')}`)
  if (method === 'none' && grant_types.includes('client_credentials'))
    throw invalidClientMetadata('client_credentials is not for a client that authenticates by none')
  const byCode = grant_types.includes('authorization_code')
  if (!byCode && !grant_types.includes(DEVICE_CODE) && grant_types.includes('refresh_token'))
    throw invalidClientMetadata('refresh_token in grant_types needs authorization_code beside it')
  if (response_types?.some((type) => type !== 'code'))
    throw invalidClientMetadata('response_types must be of code')
  if (response_types !== undefined && response_types.length > 0 !== byCode)
    throw invalidClientMetadata('response_types and grant_types contradict each other')
  return [...new Set(grant_types)]
}

const readRedirectUris = (
  members: Document,
  grant_types: readonly string[],
  policy: RegistrationPolicy,
): readonly string[] => {
  const given = members.get('redirect_uris') ?? []
  if (!Array.isArray(given)) throw invalidRedirectUri('redirect_uris must be a list of URIs')
  if (given.length === 0 && grant_types.includes('authorization_code'))
    throw invalidRedirectUri('redirect_uris must have at least one URI')
  if (given.length > MOST_URIS)
    throw invalidRedirectUri(`redirect_uris must not have more than ${MOST_URIS}`)
  const uris = given.map((uri, index) => {
    try {
      if (typeof uri !== 'string') throw new Wrong('must be text')
      return permitted(parseRedirectUri(uri), policy)
    } catch (error) {
      if (!(error instanceof Wrong)) throw error
      throw invalidRedirectUri(`redirect_uris[${index}] ${error.message}`)
    }
  })
  return [...new Set(uris)]
}

/** Of what an operator may list, what a stranger may (RFC 8252 §7). */
const permitted = (uri: string, { schemes, redirectHosts }: RegistrationPolicy): string => {
  const { protocol, hostname } = new URL(uri)
  const scheme = protocol.slice(0, -1)
  if (scheme === 'http') {
    if (LOOPBACK.has(hostname)) return uri
    throw new Wrong('must be https (http is for 127.0.0.1, [::1] and localhost)')
  }
  if (scheme === 'https') {
    if (redirectHosts === undefined || redirectHosts.some((host) => covers(host, hostname)))
      return uri
    throw new Wrong(`must not have the host ${hostname}, which is not among those allowed here`)
  }
  if (scheme.includes('.') || schemes.includes(scheme)) return uri
  throw new Wrong(
    `must not have the scheme ${scheme}: one of an application’s own has a dot, as com.example.app`,
  )
}

const covers = (pattern: string, hostname: string): boolean =>
  pattern.startsWith('*.') ? hostname.endsWith(pattern.slice(1)) : hostname === pattern

/** Of what it asks for, what it may have; nothing at all is a mistake. */
const readScope = (
  members: Document,
  policy: RegistrationPolicy,
  scopes: readonly string[],
): { readonly scope?: string } => {
  const given = textOf(members, 'scope')
  if (given === undefined) return {}
  const allowed = policy.scope?.split(' ') ?? scopes
  const names = given.split(' ').filter((name) => allowed.includes(name) && scopes.includes(name))
  if (names.length > 0) return { scope: [...new Set(names)].join(' ') }
  throw invalidClientMetadata('scope names none that a client may register for')
}

/** RFC 7591 §2: its keys or where they are, and not both. Nothing is fetched before they are needed. */
const readKeys = (members: Document): Pick<ClientMetadata, 'jwks' | 'jwks_uri'> => {
  const jwks = members.get('jwks')
  const jwks_uri = textOf(members, 'jwks_uri')
  if ((jwks === undefined) === (jwks_uri === undefined))
    throw invalidClientMetadata('private_key_jwt needs either jwks or jwks_uri')
  return jwks_uri === undefined
    ? { jwks: judged('jwks', () => parseJwks(jwks)) }
    : { jwks_uri: judged('jwks_uri', () => parseDocumentUrl(jwks_uri)) }
}

const readDescription = (members: Document) => {
  const contacts = textsOf(members, 'contacts')
  const application_type = textOf(members, 'application_type')
  if ((contacts?.length ?? 0) > MOST_CONTACTS)
    throw invalidClientMetadata(`contacts must not have more than ${MOST_CONTACTS}`)
  return {
    ...Object.fromEntries(
      PAGES.flatMap((name) => {
        const given = textOf(members, name)
        return given === undefined ? [] : [[name, judged(name, () => parseDocumentUrl(given))]]
      }),
    ),
    ...Object.fromEntries(
      WORDS.flatMap((name) => {
        const given = textOf(members, name)
        return given === undefined ? [] : [[name, judged(name, () => legible(given))]]
      }),
    ),
    ...(contacts && { contacts: contacts.map((one) => judged('contacts', () => legible(one))) }),
    ...(application_type !== undefined && TYPES.includes(application_type) && { application_type }),
  }
}

/** Text of a stranger that people read: nothing invisible, nothing that is piled up over its line, and not much of it. */
const legible = (given: string): string => {
  if (given.length > LONGEST_TEXT)
    throw new Wrong(`must not be longer than ${LONGEST_TEXT} characters`)
  const text = displayed(given)
  if (INVISIBLE.test(text)) throw new Wrong('must not have invisible characters')
  if (/\p{M}{3}/u.test(text)) throw new Wrong('must not have three marks on a letter')
  if (text.trim() !== text) throw new Wrong('must not begin or end with a space')
  return text
}

const textOf = (members: Document, name: string): string | undefined => {
  const value = members.get(name)
  if (value === undefined || typeof value === 'string') return value
  throw invalidClientMetadata(`${name} must be text`)
}

const textsOf = (members: Document, name: string): readonly string[] | undefined => {
  const value = members.get(name)
  if (value === undefined) return undefined
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
  throw invalidClientMetadata(`${name} must be a list of texts`)
}

const readFlag = (members: Document, name: string): boolean => {
  const value = members.get(name) ?? false
  if (typeof value === 'boolean') return value
  throw invalidClientMetadata(`${name} must be true or false`)
}

const oneOf = <const T extends string>(
  members: Document,
  name: string,
  words: readonly T[],
): T | undefined => {
  const value = members.get(name)
  const word = words.find((known) => known === value)
  if (value !== undefined && word === undefined)
    throw invalidClientMetadata(`${name} must be one of ${words.join(', ')}`)
  return word
}

const judged = <T>(name: string, judge: () => T): T => {
  try {
    return judge()
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    throw invalidClientMetadata(`${name} ${error.message}`)
  }
}

const METHODS = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const
const PAGES = ['client_uri', 'logo_uri', 'tos_uri', 'policy_uri'] as const
const WORDS = ['client_name', 'software_id', 'software_version'] as const
const PUSHED = 'require_pushed_authorization_requests'
const TYPES: readonly string[] = ['web', 'native']
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost'])
// What looks like nothing besides what `displayed` refuses: fillers, variation selectors, the empty Braille cell, and what
// has no meaning yet.
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Co}\p{Cn}\p{Cs}\u2800]/u
const LARGEST = 16_384
const MOST_URIS = 10
const MOST_CONTACTS = 10
const LONGEST_TEXT = 100
