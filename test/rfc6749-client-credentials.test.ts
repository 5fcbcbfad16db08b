import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import type { Fields } from './support/person.ts'

describe('the client credentials grant', () => {
  let server: RunningAuthorizationServer
  const ask = (fields: Fields = {}) =>
    createClient(server.origin, 'machine', { secret: 'machine-secret' }).post('token', {
      grant_type: 'client_credentials',
      ...fields,
    })

  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  afterAll(() => server.stop())

  it('6749-50 gives a token for the client itself and no refresh token', async () => {
    const { status, body } = await ask()
    expect([status, body]).toEqual([
      200,
      {
        access_token: expect.stringMatching(/^pc_at_/),
        token_type: 'Bearer',
        expires_in: 600,
        scope: 'orders.read',
      },
    ])
  })

  it.each(['orders.write', 'orders.read orders.write', 'nothing'])(
    '6749-50 scope=%s is more than the client was registered for',
    async (scope) => {
      const { status, body } = await ask({ scope })
      expect([status, body.error]).toEqual([400, 'invalid_scope'])
    },
  )

  it('6749-50 a client without the grant type is refused', async () => {
    const web = createClient(server.origin, 'web', { secret: 'web-secret' })
    const { body } = await web.post('token', { grant_type: 'client_credentials' })
    expect(body.error).toBe('unauthorized_client')
  })

  it('8707-01, 8707-02 a resource is the audience of the token, others are refused', async () => {
    const machine = createClient(server.origin, 'machine', { secret: 'machine-secret' })
    const { body } = await ask({ resource: `${server.origin}/orders` })
    const known = await machine.post('introspect', { token: String(body.access_token) })
    expect(known.body.aud).toEqual([`${server.origin}/orders`])
    expect((await ask({ resource: 'https://evil.example/' })).body.error).toBe('invalid_target')
  })
})
