import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import type { TokenOptions } from '../src/cli/sample-client/settings.ts'
import { token } from '../src/cli/token.ts'
import { hashPassword } from '../src/store/passwords.ts'
import { createPerson } from './support/person.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'

describe('portcullis token, against the whole program', () => {
  let portcullis: Portcullis
  let orders: Server
  const ada = createPerson('ada', 'ada-password')

  beforeAll(async () => {
    orders = createServer((req, res) => res.end(`hello ${req.headers['x-auth-subject']}`))
    await new Promise<void>((resolve) => orders.listen(0, '127.0.0.1', resolve))
    portcullis = await startPortcullis(`
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams: { orders: 'http://127.0.0.1:${portOf(orders)}' }
routes:
  - { path: /orders/*, upstream: orders, scope: orders.read }
  - { path: /admin, upstream: orders, scope: orders.write }
clients:
  - client_id: cli
    redirect_uris: ['http://127.0.0.1/callback']
    grant_types: [authorization_code, refresh_token]
    scope: orders.read orders.write
  - client_id: server
    client_secret: the-secret-of-the-server
    redirect_uris: ['http://127.0.0.1:53682/callback']
accounts:
  - { username: ada, password: '${await hashPassword('ada-password')}' }
`)
  })

  afterAll(async () => {
    await portcullis.stop()
    orders.close()
  })

  const run = (options: TokenOptions, surroundings: Surroundings = {}) =>
    runToken(
      { issuer: portcullis.origin, ...options },
      { openBrowser: async (url) => visit((await ada.authorize(url)).href), ...surroundings },
    )

  it('6749-4.1 a person signs in and consents, and the protected call knows them', async () => {
    const { code, output, errors } = await run({ call: `${portcullis.origin}/orders/1` })
    expect(errors).toBe('')
    expect(code).toBe(0)
    expect(output).toMatch(/AuthZ code: pc_ac_/)
    expect(output).toMatch(/Access token: pc_at_/)
    expect(output).toMatch(/Refresh token: pc_rt_/)
    expect(output).toContain('hello ada')
  })

  it('6749-3.3 asks for no more than --scope, and is refused what that does not open', async () => {
    const { code, output } = await run({
      scope: 'orders.read',
      call: `${portcullis.origin}/admin`,
    })
    expect(code).toBe(1)
    expect(output).toContain('Scope: orders.read\n')
    expect(output).toContain('Response from the protected resource: 403')
    expect(output).toContain('error="insufficient_scope"')
  })

  it('6749-4.1.2.1 a person who refuses is told of in one line', async () => {
    const denied = {
      openBrowser: async (url: string) =>
        visit((await ada.authorize(url, { decision: 'deny' })).href),
    }
    const { code, errors } = await run({}, denied)
    expect(code).toBe(1)
    expect(errors).toMatch(/^portcullis token: access_denied.*\n$/)
  })

  it('6749-2.3.1 a confidential client with --manual, its secret and then the address piped in', async () => {
    const stdin = new Readable({ read() {} })
    stdin.push('the-secret-of-the-server\n')
    let answered = false
    const { code, output, errors } = await run(
      { clientId: 'server', clientSecret: '-', manual: true, call: `${portcullis.origin}/orders` },
      {
        stdin,
        onOutput: async (text) => {
          const url = /^ {2}(http\S+response_type\S+)\n/m.exec(text)?.[1]
          if (url === undefined || answered) return
          answered = true
          stdin.push(`${await ada.authorize(url)}\n`)
        },
      },
    )
    expect(errors).toBe('')
    expect(code).toBe(0)
    expect(output).toContain('hello ada')
  })

  it('a redirect URI that is not registered is never answered, and the page says why', async () => {
    let page = ''
    const { code } = await run(
      { clientId: 'server', timeout: '1' },
      {
        openBrowser: async (url) => {
          page = await (await fetch(url)).text()
        },
      },
    )
    expect(code).toBe(1)
    expect(page).toMatch(/redirect_uri is not one that this application registered/i)
  })
})

