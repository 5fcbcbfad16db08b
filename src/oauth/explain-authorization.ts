import type { Client } from '../store/clients.ts'
import { mustProveKey, readAuthorizationRequest } from './authorization-request.ts'
import { isPublic } from './client-authentication.ts'
import { asOAuthError } from './error-response.ts'
import { type Parameters, parseParameters } from './parameters.ts'
import { readChallenge } from './pkce.ts'
import { type OpenedRequest, openPushed, refuseUnpushed } from './pushed-request.ts'
import type { RedirectUriDifference } from './redirect-uri-difference.ts'
import { REPEATABLE, requestedResource } from './resource.ts'
import type { Room } from './room.ts'
import { requestedScope } from './scope.ts'
import { namedClient, readTrustedReply } from './trusted-reply.ts'

/** What the authorization endpoint makes of a request, part by part. What comes after a refused client is not there. */
export type AuthorizationNote = {
  readonly client: Judged<{
    readonly client_id: string
    readonly client_name?: string
    readonly kind: 'public' | 'confidential'
    readonly source: Client['source']
  }>
  /** True: it stands for a request that was pushed (RFC 9126), and the rest is said of that. */
  readonly pushed?: boolean
  /** With what is nearest where it is not registered. */
  readonly redirect_uri?: Judged<string> & Partial<RedirectUriDifference>
  readonly pkce?: Judged<'S256' | 'none'>
  readonly scope?: Judged<readonly string[]>
  /** Empty: a token is asked for that is good wherever its scopes lead. */
  readonly resource?: Judged<readonly string[]>
  /** `page`: an error page. `client`: back to the client, with an error. `person`: on to signing in and being asked. */
  readonly outcome: {
    readonly to: 'page' | 'client' | 'person'
    readonly error?: string
    readonly description?: string
  }
}

/** What was read, or why it was refused. */
export type Judged<T> =
  | { readonly value: T }
  | { readonly error: string; readonly description: string }

type Rooms = Pick<Room, 'stores' | 'config'>

/**
 * Takes a request that nobody sent through the checks of the authorization endpoint. Nothing is written, not even to the
 * log, and nobody is sent anywhere. `query` with or without its question mark.
 */
export const explainAuthorization = async (
  query: string,
  room: Rooms,
): Promise<AuthorizationNote> => {
  const read = await judged(() => parseParameters([query.replace(/^\?/, '')], REPEATABLE))
  if (!('value' in read)) return { client: read, outcome: { to: 'page', ...read } }
  const client = await judged(() => namedClient(read.value, room))
  if (!('value' in client)) return { client, outcome: { to: 'page', ...client } }
  const opened = await judged(() => openPushed(read.value, client.value, {}, silent(room)))
  const named = { client: { value: described(client.value) } }
  if (!('value' in opened)) return { ...named, pushed: true, outcome: { to: 'page', ...opened } }
  if (opened.value) return { ...named, ...pushedNote(opened.value) }
  return { ...named, ...(await plainNote(read.value, client.value, room)) }
}

const described = (client: Client) => ({
  client_id: client.client_id,
  ...(client.client_name !== undefined && { client_name: client.client_name }),
  kind: isPublic(client) ? ('public' as const) : ('confidential' as const),
  source: client.source,
})

/** It was checked when it was pushed. */
const pushedNote = ({ request }: OpenedRequest): Omit<AuthorizationNote, 'client'> => ({
  pushed: true,
  redirect_uri: { value: request.redirect_uri },
  pkce: { value: request.code_challenge === undefined ? 'none' : 'S256' },
  scope: { value: request.scope },
  resource: { value: request.resource },
  outcome: { to: 'person' },
})

const plainNote = async (
  parameters: Parameters,
  client: Client,
  room: Rooms,
): Promise<Omit<AuthorizationNote, 'client'>> => {
  const { config } = room
  let difference: RedirectUriDifference | undefined
  const reply = await judged(() =>
    readTrustedReply(parameters, client, (found) => {
      difference = found
    }),
  )
  const parts = {
    redirect_uri:
      'value' in reply ? { value: reply.value.redirect_uri } : { ...reply, ...difference },
    pkce: await judged(() =>
      readChallenge(parameters, mustProveKey(client, config)) === undefined ? 'none' : 'S256',
    ),
    scope: await judged(() => requestedScope(parameters.get('scope'), client, config)),
    resource: await judged(() => requestedResource(parameters.all('resource'), client, config)),
  } satisfies Partial<AuthorizationNote>
  if (!('value' in reply)) return { ...parts, outcome: { to: 'page', ...reply } }
  const whole = await judged(() => {
    refuseUnpushed(client, room)
    return readAuthorizationRequest(parameters, reply.value, room)
  })
  return { ...parts, outcome: 'value' in whole ? { to: 'person' } : { to: 'client', ...whole } }
}

const judged = async <T>(read: () => T | Promise<T>): Promise<Judged<T>> => {
  try {
    return { value: await read() }
  } catch (thrown) {
    const { code, message } = asOAuthError(thrown)
    return { error: code, description: message }
  }
}

const silent = ({ stores }: Rooms): Pick<Room, 'stores' | 'log'> => ({
  stores,
  log: { debug() {}, info() {}, warn() {}, error() {}, audit() {} },
})
