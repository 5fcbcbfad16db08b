import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from './support/client.ts'
import { freePort, spawnPortcullis } from './support/portcullis.ts'
import { exchange } from './support/raw-client.ts'

const SECRET = 'machine-secret-of-32-characters-and-more'
const configuration = (port: number) => `
demo: true
scopes: { a: See a, b: See b }
upstreams: { api: http://127.0.0.1:${port} }
routes:
  - { path: /open/*, upstream: api, access: public }
  - { path: /a/*, upstream: api, scope: a }
  - { path: /b/*, upstream: api, scope: b }
clients:
  - { client_id: machine, client_secret: ${SECRET}, grant_types: [client_credentials], scope: a }
`

let running: Awaited<ReturnType<typeof spawnPortcullis>>
let adminPort: number
let token: string
let access_token: string
const upstream = createServer((_, res) => res.end('served'))

beforeAll(async () => {
  const port = await freePort()
  await new Promise<void>((resolve) => upstream.listen(port, '127.0.0.1', resolve))
  running = await spawnPortcullis(configuration(port))
  adminPort = Number(new URL(running.admin).port)
  const client = createClient(running.origin, 'machine', { secret: SECRET })
  const { body } = await client.post('token', { grant_type: 'client_credentials' })
  access_token = String(body.access_token)
  token = (await readFile(tokenFile(), 'utf8')).trim()
})
afterAll(async () => {
  await running.stop()
  upstream.close()
})

const tokenFile = () => join(running.folder, 'data/portcullis.db.admin-token')
const QUESTION = JSON.stringify({ method: 'GET', url: '/open/1' })

const post = (
  fields: readonly string[],
  { line = 'POST /api/v1/explain', body = QUESTION, host = `127.0.0.1:${adminPort}` } = {},
) => {
  const head = [`${line} HTTP/1.1`, `Host: ${host}`, ...fields, `Content-Length: ${body.length}`]
  return exchange(adminPort, `${head.join('\r\n')}\r\n\r\n${body}`)
}
const JSON_TYPE = 'Content-Type: application/json'
const good = () => [JSON_TYPE, `Authorization: Bearer ${token}`]

describe('the admin API asks who it is', () => {
  it('A37 the token is made once, mode 0600, beside the store', async () => {
    expect((await stat(tokenFile())).mode & 0o777).toBe(0o600)
    expect(token).toMatch(/^[\w-]{43}$/)
    expect((await post(good())).status).toBe(200)
  })

  it.each<[string, () => string[], string]>([
    ['no token', () => [], 'unauthorized'],
    ['a wrong one', () => ['Authorization: Bearer x'], 'invalid_token'],
    ['a part of it', () => [`Authorization: Bearer ${token.slice(0, -1)}`], 'invalid_token'],
    ['it as another scheme', () => [`Authorization: Basic ${token}`], 'invalid_token'],
    ['an access token', () => [`Authorization: Bearer ${access_token}`], 'invalid_token'],
  ])('A37 %s: 401 with WWW-Authenticate', async (_, fields, error) => {
    const answer = await post([JSON_TYPE, ...fields()])
    expect(answer.status).toBe(401)
    expect(answer.values('WWW-Authenticate')[0]).toMatch(/^Bearer realm="/)
    expect(JSON.parse(answer.body)).toMatchObject({ error })
  })

  it('A37 the token in the query is none', async () => {
    const line = `POST /api/v1/explain?access_token=${token}`
    expect((await post([JSON_TYPE], { line })).status).toBe(401)
  })

  it.each([
    ['a name of a stranger', 'evil.example'],
    ['a stranger below a number', '127.0.0.1.evil.example:8081'],
    ['no name', ''],
  ])('A37 Host %s: 421, token or not', async (_, host) => {
    expect((await post(good(), { host })).status).toBe(421)
  })

  it.each(['localhost:1', '127.0.0.1', '[::1]:8081', 'portcullis', 'x.localhost'])(
    'A37 Host %s is one of ours',
    async (host) => {
      expect((await post(good(), { host })).status).toBe(200)
    },
  )

  it.each(['Origin: http://127.0.0.1:8081', 'Origin: null', 'Sec-Fetch-Site: same-origin'])(
    'A37 no browser: %s is 403',
    async (field) => {
      const answer = await post([...good(), field])
      expect(answer.status).toBe(403)
      expect(answer.values('Access-Control-Allow-Origin')).toEqual([])
    },
  )

  it('health and metrics ask for nothing of this', async () => {
    const { status } = await exchange(
      adminPort,
      'GET /healthz HTTP/1.1\r\nHost: pod.example\r\n\r\n',
    )
    expect(status).toBe(200)
  })

  it('A37 it is not on the public listener', async () => {
    const response = await fetch(`${running.origin}/api/v1/explain`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}` },
    })
    expect(response.status).toBe(404)
  })
})

describe('the admin API takes what it knows', () => {
  it.each<[string, Parameters<typeof post>[1], number]>([
    ['another path', { line: 'POST /api/v1/nothing' }, 404],
    ['another method', { line: 'PUT /api/v1/explain' }, 405],
    ['no JSON', { body: '{' }, 400],
    ['no object', { body: '3' }, 400],
    ['no URL', { body: '{"method":"GET"}' }, 400],
    ['a URL of another scheme', { body: '{"method":"GET","url":"file:///etc"}' }, 400],
    ['a method that is none', { body: '{"method":"G T","url":"/"}' }, 400],
    ['a field that is none', { body: '{"method":"GET","url":"/","headers":[["a b","c"]]}' }, 400],
    [
      'a field with a line break',
      { body: '{"method":"GET","url":"/","headers":[["a","b\\r\\nc: d"]]}' },
      400,
    ],
    ['a token with a line break', { body: '{"method":"GET","url":"/","token":"a\\nb"}' }, 400],
    ['over 64 KiB', { body: ' '.repeat(65_537) }, 413],
  ])('%s: an error as JSON', async (_, request, status) => {
    const answer = await post(good(), request)
    expect(answer.status).toBe(status)
    expect(answer.values('Content-Type')).toEqual(['application/problem+json'])
    expect(JSON.parse(answer.body)).toMatchObject({
      ...{ type: 'about:blank', status, title: expect.any(String) },
      ...{ error: expect.any(String), detail: expect.any(String) },
    })
    if (status === 405) expect(answer.values('Allow')).toEqual(['POST'])
  })

  it('a body of another type: 415', async () => {
    expect((await post([`Authorization: Bearer ${token}`])).status).toBe(415)
  })

  it('over 64 KiB in chunks: 413', async () => {
    const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`
    const head = ['POST /api/v1/explain HTTP/1.1', `Host: 127.0.0.1`, ...good()]
    const bytes = `${[...head, 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n${chunk.repeat(5)}0\r\n\r\n`
    expect((await exchange(adminPort, bytes)).status).toBe(413)
  })
})

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

const run = async (
  args: readonly string[],
  { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {},
) => {
  const origins = { ORIGIN: running.origin, PORT: new URL(running.origin).port }
  const child = spawn(process.execPath, [main, 'explain', ...args], {
    env: { ...process.env, ...origins, ...env },
  })
  const text = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => {
    text.out += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    text.err += chunk
  })
  child.stdin.end(input)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, ...text }
}
const config = () => ['--config', join(running.folder, 'portcullis.yaml')]

