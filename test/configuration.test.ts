// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${…} in a text is what is tested here
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { protectedResources } from '../src/config/protected-resource.ts'
import { reservedPaths } from '../src/config/reserved-paths.ts'
import {
  account,
  BASE,
  client,
  confidential,
  configurations,
  HASH,
  ISSUER,
  route,
} from './support/configuration.ts'

const { folder, configOf, warningsOf, problemsOf } = configurations()

const REDIS = {
  ...{ kind: 'redis', host: 'cache', port: 6379 },
  ...{ database: 0, prefix: 'portcullis:', replicas: 0 },
}
const POSTGRES = {
  ...{ kind: 'postgres', host: 'db', port: 5432, username: 'postgres' },
  ...{ database: 'portcullis', schema: 'portcullis', connections: 10 },
}

describe('a configuration with nothing but its issuer', () => {
  it('has the defaults of the contract, in seconds and bytes', async () => {
    const config = await configOf(ISSUER)
    expect(config).toMatchObject({
      issuer: 'http://localhost:8080',
      listen: { host: '127.0.0.1', port: 8080 },
      store: { kind: 'sqlite', file: join(folder(), 'data/portcullis.db') },
      secret: [],
      workers: 1,
      trustedProxies: [],
      admin: { listen: { host: '127.0.0.1', port: 8081 }, token: '' },
      registration: 'closed',
      registrationTokens: [],
      registrationPolicy: {
        grant_types: [
          'authorization_code',
          'refresh_token',
          'urn:ietf:params:oauth:grant-type:device_code',
        ],
        ...{ unused: 86_400, idle: 31_536_000 },
      },
      compatibility: [],
      demo: false,
      paths: { oauth: '/oauth' },
      require_pushed_authorization_requests: false,
      tokens: {
        accessToken: 600,
        refreshToken: 2_592_000,
        grant: 15_552_000,
        authorizationCode: 60,
        pushedRequest: 60,
        refreshRetry: 60,
        cache: 300,
        graceWithoutStore: 10,
      },
      sessions: { idle: 3600, absolute: 43_200 },
      log: { level: 'info', access: true },
      routes: [],
      clients: [],
      accounts: [],
    })
    expect(config.scopes.size + config.upstreams.size).toBe(0)
  })

  it('is frozen through and through', async () => {
    const config = await configOf(route('    scope: orders.read\n'))
    expect(Object.isFrozen(config)).toBe(true)
    expect(Object.isFrozen(config.tokens)).toBe(true)
    expect(Object.isFrozen(config.routes[0]?.scope?.scopes)).toBe(true)
    expect(Object.isFrozen(config.upstreams.get('orders')?.targets)).toBe(true)
  })
})

