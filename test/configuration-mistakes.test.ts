// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${…} in a text is what is tested here
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatProblem, loadConfiguration } from '../src/config/load.ts'
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

const { folder, configOf, problemsOf, warningsOf } = configurations()

describe('files that cannot be read as a configuration', () => {
  it.each<[string, string | Uint8Array, string[]]>([
    ['empty', '', ['1:1: is empty']],
    ['only comments', '# nothing\n', ['1:1: is empty']],
    ['a list', '- a\n- b\n', ['1:1: must be a mapping (key: value)']],
    ['a word', 'hello\n', ['1:1: must be a mapping (key: value)']],
    ['not UTF-8', new Uint8Array([0x69, 0xff, 0xfe]), ['1:1: is not UTF-8 text']],
    [
      'too large',
      `#${'x'.repeat(1_100_000)}`,
      ['1:1: has more than 1 MB, too much for a configuration'],
    ],
    [
      'several YAML errors',
      'issuer: "http://localhost\\q"\nlog:\n\tlevel: info\nsecret: @x\n',
      [
        '1:26: is not valid YAML: in double quotes a backslash begins an escape; use single quotes',
        '3:1: is not valid YAML: a tab cannot indent, use spaces',
        '4:9: is not valid YAML: a value that begins with @ or ` needs quotes',
      ],
    ],
    [
      'an unquoted variable in brackets',
      `${ISSUER}admin: { token: \${TOKEN} }\n`,
      ['2:18: is not valid YAML: inside { } and [ ], put quotes around a value with ${'],
    ],
    [
      'an unquoted IPv6 address',
      `${ISSUER}listen: [::1]:8080\n`,
      ['2:14: is not valid YAML: put quotes around an IPv6 address, "[::1]:8080"'],
    ],
    [
      'a second document',
      `${ISSUER}---\na: 1\n`,
      ['2:1: is not valid YAML: a second document begins here (---)'],
    ],
    [
      'a tag',
      `${ISSUER}secret: !vault abc\n`,
      ['2:9: is not valid YAML: tags are not understood; a value that begins with ! needs quotes'],
    ],
    ['a key given twice', `${ISSUER}drain: 1s\ndrain: 2s\n`, ['3:1 drain: is given twice']],
    ['a key that is no word', `${ISSUER}? [a]\n: b\n`, ['2:3 [""]: must be a plain word as a key']],
    [
      'a prototype',
      `${ISSUER}scopes: { __proto__: x }\n`,
      ['2:11 scopes.__proto__: cannot be a key'],
    ],
    [
      'an alias of nothing',
      `${ISSUER}secret: *hunter2\n`,
      ['2:9 secret: is an alias (*) of nothing above; quote it if it is text'],
    ],
    [
      'an alias of itself',
      `${ISSUER}scopes: &a { x: *a }\n`,
      [
        '2:17 scopes.x.x: is an alias (*) of nothing above; quote it if it is text',
        '2:17 scopes.x: must be text',
      ],
    ],
    ['nested without end', '['.repeat(100_000), ['1:1: is nested too deeply']],
    ['nested without end, in a line', '- '.repeat(100_000), ['1:1: is nested too deeply']],
  ])('%s', async (_, content, problems) => {
    expect(await problemsOf(content)).toEqual(problems)
  })

  it('aliases that multiply', async () => {
    const levels = Array.from({ length: 9 }, (_, level) => {
      const inner =
        level === 0
          ? '[x]'
          : `[${Array(10)
              .fill(`*a${level - 1}`)
              .join(', ')}]`
      return `k${level}: &a${level} ${inner}`
    })
    expect(await problemsOf(`${ISSUER}${levels.join('\n')}\n`)).toEqual([
      '1:1: holds more than 100000 values',
    ])
  })

  it('a file that is not there, a folder', async () => {
    for (const [file, message] of [
      [join(folder(), 'none.yaml'), 'does not exist'],
      [join(folder(), 'portcullis.yaml', 'x'), 'does not exist'],
      [folder(), 'is a folder, not a file'],
    ] as const) {
      const result = await loadConfiguration(file, {})
      expect('problems' in result && result.problems.map(formatProblem)).toEqual([
        `${file}:1:1: ${message}`,
      ])
    }
  })

  it('a byte order mark is no mistake', async () => {
    expect((await configOf(`\uFEFF${ISSUER}`)).issuer).toBe('http://localhost:8080')
  })
})