describe('portcullis explain', () => {
  it('F7 tells a person, by way of the configuration, what becomes of a request', async () => {
    const { code, out, err } = await run(['GET', '/b/1', '--token', '-', ...config()], {
      input: `${access_token}\n`,
    })
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain('route     /b/* → api; scope b')
    expect(out).toContain('good, without the scope that is asked for: b')
    expect(out).toContain('of client:machine, client machine')
    expect(out).toContain('403 insufficient_scope')
    expect(out).toContain('WWW-Authenticate: Bearer realm=')
    expect(out).not.toContain(access_token)
    const passes = await run(['GET', '/a/1?q', '--token', '-', ...config()], {
      input: `Bearer ${access_token}`,
    })
    expect(passes.out).toContain('every check is passed')
    expect(passes.out).toContain('taken out: Authorization')
    expect(passes.out).toContain('set: X-Auth-Client-Id: machine')
  })

  it('F7 as JSON, by an address and PORTCULLIS_ADMIN_TOKEN', async () => {
    const { code, out } = await run(
      [
        'POST',
        'http://any.example/a',
        '-H',
        'X-Auth-Subject: root',
        '--admin',
        running.admin,
        '--json',
      ],
      { env: { PORTCULLIS_ADMIN_TOKEN: token } },
    )
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      request: { method: 'POST', target: '/a', host: 'any.example' },
      route: { path: '/a/*' },
      token: { verdict: 'no_token' },
      outcome: { by: 'gateway', status: 401 },
    })
  })

  it.each<[string, string[], number, RegExp]>([
    ['a token on the command line', ['--token', 'pc_at_x'], 2, /standard input/],
    ['Authorization on the command line', ['-H', 'Authorization: Bearer pc_at_x'], 2, /--token -/],
    ['a field that is none', ['-H', 'pc_at_x'], 2, /Name: value/],
    ['no token on standard input', ['--token', '-'], 1, /no token came/],
    ['nobody there', ['--admin', 'http://127.0.0.1:9'], 1, /does not answer/],
    ['an address that is none', ['--admin', 'here'], 1, /--admin has to be/],
  ])('F7 %s: one line that says so, and nothing repeated', async (_, args, code, words) => {
    const { code: found, out, err } = await run(['GET', '/a', ...config(), ...args])
    expect([found, out]).toEqual([code, ''])
    expect(err).toMatch(words)
    expect(err).not.toMatch(/pc_at_x|\n.*\n/)
  })

  it('F7 another admin token, or none to be found', async () => {
    const wrong = await run(['GET', '/a', '--admin', running.admin], {
      env: { PORTCULLIS_ADMIN_TOKEN: 'x'.repeat(40) },
    })
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('another admin token')])
    const folder = await mkdtemp(join(tmpdir(), 'portcullis-'))
    const file = join(folder, 'portcullis.yaml')
    await writeFile(file, 'issuer: http://localhost:8080\nstore: memory:\n')
    const none = await run(['GET', '/a', '--config', file])
    await rm(folder, { recursive: true })
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('PORTCULLIS_ADMIN_TOKEN')])
  })

  it('F7 nothing of the two tokens is in what the gateway wrote', () => {
    expect(running.output()).not.toContain(token)
    expect(running.output()).not.toContain(access_token)
    expect(running.output()).toContain('"event":"admin.refused"')
  })
})
