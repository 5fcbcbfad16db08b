import { hash } from 'node:crypto'

import { Mistake } from '../../mistake.ts'
import { randomSecret } from '../../store/secrets.ts'
import type { AuthorizationServer } from './discovery.ts'

/** One authorization request and what its answer must match. */
export type Authorization = {
  readonly url: string
  readonly redirect_uri: string
  readonly state: string
  readonly code_verifier: string
}

/** RFC 6749 §4.1.1 with RFC 7636 §4.3. */
export const createAuthorization = (
  server: AuthorizationServer,
  request: { client_id: string; redirect_uri: string; scope: string | undefined },
): Authorization => {
  const state = randomSecret()
  // 43 characters, as RFC 7636 §4.1 recommends.
  const code_verifier = randomSecret()
  const url = new URL(server.authorization_endpoint)
  url.searchParams.set('response_type', 'code')
  url.searchParams.set('client_id', request.client_id)
  url.searchParams.set('redirect_uri', request.redirect_uri)
  if (request.scope !== undefined) url.searchParams.set('scope', request.scope)
  url.searchParams.set('state', state)
  url.searchParams.set('code_challenge', hash('sha256', code_verifier, 'base64url'))
  url.searchParams.set('code_challenge_method', 'S256')
  return { url: url.href, redirect_uri: request.redirect_uri, state, code_verifier }
}

/** True for the answer to this very request: anyone can call a loopback port. */
export const isAnswerTo = (authorization: Authorization, answer: URLSearchParams): boolean =>
  answer.getAll('state').length === 1 && answer.get('state') === authorization.state

/** The code of an answer whose `state` is right. Throws a `Mistake` for a refusal or another server's answer (RFC 9207 §2.4). */
export const codeOf = (server: AuthorizationServer, answer: URLSearchParams): string => {
  const iss = answer.get('iss')
  if (iss === null ? server.authorization_response_iss_parameter_supported : iss !== server.issuer)
    throw new Mistake(
      `the answer is not from ${server.issuer} but from ${iss ?? 'a server that does not say'}`,
    )
  const error = answer.get('error')
  if (error !== null) throw new Mistake(described(error, answer.get('error_description')))
  const code = answer.get('code')
  if (!code || answer.getAll('code').length > 1) throw new Mistake('the answer holds no code')
  return code
}

/** `access_denied: the resource owner refused` */
export const described = (error: string, description: string | null | undefined): string =>
  description ? `${error}: ${description}` : error
