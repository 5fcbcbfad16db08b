import { execFileSync } from 'node:child_process'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import Koa from 'koa'
import { afterEach, describe, expect, it } from 'vitest'
import type { Config } from '../src/config/config.ts'
import { curlCommand } from '../src/demo/curl.ts'
import { createDemo } from '../src/demo/demo-client.ts'
import { createCall } from '../src/demo/exchange.ts'
import type { newWalk } from '../src/demo/walk.ts'
import { createWalks } from '../src/demo/walks.ts'
import { silentLog } from '../src/telemetry/log.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

describe('an exchange is shown as it went over the wire', () => {
  it('the recorded request is, byte for byte, what arrived; the recorded answer what was sent', async () => {
    const arrived: Buffer[] = []
    const answer =
      'HTTP/1.1 418 I am a Teapot\r\nX-Odd-Case: One\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 5\r\n\r\nta ta'
    const server = createTcpServer((socket) => {
      socket.on('data', (chunk) => {
        arrived.push(chunk)
        if (Buffer.concat(arrived).includes('b=%3D')) socket.end(answer)
      })
      socket.on('error', () => {})
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(() => server.close())
    const { port } = server.address() as AddressInfo
    const call = createCall({
      issuer: `http://localhost:${port}`,
      listen: { host: '127.0.0.1', port: 0 },
    })
    const { request, response, status } = await call({
      method: 'POST',
      target: '/oauth/token?x=%20',
      headers: { Authorization: 'Basic eA==' },
      form: { a: 'ü', b: '=' },
    })
    const head = [request.start, ...request.headers.map(([name, value]) => `${name}: ${value}`)]
    expect(`${head.join('\r\n')}\r\n\r\n${request.body}`).toBe(Buffer.concat(arrived).toString())
    const shown = [response.start, ...response.headers.map(([name, value]) => `${name}: ${value}`)]
    expect(`${shown.join('\r\n')}\r\n\r\n${response.body}`).toBe(answer)
    expect(status).toBe(418)
  })

  it('a command for the shell holds every value as it is', () => {
    const value = `a'b"c$(d)\`e\`\\f!g\nh`
    const command = curlCommand({
      from: '',
      to: '',
      method: 'POST',
      url: `http://localhost/${value}`,
      request: { start: '', headers: [['X-One', value]], body: value },
      response: { start: '', headers: [], body: '' },
      status: 0,
    })
    const script = `curl() { for one in "$@"; do printf '%s\\0' "$one"; done; }\n${command}`
    expect(execFileSync('sh', ['-c', script]).toString().split('\0')).toEqual([
      '-i',
      `http://localhost/${value}`,
      '-H',
      `X-One: ${value}`,
      '--data',
      value,
      '',
    ])
  })
})

describe('walks', () => {
  it('P8 they are bounded: the oldest is forgotten', async () => {
    const walks = createWalks(3)
    const ids = [1, 2, 3].map(() => walks.enter(undefined))
    await walks.change(ids[0] ?? '', (walk) => walk)
    walks.enter(undefined)
    expect(ids.map((id) => walks.get(id) !== undefined)).toEqual([true, false, true])
    expect(walks.enter(ids[1])).not.toBe(ids[1])
  })

  it('changes of one walk follow one another, and a failed one stops none', async () => {
    const walks = createWalks()
    const id = walks.enter(undefined)
    const seen: number[] = []
    const step = async (walk: ReturnType<typeof newWalk>) => {
      seen.push(walk.next)
      await Promise.resolve()
      return { ...walk, next: walk.next + 1 }
    }
    const failing = walks.change(id, () => Promise.reject(new Error('no')))
    await Promise.all([
      expect(failing).rejects.toThrow('no'),
      walks.change(id, step),
      walks.change(id, step),
    ])
    expect(seen).toEqual([1, 2])
    expect(walks.get(id)?.next).toBe(3)
  })
})

describe('/demo', () => {
  it('the way in leads to the page, and another name of this machine to the issuer’s', async () => {
    const { origin, port } = await startDemo()
    const root = await fetch(origin, { redirect: 'manual' })
    expect([root.status, root.headers.get('location')]).toEqual([303, '/demo'])
    const other = await fetch(`http://127.0.0.1:${port}/demo`, { redirect: 'manual' })
    expect([other.status, other.headers.get('location')]).toEqual([303, `${origin}/demo`])
  })

  it('says what the configuration lacks', async () => {
    const { origin } = await startDemo({}, (config) => ({ ...config, clients: [] }))
    const answer = await fetch(`${origin}/demo`)
    expect(answer.status).toBe(503)
    expect(await answer.text()).toContain('no client “demo”')
  })

  it.each([
    ['another site', { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' }, 403],
    ['a sibling host', { 'Sec-Fetch-Site': 'same-site' }, 403],
    ['typed by hand', { 'Sec-Fetch-Site': 'none' }, 403],
    ['no word of it', {}, 403],
    ['an old browser, elsewhere', { Origin: 'https://evil.example' }, 403],
    ['an old browser that hides it', { Origin: 'null' }, 403],
    ['here', { 'Sec-Fetch-Site': 'same-origin', Origin: 'null' }, 303],
    ['an old browser, here', { Origin: 'ISSUER' }, 303],
  ])('A12 a post from %s', async (_, headers, status) => {
    const { origin } = await startDemo()
    const sent = Object.entries(headers).map(([name, value]): [string, string] => [
      name,
      value.replace('ISSUER', origin),
    ])
    const answer = await fetch(`${origin}/demo/step/1`, {
      method: 'POST',
      headers: sent,
      redirect: 'manual',
    })
    expect(answer.status).toBe(status)
  })

  it.each(['/demo/step/1', '/demo/rest', '/demo/restart', '/demo/again', '/demo/step/10'])(
    'A12 nothing changes by GET %s',
    async (path) => {
      const { origin } = await startDemo()
      expect((await fetch(origin + path)).status).toBe(404)
    },
  )

  it('a step that is sent twice at once is taken once', async () => {
    let calls = 0
    const demo = await startDemo({
      '/orders': (_, res) => {
        calls += 1
        res.writeHead(401).end()
      },
    })
    const walker = await demo.walker()
    await Promise.all([walker.post('/demo/step/1'), walker.post('/demo/step/1')])
    await walker.post('/demo/step/7')
    expect(calls).toBe(1)
    expect(await walker.progress()).toBe('1 of 9 steps done')
  })

  it('no answer from the gateway is said, and can be tried again', async () => {
    let works = false
    const demo = await startDemo({
      '/orders': (req, res) => (works ? res.writeHead(401).end() : void req.socket.destroy()),
    })
    const walker = await demo.walker()
    await walker.post('/demo/step/1')
    expect(await walker.page()).toContain('No answer:')
    works = true
    await walker.post('/demo/step/1')
    expect(await walker.progress()).toBe('1 of 9 steps done')
  })

  it.each([
    ['another state', (answer: URLSearchParams) => answer.set('state', 'x')],
    ['no state', (answer: URLSearchParams) => answer.delete('state')],
    ['two states', (answer: URLSearchParams) => answer.append('state', 'x')],
    [
      'another issuer (RFC 9207 §2.4)',
      (answer: URLSearchParams) => answer.set('iss', 'https://x.example'),
    ],
  ])('6749-10.12 an answer with %s is refused', async (_, spoil) => {
    const walker = await (await startDemo()).walker()
    await walker.post('/demo/rest')
    const answer = new URLSearchParams({ code: 'stolen', state: await walker.state() })
    spoil(answer)
    const refused = await walker.get(`/demo/callback?${answer}`)
    expect(refused.status).toBe(400)
    expect(await walker.progress()).toBe('2 of 9 steps done')
  })

  it('6749-10.12 an answer in another browser is refused', async () => {
    const demo = await startDemo()
    const [walker, stranger] = [await demo.walker(), await demo.walker()]
    await walker.post('/demo/rest')
    const path = `/demo/callback?code=x&state=${await walker.state()}`
    expect((await stranger.get(path)).status).toBe(400)
    expect((await fetch(demo.origin + path)).status).toBe(400)
  })

  it('an answer that comes twice changes nothing the second time', async () => {
    const walker = await (await startDemo()).walker()
    await walker.post('/demo/step/1')
    await walker.post('/demo/step/2')
    const state = await walker.state()
    await walker.get(`/demo/callback?code=first&state=${state}`)
    await walker.get(`/demo/callback?error=access_denied&state=${state}`)
    expect(await walker.progress()).toBe('4 of 9 steps done')
    expect(await walker.page()).toContain('code=<mark title="code">first</mark>')
  })

  it('a code that is refused strands the walk until it asks again', async () => {
    const demo = await startDemo({
      '/oauth/token': (_, res) => res.writeHead(400).end('{"error":"invalid_grant"}'),
    })
    const walker = await demo.walker()
    await walker.post('/demo/rest')
    await walker.get(`/demo/callback?code=late&state=${await walker.state()}`)
    expect(await walker.page()).toContain('No tokens for this code')
    await walker.post('/demo/step/5')
    expect(await walker.progress()).toBe('4 of 9 steps done')
    await walker.post('/demo/again')
    expect(await walker.progress()).toBe('1 of 9 steps done')
  })

  it('the browser’s cookies are not shown, nor ours', async () => {
    const walker = await (await startDemo()).walker()
    await walker.post('/demo/step/1')
    await walker.post('/demo/step/2')
    await walker.post('/demo/step/3')
    const page = await walker.page()
    expect(page).toContain('POST /demo/step/3')
    expect(page).not.toContain(walker.cookie)
    expect(page).not.toMatch(/cookie/i)
  })
})

type Handlers = Readonly<Record<string, RequestListener>>

/** The demo application, and a gateway that answers what a test wants. */
const startDemo = async (handlers: Handlers = {}, alter = (config: Config) => config) => {
  const app = new Koa()
  const server: Server = createHttpServer((req, res) => {
    const handler = handlers[new URL(req.url ?? '', 'http://x').pathname]
    if (handler) handler(req, res)
    else void app.callback()(req, res)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => server.close())
  const { port } = server.address() as AddressInfo
  const origin = `http://localhost:${port}`
  app.use((ctx, next) => {
    ctx.state.request_id = 'test'
    return next()
  })
  app.use(createDemo({ config: alter(configFor(origin)), log: silentLog }))
  return { origin, port, walker: () => openWalker(origin) }
}

/** A browser without a screen: it keeps its cookie and says where its posts come from. */
const openWalker = async (origin: string) => {
  const first = await fetch(`${origin}/demo`)
  const cookie = /pc_demo=([^;]+)/.exec(first.headers.get('set-cookie') ?? '')?.[1] ?? ''
  const send = (path: string, method: string) =>
    fetch(origin + path, {
      method,
      headers: { Cookie: `pc_demo=${cookie}`, 'Sec-Fetch-Site': 'same-origin' },
      redirect: 'manual',
    })
  const page = async () => (await send('/demo', 'GET')).text()
  return {
    cookie,
    page,
    post: (path: string) => send(path, 'POST'),
    get: (path: string) => send(path, 'GET'),
    progress: async () => /id="progress">([^<]*)</.exec(await page())?.[1],
    state: async () =>
      /[?&]state=([\w-]+)/.exec((await page()).replaceAll('&#38;', '&'))?.[1] ?? '',
  }
}

/** As much of a configuration as the demo application reads. */
const configFor = (origin: string): Config =>
  ({
    issuer: origin,
    listen: { host: '127.0.0.1', port: 0 },
    paths: { oauth: '/oauth' },
    tokens: { authorizationCode: 60 },
    scopes: new Map([['orders.read', 'See your orders']]),
    routes: [{ path: '/orders/*', access: 'token', methods: ['GET'] }],
    accounts: [{ username: 'ada', password: 'ada-demo' }],
    clients: [
      { client_id: 'demo', client_secret: 's', redirect_uris: [`${origin}/demo/callback`] },
    ],
  }) as unknown as Config
