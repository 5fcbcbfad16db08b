import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { createPerson } from './support/person.ts'

describe('authorization code grant', () => {
  let server: RunningAuthorizationServer
  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  afterAll(() => server.stop())

  it('§4.1 a person allows, the client redeems the code and refreshes the token', async () => {
    const ada = createPerson('ada', 'ada-password')
    const web = createClient(server.origin, 'web', { secret: 'web-secret' })
    const callback = await ada.authorize(web.authorizationUrl())
    expect(callback.searchParams.get('state')).toBe('state-of-the-client')
    expect(callback.searchParams.get('iss')).toBe(server.origin)
    const tokens = await web.redeem(callback)
    expect(tokens.status).toBe(200)
    expect(tokens.body).toEqual({
      access_token: expect.stringMatching(/^pc_at_/),
      refresh_token: expect.stringMatching(/^pc_rt_/),
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'orders.read orders.write',
    })
    const refreshed = await web.refresh(tokens.body.refresh_token)
    expect(refreshed.status).toBe(200)
    expect(refreshed.body.refresh_token).not.toBe(tokens.body.refresh_token)
  })
})
