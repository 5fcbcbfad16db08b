import type { Client } from '../store/clients.ts'
import { findClient, isPublic } from './client-authentication.ts'
import {
  invalidRequest,
  OAuthError,
  unauthorizedClient,
  unsupportedResponseType,
} from './errors.ts'
import type { Parameters } from './parameters.ts'
import { readChallenge } from './pkce.ts'
import { isRegistered } from './redirect-uri.ts'
import { redirectUriDifference } from './redirect-uri-difference.ts'
import { requestedResource } from './resource.ts'
import type { Room } from './room.ts'
import { requestedScope } from './scope.ts'

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

type Prompt = { readonly none: boolean; readonly consent: boolean }

/** A client and an address that may be answered: from here on, what is wrong is told to the client. */
export type TrustedReply = {
  readonly client: Client
  readonly redirect_uri: string
  readonly redirect_uri_given: boolean
  readonly state?: string
}

/**
 * Whom an authorization request may be answered to. What is wrong with that is told to the person and never sent
 * anywhere (RFC 6749 §3.1.2.4, RFC 9700 §4.11). Throws `invalid_request`.
 */
export const readTrustedReply = async (
  parameters: Parameters,
  room: Pick<Room, 'stores' | 'log'>,
  request_id: string,
): Promise<TrustedReply> => {
  const client = await namedClient(parameters, room)
  if (parameters.flawed('redirect_uri'))
    throw invalidRequest('redirect_uri is repeated or not well-formed')
  const given = parameters.get('redirect_uri')
  const redirect_uri = given ?? onlyRedirectUri(client)
  if (
    !isRegistered(redirect_uri, { redirect_uris: client.redirect_uris, public: isPublic(client) })
  ) {
    // Only here: what is registered is not for whoever asks.
    const difference = redirectUriDifference(redirect_uri, client.redirect_uris)
    const { client_id } = client
    const reason = 'redirect_uri'
    room.log.audit('authorization.refused', { request_id, client_id, reason, ...difference })
    throw invalidRequest(
      'redirect_uri is not one that this application registered, character by character',
    )
  }
  return {
    client,
    redirect_uri,
    redirect_uri_given: given !== undefined,
    ...optional('state', readableState(parameters)),
  }
}

/** Everything else about the request, in an order that names the gravest flaw. Throws OAuthErrors for the client. */
export const readAuthorizationRequest = (
  parameters: Parameters,
  reply: TrustedReply,
  room: Pick<Room, 'config'>,
): AuthorizationRequest => {
  const { client } = reply
  refuseUnsupported(parameters)
  const response_type = parameters.get('response_type')
  if (response_type === undefined) throw invalidRequest('response_type is missing')
  if (response_type !== 'code') throw unsupportedResponseType('response_type must be code')
  if (!client.grant_types.includes('authorization_code')) {
    throw unauthorizedClient('this client may not use the authorization code grant')
  }
  const challenge = readChallenge(parameters, mustProveKey(client, room))
  return {
    client_id: client.client_id,
    redirect_uri: reply.redirect_uri,
    redirect_uri_given: reply.redirect_uri_given,
    ...optional('state', reply.state),
    scope: requestedScope(parameters.get('scope'), client, room.config),
    resource: requestedResource(parameters.all('resource'), room.config),
    ...optional('code_challenge', challenge),
    prompt: readPrompt(parameters),
    ...optional('max_age', readMaxAge(parameters)),
    ...optional('login_hint', parameters.get('login_hint')?.slice(0, 256)),
  }
}

const namedClient = async (parameters: Parameters, room: Pick<Room, 'stores'>): Promise<Client> => {
  if (parameters.flawed('client_id'))
    throw invalidRequest('client_id is repeated or not well-formed')
  const client_id = parameters.get('client_id')
  if (client_id === undefined) throw invalidRequest('client_id is missing')
  const client = await findClient(client_id, room)
  if (!client) throw invalidRequest('client_id names no application that is registered here')
  return client
}

const onlyRedirectUri = (client: Client): string => {
  const [only, ...others] = client.redirect_uris
  if (only === undefined || others.length > 0) throw invalidRequest('redirect_uri is missing')
  return only
}

/** What cannot be echoed exactly is not echoed at all. */
const readableState = (parameters: Parameters): string | undefined => {
  const state = parameters.get('state')
  return state !== undefined && Buffer.byteLength(state) <= LONGEST_STATE ? state : undefined
}

const refuseUnsupported = (parameters: Parameters): void => {
  if (parameters.get('request') !== undefined) {
    throw new OAuthError('request_not_supported', 'request objects are not supported')
  }
  if (parameters.get('request_uri') !== undefined) {
    throw new OAuthError('request_uri_not_supported', 'request_uri is not supported')
  }
  parameters.refuseFlaws()
  if (Buffer.byteLength(parameters.get('state') ?? '') > LONGEST_STATE) {
    throw invalidRequest('state is too long')
  }
  if ((parameters.get('response_mode') ?? 'query') !== 'query') {
    throw invalidRequest('response_mode must be query')
  }
}

/** RFC 7636 §4.4.1, RFC 9700 §2.1.1: always, except for confidential clients where the operator says so. */
const mustProveKey = (client: Client, { config }: Pick<Room, 'config'>): boolean =>
  isPublic(client) || (client.require_pkce && !config.compatibility.includes('axway'))

/** OpenID Connect Core §3.1.2.1; values that we do not know are ignored. */
const readPrompt = (parameters: Parameters): Prompt => {
  const values = (parameters.get('prompt') ?? '').split(' ').filter((value) => value !== '')
  const none = values.includes('none')
  if (none && values.length > 1) throw invalidRequest('prompt=none stands alone')
  return { none, consent: values.includes('consent') }
}

/** `prompt=login` is a sign-in that may not be any older than the request. */
const readMaxAge = (parameters: Parameters): number | undefined => {
  const prompt = (parameters.get('prompt') ?? '').split(' ')
  if (prompt.includes('login') || prompt.includes('select_account')) return 0
  const max_age = parameters.get('max_age')
  if (max_age === undefined) return undefined
  if (!/^\d{1,10}$/.test(max_age)) throw invalidRequest('max_age is not a number of seconds')
  return Number(max_age)
}

const optional = <Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [key in Name]?: Value } =>
  (value === undefined ? {} : { [name]: value }) as { readonly [key in Name]?: Value }

const LONGEST_STATE = 4096
