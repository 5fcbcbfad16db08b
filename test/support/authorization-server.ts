import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { type Clock, systemClock } from '../../src/clock.ts'
import type {
  AccountSettings,
  ClientSettings,
  Config,
  RouteSettings,
} from '../../src/config/config.ts'
import { createAuthorizationServer } from '../../src/oauth/authorization-server.ts'
import { createClientKeys } from '../../src/oauth/client-keys.ts'
import { createThrottles } from '../../src/oauth/throttle.ts'
import { createPeerOf } from '../../src/peer.ts'
import { openStores, type Stores } from '../../src/store/open.ts'
import type { Log, LogFields } from '../../src/telemetry/log.ts'
import { BASE_CONFIG } from './base-config.ts'

/** The authorization server alone, on a free port, over a store in memory. */
export type RunningAuthorizationServer = {
  /** The issuer, unless the settings gave another. */
  readonly origin: string
  readonly config: Config
  readonly stores: Stores
  readonly logged: readonly { readonly event: string; readonly fields: LogFields }[]
  stop(): Promise<void>
}

export type Settings = Partial<Omit<Config, 'clients' | 'accounts' | 'routes' | 'limits'>> & {
  readonly limits?: Partial<Config['limits']>
  readonly clients?: readonly (Partial<ClientSettings> & Pick<ClientSettings, 'client_id'>)[]
  readonly accounts?: readonly (Partial<AccountSettings> & Pick<AccountSettings, 'username'>)[]
  readonly routes?: readonly (Partial<RouteSettings> & Pick<RouteSettings, 'path'>)[]
}

type Options = {
  readonly clock?: Clock
  /** Puts something between the server and its store. */
  readonly through?: (stores: Stores) => Stores
}

export const startAuthorizationServer = async (
  settings: Settings = {},
  { clock = systemClock, through = (stores) => stores }: Options = {},
): Promise<RunningAuthorizationServer> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const config = configured(origin, port, settings)
  const { log, logged } = recordingLog()
  const stores = await openStores(config, { clock, log })
  const peer = createPeerOf(config.trustedProxies)
  const room = createAuthorizationServer({
    config,
    stores: through(stores),
    peer,
    clock,
    log,
    throttles: createThrottles(),
    clientKeys: createClientKeys({ clock, log }),
  })
  await room.warm()
  const app = new Koa()
  let requests = 0
  app.use((ctx, next) => {
    requests += 1
    ctx.state.request_id = `request-${requests}`
    ctx.set('X-Request-Id', ctx.state.request_id)
    return next()
  })
  app.use(room.middleware)
  server.on('request', app.callback())
  return {
    origin,
    config,
    stores,
    logged,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await stores.close()
    },
  }
}

export const REDIRECT_URI = 'https://app.example/callback'

const configured = (origin: string, port: number, settings: Settings): Config => ({
  ...DEFAULTS,
  file: 'test',
  issuer: origin,
  listen: { host: '127.0.0.1', port },
  ...settings,
  limits: { ...DEFAULTS.limits, ...settings.limits },
  clients: (settings.clients ?? CLIENTS).map((client) => ({
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
    require_pkce: true,
    introspect: false,
    tokens: {},
    ...client,
  })),
  accounts: (settings.accounts ?? ACCOUNTS).map((account) => ({
    sub: account.username,
    password: `${account.username}-password`,
    ...account,
  })),
  routes: (settings.routes ?? ROUTES).map((route) => ({
    upstream: 'orders',
    access: 'token',
    allowEncodedSlash: false,
    upstreamHost: 'target',
    websocket: true,
    onExpiry: 'keep' as const,
    ...route,
  })),
})

const CLIENTS = [
  { client_id: 'web', client_name: 'Web shop', client_secret: 'web-secret' },
  { client_id: 'other', client_name: 'Other shop', client_secret: 'other-secret' },
  {
    client_id: 'native',
    client_name: 'Native app',
    redirect_uris: ['http://127.0.0.1/callback', 'com.example.app:/callback'],
  },
  {
    client_id: 'machine',
    client_secret: 'machine-secret',
    redirect_uris: [],
    grant_types: ['client_credentials'],
    scope: 'orders.read',
  },
  {
    client_id: 'resource-server',
    client_secret: 'resource-server-secret',
    redirect_uris: [],
    grant_types: ['client_credentials'],
    introspect: true,
  },
] satisfies Settings['clients']

const ACCOUNTS = [{ username: 'ada', name: 'Ada Lovelace' }, { username: 'bob' }]

const ROUTES = [
  { path: '/orders/*', scope: { mode: 'all', scopes: ['orders.read'] } },
  { path: '/billing/*' },
] satisfies Settings['routes']

const DEFAULTS: Omit<Config, 'file' | 'issuer' | 'listen' | 'clients' | 'accounts' | 'routes'> = {
  ...BASE_CONFIG,
  tokens: { ...BASE_CONFIG.tokens, refreshToken: 2_592_000, grant: 15_552_000 },
  limits: { ...BASE_CONFIG.limits, cachedTokens: 10_000 },
  log: { level: 'info', access: true },
}

const recordingLog = (): { log: Log; logged: { event: string; fields: LogFields }[] } => {
  const logged: { event: string; fields: LogFields }[] = []
  const record = (event: string, fields: LogFields = {}) => void logged.push({ event, fields })
  return {
    logged,
    log: { debug: record, info: record, warn: record, error: record, audit: record },
  }
}
