import type { Grant } from '../../store/grants.ts'
import type { Presented } from '../../store/refresh-tokens.ts'
import { invalidGrant, invalidRequest, type OAuthError } from '../errors.ts'
import { lifetimesOf } from '../lifetimes.ts'
import { narrowedResource } from '../resource.ts'
import type { Room } from '../room.ts'
import { narrowedScope } from '../scope.ts'
import {
  type GrantType,
  type Issued,
  mintUnder,
  standingScope,
  type TokenRequest,
} from './grant.ts'

/**
 * Answers a refresh token with its successor (RFC 6749 §6). Asked again within the retry window, with the same one; a
 * token from further back was stolen from someone, and the grant ends (RFC 9700 §4.14.2).
 */
export const refreshTokens: GrantType = async (request, room) => {
  const value = request.parameters.get('refresh_token')
  if (value === undefined) throw invalidRequest('refresh_token is missing')
  return step(await judge(value, request, room), request, room)
}

const judge = async (
  value: string,
  { client, caller }: TokenRequest,
  { stores, config, log }: Room,
): Promise<Presented> => {
  const presented = await stores.refreshTokens.present(value, lifetimesOf(client, config))
  if (presented.state === 'unknown') throw refusal()
  const { client_id, sub, id: grant_id } = presented.grant
  if (client_id !== client.client_id) {
    log.audit('refresh.refused', { client_id, sub, grant_id, by: client.client_id, ...caller })
    throw refusal()
  }
  if (presented.state === 'current' || presented.state === 'retry') return presented
  if (presented.state === 'replayed') {
    await stores.grants.end(grant_id, 'refresh token replayed')
    log.audit('grant.replayed', { what: 'refresh_token', client_id, sub, grant_id, ...caller })
  }
  throw refusal()
}

const step = async (
  presented: Presented,
  { client, parameters, caller }: TokenRequest,
  room: Room,
): Promise<Issued> => {
  const { stores, config, log } = room
  const { grant } = presented
  const scope = await refreshedScope(grant, { client, parameters, caller }, room)
  const resource = narrowedResource(parameters.all('resource'), grant.resource, config)
  const minted = mintUnder(grant, client, { scope, resource }, room)
  const stepped = await stores.refreshTokens.step(presented, [minted.write])
  if (stepped === 'lost') throw refusal()
  const { grant_id, client_id, sub } = minted.token
  const event = stepped.retried ? 'refresh.retried' : 'token.refreshed'
  log.audit(event, { client_id, sub, grant_id, scope, ...caller })
  return { access_token: minted.value, token: minted.token, refresh_token: stepped.value }
}

/** §6: what was granted, or less of it. The refresh token itself keeps the whole. */
const refreshedScope = async (
  grant: Grant,
  { client, parameters }: TokenRequest,
  room: Room,
): Promise<readonly string[]> => {
  const standing = await standingScope(grant, client, room)
  if (!standing) throw refusal()
  const asked = parameters.get('scope')
  return asked === undefined ? standing : narrowedScope(asked, standing, room.config)
}

const refusal = (): OAuthError =>
  invalidGrant('the refresh token is unknown, expired, used, or not for this client')
