import type { Client } from '../store/clients.ts'
import { type AuthorizationRequest, readAuthorizationRequest } from './authorization-request.ts'
import { jsonReply } from './call.ts'
import { authenticateClient, isPublic } from './client-authentication.ts'
import type { ProgramHandler } from './endpoint.ts'
import { invalidRequest, OAuthError } from './errors.ts'
import type { Parameters } from './parameters.ts'
import { refuseTooLong } from './pending-request.ts'
import { isRegistered } from './redirect-uri.ts'
import type { Caller, Room } from './room.ts'
import { noteMismatch, readTrustedReply, type TrustedReply, unregistered } from './trusted-reply.ts'

/**
 * The pushed authorization request endpoint (RFC 9126 §2): what the authorization endpoint would refuse is refused here,
 * to the client itself. What passes waits under a name that nobody can guess, for its client alone.
 */
export const pushRequest =
  (room: Room): ProgramHandler =>
  async ({ req, caller }, parameters) => {
    const client = await authenticateClient(req, parameters, caller, room)
    if (parameters.get('request_uri') !== undefined)
      throw invalidRequest('request_uri must not be pushed')
    const reply = readTrustedReply(parameters, client, noteMismatch(client, caller, room))
    const request = readAuthorizationRequest(parameters, reply, room)
    refuseTooLong(request)
    const { client_id } = client
    const { pushedRequests } = room.throttles
    // Anyone can pass for a public client, and nobody for another one.
    await (isPublic(client) ? pushedRequests.take(caller.remote) : pushedRequests.takeAs(client_id))
    const lifetime = room.config.tokens.pushedRequest
    const row = { client_id, request: { v: 1, ...request } }
    const value = await room.stores.pushedRequests.push(row, lifetime)
    room.log.audit('request.pushed', { client_id, scope: request.scope, ...caller })
    return jsonReply({ request_uri: `${REQUEST_URI}${value}`, expires_in: lifetime }, 201)
  }

/** A request that was pushed, and where it is answered. */
export type OpenedRequest = {
  readonly id: string
  readonly request: AuthorizationRequest
  readonly reply: TrustedReply
}

/**
 * The pushed request that an authorization request stands for (RFC 9126 §4); whatever else that has does not count (RFC 9101
 * §6.3). Undefined: it has no `request_uri` of ours. Throws `invalid_request_uri`, for a page: whom to answer is not known.
 */
export const openPushed = async (
  parameters: Parameters,
  client: Client,
  caller: Partial<Caller>,
  room: Pick<Room, 'stores' | 'log'>,
): Promise<OpenedRequest | undefined> => {
  const uri = parameters.get('request_uri')
  if (!uri?.startsWith(REQUEST_URI)) return undefined
  const found = await room.stores.pushedRequests.find(uri.slice(REQUEST_URI.length))
  const request = found?.client_id === client.client_id ? contentOf(found.request) : undefined
  if (!found || !request) {
    const { client_id } = client
    room.log.audit('authorization.refused', { ...caller, client_id, reason: 'request_uri' })
    throw invalidRequestUri('this request is unknown, has expired, or is of another application')
  }
  if (found.answered) throw invalidRequestUri('this request has been answered already')
  const { redirect_uri, redirect_uri_given, state } = request
  // It may have been taken back since.
  if (!isRegistered(redirect_uri, { ...client, public: isPublic(client) })) throw unregistered()
  const reply = {
    ...{ client, redirect_uri, redirect_uri_given },
    ...(state !== undefined && { state }),
  }
  return { id: found.id, request, reply }
}

/** Throws `invalid_request` where a request had to be pushed (RFC 9126 §5, §6). */
export const refuseUnpushed = (client: Client, { config }: Pick<Room, 'config'>): void => {
  if (mustPush(client, config)) throw invalidRequest('this client must push its requests')
}

const mustPush = (client: Client, config: Room['config']): boolean =>
  config.require_pushed_authorization_requests ||
  client.require_pushed_authorization_requests === true

/** Undefined for what another release wrote. */
const contentOf = (content: unknown): AuthorizationRequest | undefined =>
  typeof content === 'object' && content !== null && 'v' in content && content.v === 1
    ? (content as unknown as AuthorizationRequest)
    : undefined

const invalidRequestUri = (description: string): OAuthError =>
  new OAuthError('invalid_request_uri', description)

const REQUEST_URI = 'urn:ietf:params:oauth:request_uri:'