describe('portcullis token, against an authorization server that can misbehave', () => {
  it('6749-4.1 shows each step, from the code to the answer of the protected resource', async () => {
    const server = await authorizationServer()
    const run = await runToken({ issuer: server.issuer, call: server.resource })
    expect(run.errors).toBe('')
    expect(run.code).toBe(0)
    expect(run.output).toContain('AuthZ code: code-1')
    expect(run.output).toContain('Response from the access token request: 200')
    expect(run.output).toContain('Access token: token-1')
    expect(run.output).toContain('Access token type: Bearer')
    expect(run.output).toContain('Access token expires in: 600 s')
    expect(run.output).toContain('Refresh token: refresh-1')
    expect(run.output).toContain('Response from the protected resource: 200')
    expect(run.output).toContain('hello token-1')
  })

  it('7636-4 every request carries an S256 challenge of a fresh verifier, and the exchange the verifier', async () => {
    const server = await authorizationServer()
    await runToken({ issuer: server.issuer })
    await runToken({ issuer: server.issuer })
    const [first, second] = server.authorizations
    const verifier = server.exchanges[0]?.form.get('code_verifier') ?? ''
    expect(verifier).toMatch(/^[A-Za-z0-9_-]{43,}$/)
    expect(first?.get('code_challenge_method')).toBe('S256')
    expect(first?.get('code_challenge')).toBe(
      createHash('sha256').update(verifier).digest('base64url'),
    )
    expect(second?.get('code_challenge')).not.toBe(first?.get('code_challenge'))
    expect(second?.get('state')).not.toBe(first?.get('state'))
  })

  it('8252-7.3 the redirect URI is a loopback address with a port of its own, the same at both endpoints', async () => {
    const server = await authorizationServer()
    await runToken({ issuer: server.issuer })
    const redirect_uri = server.authorizations[0]?.get('redirect_uri')
    expect(redirect_uri).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/)
    expect(server.exchanges[0]?.form.get('redirect_uri')).toBe(redirect_uri)
  })

  it('a browser that hits the loopback port gets a page with a policy of its own, once, and then nobody listens', async () => {
    const server = await authorizationServer()
    let callback = ''
    let seen: Response | undefined
    const run = await runToken(
      { issuer: server.issuer },
      {
        openBrowser: async (url) => {
          callback = (await fetch(url, { redirect: 'manual' })).headers.get('location') ?? ''
          expect((await fetch(new URL('/favicon.ico', callback))).status).toBe(404)
          seen = await fetch(callback)
        },
      },
    )
    expect(run.code).toBe(0)
    expect(seen?.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(seen?.headers.get('cache-control')).toBe('no-store')
    expect(await seen?.text()).toContain('close this window')
    await expect(fetch(callback)).rejects.toThrow()
  })

  it('6749-10.12 an answer with another state is refused and does not count', async () => {
    const server = await authorizationServer()
    const statuses: number[] = []
    const run = await runToken(
      { issuer: server.issuer },
      {
        openBrowser: async (url) => {
          const location = (await fetch(url, { redirect: 'manual' })).headers.get('location') ?? ''
          const forged = new URL(location)
          forged.searchParams.set('state', 'forged')
          forged.searchParams.set('code', 'stolen')
          statuses.push((await fetch(forged)).status)
          statuses.push((await fetch(location)).status)
        },
      },
    )
    expect(statuses).toEqual([400, 200])
    expect(run.code).toBe(0)
    expect(run.output).not.toContain('stolen')
  })

  it.each<{ what: string; behaviour: Behaviour; says: string }>([
    {
      what: '8414-3.3 metadata that names another issuer',
      behaviour: { metadata: { issuer: 'http://localhost:1' } },
      says: 'another issuer, http://localhost:1',
    },
    {
      what: 'metadata that is not JSON',
      behaviour: { metadataText: '<html>' },
      says: 'did not answer with a JSON object',
    },
    {
      what: 'an authorization endpoint that is no web address',
      behaviour: { metadata: { authorization_endpoint: 'file:///etc/passwd' } },
      says: 'no authorization_endpoint that is safe to use',
    },
    {
      what: 'a token endpoint in the clear on another machine',
      behaviour: { metadata: { token_endpoint: 'http://192.0.2.1/token' } },
      says: 'no token_endpoint that is safe to use',
    },
    {
      what: '9207-2.4 an answer that names another issuer',
      behaviour: { answer: { iss: 'https://evil.example' } },
      says: 'but from https://evil.example',
    },
    {
      what: '9207-2.4 an answer without the issuer that the metadata promised',
      behaviour: {
        metadata: { authorization_response_iss_parameter_supported: true },
        answer: { iss: undefined },
      },
      says: 'a server that does not say',
    },
    {
      what: '6749-4.1.2.1 a refusal',
      behaviour: {
        answer: { code: undefined, error: 'access_denied', error_description: 'not today' },
      },
      says: 'access_denied: not today',
    },
    {
      what: '6749-5.2 an error of the token endpoint',
      behaviour: {
        tokenStatus: 400,
        tokenAnswer: { error: 'invalid_grant', error_description: 'the code was used' },
      },
      says: 'invalid_grant: the code was used',
    },
    {
      what: 'a token of an unknown type',
      behaviour: { tokenAnswer: { access_token: 'x', token_type: 'mac' } },
      says: 'cannot use: mac',
    },
    {
      what: 'control characters in an answer, which must not reach the terminal',
      behaviour: {
        tokenStatus: 400,
        tokenAnswer: { error: 'invalid_grant', error_description: '\u001b[2J\u202egone' },
      },
      says: 'invalid_grant: \\u001b[2J\\u202egone',
    },
  ])('fails with exit code 1 and one line, without a stack: $what', async ({ behaviour, says }) => {
    const server = await authorizationServer(behaviour)
    const run = await runToken({ issuer: server.issuer })
    expect(run.code).toBe(1)
    expect(run.errors.trim().split('\n')).toHaveLength(1)
    expect(run.errors).toContain(says)
    expect(run.errors).not.toContain('    at ')
  })

  it('an authorization server that is not there is named, with exit code 1', async () => {
    const run = await runToken({ issuer: 'http://127.0.0.1:1' })
    expect(run.code).toBe(1)
    expect(run.errors).toMatch(
      /^portcullis token: http:\/\/127\.0\.0\.1:1 does not answer \(.+\)\n$/,
    )
  })

  it('a person who never answers is waited for no longer than --timeout', async () => {
    const server = await authorizationServer()
    const run = await runToken(
      { issuer: server.issuer, timeout: '1' },
      { openBrowser: () => Promise.reject(new Error('xdg-open is not installed')) },
    )
    expect(run.code).toBe(1)
    expect(run.output).toContain('xdg-open is not installed')
    expect(run.errors).toContain('no answer came from the browser within 1 s')
  })

  it.each<{ options: TokenOptions; says: string }>([
    { options: { clientSecret: 'on-the-command-line' }, says: '--client-secret takes only -' },
    { options: { issuer: 'localhost' }, says: '--issuer is not a URL' },
    { options: { issuer: 'http://as.example' }, says: '--issuer must be https' },
    { options: { call: 'http://api.example/orders' }, says: '--call must be https' },
    { options: { redirectUri: 'https://app.example/cb' }, says: 'use --manual' },
    { options: { redirectUri: 'http://127.0.0.1/cb' }, says: 'with a port' },
    { options: { timeout: '0' }, says: '--timeout takes seconds' },
  ])('options that make no sense end with exit code 2: $says', async ({ options, says }) => {
    const run = await runToken(options)
    expect(run.code).toBe(2)
    expect(run.errors).toContain(says)
    expect(run.errors).not.toContain('on-the-command-line')
  })

  it('6749-2.3.1 a secret comes from standard input, goes by Basic, and is never shown', async () => {
    const server = await authorizationServer()
    const run = await runToken(
      { issuer: server.issuer, clientId: 'a:b', clientSecret: '-' },
      { stdin: 'pass word+1\n' },
    )
    expect(run.code).toBe(0)
    const basic = Buffer.from('a%3Ab:pass+word%2B1').toString('base64')
    expect(server.exchanges[0]?.authorization).toBe(`Basic ${basic}`)
    expect(server.exchanges[0]?.form.has('client_id')).toBe(false)
    expect(run.output + run.errors).not.toMatch(/pass.word/)
    expect(run.output + run.errors).not.toContain(basic)
  })

  it('6749-2.3.1 the secret goes into the body where the server takes it nowhere else, and is not shown', async () => {
    const metadata = { token_endpoint_auth_methods_supported: ['client_secret_post'] }
    const server = await authorizationServer({ metadata })
    const run = await runToken(
      { issuer: server.issuer, clientSecret: '-' },
      { stdin: 'pass word+1' },
    )
    expect(run.code).toBe(0)
    expect(server.exchanges[0]?.form.get('client_secret')).toBe('pass word+1')
    expect(run.output + run.errors).not.toContain('pass word+1')
  })

  it('--json prints one object on standard output and tells the story on standard error', async () => {
    const server = await authorizationServer()
    const run = await runToken({ issuer: server.issuer, call: server.resource, json: true })
    expect(JSON.parse(run.output)).toEqual({
      access_token: 'token-1',
      token_type: 'Bearer',
      expires_in: 600,
      refresh_token: 'refresh-1',
      scope: 'orders.read',
      call: { url: server.resource, status: 200, body: 'hello token-1', cut: false },
    })
    expect(run.errors).toContain('AuthZ code: code-1')
  })

  it('--json prints a failure as an object too', async () => {
    const server = await authorizationServer({
      tokenStatus: 400,
      tokenAnswer: { error: 'invalid_grant' },
    })
    const run = await runToken({ issuer: server.issuer, json: true })
    expect(run.code).toBe(1)
    expect(JSON.parse(run.output)).toEqual({ error: 'invalid_grant' })
  })

  it('a protected resource that refuses the token is shown with its challenge, and the exit code is 1', async () => {
    const server = await authorizationServer({ resourceStatus: 403 })
    const run = await runToken({ issuer: server.issuer, call: server.resource })
    expect(run.code).toBe(1)
    expect(run.output).toContain('Response from the protected resource: 403')
    expect(run.output).toContain('WWW-Authenticate: Bearer error="insufficient_scope"')
  })

  it('an answer of the protected resource is shown up to 64 KiB, whatever its size', async () => {
    const server = await authorizationServer({ resourceSize: 10_000_000 })
    const run = await runToken({ issuer: server.issuer, call: server.resource, json: true })
    expect(JSON.parse(run.output).call).toMatchObject({ cut: true, body: 'x'.repeat(65_536) })
  })

  it.each([
    { what: 'the code', paste: (answer: URL) => answer.searchParams.get('code') ?? '' },
    { what: 'the whole address', paste: (answer: URL) => answer.href },
  ])('--manual takes $what, typed or piped, and opens nothing', async ({ paste }) => {
    const server = await authorizationServer()
    const stdin = new Readable({ read() {} })
    const run = await runToken(
      { issuer: server.issuer, manual: true },
      {
        stdin,
        openBrowser: () => Promise.reject(new Error('opened')),
        onOutput: async (output) => {
          const url = /^ {2}(http\S+response_type\S+)\n/m.exec(output)?.[1]
          if (url === undefined || server.authorizations.length > 0) return
          const location = (await fetch(url, { redirect: 'manual' })).headers.get('location') ?? ''
          stdin.push(`${paste(new URL(location))}\n`)
        },
      },
    )
    expect(run.errors).toBe('')
    expect(run.code).toBe(0)
    expect(run.output).toContain('Access token: token-1')
  })

  it.each([
    { paste: '', says: 'no authorization code was given' },
    { paste: 'http://127.0.0.1:53682/callback?code=c&state=other\n', says: 'its state is another' },
  ])('--manual refuses $paste', async ({ paste, says }) => {
    const server = await authorizationServer()
    const run = await runToken({ issuer: server.issuer, manual: true }, { stdin: paste })
    expect(run.code).toBe(1)
    expect(run.errors).toContain(says)
    expect(server.exchanges).toHaveLength(0)
  })
})

