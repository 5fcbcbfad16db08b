import { once } from 'node:events'
import { createServer } from 'node:http'
import { type Configuration, Provider } from 'oidc-provider'
import { CALLBACK, CLIENT, SECRET } from './oauth-client.ts'

// oidc-provider as its documentation sets it up, with its store in memory: plain OAuth, opaque tokens, refresh tokens that
// rotate. Whoever comes without a session is signed in, and gives everything, without a page.

const [, , port] = process.argv
const issuer = `http://127.0.0.1:${port}`

const configuration: Configuration = {
  clients: [
    {
      client_id: CLIENT,
      client_secret: SECRET,
      redirect_uris: [CALLBACK],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      scope: 'orders.read orders.write',
    },
  ],
  scopes: ['orders.read', 'orders.write'],
  cookies: { keys: ['a key of the bench alone'] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  issueRefreshToken: () => true,
  rotateRefreshToken: () => true,
  pkce: { required: () => true },
  ttl: { AccessToken: 600, ClientCredentials: 600, RefreshToken: 2_592_000, Grant: 15_552_000 },
}

const provider = new Provider(issuer, configuration)
const answer = provider.callback()

createServer(async (req, res) => {
  if (!req.url?.startsWith('/interaction/')) return void answer(req, res)
  const grant = new provider.Grant({ accountId: 'ada', clientId: CLIENT })
  grant.addOIDCScope('orders.read orders.write')
  const login = { login: { accountId: 'ada' }, consent: { grantId: await grant.save() } }
  await provider.interactionFinished(req, res, login)
}).listen(Number(port), '127.0.0.1')

process.once('SIGTERM', () => process.exit(0))
await once(process, 'disconnect')
process.exit(0)
