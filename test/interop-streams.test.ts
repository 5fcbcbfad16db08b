import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EventSource } from 'eventsource'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket as WebSocketOfWs } from 'ws'
import { type Portcullis, startPortcullis, until } from './support/portcullis.ts'
import { launchBrowser, noBrowser } from './support/real-browser.ts'
import { type StreamingUpstream, startStreamingUpstream } from './support/streaming-upstream.ts'

// Programs that others wrote, against the whole gateway.

const BIG = Buffer.alloc(300_000, 'range me ')

let upstream: StreamingUpstream
let gateway: Portcullis
let asked: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = []
let page: Server
let folder: string

beforeAll(async () => {
  upstream = await startStreamingUpstream(async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    asked.push({ method: req.method ?? '', url: req.url ?? '', headers: req.headers, body })
    if (req.url === '/orders/events') {
      // Three events a connection, then the upstream goes: a reader comes again and says how far it was.
      const from = Number(req.headers['last-event-id'] ?? 0)
      res.writeHead(200, { 'Content-Type': 'text/event-stream' })
      for (let id = from + 1; id <= from + 3; id++)
        res.write(`id: ${id}\nretry: 20\ndata: event ${id}\n\n`)
      if (from < 6) res.end()
    } else if (req.headers.range === 'bytes=100-199') {
      const fields = { 'Content-Range': `bytes 100-199/${BIG.length}`, 'Content-Length': 100 }
      res.writeHead(206, fields).end(BIG.subarray(100, 200))
    } else if (req.url === '/orders/trailers') {
      res.writeHead(200, { Trailer: 'X-Checksum' })
      res.write('body')
      res.addTrailers({ 'X-Checksum': 'abc' })
      res.end()
    } else {
      const sent = req.method === 'GET' || req.method === 'HEAD' ? BIG : Buffer.from(body)
      res.writeHead(200, { 'Content-Length': sent.length, 'Accept-Ranges': 'bytes', ETag: '"one"' })
      res.end(sent)
    }
  })
  page = createServer((_, res) =>
    res.setHeader('Content-Type', 'text/html').end('<!doctype html><title>page</title>'),
  )
  await once(page.listen(0, '127.0.0.1'), 'listening')
  gateway = await startPortcullis(`
scopes: { orders.read: See, orders.write: Change }
log: { access: true }
upstreams: { orders: '${upstream.origin}' }
routes:
  - { path: /orders/*, upstream: orders, scope: orders.read, cors: { origins: ['${origin(page)}'], credentials: true } }
  - { path: /socket, upstream: orders, scope: orders.read, websocket: { token: protocol, origins: ['${origin(page)}'] } }
  - { path: /strict, upstream: orders, scope: orders.read, websocket: { token: protocol, origins: ['https://elsewhere.example'] } }
  - { path: /header, upstream: orders, scope: orders.read }
  - { path: /open/*, upstream: orders, access: public }
clients:
  - { client_id: robot, client_secret: a secret of robots, grant_types: [client_credentials], scope: orders.read }
`)
  folder = await mkdtemp(join(tmpdir(), 'portcullis-interop-'))
})
afterAll(async () => {
  await gateway?.stop()
  await upstream?.close()
  page?.close()
  await rm(folder, { recursive: true, force: true })
})

const origin = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const basic = { Authorization: `Basic ${btoa('robot:a secret of robots')}` }
const issue = async (): Promise<string> => {
  const body = new URLSearchParams({ grant_type: 'client_credentials' })
  const answer = await fetch(`${gateway.origin}/oauth/token`, {
    method: 'POST',
    headers: basic,
    body,
  })
  const { access_token }: { access_token: string } = JSON.parse(await answer.text())
  return access_token
}
const revoke = (token: string) =>
  fetch(`${gateway.origin}/oauth/revoke`, {
    method: 'POST',
    headers: basic,
    body: new URLSearchParams({ token }),
  })