describe('values', () => {
  it.each([
    ['drain', '0s', 0],
    ['drain', '500ms', 0.5],
    ['drain', '90s', 90],
    ['drain', '10m', 600],
    ['drain', '12h', 43_200],
    ['drain', '1d', 86_400],
  ])('%s: %s is %d seconds', async (key, text, seconds) => {
    expect(await configOf(`${ISSUER}${key}: ${text}\n`)).toHaveProperty(key, seconds)
  })

  it.each([
    ['1024b', 1024],
    ['64kb', 65_536],
    ['2MB', 2_097_152],
  ])('a size of %s is %d bytes', async (text, bytes) => {
    const config = await configOf(`${ISSUER}limits: { formBody: ${text} }\n`)
    expect(config.limits.formBody).toBe(bytes)
  })

  it.each([
    ['127.0.0.1:0', '127.0.0.1', 0],
    ['localhost:9000', 'localhost', 9000],
    ['"[::1]:8080"', '::1', 8080],
    [':8080', '', 8080],
    ['8080', '', 8080],
  ])('listen: %s', async (text, host, port) => {
    expect((await configOf(`${ISSUER}listen: ${text}\n`)).listen).toEqual({ host, port })
  })

  it.each([
    ['memory:', { kind: 'memory' }],
    ['sqlite:/var/lib/p.db', { kind: 'sqlite', file: '/var/lib/p.db' }],
    ['redis://cache:6380/1', { ...REDIS, port: 6380, database: 1 }],
    ['redis://u:p%40%2F@[::1]', { ...REDIS, host: '::1', username: 'u', password: 'p@/' }],
    [
      'redis://:p@cache?prefix=a:&replicas=2',
      { ...REDIS, password: 'p', prefix: 'a:', replicas: 2 },
    ],
    ['rediss://cache', { ...REDIS, tls: { verify: 'full' } }],
    [
      'rediss://cache?servername=r.example',
      { ...REDIS, tls: { verify: 'full', servername: 'r.example' } },
    ],
    ['postgres://db/portcullis', POSTGRES],
    [
      'postgresql://u:p@db:5433/d',
      { ...POSTGRES, port: 5433, username: 'u', password: 'p', database: 'd' },
    ],
    [
      'postgres://db/portcullis?schema=a_1&connections=3',
      { ...POSTGRES, schema: 'a_1', connections: 3 },
    ],
    ['postgres:///portcullis?host=/run/postgresql', { ...POSTGRES, host: '/run/postgresql' }],
    ['postgres://db/portcullis?sslmode=disable', POSTGRES],
    ['postgres://db/portcullis?sslmode=require', { ...POSTGRES, tls: { verify: 'none' } }],
    ['postgres://db/portcullis?sslmode=verify-ca', { ...POSTGRES, tls: { verify: 'ca' } }],
    ['postgres://db/portcullis?sslmode=verify-full', { ...POSTGRES, tls: { verify: 'full' } }],
  ])('store: %s', async (text, store) => {
    const key = 'x'.repeat(32)
    const yaml = `${ISSUER}store: '${text}'\nsecret: ${key}\nadmin: { token: ${key} }\n`
    expect((await configOf(yaml)).store).toEqual(store)
  })

  it('an upstream is a URL, or a pool with the same defaults', async () => {
    const { upstreams } = await configOf(
      `${ISSUER}upstreams:\n  a: http://127.0.0.1:9001/\n  b: { targets: ['http://127.0.0.1:9002/v1'], health: { path: /healthz } }\n`,
    )
    const timeout = { connect: 2, response: 60, idle: 300, stream: 43_200 }
    const eject = { failures: 3, pause: 1, longest: 60 }
    expect(upstreams.get('a')).toEqual({
      name: 'a',
      targets: [{ url: 'http://127.0.0.1:9001', weight: 1 }],
      balance: 'roundRobin',
      timeout,
      eject,
      connections: 256,
    })
    expect(upstreams.get('b')).toEqual({
      name: 'b',
      targets: [{ url: 'http://127.0.0.1:9002/v1', weight: 1 }],
      balance: 'roundRobin',
      timeout,
      health: { path: '/healthz', interval: 5, timeout: 2 },
      eject,
      connections: 256,
    })
  })

  it.each([
    ['orders.read orders.write', { mode: 'all', scopes: ['orders.read', 'orders.write'] }],
    ['[orders.read, orders.write]', { mode: 'all', scopes: ['orders.read', 'orders.write'] }],
    [
      '{ any: "orders.read orders.write" }',
      { mode: 'any', scopes: ['orders.read', 'orders.write'] },
    ],
  ])('scope of a route: %s', async (text, scope) => {
    const config = await configOf(route(`    scope: ${text}\n`))
    expect(config.routes[0]?.scope).toEqual(scope)
  })

  it('a route, a client and an account have no key that was not given', async () => {
    const config = await configOf(
      route(
        `clients:\n  - client_id: cli\n    redirect_uris: ['http://127.0.0.1/cb']\naccounts:\n  - username: ada\n    password: ${HASH}\n`,
      ),
    )
    expect(config.routes).toEqual([
      {
        path: '/orders/*',
        upstream: 'orders',
        access: 'token',
        allowEncodedSlash: false,
        upstreamHost: 'target',
        websocket: true,
        onExpiry: 'keep',
      },
    ])
    expect(config.clients).toEqual([
      {
        client_id: 'cli',
        redirect_uris: ['http://127.0.0.1/cb'],
        grant_types: ['authorization_code'],
        require_pkce: true,
        introspect: false,
        tokens: {},
      },
    ])
    expect(config.accounts).toEqual([{ username: 'ada', sub: 'ada', password: HASH }])
  })

  it('without refreshRetry it is no more than half of a short access token’s life', async () => {
    const config = await configOf(
      confidential('    tokens: { accessToken: 20s }\ntokens: { accessToken: 1m }\n'),
    )
    expect(config.tokens.refreshRetry).toBe(30)
    expect(config.clients[0]?.tokens).toEqual({ accessToken: 20, refreshRetry: 10 })
  })

  it('an alias stands for the value it names', async () => {
    const config = await configOf(
      `${BASE}routes:\n  - path: /a\n    upstream: orders\n    methods: &read [GET, HEAD]\n  - { path: /b, upstream: orders, methods: *read }\n`,
    )
    expect(config.routes[1]?.methods).toEqual(['GET', 'HEAD'])
  })
})

