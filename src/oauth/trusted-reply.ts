import type { Client } from '../store/clients.ts'
import { findClient, isPublic } from './client-authentication.ts'
import { invalidRequest } from './errors.ts'
import type { Parameters } from './parameters.ts'
import { isRegistered } from './redirect-uri.ts'
import { type RedirectUriDifference, redirectUriDifference } from './redirect-uri-difference.ts'
import type { Caller, Room } from './room.ts'

/** A client and an address that may be answered: from here on, what is wrong is told to the client. */
export type TrustedReply = {
  readonly client: Client
  readonly redirect_uri: string
  /** False: the client left it out, having registered only one. */
  readonly redirect_uri_given: boolean
  readonly state?: string
}

/** The client that an authorization request names. Throws `invalid_request`. */
export const namedClient = async (
  parameters: Parameters,
  room: Pick<Room, 'stores'>,
): Promise<Client> => {
  if (parameters.flawed('client_id'))
    throw invalidRequest('client_id is repeated or not well-formed')
  const client_id = parameters.get('client_id')
  if (client_id === undefined) throw invalidRequest('client_id is missing')
  const client = await findClient(client_id, room)
  if (!client) throw invalidRequest(UNKNOWN)
  return client
}

/**
 * Where an authorization request of a client may be answered. What is wrong with that is told to the person and never sent
 * anywhere (RFC 6749 §3.1.2.4, RFC 9700 §4.11). Throws `invalid_request`; `onMismatch` hears before what is not
 * registered, and what was nearest.
 */
export const readTrustedReply = (
  parameters: Parameters,
  client: Client,
  onMismatch: (difference: RedirectUriDifference) => void,
): TrustedReply => {
  if (parameters.flawed('redirect_uri'))
    throw invalidRequest('redirect_uri is repeated or not well-formed')
  const given = parameters.get('redirect_uri')
  const redirect_uri = given ?? onlyRedirectUri(client)
  const registered = { redirect_uris: client.redirect_uris, public: isPublic(client) }
  if (!isRegistered(redirect_uri, registered)) {
    onMismatch(redirectUriDifference(redirect_uri, registered))
    throw unregistered()
  }
  const state = readableState(parameters)
  return {
    client,
    redirect_uri,
    redirect_uri_given: given !== undefined,
    ...(state !== undefined && { state }),
  }
}

/** Writes to the log what differs, and only there: what is registered is not for whoever asks. */
export const noteMismatch =
  (
    { client_id }: Pick<Client, 'client_id'>,
    caller: Partial<Caller>,
    { log }: Pick<Room, 'log'>,
  ): ((difference: RedirectUriDifference) => void) =>
  (difference) =>
    log.audit('authorization.refused', {
      ...caller,
      client_id,
      reason: 'redirect_uri',
      ...difference,
    })

export const unregistered = () =>
  invalidRequest('redirect_uri is not one that this application registered, character by character')

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

export const LONGEST_STATE = 4096

// Tools that registered themselves do not notice that they are forgotten: whoever reads this has to tell them.
const UNKNOWN =
  'client_id names no application that is registered here: if it was before, remove this connection in the application, and add it anew'
