import type { Config, RouteSettings } from '../config/config.ts'

/** What the demo application knows about itself and the gateway, as any client would have it in its settings. */
export type Setup = {
  readonly issuer: string
  readonly origin: string
  /** Prefix of the OAuth endpoints: `/oauth`. */
  readonly oauth: string
  readonly client_id: string
  readonly client_name: string
  readonly client_secret: string
  readonly redirect_uri: string
  readonly scope: string
  /** What it calls on the protected API: the first of its entries. */
  readonly api: string
  /** Seconds that a code lives. */
  readonly codeLife: number
  /** Somebody to sign in as. */
  readonly account?: { readonly username: string; readonly password: string }
}

/** Reads the demo application's settings out of the configuration. A string says what is missing there. */
export const demoSetup = (config: Config): Setup | string => {
  const client = config.clients.find(({ client_id }) => client_id === 'demo')
  const [client_secret] = [client?.client_secret ?? []].flat()
  if (client === undefined || client_secret === undefined)
    return 'The configuration has no client “demo” with a client_secret.'
  const route = config.routes.find(isReadable)
  if (route === undefined) return 'The configuration has no route that needs a token for GET.'
  const { origin } = new URL(config.issuer)
  const redirect_uri = `${origin}/demo/callback`
  if (!client.redirect_uris.includes(redirect_uri))
    return `The client “demo” has no redirect URI ${redirect_uri}.`
  const account = config.accounts.find(({ password }) => !password.startsWith('$'))
  return {
    issuer: config.issuer,
    origin,
    oauth: config.paths.oauth,
    client_id: client.client_id,
    client_name: client.client_name ?? client.client_id,
    client_secret,
    redirect_uri,
    scope: client.scope ?? [...config.scopes.keys()].join(' '),
    api: `${route.path.replace(/\/\*$/, '') || '/'}?limit=1`,
    codeLife: config.tokens.authorizationCode,
    ...(account && { account: { username: account.username, password: account.password } }),
  }
}

const isReadable = ({ access, host, methods }: RouteSettings): boolean =>
  access === 'token' && host === undefined && (methods?.includes('GET') ?? true)
