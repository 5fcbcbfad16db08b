import { INTERVAL } from '../store/device-poll.ts'
import { jsonReply } from './call.ts'
import { authenticateClient, isPublic } from './client-authentication.ts'
import type { ProgramHandler } from './endpoint.ts'
import { unauthorizedClient } from './errors.ts'
import { DEVICE_CODE } from './grants/device-code.ts'
import { requestedResource } from './resource.ts'
import { endpointUrl, type Room } from './room.ts'
import { requestedScope } from './scope.ts'

/**
 * The device authorization endpoint (RFC 8628 §3.1): a code for the device to ask with, and one for a person to enter.
 * What could not be granted is refused before anything is counted or stored.
 */
export const authorizeDevice =
  (room: Room): ProgramHandler =>
  async ({ req, caller }, parameters) => {
    const { stores, config, throttles, log } = room
    const client = await authenticateClient(req, parameters, caller, room)
    if (!client.grant_types.includes(DEVICE_CODE))
      throw unauthorizedClient('this client may not use this grant type')
    const { client_id } = client
    const scope = requestedScope(parameters.get('scope'), client, config)
    const resource = requestedResource(parameters.all('resource'), client, config)
    const { deviceCodes } = throttles
    // Anyone can pass for a public client, and nobody for another one.
    await (isPublic(client) ? deviceCodes.take(caller.remote) : deviceCodes.takeAs(client_id))
    const lifetime = config.tokens.deviceCode
    const { remote } = caller
    const begun = await stores.deviceCodes.begin({ client_id, scope, resource, remote }, lifetime)
    log.audit('device.requested', { client_id, scope, ...caller })
    const verification_uri = endpointUrl(config, 'device')
    return jsonReply({
      ...begun,
      verification_uri,
      verification_uri_complete: `${verification_uri}?user_code=${begun.user_code}`,
      expires_in: lifetime,
      interval: INTERVAL,
    })
  }
