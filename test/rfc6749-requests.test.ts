import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { basic, createClient, postForm } from './support/client.ts'
import { createPerson } from './support/person.ts'

describe('requests to the endpoints of the authorization server', () => {
  let server: RunningAuthorizationServer
  const at = (path: string) => `${server.origin}${path}`
  const token = (fields: string, headers?: Record<string, string>) =>
    postForm(at('/oauth/token'), fields, headers)
  const MACHINE = 'grant_type=client_credentials&client_id=machine&client_secret=machine-secret'

  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  afterAll(() => server.stop())

  it.each(['/oauth/token', '/oauth/revoke', '/oauth/introspect'])(
    '6749-01 %s takes POST only, and says so',
    async (path) => {
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH']) {
        const response = await fetch(at(`${path}?${MACHINE}`), { method })
        expect([method, response.status]).toEqual([method, 405])
        expect(response.headers.get('Allow')).toMatch(/^POST(, OPTIONS)?$/)
        expect(await response.text()).not.toContain('pc_at_')
      }
    },
  )

  it('6749-02 credentials and grant parameters in the query of a token request are never used', async () => {
    const answer = await postForm(at(`/oauth/token?${MACHINE}`), '')
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
    const half = 'grant_type=client_credentials'
    const credentials = 'client_id=machine&client_secret=machine-secret'
    const split = await postForm(at(`/oauth/token?${credentials}`), half)
    expect([split.status, split.body.error]).toEqual([401, 'invalid_client'])
  })

  it.each([
    ['6749-03 JSON', 'application/json', JSON.stringify({ grant_type: 'client_credentials' })],
    ['6749-03 multipart', 'multipart/form-data; boundary=x', '--x--'],
    ['6749-03 text', 'text/plain', MACHINE],
    ['6749-03 a type that is none', ';;=', MACHINE],
  ])('%s is refused as a token request, with an OAuth error', async (_, type, body) => {
    const answer = await token(body, { 'Content-Type': type })
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
  })

  it('6749-03 a body without a type is refused', async () => {
    const response = await fetch(at('/oauth/token'), {
      method: 'POST',
      body: new Blob([MACHINE]),
    })
    expect(response.status).toBe(400)
  })

  it('6749-03 a charset parameter is allowed', async () => {
    const type = 'application/x-www-form-urlencoded;charset=UTF-8'
    expect((await token(MACHINE, { 'Content-Type': type })).status).toBe(200)
  })

  it('6749-04 HEAD issues no code, and other methods are refused', async () => {
    const url = createClient(server.origin, 'web').authorizationUrl()
    for (const method of ['HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
      const response = await fetch(url, { method, redirect: 'manual' })
      expect([method, response.status]).toEqual([method, 405])
      expect(response.headers.get('Location')).toBeNull()
      expect(response.headers.get('Allow')).toBe('GET, POST')
    }
  })

  it('6749-04 an authorization request may be a form', async () => {
    const ada = createPerson('ada', 'ada-password')
    const web = createClient(server.origin, 'web', { secret: 'web-secret' })
    const { searchParams } = web.authorizationUrl()
    const asked = await ada.browser.post(at('/oauth/authorize'), Object.fromEntries(searchParams))
    const callback = await ada.goOn(asked)
    expect((await web.redeem(callback)).status).toBe(200)
  })

  it('6749-04 a form from another site is asked for again with the cookies that it came without', async () => {
    const { searchParams } = createClient(server.origin, 'web').authorizationUrl()
    const { browser } = createPerson('ada', 'ada-password')
    const headers = { 'Sec-Fetch-Site': 'cross-site' }
    const answer = await browser.post(
      at('/oauth/authorize'),
      Object.fromEntries(searchParams),
      headers,
    )
    expect(answer.status).toBe(303)
    expect(answer.location).toBe(`${at('/oauth/authorize')}?${searchParams}`)
    expect(browser.cookies.size).toBe(0)
  })

  it('6749-05 a parameter with an empty value counts as absent', async () => {
    const ada = createPerson('ada', 'ada-password')
    const native = createClient(server.origin, 'web', { secret: 'web-secret' })
    const url = native.authorizationUrl({ scope: '', state: '', redirect_uri: '', max_age: '' })
    const callback = await ada.authorize(url)
    expect(callback.searchParams.has('state')).toBe(false)
    const tokens = await native.redeem(callback)
    expect(tokens.body.scope).toBe('orders.read orders.write')
    const empty = await token('grant_type=&client_id=web')
    expect(empty.body.error).toBe('invalid_request')
  })

  it('6749-06, 6749-08, A33 unknown parameters have no effect, whatever their names', async () => {
    const odd = [
      'foo=1',
      '__proto__=1',
      'constructor=1',
      'hasOwnProperty=1',
      'a[b]=c',
      'client_id[]=other',
      'client.id=other',
      'grant_type[$ne]=x',
      '0=1',
      '=1',
      '&&',
    ].join('&')
    const answer = await token(`${odd}&${MACHINE}`)
    expect([answer.status, answer.body.token_type]).toEqual([200, 'Bearer'])
    const nested = await token(
      'grant_type=client_credentials&client_id[]=machine&client_secret=machine-secret',
    )
    expect(nested.body.error).toBe('invalid_client')
    const url = createClient(server.origin, 'web').authorizationUrl()
    const asked = await fetch(`${url}&${odd}`, { redirect: 'manual' })
    expect([asked.status, asked.headers.get('Location')]).toEqual([
      303,
      expect.stringContaining('/oauth/login?request='),
    ])
  })

  it.each([
    ['6749-07 grant_type', `${MACHINE}&grant_type=client_credentials`],
    ['6749-07 client_id', `${MACHINE}&client_id=machine`],
    ['6749-07 scope', `${MACHINE}&scope=orders.read&scope=orders.read`],
    ['6749-07 a parameter that we do not know', `${MACHINE}&foo=1&foo=2`],
    ['6749-07 a parameter whose name is written in two ways', `${MACHINE}&client%5Fid=machine`],
  ])('%s twice in a token request is an error', async (_, body) => {
    const answer = await token(body)
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
  })

  it('6749-07 a parameter in the query and in the form is one that is repeated', async () => {
    const answer = await postForm(at('/oauth/token?client_id=machine'), MACHINE)
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
  })

  it.each(['/oauth/revoke', '/oauth/introspect'])(
    '6749-07 a repeated parameter at %s is an error',
    async (path) => {
      const answer = await postForm(at(path), 'token=a&token=b', basic('web', 'web-secret'))
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
    },
  )

  it.each([
    ['6749-09 a bad escape', 'scope=%zz'],
    ['6749-09 half an escape', 'scope=%'],
    ['6749-09 overlong UTF-8', 'scope=%c0%af'],
    ['6749-09 a surrogate', 'scope=%ed%a0%80'],
    ['6749-09 NUL', 'scope=a%00b'],
    ['6749-09 a line break', 'scope=a%0d%0ab'],
    ['6749-09 an escape character', 'scope=%1b[31m'],
    ['6749-09 a name that does not decode', '%ff=1'],
  ])('%s in a token request is an error', async (_, parameter) => {
    const answer = await token(`${MACHINE}&${parameter}`)
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
  })

  it('6749-09 bytes that are not UTF-8 are an error', async () => {
    const response = await fetch(at('/oauth/token'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: Buffer.from([...Buffer.from(`${MACHINE}&scope=`), 0xff, 0xfe]),
    })
    expect(response.status).toBe(400)
  })

  it('6749-10 a form over the limit is 413, more than 100 parameters are 400', async () => {
    const large = await token(`${MACHINE}&x=${'a'.repeat(65_536)}`)
    expect([large.status, large.body.error]).toEqual([413, 'invalid_request'])
    const many = await token(
      `${MACHINE}${Array.from({ length: 100 }, (_, n) => `&p${n}=1`).join('')}`,
    )
    expect([many.status, many.body.error]).toEqual([400, 'invalid_request'])
    const just = await token(
      `${MACHINE}${Array.from({ length: 97 }, (_, n) => `&p${n}=1`).join('')}`,
    )
    expect(just.status).toBe(200)
  })

  /** Sends a form in pieces of which no length was announced. */
  const inPieces = (path: string, pieces: readonly (string | Uint8Array)[], end = true) => {
    const body = new ReadableStream({
      start(controller) {
        for (const piece of pieces)
          controller.enqueue(typeof piece === 'string' ? new TextEncoder().encode(piece) : piece)
        if (end) controller.close()
        else controller.error(new Error('broken off'))
      },
    })
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
    return fetch(at(path), { method: 'POST', headers, body, duplex: 'half' } as RequestInit)
  }

  it.each(['/oauth/token', '/oauth/login'])(
    '6749-10 %s: a form over the limit is 413 where its length was not announced, too',
    async (path) => {
      const response = await inPieces(path, [
        MACHINE,
        '&x=',
        'a'.repeat(40_000),
        'a'.repeat(40_000),
      ])
      expect(response.status).toBe(413)
    },
  )

  it('6749-03 a form that comes in pieces, cut within a letter, is one form', async () => {
    const [half, rest] = [Uint8Array.of(0xc3), Uint8Array.of(0xa9)]
    const response = await inPieces('/oauth/token', [
      MACHINE.slice(0, 9),
      MACHINE.slice(9),
      '&x=',
      half,
      rest,
    ])
    expect(response.status).toBe(200)
    const cut = await inPieces('/oauth/token', [MACHINE, '&x=', half])
    const { error } = (await cut.json()) as { error: string }
    expect([cut.status, error]).toEqual([400, 'invalid_request'])
  })

  it('6749-03 a client that breaks off in the middle of its form disturbs nobody', async () => {
    await Promise.all(
      Array.from({ length: 20 }, () => inPieces('/oauth/token', [MACHINE], false).catch(() => {})),
    )
    expect((await token(MACHINE)).status).toBe(200)
    expect(server.logged.filter(({ event }) => event === 'request.failed')).toEqual([])
  })

  it.each([
    ['F9 brotli', 'br', brotliCompressSync(MACHINE)],
    ['F9 gzip', 'gzip', gzipSync(MACHINE)],
    ['F9 corrupt gzip', 'gzip', Buffer.from('not gzip')],
    ['F9 an unknown coding', 'x-nothing', Buffer.from(MACHINE)],
    ['F9 two codings', 'identity, br', brotliCompressSync(MACHINE)],
  ])('%s is 415 before anything is read, at every endpoint', async (_, encoding, body) => {
    for (const path of [
      'token',
      'revoke',
      'introspect',
      'authorize',
      'login',
      'consent',
      'logout',
    ]) {
      const response = await fetch(at(`/oauth/${path}`), {
        method: 'POST',
        headers: {
          'Content-Type': 'application/x-www-form-urlencoded',
          'Content-Encoding': encoding,
        },
        body,
      })
      expect([path, response.status]).toEqual([path, 415])
    }
  })

  it('F9 identity is no encoding', async () => {
    expect((await token(MACHINE, { 'Content-Encoding': 'identity' })).status).toBe(200)
  })

  it('F15 nested and long forms are read flat and fast', async () => {
    const deep = `a${'[b]'.repeat(10_000)}=1`
    expect((await token(`${MACHINE}&${deep}`)).status).toBe(200)
  })

  it('6749-11 answers of the back channel are JSON and not to be stored, errors too', async () => {
    const answers = await Promise.all([
      token(MACHINE),
      token('grant_type=nothing'),
      token('grant_type=refresh_token&client_id=unknown'),
      postForm(at('/oauth/introspect'), 'token=x', basic('web', 'web-secret')),
      postForm(at('/oauth/revoke'), 'token=x', basic('web', 'wrong')),
    ])
    for (const { headers } of answers) {
      expect(headers.get('Content-Type')).toMatch(/^application\/json(;|$)/)
      expect(headers.get('Cache-Control')).toBe('no-store')
      expect(headers.get('Pragma')).toBe('no-cache')
    }
  })

  it('6749-11 an error names the request, for the log', async () => {
    const response = await fetch(at('/oauth/token'), { method: 'POST' })
    const body = (await response.json()) as Record<string, unknown>
    expect(body.request_id).toBe(response.headers.get('X-Request-Id'))
  })

  it('§3.2 other spellings of a path are not the endpoint', async () => {
    for (const path of [
      '/oauth/token/',
      '/OAuth/token',
      '/oauth/Token',
      '/oauth/tokens',
      '/oauth',
    ]) {
      const response = await fetch(at(path), { method: 'POST' })
      expect([path, response.status]).toEqual([path, 404])
    }
  })

  it('9700-2.6 scripts of any origin may call the back channel, never the pages', async () => {
    for (const path of [
      '/oauth/token',
      '/oauth/revoke',
      '/.well-known/oauth-authorization-server',
    ]) {
      const preflight = await fetch(at(path), {
        method: 'OPTIONS',
        headers: { Origin: 'https://spa.example', 'Access-Control-Request-Method': 'POST' },
      })
      expect([path, preflight.status]).toEqual([path, 204])
      expect(preflight.headers.get('Access-Control-Allow-Origin')).toBe('*')
      expect(preflight.headers.get('Access-Control-Allow-Headers')).toContain('Authorization')
      expect(preflight.headers.has('Access-Control-Allow-Credentials')).toBe(false)
    }
    for (const path of ['authorize', 'login', 'consent', 'logout', 'introspect']) {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const response = await fetch(at(`/oauth/${path}`), {
          method,
          headers: { Origin: 'https://spa.example' },
        })
        expect(response.headers.has('Access-Control-Allow-Origin')).toBe(false)
      }
    }
  })
})

describe('an issuer that is https', () => {
  it('6749-12 nothing is answered that crossed a network in clear', async () => {
    const server = await startAuthorizationServer({
      issuer: 'https://auth.example',
      trustedProxies: ['127.0.0.1'],
    })
    const from = (address: string, proto: string) =>
      postForm(`${server.origin}/oauth/token`, 'grant_type=x', {
        'X-Forwarded-For': address,
        'X-Forwarded-Proto': proto,
      })
    expect((await from('203.0.113.1', 'http')).status).toBe(403)
    expect((await from('203.0.113.1', 'https')).status).toBe(400)
    expect((await postForm(`${server.origin}/oauth/token`, 'grant_type=x')).status).toBe(400)
    await server.stop()
  })
})
