import { checkScopes, checkTwice } from './check-names.ts'
import { flagOf, listOf, type Row, rowsOf, textOf, wordsOf } from './loose.ts'
import type { Path, Report } from './problem.ts'

/** What a client may and may not be, given that it has a secret, keys, or neither (RFC 6749 §2.1). */
export const checkClients = (data: Row, report: Report): void => {
  const clients = rowsOf(data, 'clients')
  checkTwice(clients, 'client_id', report)
  for (const { path, row } of clients) {
    if (row.token_endpoint_auth_method === KEYS) checkKeys(row, path, report)
    else if (row.client_secret === undefined) checkPublic(row, path, report)
    else checkConfidential(row, path, flagOf(data.demo, false), report)
    if (row.token_endpoint_auth_method !== KEYS) checkNoKeys(row, path, report)
    checkGrantTypes(row, path, report)
    checkScopes(data, wordsOf(row.scope, [...path, 'scope']), report)
  }
}

const checkPublic = (row: Row, path: Path, report: Report): void => {
  const refuse = (key: string, message: string) => report.problem([...path, key], message)
  if (!flagOf(row.require_pkce, true))
    refuse('require_pkce', 'must be true for a public client (one without a client_secret)')
  if (flagOf(row.introspect, false))
    refuse('introspect', 'must be false for a public client (one without a client_secret)')
  if (flagOf(row.skipConsent, false))
    refuse('skipConsent', 'must be false for a public client (one without a client_secret)')
  if (
    typeof row.token_endpoint_auth_method === 'string' &&
    row.token_endpoint_auth_method !== 'none'
  )
    refuse('token_endpoint_auth_method', 'must be none for a client without a client_secret')
  listOf(row.grant_types).forEach((type, index) => {
    // RFC 6749 §4.4
    if (type === 'client_credentials')
      report.problem(
        [...path, 'grant_types', index],
        'must not be client_credentials for a public client (one without a client_secret)',
      )
  })
}

const KEYS = 'private_key_jwt'

/** RFC 7591 §2: its keys, or where they are, and not both. */
const checkKeys = (row: Row, path: Path, report: Report): void => {
  if (row.client_secret !== undefined)
    report.problem([...path, 'client_secret'], `has no effect with ${KEYS}: leave it out`)
  if (row.jwks === undefined && row.jwks_uri === undefined)
    report.problem(
      [...path, 'token_endpoint_auth_method'],
      `needs jwks, the public keys of this client, or jwks_uri, where it publishes them`,
    )
  if (row.jwks !== undefined && row.jwks_uri !== undefined)
    report.problem([...path, 'jwks_uri'], 'must not stand beside jwks: one of them says the keys')
}

const checkNoKeys = (row: Row, path: Path, report: Report): void => {
  for (const key of ['jwks', 'jwks_uri', 'assertionAudience']) {
    if (row[key] !== undefined)
      report.problem([...path, key], `needs token_endpoint_auth_method: ${KEYS}`)
  }
}

const checkConfidential = (row: Row, path: Path, demo: boolean, report: Report): void => {
  if (row.token_endpoint_auth_method === 'none')
    report.problem(
      [...path, 'token_endpoint_auth_method'],
      'must not be none for a client with a client_secret',
    )
  if (!demo) warnOfShort(row.client_secret, [...path, 'client_secret'], report)
}

const warnOfShort = (value: unknown, path: Path, report: Report): void => {
  for (const [index, one] of listOf(value).entries()) warnOfShort(one, [...path, index], report)
  const secret = textOf(value) ?? ''
  if (secret !== '' && secret.length < SHORTEST)
    report.warning(path, `is short: at least ${SHORTEST} random characters (openssl rand -hex 16)`)
}

const SHORTEST = 16

const checkGrantTypes = (row: Row, path: Path, report: Report): void => {
  const introspects = flagOf(row.introspect, false)
  const comesBack = row.redirect_uris !== undefined && !isEmptyList(row.redirect_uris)
  const none = introspects && !comesBack ? [] : ['authorization_code']
  const types = row.grant_types === undefined ? none : listOf(row.grant_types)
  if (types.length === 0 && !introspects)
    report.problem([...path, 'grant_types'], 'must name a grant type')
  if (types.includes('authorization_code')) {
    if (!comesBack)
      report.problem(
        [...path, 'redirect_uris'],
        'must have at least one for the grant type authorization_code',
      )
  } else if (types.includes('refresh_token') && !types.includes(DEVICE_CODE))
    report.problem(
      [...path, 'grant_types'],
      'must have authorization_code if it has refresh_token: a refresh token comes with a code',
    )
}

/** RFC 8628 §3.4 */
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0
