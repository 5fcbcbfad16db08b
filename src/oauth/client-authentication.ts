import type { IncomingMessage } from 'node:http'

import type { Client } from '../store/clients.ts'
import { noteOn } from '../telemetry/request-note.ts'
import { readBasic } from './basic-credentials.ts'
import { type Assertion, type Refusal, readAssertion, refuseAssertion } from './client-assertion.ts'
import { invalidClient, invalidRequest, type OAuthError } from './errors.ts'
import type { Parameters } from './parameters.ts'
import type { Caller, Room } from './room.ts'
import { groupOf } from './throttle.ts'

/** True for a client that cannot keep a secret (RFC 6749 §2.1): it only names itself. */
export const isPublic = ({
  token_endpoint_auth_method: method,
  secret_digests,
}: Pick<Client, 'token_endpoint_auth_method' | 'secret_digests'>): boolean =>
  method === 'none' || (method !== 'private_key_jwt' && secret_digests.length === 0)

/** The client of an id that anyone may have made up: one that no client has is not looked up. */
export const findClient = async (
  client_id: string,
  { stores }: Pick<Room, 'stores'>,
): Promise<Client | undefined> =>
  client_id === '' || client_id.length > LONGEST_CLIENT_ID
    ? undefined
    : stores.clients.find(client_id)

/**
 * The client that a back-channel request comes from (RFC 6749 §2.3, §3.2.1; RFC 7523 §2.2). Throws `invalid_request` for two
 * methods at once, 429 after too many failures, and otherwise one and the same `invalid_client`, so that nothing tells an
 * unknown client from a wrong secret; who signs with the client's key is told what else is wrong.
 */
export const authenticateClient = async (
  req: IncomingMessage,
  parameters: Parameters,
  caller: Caller,
  room: Room,
): Promise<Client> => {
  const credentials = readCredentials(req, parameters)
  const { client_id, method } = credentials
  const { clientSecrets } = room.throttles
  const client = await findClient(client_id, room)
  const who = client ? client_id : groupOf(client_id)
  // What is stored, not a part of what was posted.
  if (client) noteOn(req, { client_id: client.client_id })
  await clientSecrets.check(who, caller.remote)
  const refused = await refuse(client, credentials, room)
  if (client && !refused) {
    await clientSecrets.check(who, caller.remote)
    return client
  }
  // Only an id that exists is logged: people put secrets into the wrong field.
  const known = client && { client_id }
  const { reason } = refused ?? {}
  if (reason !== undefined) noteOn(req, { reason })
  room.log.audit('client.authentication_failed', { ...known, method, reason, ...caller })
  await clientSecrets.failed(who, caller.remote)
  throw method === 'client_secret_basic' ? basicRefusal() : refusal(refused)
}

type Credentials = { readonly client_id: string } & (
  | { readonly method: 'none' }
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly secret: string }
  | { readonly method: 'private_key_jwt'; readonly assertion: Assertion | Refusal }
)

const readCredentials = (req: IncomingMessage, parameters: Parameters): Credentials => {
  const authorization = onlyAuthorization(req)
  const client_id = parameters.get('client_id')
  const secret = parameters.get('client_secret')
  const assertion = parameters.get('client_assertion')
  if ([authorization, secret, assertion].filter((proof) => proof !== undefined).length > 1) {
    throw invalidRequest('a client authenticates by one method at a time')
  }
  if (authorization !== undefined) {
    const pair = readBasic(authorization)
    if (!pair) throw basicRefusal()
    refuseOther(client_id, pair.client_id, 'that of the Authorization header')
    return { ...pair, method: 'client_secret_basic' }
  }
  if (assertion !== undefined) return readAsserted(assertion, parameters)
  if (client_id === undefined) throw refusal()
  return secret === undefined
    ? { client_id, method: 'none' }
    : { client_id, secret, method: 'client_secret_post' }
}

/** RFC 7521 §4.2: `client_id` may be left out beside an assertion, which names its client. */
const readAsserted = (token: string, parameters: Parameters): Credentials => {
  const client_id = parameters.get('client_id')
  const known = parameters.get('client_assertion_type') === JWT_BEARER
  const assertion = known ? readAssertion(token) : { reason: 'client_assertion_type is not ours' }
  if ('reason' in assertion)
    return { client_id: client_id ?? '', assertion, method: 'private_key_jwt' }
  refuseOther(client_id, assertion.client_id, 'the issuer of the assertion')
  return { client_id: assertion.client_id, assertion, method: 'private_key_jwt' }
}

const refuseOther = (given: string | undefined, proven: string, what: string): void => {
  if (given !== undefined && given !== proven) throw invalidRequest(`client_id is not ${what}`)
}

const onlyAuthorization = (req: IncomingMessage): string | undefined => {
  const { rawHeaders } = req
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    if (name.length === NAME.length && name.toLowerCase() === NAME) count += 1
  }
  if (count > 1) throw invalidRequest('there is more than one Authorization header')
  return req.headers.authorization
}

/** A declared method is the only one; a client with a secret that declared none may use Basic or the body. */
const refuse = async (
  client: Client | undefined,
  credentials: Credentials,
  room: Room,
): Promise<Refusal | undefined> => {
  const { method } = credentials
  const matches = 'secret' in credentials && verifySecret(client, credentials.secret, room)
  const assertion = 'assertion' in credentials ? credentials.assertion : undefined
  if (assertion && 'reason' in assertion) return assertion
  if (!client) return { reason: 'unknown' }
  if (method !== (isPublic(client) ? 'none' : (client.token_endpoint_auth_method ?? method)))
    return { reason: 'authenticates by another method' }
  if (assertion) return refuseAssertion(assertion, client, room)
  if (isPublic(client) || matches) return undefined
  return { reason: method === 'none' ? 'no secret' : 'another secret' }
}

const verifySecret = (client: Client | undefined, secret: string, { stores }: Room): boolean =>
  stores.clients.verifySecret(client, secret)

/** What is said to anyone tells nothing; to who proved to hold the key, what to mend. */
const refusal = (refused?: Refusal): OAuthError =>
  invalidClient(refused?.proven ? refused.reason : 'client authentication failed')

/** RFC 6749 §5.2: who came with an Authorization header is told its scheme. */
const basicRefusal = (): OAuthError =>
  invalidClient('client authentication failed', {
    headers: { 'WWW-Authenticate': 'Basic realm="Portcullis", charset="UTF-8"' },
  })

const NAME = 'authorization'
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const LONGEST_CLIENT_ID = 2048