type Surroundings = {
  stdin?: string | Readable
  openBrowser?: (url: string) => Promise<void>
  onOutput?: (output: string) => Promise<void>
}

const runToken = async (options: TokenOptions, surroundings: Surroundings = {}) => {
  const { stdin = '', openBrowser = visit, onOutput } = surroundings
  const output = recorder(onOutput)
  const errors = recorder()
  const code = await token(options, {
    stdin: typeof stdin === 'string' ? Readable.from([stdin]) : stdin,
    stdout: output.stream,
    stderr: errors.stream,
    openBrowser,
  })
  return { code, output: output.text(), errors: errors.text() }
}

/** A browser in which the person has said yes before. */
const visit = async (url: string): Promise<void> => {
  await (await fetch(url)).text()
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

const recorder = (onWrite?: (text: string) => Promise<void>) => {
  let written = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk)
      onWrite?.(written).catch((error) => stream.destroy(error))
      done()
    },
  })
  return { stream, text: () => written }
}

type Behaviour = {
  metadata?: Record<string, unknown>
  metadataText?: string
  answer?: Record<string, string | undefined>
  tokenStatus?: number
  tokenAnswer?: Record<string, unknown>
  resourceStatus?: number
  resourceSize?: number
}

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

/** A double at the edge: grants everything at once, unless told to misbehave. */
const authorizationServer = async (behaviour: Behaviour = {}) => {
  const authorizations: URLSearchParams[] = []
  const exchanges: { form: URLSearchParams; authorization: string | undefined }[] = []
  const server = createServer((req, res) => void answer(req, res))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${portOf(server)}`
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
    ...behaviour.metadata,
  }

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<unknown> => {
    const url = new URL(req.url ?? '/', issuer)
    switch (url.pathname) {
      case '/.well-known/oauth-authorization-server':
        return res.end(behaviour.metadataText ?? JSON.stringify(metadata))
      case '/authorize':
        authorizations.push(url.searchParams)
        return res.writeHead(303, { location: redirect(url.searchParams) }).end()
      case '/token':
        exchanges.push({
          form: new URLSearchParams(await text(req)),
          authorization: req.headers.authorization,
        })
        return res.writeHead(behaviour.tokenStatus ?? 200).end(JSON.stringify(tokens()))
      default:
        return protectedAnswer(req, res)
    }
  }

  const redirect = (request: URLSearchParams): string => {
    const location = new URL(request.get('redirect_uri') ?? '')
    const given = { code: 'code-1', state: request.get('state') ?? '', iss: issuer }
    for (const [name, value] of Object.entries({ ...given, ...behaviour.answer }))
      if (value !== undefined) location.searchParams.set(name, value)
    return location.href
  }

  const tokens = () =>
    behaviour.tokenAnswer ?? {
      access_token: 'token-1',
      token_type: 'Bearer',
      expires_in: 600,
      refresh_token: 'refresh-1',
      scope: 'orders.read',
    }

  const protectedAnswer = (req: IncomingMessage, res: ServerResponse): unknown => {
    if (behaviour.resourceStatus)
      res.setHeader('WWW-Authenticate', 'Bearer error="insufficient_scope"')
    res.writeHead(behaviour.resourceStatus ?? 200)
    if (behaviour.resourceSize) return res.end('x'.repeat(behaviour.resourceSize))
    return res.end(`hello ${req.headers.authorization?.replace(/^Bearer /, '')}`)
  }

  return { issuer, resource: `${issuer}/orders`, authorizations, exchanges }
}