describe('the environment', () => {
  it('fills in ${NAME} and ${NAME:-default}, numbers and booleans as text', async () => {
    const env = { NAME: 'auth.example.com', WORKERS: '3', ACCESS: 'false', LIFE: '5m', EMPTY: '' }
    const config = await configOf(
      'issuer: https://${NAME}\nworkers: ${WORKERS}\nlog: { level: "${LEVEL:-warn}", access: "${ACCESS}" }\ndrain: ${EMPTY:-7s}\ntokens: { accessToken: "${LIFE}" }\ntrustedProxies: [10.0.0.1]\n',
      env,
    )
    expect(config).toMatchObject({
      issuer: 'https://auth.example.com',
      workers: 3,
      log: { level: 'warn', access: false },
      drain: 7,
      tokens: { accessToken: 300 },
    })
  })

  it('is never read as YAML, nor filled in again', async () => {
    const value = 'x: [1]\n- ${HOME} # "quoted"'
    const config = await configOf(confidential('    client_name: ${VALUE}\n'), {
      VALUE: 'a: {b} ${HOME}',
    })
    expect(config.clients[0]?.client_name).toBe('a: {b} ${HOME}')
    expect((await configOf(`${ISSUER}admin:\n  token: \${T}\n`, { T: value })).admin.token).toBe(
      value,
    )
  })

  it('reads a file without its last line end; a relative one beside the configuration', async () => {
    await writeFile(join(folder(), 'token'), 'a-token-of-thirty-two-characters\n')
    const yaml = `${ISSUER}admin:\n  token: \${file:${join(folder(), 'token')}}\nsecret: \${file:token}\n`
    const config = await configOf(yaml)
    expect(config.admin.token).toBe('a-token-of-thirty-two-characters')
    expect(config.secret).toEqual(['a-token-of-thirty-two-characters'])
  })

  it('leaves $${ as ${', async () => {
    const config = await configOf(confidential('    client_name: $${NAME}\n'))
    expect(config.clients[0]?.client_name).toBe('${NAME}')
  })

  it('empty counts as left out', async () => {
    const config = await configOf(
      `${ISSUER}secret: \${SECRET:-}\nadmin:\n  token: \${TOKEN:-}\n  listen: \${LISTEN:-}\nroutes:\n`,
      { TOKEN: '' },
    )
    expect(config).toMatchObject({
      secret: [],
      admin: { token: '', listen: { port: 8081 } },
      routes: [],
    })
    const keys = `${ISSUER}secret: ["\${NEW:-}", "\${OLD:-}"]\n`
    expect((await configOf(keys, { OLD: 'o'.repeat(32) })).secret).toEqual(['o'.repeat(32)])
  })

  it.each([
    ['scope of a route', route('    scope: ${NONE:-}\n'), '7:12 routes[0].scope'],
    ['methods of a route', route('    methods:\n'), '7:13 routes[0].methods'],
    ['host of a route', route('    host: ${NONE:-}\n'), '7:11 routes[0].host'],
    [
      'secret of a client',
      client('    redirect_uris: [a.b:/cb]\n    client_secret: ${NONE:-}\n'),
      '7:20 clients[0].client_secret',
    ],
    ['scope of a client', confidential('    scope: ""\n'), '8:12 clients[0].scope'],
    [
      'scope of an account',
      account(`    password: ${HASH}\n    scope:\n`),
      '7:11 accounts[0].scope',
    ],
  ])('but not where that would open a door: the %s', async (_, yaml, place) => {
    expect(await problemsOf(yaml)).toEqual([
      expect.stringMatching(new RegExp(`^${place.replace(/[[\].]/g, '\\$&')}: (is empty|must be)`)),
    ])
  })

  it('what cannot be filled in is told at its line, once, and nothing follows from it', async () => {
    await mkdir(join(folder(), 'folder'), { recursive: true })
    const yaml = `${BASE}secret: [a-key-of-at-least-32-characters!!, '\${SECRT}']
admin:
  token: \${file:folder}
clients:
  - client_id: a
    client_secret: \${file:/nowhere/x}
    grant_types: [client_credentials]
    client_name: \${half
    client_uri: \${NAME:=x}
`
    expect(await problemsOf(yaml, { SECRET: 'x' })).toEqual([
      '4:45 secret[1]: needs the environment variable SECRT, which is not set; did you mean "SECRET"?',
      `6:10 admin.token: needs ${join(folder(), 'folder')}, which is not a file`,
      '9:20 clients[0].client_secret: needs the file /nowhere/x, which is not there',
      '11:18 clients[0].client_name: has a ${…} that is none of ${NAME}, ${NAME:-default}, ${file:/path}; $${ stands for a plain ${',
      '12:17 clients[0].client_uri: has a ${…} that is none of ${NAME}, ${NAME:-default}, ${file:/path}; $${ stands for a plain ${',
    ])
  })
})