describe('the EventSource of npm', () => {
  const listen = (token: string) => {
    const source = new EventSource(`${gateway.origin}/orders/events`, {
      fetch: (url, init) =>
        fetch(url, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
    })
    const events: string[] = []
    const errors: (number | undefined)[] = []
    source.addEventListener('message', ({ data, lastEventId }) =>
      events.push(`${lastEventId} ${data}`),
    )
    source.addEventListener('error', ({ code }) => errors.push(code))
    return { source, events, errors }
  }

  it('HTML §9.2.3 reads, comes again with Last-Event-ID when the upstream ends, and misses nothing', async () => {
    asked = []
    const { source, events } = listen(await issue())
    await until(() => events.length === 9)
    expect(events).toEqual(Array.from({ length: 9 }, (_, at) => `${at + 1} event ${at + 1}`))
    expect(asked.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '3', '6'])
    for (const { headers } of asked) expect(headers.authorization).toBeUndefined()
    source.close()
    await until(() => upstream.answers.size === 0)
  })

  it('§5 when its token is revoked the stream ends, and coming again is refused with 401 for good', async () => {
    const token = await issue()
    const { source, events, errors } = listen(token)
    await until(() => events.length === 9)
    await revoke(token)
    await until(() => source.readyState === source.CLOSED)
    expect(errors.at(-1)).toBe(401)
    expect(events).toHaveLength(9)
    await until(() => upstream.answers.size === 0)
  })
})

describe('ws', () => {
  it('6455 §4.1 opens with a header, speaks both ways, and hears why it is closed', async () => {
    const token = await issue()
    const socket = new WebSocketOfWs(`${gateway.origin.replace('http', 'ws')}/header`, {
      headers: { Authorization: `Bearer ${token}` },
    })
    await once(socket, 'open')
    for (const words of ['hello', 'x'.repeat(200_000)]) {
      socket.send(words)
      const [answer] = await once(socket, 'message')
      expect(String(answer)).toBe(words)
    }
    const closed = once(socket, 'close')
    await revoke(token)
    const [code, reason] = await closed
    expect([code, String(reason)]).toEqual([4401, expect.stringMatching(/token/)])
  })

  it('P20 is refused with 401 where it has no token', async () => {
    const socket = new WebSocketOfWs(`${gateway.origin.replace('http', 'ws')}/header`)
    const [error] = await once(socket, 'error')
    expect(String(error)).toMatch(/401/)
  })
})

