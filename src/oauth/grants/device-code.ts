import type { AllowedDevice, DeviceCode } from '../../store/device-codes.ts'
import { invalidGrant, invalidRequest, OAuthError } from '../errors.ts'
import { narrowedResource } from '../resource.ts'
import type { Room } from '../room.ts'
import {
  firstTokens,
  type GrantType,
  type Issued,
  standingScope,
  type TokenRequest,
} from './grant.ts'

/** RFC 8628 §3.4. */
export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'

/**
 * Answers a device that asks whether a person has allowed it (RFC 8628 §3.5); with tokens, once. What another client asks
 * with, it learns nothing of, and burns nothing.
 */
export const redeemDevice: GrantType = async (request, room) => {
  const { client, parameters } = request
  const value = parameters.get('device_code')
  if (value === undefined) throw invalidRequest('device_code is missing')
  const code = await room.stores.deviceCodes.find(value)
  if (code.state === 'unknown') throw refusal()
  if (code.state === 'expired') throw refused('expired_token', 'nobody allowed this in time')
  if (code.state === 'spent') return refuseSpent(code, request, room)
  if (code.client_id !== client.client_id) throw refuseForeign(code, request, room)
  if (code.state === 'denied') throw refused('access_denied', 'the person said no')
  if (code.state === 'allowed') return redeem(code, request, room)
  throw (await room.stores.deviceCodes.poll(code)) === 'slow'
    ? refused('slow_down', 'leave five seconds more between two requests')
    : refused('authorization_pending', 'nobody has allowed this yet')
}

const redeem = async (
  code: AllowedDevice,
  { client, parameters, caller }: TokenRequest,
  room: Room,
): Promise<Issued> => {
  const { stores, config, log } = room
  const { grant } = code
  const resource = narrowedResource(parameters.all('resource'), grant.resource, config)
  const standing = await standingScope(grant, client, room)
  if (!standing) throw refusal()
  const { redeemed, writes, issued } = firstTokens(
    grant,
    client,
    { scope: standing, resource },
    room,
  )
  if ((await stores.deviceCodes.redeem(code, redeemed, writes)) === 'lost') throw refusal()
  const { grant_id, client_id, sub, scope } = issued.token
  const told = { grant_type: DEVICE_CODE, client_id, sub, grant_id, scope }
  log.audit('token.issued', { ...told, ...caller })
  return issued
}

/**
 * A code that comes back after it was redeemed: from the same client within moments, one that did not hear our answer;
 * from anyone else or later, a replay, and what it gave ends (as an authorization code's, RFC 6749 §4.1.2).
 */
const refuseSpent = async (
  { client_id, sub, grant_id, at }: Extract<DeviceCode, { state: 'spent' }>,
  { client, caller }: TokenRequest,
  { stores, clock, log }: Room,
): Promise<never> => {
  const by = client.client_id
  if (client_id !== by || clock() - at > RETRY_SECONDS) {
    await stores.grants.end(grant_id, 'device code replayed')
    log.audit('grant.replayed', { what: 'device_code', client_id, sub, grant_id, by, ...caller })
  }
  throw refusal()
}

const refuseForeign = (
  { client_id }: DeviceCode,
  { client, caller }: TokenRequest,
  { log }: Room,
): OAuthError => {
  log.audit('device.refused', { client_id, by: client.client_id, ...caller })
  return refusal()
}

/** One answer for all of it: whoever tries learns nothing about a code that is not theirs. */
const refusal = (): OAuthError =>
  invalidGrant('the device code is unknown, used, or not for this client')

/** 400 whatever the word means elsewhere (RFC 6749 §5.2). */
const refused = (
  code: 'access_denied' | 'expired_token' | 'slow_down' | 'authorization_pending',
  description: string,
): OAuthError => new OAuthError(code, description, { status: 400 })

const RETRY_SECONDS = 2