describe('what is right', () => {
  it.each([
    [
      'a route on the same path for another host',
      route('  - { path: "/orders/*", upstream: orders, host: a.example }\n'),
    ],
    ['exact and prefix', route('  - { path: /orders, upstream: orders }\n')],
    ['the rest of /.well-known', route('  - { path: "/.well-known/*", upstream: orders }\n')],
    ['everything', `${BASE}routes:\n  - { path: "/*", upstream: orders }\n`],
    ['a path that only begins like ours', route('  - { path: /oauthx, upstream: orders }\n')],
    ['an encoded space', route('  - { path: "/a%20b", upstream: orders }\n')],
    ['the prefix itself stripped', route('    stripPrefix: /orders\n')],
    [
      '/oauth after it was moved',
      `${route('  - { path: /oauth/x, upstream: orders }\n')}paths: { oauth: /api/oauth }\n`,
    ],
    [
      'schemes of applications',
      client(
        "    redirect_uris: ['com.example.app:/cb', 'cursor://anysphere.cursor/cb', 'http://127.0.0.1/cb', 'http://[::1]:3000/cb', 'http://localhost/cb']\n",
      ),
    ],
    [
      'a client for itself',
      confidential(
        '    grant_types: [client_credentials]\n    require_pkce: false\n    introspect: true\n',
      ),
    ],
    ['plain passwords in the demo', `demo: true\n${account('    password: ada\n')}`],
    [
      'a demo on other loopback addresses',
      `${ISSUER}demo: true\nlisten: localhost:0\nadmin: { listen: '[::1]:0' }\n`,
    ],
  ])('%s', async (_, yaml) => {
    expect(await problemsOf(yaml)).toEqual([])
  })
})

describe('what is unwise is a warning', () => {
  it.each([
    [
      'a client’s long retry',
      confidential('    tokens: { refreshRetry: 30m }\n'),
      [
        '8:29 clients[0].tokens.refreshRetry: is more than half of the access token’s life (5m): a stolen refresh token may go unnoticed',
      ],
    ],
    [
      'everyone trusted',
      `${ISSUER}trustedProxies: [0.0.0.0/0]\n`,
      ['2:18 trustedProxies[0]: trusts every address: anyone can say where a request comes from'],
    ],
    [
      'https without a proxy',
      'issuer: https://auth.example.com\n',
      [
        '1:9 trustedProxies: is empty while the issuer is https: name the TLS proxy in front, or every client seems to have its address',
      ],
    ],
    [
      'an open admin listener',
      `${ISSUER}admin: { listen: ':8081' }\n`,
      [
        '2:18 admin.listen: is not on loopback: metrics and health are open to whoever reaches it, and what the console and the API say crosses the network in clear: give it admin.tls',
      ],
    ],
    [
      'a short secret',
      `${ISSUER}secret: short-but-not-so-short\n`,
      ['2:9 secret: is short: at least 32 random characters (openssl rand -base64 32)'],
    ],
    [
      'registration by tokens that there are none of',
      `${ISSUER}registration: token\nregistrationTokens: ['']\n`,
      [
        '2:15 registration: is token, and there are no registrationTokens: nobody can register but with a token that an operator mints',
      ],
    ],
    [
      'registration tokens that nobody asks for',
      `${ISSUER}registrationTokens: a-token-of-sixteen\n`,
      ['2:21 registrationTokens: has no effect unless registration is token'],
    ],
    [
      'registered clients that would end before their grants',
      `${ISSUER}registrationPolicy: { idle: 10d }\n`,
      ['2:29 registrationPolicy.idle: is shorter than tokens.grant, which counts instead'],
    ],
    [
      'a weak hash',
      account(`    password: ${HASH.replace('19456', '4096')}\n`),
      ['6:15 accounts[0].password: is a weak hash: m=19456,t=2,p=1 or more is advised'],
    ],
  ])('%s', async (_, yaml, warnings) => {
    const unused = /is an upstream that no route names$/
    expect((await warningsOf(yaml)).filter((warning) => !unused.test(warning))).toEqual(warnings)
  })

  it('an upstream without a route', async () => {
    expect(await warningsOf(BASE)).toEqual([
      '3:14 upstreams.orders: is an upstream that no route names',
    ])
  })
})