describe('one mistake, one problem, at its place', () => {
  it.each<[string, string]>([
    // names
    [`${ISSUER}storee: x\n`, '2:1 storee: is an unknown key; did you mean "store"?'],
    [
      `${ISSUER}tokens: { access_token: 5m }\n`,
      '2:11 tokens.access_token: is an unknown key; did you mean "accessToken"?',
    ],
    [`${ISSUER}log: { colour: true }\n`, '2:8 log.colour: is an unknown key; known: level, access'],
    [
      confidential('    redirectUris: []\n'),
      '8:5 clients[0].redirectUris: is an unknown key; did you mean "redirect_uris"?',
    ],
    [
      `${ISSUER}upstreams:\n  a: { targets: ['http://a'], timeout: { conect: 2s } }\n`,
      '3:42 upstreams.a.timeout.conect: is an unknown key; did you mean "connect"?',
    ],
    [
      `${BASE}routes:\n  - { path: /a, upstream: order }\n`,
      '5:27 routes[0].upstream: names an upstream that does not exist, "order"; did you mean "orders"?',
    ],
    [
      `${ISSUER}routes:\n  - { path: /a, upstream: order }\n`,
      '3:27 routes[0].upstream: names an upstream that does not exist, "order"; none is defined',
    ],
    [
      route('    scope: orders.raed\n'),
      '7:12 routes[0].scope: names a scope that does not exist, "orders.raed"; did you mean "orders.read"?',
    ],
    [
      route('    scope: { any: "orders.read order.write" }\n'),
      '7:19 routes[0].scope.any: names a scope that does not exist, "order.write"; did you mean "orders.write"?',
    ],
    [
      route('    scope: { any: orders.read, all: x }\n'),
      '7:32 routes[0].scope.all: is an unknown key; known: any',
    ],
    [
      confidential('    scope: orders.read xyz\n'),
      '8:12 clients[0].scope: names a scope that does not exist, "xyz"; known: orders.read, orders.write',
    ],
    [
      confidential('    scope: [orders.read, orders.rite]\n'),
      '8:26 clients[0].scope[1]: names a scope that does not exist, "orders.rite"; did you mean "orders.write"?',
    ],
    [
      account(`    password: ${HASH}\n    scope: order.read\n`),
      '7:12 accounts[0].scope: names a scope that does not exist, "order.read"; did you mean "orders.read"?',
    ],
    [
      `${ISSUER}scopes: { 'a b': x }\n`,
      '2:11 scopes["a b"]: must be made of printable ASCII without spaces, commas, quotes and backslashes',
    ],
    [
      `${ISSUER}scopes:\n  orders.read:\n`,
      '3:15 scopes["orders.read"]: is empty: give it a value, or leave the key out',
    ],
    [
      `${ISSUER}upstreams: { 'a b': 'http://a' }\n`,
      '2:14 upstreams["a b"]: must be a name of at most 64 letters, digits, dots, dashes and underscores',
    ],
    // words
    [
      `${ISSUER}registration: opn\n`,
      '2:15 registration: must be one of closed, token, open; did you mean "open"?',
    ],
    [
      `${ISSUER}registration: open\nregistrationPolicy: { grant_types: [client_credentials] }\n`,
      '3:37 registrationPolicy.grant_types[0]: must not be client_credentials while registration is open: anyone would have tokens',
    ],
    [
      `${ISSUER}registrationPolicy: { grant_types: [] }\n`,
      '2:36 registrationPolicy.grant_types: must name a grant type',
    ],
    [
      `${BASE}registrationPolicy: { scope: orders.reed }\n`,
      '4:30 registrationPolicy.scope: names a scope that does not exist, "orders.reed"; did you mean "orders.read"?',
    ],
    [
      `${ISSUER}registrationPolicy: { schemes: ['cursor:'] }\n`,
      '2:33 registrationPolicy.schemes[0]: must be a scheme in lower case, without a colon, and neither http nor https',
    ],
    [
      `${ISSUER}registrationPolicy: { schemes: [javascript] }\n`,
      '2:33 registrationPolicy.schemes[0]: must not be one that a browser could be made to act on',
    ],
    [
      `${ISSUER}registrationPolicy: { redirectHosts: ['https://a.example'] }\n`,
      '2:39 registrationPolicy.redirectHosts[0]: must be a host name in lower case, or *. and one',
    ],
    [
      `${ISSUER}registration: token\nregistrationTokens: [short]\n`,
      '3:21 registrationTokens: must have at least 16 characters, random ones',
    ],
    [
      `${ISSUER}registration: token\nregistrationTokens: 'sixteen and spaces'\n`,
      '3:21 registrationTokens: must be made of letters, digits and -._~+/, with = at the end only',
    ],
    [
      `${ISSUER}compatibility: [axwy]\n`,
      '2:17 compatibility[0]: must be one of axway; did you mean "axway"?',
    ],
    [`${ISSUER}compatibility: axway\n`, '2:16 compatibility: must be a list'],
    [
      `${ISSUER}log: { level: warning }\n`,
      '2:15 log.level: must be one of trace, debug, info, warn, error, fatal, silent; did you mean "warn"?',
    ],
    [`${ISSUER}log: verbose\n`, '2:6 log: must be a mapping (key: value)'],
    [`${ISSUER}demo: yes\n`, '2:7 demo: must be true or false'],
    [`${ISSUER}workers: 0\n`, '2:10 workers: must be a whole number from 1 to 256'],
    [`${ISSUER}workers: many\n`, '2:10 workers: must be a whole number from 1 to 256, or auto'],
    [
      `${ISSUER}limits: { cachedTokens: 1.5 }\n`,
      '2:25 limits.cachedTokens: must be a whole number from 1 to 10000000',
    ],
    [
      `${ISSUER}limits: { formBody: 65536 }\n`,
      '2:21 limits.formBody: needs a unit: 65536b, 65536kb or 65536mb',
    ],
    [
      `${ISSUER}limits: { formBody: 1gb }\n`,
      '2:21 limits.formBody: must be from 1024b to 16777216b',
    ],
    // durations
    [`${ISSUER}drain: "30"\n`, '2:8 drain: needs a unit: 30s, 30m, 30h or 30d'],
    [`${ISSUER}drain: 30\n`, '2:8 drain: needs a unit: 30s, 30m, 30h or 30d'],
    [
      `${ISSUER}drain: 5 minutes\n`,
      '2:8 drain: must be a duration: a number and ms, s, m, h or d, such as 90s or 10m',
    ],
    [
      `${ISSUER}tokens: { authorizationCode: 11m }\n`,
      '2:30 tokens.authorizationCode: must be at most 10m',
    ],
    [
      `${ISSUER}tokens: { accessToken: 1500ms }\n`,
      '2:24 tokens.accessToken: must be whole seconds',
    ],
    [
      `${ISSUER}tokens: { accessToken: 10m, refreshRetry: 301s }\n`,
      '2:43 tokens.refreshRetry: must be at most half of tokens.accessToken: 5m',
    ],
    [
      `${ISSUER}sessions: { idle: 13h }\n`,
      '2:19 sessions.idle: must not be longer than sessions.absolute (12h)',
    ],
    [
      `${ISSUER}sessions: { absolute: 10m }\n`,
      '2:23 sessions.absolute: must not be shorter than sessions.idle (1h)',
    ],
    [
      confidential('    tokens: { refreshRetry: 31m }\n'),
      '8:29 clients[0].tokens.refreshRetry: must be at most 30m',
    ],
    // where it is
    ['listen: 127.0.0.1:8080\n', '1:1 issuer: is required'],
    ['issuer: http://auth.example.com\n', '1:9 issuer: must be https (http is for loopback only)'],
    [
      'issuer: https://auth.example.com/\ntrustedProxies: [10.0.0.1]\n',
      '1:9 issuer: must not end in a slash, clients compare it byte for byte: https://auth.example.com',
    ],
    [
      'issuer: https://Auth.example.com:443\n',
      '1:9 issuer: must be written as https://auth.example.com, clients compare it byte for byte',
    ],
    ['issuer: https://auth.example.com?x\n', '1:9 issuer: must not have a query'],
    ['issuer: https://auth.example.com#x\n', '1:9 issuer: must not have a fragment'],
    [
      'issuer: https://me:pw@auth.example.com\n',
      '1:9 issuer: must not hold a user name or password',
    ],
    [
      'issuer: auth.example.com\n',
      '1:9 issuer: must be a URL that begins with https:// or http://',
    ],
    [
      `${ISSUER}listen: localhost\n`,
      '2:9 listen: must be HOST:PORT, such as 127.0.0.1:8080 or "[::1]:8080" (with the quotes)',
    ],
    [`${ISSUER}listen: 127.0.0.1:65536\n`, '2:9 listen: names a port above 65535'],
    [`${ISSUER}listen: 127.0.0.256:80\n`, '2:9 listen: is not an IPv4 address'],
    [
      `${ISSUER}listen: :8081\n`,
      '2:9 admin.listen: must not be the address of the public listener',
    ],
    [
      `${ISSUER}trustedProxies: [10.0.0.0/33]\n`,
      '2:18 trustedProxies[0]: must have a prefix length from 0 to 32 after the slash',
    ],
    [
      `${ISSUER}trustedProxies: [proxy.local]\n`,
      '2:18 trustedProxies[0]: must be an address or a network, such as 10.0.0.7 or 10.0.0.0/8',
    ],
    [`${ISSUER}paths: { oauth: /oauth/ }\n`, '2:17 paths.oauth: must not end in a slash: /oauth'],
    [
      `${ISSUER}paths: { oauth: /demo/oauth }\n`,
      '2:17 paths.oauth: must not be below /.well-known or /demo',
    ],
    // the store
    [
      `${ISSUER}store: mysql://db\n`,
      '2:8 store: must be memory:, sqlite:FILE, or a URL that begins with redis://, rediss://, postgres:// or postgresql://',
    ],
    [
      `${ISSUER}store: sqlite\n`,
      '2:8 store: must be memory:, sqlite:FILE, or a URL that begins with redis://, rediss://, postgres:// or postgresql://',
    ],
    [
      `${ISSUER}store: "sqlite::memory:"\n`,
      '2:8 store: must be memory: for a store without a file',
    ],
    [`${ISSUER}store: redis:6379\n`, '2:8 store: must be a redis:// URL with a host'],
    [
      `${ISSUER}store: memory:\nworkers: auto\n`,
      '3:10 workers: must be 1 with store: memory:, which processes cannot share',
    ],
    [
      `${ISSUER}store: "memory:"\nworkers: "\${W:-2}"\n`,
      '3:10 workers: must be 1 with store: memory:, which processes cannot share',
    ],
    // upstreams
    [
      `${ISSUER}upstreams: { a: 'ftp://a' }\n`,
      '2:17 upstreams.a: must be a URL that begins with https:// or http://',
    ],
    [
      `${ISSUER}upstreams: { a: 'http://u:secret@a' }\n`,
      '2:17 upstreams.a: must not hold a user name or password',
    ],
    [`${ISSUER}upstreams: { a: 'http://a?b' }\n`, '2:17 upstreams.a: must not have a query'],
    [`${ISSUER}upstreams: { a: 'http://a#b' }\n`, '2:17 upstreams.a: must not have a fragment'],
    [
      `${ISSUER}upstreams: { a: 'http://0x7f.1:80' }\n`,
      '2:17 upstreams.a: must be written as http://127.0.0.1',
    ],
    [`${ISSUER}upstreams: { a: 5 }\n`, '2:17 upstreams.a: must be text or a mapping (key: value)'],
    [
      `${ISSUER}upstreams: { a: { targets: [] } }\n`,
      '2:28 upstreams.a.targets: must have at least one target',
    ],
    [
      `${ISSUER}upstreams: { a: { targets: ['http://a'], health: {} } }\n`,
      '2:50 upstreams.a.health.path: is required',
    ],
    // routes
    [`${BASE}routes:\n  - upstream: orders\n`, '5:5 routes[0].path: is required'],
    [`${BASE}routes:\n  - /orders\n`, '5:5 routes[0]: must be a mapping (key: value)'],
    ...[
      ['orders', 'must begin with /: /orders'],
      ['orders/*', 'must begin with /: /orders/*'],
      ['//orders', 'must not have // (an empty segment)'],
      ['/a/../b', 'must not have . or .. as a segment'],
      ['/a/.', 'must not have . or .. as a segment'],
      ['/%61', 'must have a in place of %61'],
      ['/%2e', 'must not have an encoded slash, or a % without two upper-case hex digits'],
      ['/a%2Fb', 'must not have an encoded slash, or a % without two upper-case hex digits'],
      ['/a?b=c', 'must be a path alone, without a query or fragment'],
      ['/a b', 'must have %20 in place of " "'],
      ['/größe', 'must have %C3%B6 in place of "ö"'],
      ['/a*', 'must have its * as a segment of its own: /a/*'],
      ['/*/a', 'must have * only as its last segment: /orders/*'],
      ['/oauth', 'names a path of our own, which no route can take'],
      ['/oauth/x/*', 'names a path of our own, which no route can take'],
      ['/demo/*', 'names a path of our own, which no route can take'],
      ['/.well-known/jwks.json', 'names a path of our own, which no route can take'],
      [
        '/.well-known/oauth-protected-resource/x',
        'names a path of our own, which no route can take',
      ],
    ].map(([path, message]): [string, string] => [
      `${BASE}routes:\n  - upstream: orders\n    path: "${path}"\n`,
      `6:11 routes[0].path: ${message}`,
    ]),
    [route('    methods: [get]\n'), '7:15 routes[0].methods[0]: must be in upper case: GET'],
    [
      route('    methods: []\n'),
      '7:14 routes[0].methods: must name a method; leave the key out for all of them',
    ],
    [
      route('    host: API.example.com\n'),
      '7:11 routes[0].host: must be in lower case: api.example.com',
    ],
    [
      route('    host: api.example.com:8080\n'),
      '7:11 routes[0].host: must be a host without its port: api.example.com',
    ],
    [
      route('    host: https://api.example.com\n'),
      '7:11 routes[0].host: must be a host name such as api.example.com, without scheme or path',
    ],
    [route('    host: 127.1\n'), '7:11 routes[0].host: must be text: put it in quotes'],
    [
      route('    stripPrefix: /order\n'),
      '7:18 routes[0].stripPrefix: must be the path’s beginning, up to a slash: /orders does not begin with it',
    ],
    [route('    stripPrefix: /\n'), '7:18 routes[0].stripPrefix: must be more than /'],
    [
      route('    access: public\n    scope: orders.read\n'),
      '8:12 routes[0].scope: has no use on a public route: no token is looked at',
    ],
    [
      route('    scope: "orders.read,orders.write"\n').replace('    scope', '    scope'),
      '7:12 routes[0].scope: must be separated by spaces, not commas',
    ],
    [
      route('  - path: /orders/*\n    upstream: orders\n    methods: [POST]\n'),
      '7:5 routes[1]: matches the same requests as routes[0] on line 5: same host and path, both for POST',
    ],
    [
      route('    methods: [GET]\n  - path: /orders/*\n    upstream: orders\n    methods: [HEAD]\n'),
      '8:5 routes[1]: matches the same requests as routes[0] on line 5: same host and path, both for HEAD (HEAD goes with GET)',
    ],
    // clients
    [
      client(''),
      '5:5 clients[0].redirect_uris: must have at least one for the grant type authorization_code',
    ],
    [
      client('    client_secret: a-secret-long-enough\n    grant_types: []\n'),
      '7:18 clients[0].grant_types: must name a grant type',
    ],
    [
      client(
        '    client_secret: a-secret-long-enough\n    introspect: true\n    grant_types: [authorization_code]\n',
      ),
      '5:5 clients[0].redirect_uris: must have at least one for the grant type authorization_code',
    ],
    ...[
      [
        'javascript:alert(1)',
        'must not use the scheme javascript: a browser could be made to act on it',
      ],
      [
        'JavaScript:alert(1)',
        'must not use the scheme javascript: a browser could be made to act on it',
      ],
      ...['data', 'file', 'vbscript', 'blob', 'about', 'ws', 'ftp', 'intent'].map((scheme) => [
        `${scheme}://x/y`,
        `must not use the scheme ${scheme}: a browser could be made to act on it`,
      ]),
      ['http://app.example/cb', 'must be https (http is for loopback only)'],
      ['http://127.0.0.1.evil.example/cb', 'must be https (http is for loopback only)'],
      ['/callback', 'must be an absolute URI, such as https://app.example.com/callback'],
      ['https://app.example/#', 'must not have a fragment (#)'],
      ['https://u@app.example/', 'must not hold a user name or password'],
      ['https:/app.example/', 'must be written as https://HOST/PATH'],
      [
        'https:\\\\app.example',
        'must be an absolute URI, such as https://app.example.com/callback',
      ],
      ['https://*.example/', 'must name one host: wildcards are not supported'],
      ['https://APP.example/', 'must have its host written as app.example'],
      ['http://0x7f.0.0.1/', 'must have its host written as 127.0.0.1'],
      ...['code', 'state', 'iss', 'error', 'error_description'].map((name) => [
        `https://app.example/?a=b&${name}=1`,
        `must not have the query parameter ${name}, which belongs to the answer`,
      ]),
      [
        'com.example.app:',
        'must have something after the scheme, such as com.example.app:/callback',
      ],
    ].map(([uri, message]): [string, string] => [
      client(`    redirect_uris:\n      - '${uri}'\n`),
      `7:9 clients[0].redirect_uris[0]: ${message}`,
    ]),
    [
      client("    redirect_uris: ['a.b:/cb']\n    require_pkce: false\n"),
      '7:19 clients[0].require_pkce: must be true for a public client (one without a client_secret)',
    ],
    [
      client("    redirect_uris: ['a.b:/cb']\n    introspect: true\n"),
      '7:17 clients[0].introspect: must be false for a public client (one without a client_secret)',
    ],
    [
      client('    grant_types: [client_credentials]\n'),
      '6:19 clients[0].grant_types[0]: must not be client_credentials for a public client (one without a client_secret)',
    ],
    [
      client(
        "    redirect_uris: ['a.b:/cb']\n    token_endpoint_auth_method: client_secret_post\n",
      ),
      '7:33 clients[0].token_endpoint_auth_method: must be none for a client without a client_secret',
    ],
    [
      confidential('    token_endpoint_auth_method: none\n'),
      '8:33 clients[0].token_endpoint_auth_method: must not be none for a client with a client_secret',
    ],
    [
      confidential('    token_endpoint_auth_method: client_secret_basc\n'),
      '8:33 clients[0].token_endpoint_auth_method: must be one of none, client_secret_basic, client_secret_post, private_key_jwt; did you mean "client_secret_basic"?',
    ],
    [
      confidential('    grant_types: [authorization_code, implicit]\n'),
      '8:39 clients[0].grant_types[1]: must not be implicit, which OAuth 2.1 took out: use authorization_code',
    ],
    [
      confidential('    grant_types: [refresh_token]\n'),
      '8:18 clients[0].grant_types: must have authorization_code if it has refresh_token: a refresh token comes with a code',
    ],
    [
      confidential('    grant_types: [authorization_cod]\n'),
      '8:19 clients[0].grant_types[0]: must be one of authorization_code, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:device_code; did you mean "authorization_code"?',
    ],
    [
      confidential('    client_uri: javascript:alert(1)\n'),
      '8:17 clients[0].client_uri: must be an http or https URL',
    ],
    [
      confidential('    client_name: "a\\u202eb"\n'),
      '8:18 clients[0].client_name: must not have invisible characters',
    ],
    [
      confidential("  - client_id: shop\n    redirect_uris: ['a.b:/cb']\n"),
      '8:16 clients[1].client_id: is taken by clients[0] on line 5',
    ],
    // accounts
    [account(''), '5:5 accounts[0].password: is required'],
    [
      account('    password: hunter2\n'),
      '6:15 accounts[0].password: must be an argon2id hash: plain text is for `demo: true` only; make one with: portcullis hash-password',
    ],
    [
      account('    password: $2b$10$abcdefghijklmnopqrstuv\n'),
      '6:15 accounts[0].password: must be an argon2id hash, no other kind; make one with: portcullis hash-password',
    ],
    [
      account('    password: $argon2id$v=19$m=19456,t=2\n'),
      '6:15 accounts[0].password: is cut short or mistyped: $argon2id$v=19$m=…,t=…,p=…$SALT$HASH (in a shell, put single quotes around it)',
    ],
    [
      account(`    password: ${HASH.replace('19456', '9999999')}\n`),
      '6:15 accounts[0].password: must have m from 8 to 1048576 (KiB)',
    ],
    [
      account(`    password: ${HASH.replace('t=2', 't=21')}\n`),
      '6:15 accounts[0].password: must have t from 1 to 20',
    ],
    [
      account(`    password: ${HASH.replace('p=1', 'p=0')}\n`),
      '6:15 accounts[0].password: must have p from 1 to 16',
    ],
    [
      account(`    password: ${HASH}\n    admin: onwer\n`),
      '7:12 accounts[0].admin: must be one of viewer, operator, owner; did you mean "owner"?',
    ],
    [
      account(`    password: ${HASH}\n    sub: client:x\n`),
      '7:10 accounts[0].sub: must not begin with client:, which is for clients',
    ],
    [
      account(`    password: ${HASH}\n  - username: client:x\n    password: ${HASH}\n`),
      '7:15 accounts[1].username: must not begin with client:, which is for clients (or give the account a sub)',
    ],
    [
      account(`    password: ${HASH}\n  - username: ada\n    password: ${HASH}\n    sub: other\n`),
      '7:15 accounts[1].username: is taken by accounts[0] on line 5',
    ],
    [
      account(`    password: ${HASH}\n  - username: bob\n    password: ${HASH}\n    sub: ada\n`),
      '9:10 accounts[1].sub: is the username of another account, and so its sub',
    ],
    // the demo
    [
      `${ISSUER}demo: true\nlisten: 0.0.0.0:8080\n`,
      '3:9 listen: must be on loopback (127.0.0.1) where demo is true',
    ],
    [
      `${ISSUER}demo: true\nlisten: :8080\n`,
      '3:9 listen: must be on loopback (127.0.0.1) where demo is true',
    ],
    [
      `${ISSUER}demo: "true"\nadmin: { listen: '192.168.1.5:8081' }\n`,
      '3:18 admin.listen: must be on loopback (127.0.0.1) where demo is true',
    ],
  ])('%s', async (yaml, problem) => {
    expect(await problemsOf(yaml)).toEqual([problem])
  })

  const shared = (store: string) =>
    `${ISSUER}store: '${store}'\nsecret: ${'s'.repeat(32)}\nadmin: { token: ${'t'.repeat(32)} }\n`

  it.each([
    ['redis://c?prefx=a', 'has a parameter that is not known behind its ?: did you mean prefix?'],
    [
      'redis://c?ca=x',
      'has a parameter that is not known behind its ?: known are prefix, replicas',
    ],
    ['redis://c?prefix=a&prefix=b', 'has prefix twice behind its ?'],
    ['redis://c?prefix=', 'must give prefix a value'],
    ['redis://c?replicas=x', 'must have a whole number from 0 to 10 as replicas'],
    ['redis://c/name', 'must have the number of a database as its path'],
    ['redis://u:s3cret%@c', 'has a % that does not stand for a character: write it as %25'],
    ['redis://u:s3cret#@c', 'must be a redis:// URL with a host'],
    ['rediss://c?cert=x', 'must have cert and key together, or neither'],
    ['rediss://c?ca=/nowhere/ca.pem', 'needs the file /nowhere/ca.pem, which is not there'],
    ['postgres://', 'must be a postgres:// URL with a host'],
    ['postgres://c/d?schema=A', 'must have a schema of at most 46 small letters, digits and _'],
    [
      'postgres://c/d?sslmode=prefer',
      'must have disable, require, verify-ca or verify-full as sslmode',
    ],
    [
      'postgres://c/d?sslmode=disable&sslrootcert=x',
      'must not have sslmode=disable beside certificates',
    ],
    ['postgres:///d?host=/run&sslmode=require', 'must not have an sslmode on a socket'],
  ])('store: %s', async (store, problem) => {
    expect(await problemsOf(shared(store))).toEqual([`2:8 store: ${problem}`])
  })

  it('a database that is asked in the clear is warned of, where its network may not be trusted', async () => {
    const words =
      'sends everything in the clear: add ?sslmode=verify-full (or sslmode=disable, where the network is trusted)'
    expect(await warningsOf(shared('postgres://db/p'))).toEqual([`2:8 store: ${words}`])
    for (const near of ['postgres://127.0.0.1/p', 'postgres://db/p?sslmode=disable']) {
      expect(await warningsOf(shared(near))).toEqual([])
    }
  })

  it('a token that a variable leaves empty is none', async () => {
    const yaml = `${ISSUER}store: redis://c\nsecret: ${'s'.repeat(32)}\nadmin: { token: '\${NOT_SET:-}' }\n`
    expect(await problemsOf(yaml)).toEqual([
      expect.stringContaining('admin.token: is required with a redis store'),
    ])
  })

  it('a shared store needs a secret and an admin token', async () => {
    const needed = (kind: string) =>
      `is required with a ${kind} store: all instances must have the same`
    expect(await problemsOf(`${ISSUER}store: postgres://db/p\n`)).toEqual([
      `2:8 secret: ${needed('postgres')}`,
      `2:8 admin.token: ${needed('postgres')}`,
    ])
  })
})
