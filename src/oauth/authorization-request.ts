import type { Client } from '../store/clients.ts'
import { isPublic } from './client-authentication.ts'
import {
  invalidRequest,
  OAuthError,
  unauthorizedClient,
  unsupportedResponseType,
} from './errors.ts'
import type { Parameters } from './parameters.ts'
import { readChallenge } from './pkce.ts'
import { type Prompt, readMaxAge, readPrompt } from './prompt.ts'
import { requestedResource } from './resource.ts'
import type { Room } from './room.ts'
import { requestedScope } from './scope.ts'
import { LONGEST_STATE, type TrustedReply } from './trusted-reply.ts'

/** An authorization request that may be granted if the person agrees (RFC 6749 §4.1.1). */
export type AuthorizationRequest = {
  readonly client_id: string
  readonly redirect_uri: string
  /** False: the client left it out, having registered only one. */
  readonly redirect_uri_given: boolean
  readonly state?: string
  readonly scope: readonly string[]
  readonly resource: readonly string[]
  readonly code_challenge?: string
  readonly prompt: Prompt
  /** Seconds since the person last proved who they are; 0: they must do so now. */
  readonly max_age?: number
  readonly login_hint?: string
}

/**
 * Everything about a request but whom it is answered to, in an order that names the gravest flaw. Throws OAuthErrors for the
 * client. What is only about how pages look (`ui_locales`, `display`) is not looked at.
 */
export const readAuthorizationRequest = (
  parameters: Parameters,
  reply: TrustedReply,
  { config }: Pick<Room, 'config'>,
): AuthorizationRequest => {
  const { client, redirect_uri, redirect_uri_given, state } = reply
  refuseUnsupported(parameters)
  readResponseType(parameters)
  if (!client.grant_types.includes('authorization_code'))
    throw unauthorizedClient('this client may not use the authorization code grant')
  const code_challenge = readChallenge(parameters, mustProveKey(client, config))
  const scope = requestedScope(parameters.get('scope'), client, config)
  const resource = requestedResource(parameters.all('resource'), client, config)
  const prompt = readPrompt(parameters)
  const max_age = readMaxAge(parameters)
  const login_hint = parameters.get('login_hint')?.slice(0, LONGEST_HINT).toWellFormed()
  return {
    client_id: client.client_id,
    redirect_uri,
    redirect_uri_given,
    scope,
    resource,
    prompt,
    ...(state !== undefined && { state }),
    ...(code_challenge !== undefined && { code_challenge }),
    ...(max_age !== undefined && { max_age }),
    ...(login_hint !== undefined && { login_hint }),
  }
}

/** RFC 7636 §4.4.1, RFC 9700 §2.1.1: always, except for confidential clients where the operator says so. */
export const mustProveKey = (
  client: Client,
  { compatibility }: Pick<Room['config'], 'compatibility'>,
): boolean => isPublic(client) || (client.require_pkce && !compatibility.includes('axway'))

/** Request objects (RFC 9101), of whatever kind, are told so; only what was pushed here has a `request_uri` that counts. */
const refuseUnsupported = (parameters: Parameters): void => {
  if (parameters.get('request') !== undefined)
    throw new OAuthError('request_not_supported', 'request objects are not supported')
  if (parameters.get('request_uri') !== undefined)
    throw new OAuthError(
      'request_uri_not_supported',
      'only a request_uri of a request that was pushed here is supported',
    )
  // OpenID Connect Core §7.2.1: a client that describes itself must not believe that it was heard.
  if (parameters.get('registration') !== undefined)
    throw new OAuthError('registration_not_supported', 'clients are registered beforehand')
  parameters.refuseFlaws()
  if (Buffer.byteLength(parameters.get('state') ?? '') > LONGEST_STATE)
    throw invalidRequest('state is too long')
  if ((parameters.get('response_mode') ?? 'query') !== 'query')
    throw invalidRequest('response_mode must be query')
}

const readResponseType = (parameters: Parameters): void => {
  const response_type = parameters.get('response_type')
  if (response_type === undefined) throw invalidRequest('response_type is missing')
  if (response_type !== 'code') throw unsupportedResponseType('response_type must be code')
}

const LONGEST_HINT = 256
