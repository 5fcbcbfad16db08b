import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { answerDevice, DEVICE_CODE } from './support/device.ts'
import { createPerson } from './support/person.ts'

const LOOPBACK = { [oauth.allowInsecureRequests]: true }

/** Clients that others wrote, by the letter, run the device flow whole. */
describe('the device flow', () => {
  let server: RunningAuthorizationServer
  const ada = createPerson('ada', 'ada-password')

  beforeAll(async () => {
    server = await startAuthorizationServer({
      clients: [
        { client_id: 'tv', redirect_uris: [], grant_types: [DEVICE_CODE, 'refresh_token'] },
        {
          client_id: 'kiosk',
          client_secret: 'kiosk-secret',
          redirect_uris: [],
          grant_types: [DEVICE_CODE, 'refresh_token'],
        },
      ],
    })
  })
  afterAll(() => server.stop())

  const discovered = async () => {
    const issuer = new URL(server.origin)
    const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...LOOPBACK })
    return oauth.processDiscoveryResponse(issuer, found)
  }

  it.each<[string, oauth.Client, oauth.ClientAuth]>([
    ['a public client', { client_id: 'tv' }, oauth.None()],
    ['client_secret_basic', { client_id: 'kiosk' }, oauth.ClientSecretBasic('kiosk-secret')],
    ['client_secret_post', { client_id: 'kiosk' }, oauth.ClientSecretPost('kiosk-secret')],
  ])(
    '8628-01 oauth4webapi, %s: pending, allowed, tokens, refresh',
    async (_, id, authentication) => {
      const as = await discovered()
      const asked = await oauth.deviceAuthorizationRequest(
        ...([as, id, authentication, { scope: 'orders.read' }, LOOPBACK] as const),
      )
      const device = await oauth.processDeviceAuthorizationResponse(as, id, asked)
      expect(device).toMatchObject({ expires_in: 600, interval: 5 })
      const poll = async () => {
        const { device_code } = device
        const answer = await oauth.deviceCodeGrantRequest(
          ...([as, id, authentication, device_code, LOOPBACK] as const),
        )
        return oauth.processDeviceCodeResponse(as, id, answer)
      }
      await expect(poll()).rejects.toMatchObject({ error: 'authorization_pending', status: 400 })
      await expect(poll()).rejects.toMatchObject({ error: 'slow_down', status: 400 })
      await answerDevice(ada, device)
      const tokens = await poll()
      expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'orders.read', expires_in: 600 })
      const refreshed = await oauth.refreshTokenGrantRequest(
        ...([as, id, authentication, tokens.refresh_token ?? '', LOOPBACK] as const),
      )
      const next = await oauth.processRefreshTokenResponse(as, id, refreshed)
      expect(next.access_token).not.toBe(tokens.access_token)
      await expect(poll()).rejects.toMatchObject({ error: 'invalid_grant' })
    },
  )

  it('8628-02 oauth4webapi understands a refusal', async () => {
    const [as, id] = [await discovered(), { client_id: 'tv' }]
    const asked = await oauth.deviceAuthorizationRequest(as, id, oauth.None(), {}, LOOPBACK)
    const device = await oauth.processDeviceAuthorizationResponse(as, id, asked)
    await answerDevice(ada, device, { decision: 'deny' })
    const answer = await oauth.deviceCodeGrantRequest(
      ...([as, id, oauth.None(), device.device_code, LOOPBACK] as const),
    )
    await expect(oauth.processDeviceCodeResponse(as, id, answer)).rejects.toMatchObject({
      error: 'access_denied',
      status: 400,
    })
  })

  it('8628-01 openid-client polls by itself until it has tokens', async () => {
    const settings = await client.discovery(
      new URL(server.origin),
      'tv',
      undefined,
      client.None(),
      { algorithm: 'oauth2', execute: [client.allowInsecureRequests] },
    )
    const device = await client.initiateDeviceAuthorization(settings, { scope: 'orders.read' })
    await answerDevice(ada, device)
    // It waits before it asks: a test need not.
    const polled = { ...device, interval: 0.01 }
    const tokens = await client.pollDeviceAuthorizationGrant(settings, polled)
    expect(tokens.expiresIn()).toBeLessThanOrEqual(600)
    expect(tokens.scope).toBe('orders.read')
    const next = await client.refreshTokenGrant(settings, tokens.refresh_token ?? '')
    expect(next.access_token).toMatch(/^pc_at_/)
  })
})