describe('everything at once', () => {
  it('in the order of the file, cross-checks beside schema errors', async () => {
    const yaml = `issuer: http://auth.example.com
storee: x
tokens: { accessToken: soon, refreshRetry: 9m }
scopes: { orders.read: See }
upstreams: { orders: 'http://127.0.0.1:9001' }
routes:
  - { path: '/a/../b', upstream: order, scope: orders.raed, methods: [GET] }
  - { path: '/a', upstream: orders, websocket: perhaps }
  - { path: '/a', upstream: orders }
clients:
  - client_id: cli
    require_pkce: false
accounts:
  - { username: ada, password: '\${PASSWORD}', admin: owner, role: x }
`
    expect(await problemsOf(yaml)).toEqual([
      '1:9 issuer: must be https (http is for loopback only)',
      '2:1 storee: is an unknown key; did you mean "store"?',
      '3:24 tokens.accessToken: must be a duration: a number and ms, s, m, h or d, such as 90s or 10m',
      '7:13 routes[0].path: must not have . or .. as a segment',
      '7:34 routes[0].upstream: names an upstream that does not exist, "order"; did you mean "orders"?',
      '7:48 routes[0].scope: names a scope that does not exist, "orders.raed"; did you mean "orders.read"?',
      '8:48 routes[1].websocket: must be true, false or a mapping (key: value)',
      '9:5 routes[2]: matches the same requests as routes[1] on line 8: same host and path, both for every method',
      '11:5 clients[0].redirect_uris: must have at least one for the grant type authorization_code',
      '12:19 clients[0].require_pkce: must be true for a public client (one without a client_secret)',
      '14:32 accounts[0].password: needs the environment variable PASSWORD, which is not set; ${PASSWORD:-…} gives it a default',
      '14:61 accounts[0].role: is an unknown key; known: username, password, sub, name, email, scope, grantValues, admin, disabled',
    ])
  })
})

describe('what the configuration says of paths', () => {
  it.each([
    ['/oauth', true],
    ['/oauth/token', true],
    ['/oauthx', false],
    ['/OAuth/token', false],
    ['/demo', true],
    ['/demo/callback', true],
    ['/.well-known/oauth-authorization-server', true],
    ['/.well-known/oauth-authorization-server/t1', true],
    ['/.well-known/openid-configuration', true],
    ['/.well-known/jwks.json', true],
    ['/.well-known/oauth-protected-resource/orders', true],
    ['/.well-known/security.txt', false],
    ['/.well-known', false],
    ['/', false],
  ])('reserved: %s %s', (path, reserved) => {
    expect(reservedPaths({ paths: { oauth: '/oauth' } })(path)).toBe(reserved)
  })

  it('9728 §3.1 a resource a host and path, of all its methods, its document at the inserted path', async () => {
    const { issuer, routes } = await configOf(
      `${BASE.replace('http://localhost:8080', 'https://auth.example:8443/t1')}trustedProxies: [10.0.0.1]
routes:
  - { path: '/orders/*', upstream: orders, methods: [GET], scope: orders.read }
  - { path: '/orders/*', upstream: orders, methods: [POST], scope: orders.write orders.read }
  - { path: /orders, upstream: orders }
  - { path: '/*', host: api.example, upstream: orders, scope: { any: orders.read } }
  - { path: /open, upstream: orders, access: public }
`,
    )
    const resources = protectedResources({ issuer, routes })
    const orders = {
      resource: 'https://auth.example:8443/t1/orders',
      metadata_url: 'https://auth.example:8443/.well-known/oauth-protected-resource/t1/orders',
      well_known_path: '/.well-known/oauth-protected-resource/t1/orders',
      scopes: ['orders.read', 'orders.write'],
    }
    expect(routes.map((route) => resources.get(route))).toEqual([
      orders,
      orders,
      orders,
      {
        resource: 'https://api.example:8443',
        metadata_url: 'https://api.example:8443/.well-known/oauth-protected-resource',
        well_known_path: '/.well-known/oauth-protected-resource',
        host: 'api.example',
        scopes: ['orders.read'],
      },
      undefined,
    ])
  })
})