describe.skipIf(noBrowser)('Chromium', () => {
  let browser: Browser
  let tab: Page
  beforeAll(async () => {
    browser = await launchBrowser()
    tab = await browser.newPage()
    await tab.goto(origin(page))
  })
  afterAll(async () => {
    await browser?.close()
  })

  /** Opens a WebSocket in the page. `words` are sent; resolves to what came, and how it closed if it did. */
  const open = (path: string, protocols: readonly string[]) =>
    tab.evaluate(
      async ({ url, protocols }) => {
        const socket = new WebSocket(url, [...protocols])
        const seen: { protocol: string; got: string[]; code: number; reason: string } = {
          protocol: '',
          got: [],
          code: 0,
          reason: '',
        }
        Object.assign(globalThis, { socket, seen })
        socket.onmessage = ({ data }) => seen.got.push(String(data))
        return new Promise<typeof seen>((resolve) => {
          socket.onclose = ({ code, reason }) => {
            Object.assign(seen, { code, reason })
            resolve(seen)
          }
          socket.onopen = () => {
            seen.protocol = socket.protocol
            socket.onmessage = ({ data }) => {
              seen.got.push(String(data))
              resolve(seen)
            }
            socket.send('hello from the page')
          }
        })
      },
      { url: `${gateway.origin.replace('http', 'ws')}${path}`, protocols },
    )
  const seen = () =>
    tab.evaluate((): { code: number; reason: string } => Reflect.get(globalThis, 'seen'))

  it('§4 opens a WebSocket with its token as a subprotocol, and is told 4401 when the token is revoked', async () => {
    const token = await issue()
    expect(await open('/socket', ['bearer', token])).toMatchObject({
      protocol: 'bearer',
      got: ['hello from the page'],
    })
    await revoke(token)
    await until(async () => (await seen()).code !== 0)
    expect(await seen()).toMatchObject({ code: 4401, reason: expect.stringMatching(/token/) })
  })

  it.each([
    ['P20 without a token', '/socket', ['bearer']],
    ['P20 with a token that nobody gave', '/socket', ['bearer', 'pc_at_nobody']],
    [
      'P20 §10.2 from a page of an origin that the route does not name',
      '/strict',
      ['bearer', 'TOKEN'],
    ],
  ])('%s it is not opened', async (_, path, protocols) => {
    const token = await issue()
    const { code, got } = await open(
      path,
      protocols.map((each) => each.replace('TOKEN', token)),
    )
    expect([code, got]).toEqual([1006, []])
  })

  it('§6 calls the API across origins: preflight, credentials, and the challenge that it may read', async () => {
    const token = await issue()
    const call = (authorization: string) =>
      tab.evaluate(
        async ({ url, authorization }) => {
          const answer = await fetch(url, {
            method: 'POST',
            credentials: 'include',
            headers: { Authorization: authorization, 'Content-Type': 'application/json' },
            body: '{"a":1}',
          })
          return {
            status: answer.status,
            body: await answer.text(),
            challenge: answer.headers.get('WWW-Authenticate'),
            id: answer.headers.get('X-Request-Id'),
          }
        },
        { url: `${gateway.origin}/orders/1`, authorization },
      )
    expect(await call(`Bearer ${token}`)).toMatchObject({ status: 200, body: '{"a":1}' })
    const refused = await call('Bearer wrong')
    expect(refused).toMatchObject({
      status: 401,
      challenge: expect.stringMatching(/^Bearer .*error="invalid_token"/),
    })
    expect(JSON.parse(refused.body).request_id).toBe(refused.id)
  })

  it('§5 reads an event stream with fetch, which ends when its token is revoked', async () => {
    const token = await issue()
    await tab.evaluate(
      async ({ url, token }) => {
        const answer = await fetch(url, {
          headers: { Authorization: `Bearer ${token}`, 'Last-Event-ID': '6' },
        })
        const state = { text: '', over: '' }
        Object.assign(globalThis, { stream: state })
        const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
        const read = async (): Promise<void> => {
          const { done = true, value = '' } = (await reader?.read()) ?? {}
          state.text += value
          if (done) state.over = 'ended'
          else await read()
        }
        void read().catch((error) => {
          state.over = String(error)
        })
      },
      { url: `${gateway.origin}/orders/events`, token },
    )
    const state = () =>
      tab.evaluate((): { text: string; over: string } => Reflect.get(globalThis, 'stream'))
    await until(async () => (await state()).text.includes('event 9'))
    await revoke(token)
    await until(async () => (await state()).over !== '')
    expect((await state()).over).toBe('ended')
  })
})

const installed = (program: string): boolean => {
  const found = existsSync(`/usr/bin/${program}`)
  if (!found) console.info(`what ${program} must show is skipped: it is not installed`)
  return found
}
const run = promisify(execFile)

