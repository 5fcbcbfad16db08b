import type { IncomingMessage } from 'node:http'

import type { Client } from '../store/clients.ts'
import { invalidClient, invalidRequest, type OAuthError } from './errors.ts'
import { formDecoded, type Parameters } from './parameters.ts'
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
  client_id.length > LONGEST_CLIENT_ID ? undefined : stores.clients.find(client_id)

/**
 * The client that a back-channel request comes from (RFC 6749 §2.3, §3.2.1). Throws `invalid_request` for two methods at
 * once, 429 after too many failures, and otherwise one and the same `invalid_client`, so that nothing tells an unknown
 * client from a wrong secret.
 */
export const authenticateClient = async (
  req: IncomingMessage,
  parameters: Parameters,
  caller: Caller,
  room: Pick<Room, 'stores' | 'throttles' | 'log'>,
): Promise<Client> => {
  const credentials = readCredentials(req, parameters)
  const { client_id, method } = credentials
  const { clientSecrets } = room.throttles
  const client = await findClient(client_id, room)
  const who = client ? client_id : groupOf(client_id)
  await clientSecrets.check(who, caller.remote)
  if (proves(client, credentials, room) && client) {
    await clientSecrets.check(who, caller.remote)
    return client
  }
  const known = client && { client_id }
  room.log.audit('client.authentication_failed', { ...known, method, ...caller })
  await clientSecrets.failed(who, caller.remote)
  throw method === 'client_secret_basic' ? basicRefusal() : refusal()
}

type Credentials = {
  readonly client_id: string
  readonly secret?: string
  readonly method: 'none' | 'client_secret_basic' | 'client_secret_post'
}

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
    if (client_id !== undefined && client_id !== pair.client_id) {
      throw invalidRequest('client_id is not that of the Authorization header')
    }
    return { ...pair, method: 'client_secret_basic' }
  }
  if (client_id === undefined || assertion !== undefined) throw refusal()
  return secret === undefined
    ? { client_id, method: 'none' }
    : { client_id, secret, method: 'client_secret_post' }
}

const onlyAuthorization = (req: IncomingMessage): string | undefined => {
  const names = req.rawHeaders.filter((_, index) => index % 2 === 0)
  const count = names.filter((name) => name.toLowerCase() === 'authorization').length
  if (count > 1) throw invalidRequest('there is more than one Authorization header')
  return req.headers.authorization
}

/** RFC 6749 §2.3.1: both halves are form-encoded before they are joined. Throws `invalid_client` for what is not so. */
const readBasic = (authorization: string): { client_id: string; secret: string } => {
  const encoded = BASIC.exec(authorization)?.[1]
  if (encoded === undefined || authorization.length > LONGEST_CREDENTIALS) throw basicRefusal()
  const pair = Buffer.from(encoded, 'base64').toString('latin1')
  const colon = pair.indexOf(':')
  const client_id = colon < 0 ? undefined : decodedHalf(pair.slice(0, colon))
  const secret = decodedHalf(pair.slice(colon + 1))
  if (client_id === undefined || client_id === '' || secret === undefined) throw basicRefusal()
  return { client_id, secret }
}

/** Some clients leave the form-encoding out; then the bytes are UTF-8 as they stand. */
const decodedHalf = (half: string): string | undefined => {
  try {
    return formDecoded(UTF8.decode(Buffer.from(half, 'latin1')))
  } catch {
    return undefined
  }
}

/** A declared method is the only one; a client with a secret that declared none may use Basic or the body. */
const proves = (
  client: Client | undefined,
  { secret, method }: Credentials,
  { stores }: Pick<Room, 'stores'>,
): boolean => {
  const matches = secret !== undefined && stores.clients.verifySecret(client, secret)
  if (!client) return false
  if (isPublic(client)) return method === 'none'
  return matches && method === (client.token_endpoint_auth_method ?? method)
}

const refusal = (): OAuthError => invalidClient('client authentication failed')

/** RFC 6749 §5.2: who came with an Authorization header is told its scheme. */
const basicRefusal = (): OAuthError =>
  invalidClient('client authentication failed', {
    headers: { 'WWW-Authenticate': 'Basic realm="Portcullis", charset="UTF-8"' },
  })

const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i
const LONGEST_CREDENTIALS = 4096
const LONGEST_CLIENT_ID = 2048
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
