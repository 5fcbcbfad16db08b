import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'

/** oidc-provider with our paths and our test clients: an authorization server that others wrote, to compare answers with. */
export type RunningProvider = { readonly origin: string; stop(): Promise<void> }

/** Whoever comes to it is signed in as ada, and gives what is asked for, without a page. */
export const startOidcProvider = async (
  clients: NonNullable<ConstructorParameters<typeof Provider>[1]>['clients'],
): Promise<RunningProvider> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = new Provider(origin, {
    ...{ clients: clients ?? [], scopes: ['orders.read', 'orders.write'] },
    cookies: { keys: ['a key of the tests alone'] },
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
    },
    routes: {
      authorization: '/oauth/authorize',
      token: '/oauth/token',
      revocation: '/oauth/revoke',
      introspection: '/oauth/introspect',
      device_authorization: '/oauth/device_authorization',
      pushed_authorization_request: '/oauth/par',
    },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    issueRefreshToken: () => true,
    rotateRefreshToken: () => true,
    pkce: { required: () => true },
  })
  const answer = provider.callback()
  server.on('request', async (req, res) => {
    if (!req.url?.startsWith('/interaction/')) return void answer(req, res)
    const { params } = await provider.interactionDetails(req, res)
    const grant = new provider.Grant({ accountId: 'ada', clientId: String(params.client_id) })
    grant.addOIDCScope('orders.read orders.write')
    await provider.interactionFinished(req, res, {
      login: { accountId: 'ada' },
      consent: { grantId: await grant.save() },
    })
  })
  return {
    origin,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