describe.skipIf(!installed('curl') && process.env.CI === undefined)('curl', () => {
  const curl = async (...given: string[]) => {
    asked = []
    const file = join(folder, 'body')
    const token = await issue()
    const { stdout } = await run('curl', [
      ...['-sS', '-m', '10', '-D', '-', '-o', file, '-H', `Authorization: Bearer ${token}`],
      ...given.map((each) => each.replace('ORIGIN', gateway.origin)),
    ])
    const body = existsSync(file) ? await readFile(file) : Buffer.alloc(0)
    await rm(file, { force: true })
    // What stands before the last head: 100 Continue.
    const heads = stdout.trim().split('\r\n\r\n')
    return { head: heads.at(-1) ?? '', heads, body, asked: asked[0] }
  }

  it.each([
    ['GET', [], 200, BIG],
    ['§14 a range', ['-r', '100-199'], 206, BIG.subarray(100, 200)],
    ['§9.3.2 HEAD', ['-I'], 200, Buffer.alloc(0)],
    ['HTTP/1.0', ['--http1.0'], 200, BIG],
    ['no keep-alive', ['-H', 'Connection: close'], 200, BIG],
    ['compressed asked for', ['-H', 'Accept-Encoding: gzip, br'], 200, BIG],
  ])('%s', async (_, options, status, expected) => {
    const { head, body } = await curl(...options, 'ORIGIN/orders/1')
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    if (options[0] === '-I') expect(head).toMatch(/\r\nContent-Length: 300000\r\n/i)
    else expect(body.equals(expected)).toBe(true)
  })

  const UPLOAD = 'u'.repeat(2_000_000)
  const file = () => join(folder, 'upload')
  it.each([
    [
      '§10.1.1 a large form, with Expect: 100-continue',
      ['-H', 'Expect: 100-continue'],
      '2000000',
      undefined,
    ],
    ['without Expect', ['-H', 'Expect:'], '2000000', undefined],
    ['RFC 9112 §7.1 in chunks', ['-H', 'Transfer-Encoding: chunked'], undefined, 'chunked'],
    ['HTTP/1.0', ['--http1.0'], '2000000', undefined],
  ])('an upload %s', async (title, options, length, coding) => {
    await writeFile(file(), UPLOAD)
    const {
      heads,
      body,
      asked: seen,
    } = await curl('--data-binary', `@${file()}`, ...options, 'ORIGIN/orders/1')
    expect(String(body)).toBe(UPLOAD)
    expect(seen?.body).toBe(UPLOAD)
    expect([seen?.headers['content-length'], seen?.headers['transfer-encoding']]).toEqual([
      length,
      coding,
    ])
    expect(seen?.headers.expect).toBeUndefined()
    if (title.includes('100')) expect(heads[0]).toMatch(/^HTTP\/1\.1 100 /)
  })

  it('RFC 9110 §6.5.1 trailers are dropped, and what announces them', async () => {
    const { head, heads, body } = await curl('--raw', 'ORIGIN/orders/trailers')
    expect(head).toMatch(/^HTTP\/1\.1 200 /)
    expect(heads.join('\n')).not.toMatch(/trailer|checksum/i)
    expect(String(body)).toMatch(/^4\r\nbody\r\n0\r\n\r\n$/)
  })

  it('several requests on one connection', async () => {
    const { stdout } = await run('curl', [
      ...['-sS', '-m', '10', '-o', '/dev/null', '-o', '/dev/null', '-o', '/dev/null'],
      ...['-w', '%{http_code} %{num_connects}\n'],
      ...[1, 2, 3].map((at) => `${gateway.origin}/open/${at}`),
    ])
    expect(stdout.trim().split('\n')).toEqual(['200 1', '200 0', '200 0'])
  })

  it('6750 §3 without a token the challenge, and a body that can be read', async () => {
    const { stdout } = await run('curl', ['-sS', '-i', '-m', '10', `${gateway.origin}/orders/1`])
    expect(stdout).toMatch(/^HTTP\/1\.1 401 [\s\S]*\r\nWWW-Authenticate: Bearer realm=/)
    expect(JSON.parse(stdout.split('\r\n\r\n')[1] ?? '')).toMatchObject({
      error: expect.any(String),
    })
  })
})

describe.skipIf(!installed('wrk') && process.env.CI === undefined)('wrk', () => {
  it.each([
    ['an authorised GET', '/orders/1', []],
    ['a public one, pipelined sixteen at a time', '/open/1', ['-s', 'PIPELINE']],
  ])('%s over 64 connections: every answer is 2xx, no socket fails', async (_, path, options) => {
    const script = join(folder, 'pipeline.lua')
    await writeFile(
      script,
      `init = function(args)
  local all = {}
  for at = 1, 16 do all[at] = wrk.format(nil, "${path}") end
  batch = table.concat(all)
end
request = function() return batch end
`,
    )
    const { stdout } = await run('wrk', [
      ...[
        '-t1',
        '-c64',
        '-d2s',
        '--timeout',
        '10s',
        '-H',
        `Authorization: Bearer ${await issue()}`,
      ],
      ...options.map((each) => each.replace('PIPELINE', script)),
      `${gateway.origin}${path}`,
    ])
    expect(Number(/(\d+) requests in/.exec(stdout)?.[1])).toBeGreaterThan(50)
    expect(stdout).not.toMatch(/Non-2xx|Socket errors/)
    expect(gateway.logged.filter(({ event }) => event === 'upstream.failed')).toEqual([])
  })
})
