import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { answersIn, exchange, message } from './support/raw-client.ts'
import { openRaw, until } from './support/raw-sockets.ts'
import { type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

let upstream: RecordingUpstream
let gateway: TestGateway
let reached = 0

beforeAll(async () => {
  upstream = await startRecordingUpstream()
  gateway = await startGateway({
    upstreams: { orders: upstream.origin, based: { targets: [`${upstream.origin}/base`] } },
    routes: [
      { path: '/public/*', access: 'public' },
      { path: '/admin/*' },
      { path: '/status', access: 'public' },
      { path: '/files/*', access: 'public', allowEncodedSlash: true },
      { path: '/files/private/*' },
      { path: '/api/*', access: 'public', stripPrefix: '/api' },
      { path: '/t/*', access: 'public', upstream: 'based' },
      { path: '/v1/t/*', access: 'public', upstream: 'based', stripPrefix: '/v1' },
      { path: '/caf\u00e9/*', access: 'public' },
      { path: '/@me/*' },
      { path: '/*', access: 'public' },
    ],
  })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})
beforeEach(() => {
  reached = upstream.requests.length
})

const ask = (target: string, fields: readonly string[] = []) =>
  exchange(gateway.port, message(`GET ${target}`, fields))

const notForwarded = () => expect(upstream.requests.length).toBe(reached)
const seen = () => upstream.requests.at(-1)?.line.split(' ')[1]

describe('what is refused with 400 and never forwarded', () => {
  it.each([
    '/public/../admin',
    '/public/%2e%2e/admin',
    '/public/.%2e/admin',
    '/public/%2E./admin',
    '/public/..;/admin',
    '/public/..%2fadmin',
    '/public/..%2Fadmin',
    '/public/%252e%252e/admin',
    '/public/%25252e',
    '/public/%252fadmin',
    '/public/%255cadmin',
    '/public/%2500',
    '/public/..%5cadmin',
    '/public/..\\admin',
    '/public//../admin',
    '/public/./../admin',
    '/public/.',
    '/public/..',
    '/public/...',
    '/..',
    '/.',
    '/%2e%2e',
    '/%2e',
    '/api../admin',
    '/public/%c0%ae%c0%ae/admin',
    '/public/%c0%afadmin',
    '/public/%e0%80%ae',
    '/public/%ed%a0%80',
    '/public/%f8%88%80%80%af',
  ])('F1 P7 dot segments in any dress: %s', async (target) => {
    expect((await ask(target)).status).toBe(400)
    notForwarded()
  })

  it.each([
    '//admin',
    '/admin//',
    '/public//x',
    '/admin;x=1',
    '/admin;',
    '/admin.',
    '/admin./x',
    '/admin%20',
    '/admin%20/x',
    '/admin%09',
    '/admin%00',
    '/admin%0d%0a',
    '/admin%7f',
    '/%61dmin',
    '/admi%6E',
    '/a%2Db',
    '/a%5Fb',
    '/a%7eb',
    '/admin%zz',
    '/admin%',
    '/admin%2',
    '/admin%g1',
    '/public/%80',
    '/public/%c3',
    '/public/%u0061',
  ])('F14 P8 another way to write a path: %s', async (target) => {
    expect((await ask(target)).status).toBe(400)
    notForwarded()
  })

  it.each([
    'http://evil/admin',
    'http://gw/admin',
    'http://gw.example/public/x',
    'https://gw/public/x',
    'ftp://x/y',
    'http://[',
    'HTTP://gw/public/x',
    '*',
  ])('F4 F14 P9 a target that is no path: %s', async (target) => {
    expect((await ask(target)).status).toBe(400)
    notForwarded()
  })

  it('P9 OPTIONS * is 400', async () => {
    expect((await exchange(gateway.port, message('OPTIONS *'))).status).toBe(400)
    notForwarded()
  })

  it.each(['\\', '"', '<', '>', '^', '`', '{', '|', '}', '[', ']', '#'])(
    'F4 F14 a character that no path may hold: %s',
    async (character) => {
      for (const target of [`/public/a${character}b`, `/${character}`, `/public/${character}/../x`])
        expect((await ask(target)).status, target).toBe(400)
      notForwarded()
    },
  )

  it.each(['/public?a#b', '/public?#', '/public?"', '/public?<x>', '/public#/../admin', '/x#?y'])(
    'P10 a fragment or a quote behind the path: %s',
    async (target) => {
      expect((await ask(target)).status).toBe(400)
      notForwarded()
    },
  )

  it('P40 the connection is closed after it', async () => {
    const client = await openRaw(gateway.port)
    client.send(message('GET /public/../admin') + message('GET /status'))
    await until('the end', () => client.state() !== 'open')
    const answers = answersIn(client.received())
    expect(answers.map(({ status }) => status)).toEqual([400])
    expect(answers[0]?.values('Connection')).toEqual(['close'])
    expect(JSON.parse(answers[0]?.body ?? '')).toMatchObject({ error: 'invalid_request' })
    client.socket.destroy()
    notForwarded()
  })

  it('holds for paths that the data plane does not serve, too', async () => {
    expect((await ask('/oauth/../admin')).status).toBe(400)
    expect((await ask('/oauth//token')).status).toBe(400)
    expect((await ask('/oauth/token')).status).toBe(404)
  })
})

describe('what passes, byte for byte', () => {
  it.each([
    '/public',
    '/public/',
    '/public/x',
    '/public/.well-known/x',
    '/public/..x/.y',
    '/public/a.b',
    "/public/~!$&'()*+,=:@-._",
    '/public/%20x',
    '/public/a%20b',
    '/public/a%20b/c',
    '/public/%25',
    '/public/100%25',
    '/public/%2520',
    '/public/%3Bx',
    '/public/%3f%23',
    '/public/%C3%A9',
    '/public/%c3%a9',
    '/public/%F0%9F%98%80',
    '/public/x?',
    '/public/x?a=1&b=%20c&d=/../admin',
    '/public/x??',
    '/public/x?q=%zz&%00',
    "/public/x?filter[name]={a|b}^`\\'",
    '/public?http://evil/',
    '/status?x=/admin',
  ])('P8 P10 6: %s', async (target) => {
    expect((await ask(target)).status).toBe(200)
    expect(seen()).toBe(target)
  })

  it('a target as long as a head may be', async () => {
    const target = `/public/${'a'.repeat(15_000)}`
    expect((await ask(target)).status).toBe(200)
    expect(seen()).toBe(target)
  })
})

describe('escapes do not decide which route applies', () => {
  it.each(['/%40me', '/%40me/x', '/@me/x'])('%s belongs to /@me/*', async (target) => {
    expect((await ask(target)).status).toBe(401)
    notForwarded()
  })

  it.each(['/caf%C3%A9', '/caf%c3%a9/x'])('%s belongs to the route /café/*', async (target) => {
    expect((await ask(target)).status).toBe(200)
    await until('the line', () => gateway.exchanges.some(({ path }) => path === target))
    expect(gateway.exchanges.at(-1)?.route).toBe('/caf\u00e9/*')
  })
})

describe('allowEncodedSlash', () => {
  it('is off by default: %2f is 400', async () => {
    for (const target of ['/public/a%2fb', '/public/a%2Fb', '/public%2fadmin'])
      expect((await ask(target)).status, target).toBe(400)
    notForwarded()
  })

  it('lets an encoded slash pass as it is', async () => {
    expect((await ask('/files/a%2Fb/c%2fd')).status).toBe(200)
    expect(seen()).toBe('/files/a%2Fb/c%2fd')
  })

  it.each([
    '/files/private%2Fx',
    '/files%2Fprivate/x',
    '/files%2fx',
    '/files/a%2F..%2Fb',
    '/files/a%2f../b',
    '/files/%2Fx',
    '/files/a%2F%2Fb',
    '/files/a%2F/b',
    '/files/x%2F.',
  ])('does not let it stand for anything that a slash could not: %s', async (target) => {
    expect((await ask(target)).status).toBe(400)
    notForwarded()
  })

  it('does not reach what is ours', async () => {
    expect((await ask('/oauth%2Ftoken')).status).toBe(404)
    notForwarded()
  })
})

describe('prefixes and bases', () => {
  it.each([
    ['/api/x', '/x'],
    ['/api', '/'],
    ['/api/', '/'],
    ['/api/x/?y', '/x/?y'],
    ['/api?y=/api/', '/?y=/api/'],
    ['/api/api/x', '/api/x'],
    ['/api/a%3Fx', '/a%3Fx'],
    ['/t/x', '/base/t/x'],
    ['/t', '/base/t'],
    ['/v1/t/x?y', '/base/t/x?y'],
  ])('P11 P12 %s is asked for as %s', async (target, wanted) => {
    expect((await ask(target)).status).toBe(200)
    expect(seen()).toBe(wanted)
    expect(upstream.requests.at(-1)?.values('Host')).toEqual([`127.0.0.1:${upstream.port}`])
  })

  it.each(['/t/../x', '/v1/../t/x', '/api/../x', '/api//evil/x', '/api/\\evil', '/api/%2fx'])(
    'P12 %s does not leave its base',
    async (target) => {
      expect((await ask(target)).status).toBe(400)
      notForwarded()
    },
  )
})
