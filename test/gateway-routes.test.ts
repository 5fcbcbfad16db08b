import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RouteSettings } from '../src/config/config.ts'
import { isRefusal } from '../src/gateway/refusal.ts'
import { readTarget } from '../src/gateway/request-target.ts'
import { compileRoutes } from '../src/gateway/routes.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { bearer, exchange, message } from './support/raw-client.ts'
import { until } from './support/raw-sockets.ts'
import { type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

describe('§2 the choice of a route', () => {
  let upstream: RecordingUpstream
  let gateway: TestGateway

  // In an order that would be wrong if the order counted.
  beforeAll(async () => {
    upstream = await startRecordingUpstream()
    gateway = await startGateway({
      upstreams: { one: upstream.origin },
      routes: [
        { path: '/*', access: 'public' },
        { path: '/orders/*', methods: ['POST', 'PUT'], scope: write },
        { path: '/orders/*', methods: ['GET'], scope: read },
        { path: '/orders/archive/*', methods: ['GET'], access: 'public' },
        { path: '/orders/exact', access: 'public' },
        { path: '/v2/*', access: 'public' },
        { path: '/v2/*', host: 'api.example.com', access: 'public' },
        { path: '/v2/status', access: 'public' },
        { path: '/only/*', host: 'Api.Example.Com', methods: ['GET'], access: 'public' },
      ],
    })
  })
  afterAll(async () => {
    await gateway.close()
    await upstream.close()
  })

  const ask = async (line: string, host = 'gw', fields: readonly string[] = []) => {
    const answer = await exchange(gateway.port, message(line, [`Host: ${host}`, ...fields]))
    const seen = () => gateway.exchanges.find(({ id }) => id === idOf(answer))
    if (answer.body !== 'koa\n') await until('the line of the request', () => seen() !== undefined)
    return { answer, route: seen()?.route }
  }
  const idOf = (answer: { values(name: string): string[] }) => answer.values('X-Request-Id')[0]

  it.each([
    ['/orders/exact', '/orders/exact'],
    ['/orders/exact/', '/orders/*'],
    ['/orders/exact/x', '/orders/*'],
    ['/orders', '/orders/*'],
    ['/orders/', '/orders/*'],
    ['/orders/1/2/3/4/5', '/orders/*'],
    ['/orders/archive', '/orders/archive/*'],
    ['/orders/archive/2025/x', '/orders/archive/*'],
    ['/orders/archives', '/orders/*'],
    ['/ordersx', '/*'],
    ['/ORDERS', '/*'],
    ['/', '/*'],
    ['/x', '/*'],
    ['/v2/status', '/v2/status'],
    ['/v2/status/', '/v2/*'],
  ])('%s belongs to %s', async (path, route) => {
    const token = gateway.token({ scope: ['orders.read'] })
    expect((await ask(`GET ${path}`, 'gw', [bearer(token)])).route).toBe(route)
  })

  it.each(['api.example.com', 'API.example.COM', 'api.example.com:8080', 'api.example.com.'])(
    'a named host comes before none, even where another is exact: %s',
    async (host) => {
      expect((await ask('GET /v2/status', host)).route).toBe('/v2/*')
      expect((await ask('GET /only/x', host)).answer.status).toBe(200)
      expect((await ask('POST /only/x', host)).answer.status).toBe(405)
    },
  )

  it.each(['xapi.example.com', 'api.example.com.evil', 'gw', '127.0.0.1', '[::1]:80'])(
    'P18 a host is compared whole: %s is another',
    async (host) => {
      expect((await ask('GET /v2/status', host)).route).toBe('/v2/status')
      expect((await ask('POST /only/x', host)).route).toBe('/*')
    },
  )

  it('a method that no route of the path names is 405 with Allow, not a shorter path', async () => {
    const { answer } = await ask('DELETE /orders/1')
    expect(answer.status).toBe(405)
    expect(answer.values('Allow')[0]?.split(', ').toSorted()).toEqual([
      'GET',
      'HEAD',
      'POST',
      'PUT',
    ])
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'method_not_allowed' })
    expect((await ask('POST /orders/archive/x')).answer.status).toBe(405)
  })

  it('P19 HEAD needs what GET needs', async () => {
    const withRead = bearer(gateway.token({ scope: ['orders.read'] }))
    const withWrite = bearer(gateway.token({ scope: ['orders.write'] }))
    expect((await ask('HEAD /orders/1', 'gw', [withRead])).answer.status).toBe(200)
    expect((await ask('HEAD /orders/1', 'gw', [withWrite])).answer.status).toBe(403)
    expect((await ask('HEAD /orders/1')).answer.status).toBe(401)
  })

  it('among the routes of one path the method decides', async () => {
    const withRead = bearer(gateway.token({ scope: ['orders.read'] }))
    const withWrite = bearer(gateway.token({ scope: ['orders.write'] }))
    expect((await ask('PUT /orders/1', 'gw', [withRead])).answer.status).toBe(403)
    expect((await ask('PUT /orders/1', 'gw', [withWrite])).answer.status).toBe(200)
  })

  it.each([
    '/oauth',
    '/oauth/token',
    '/.well-known/oauth-protected-resource/x',
    '/demo',
    '/demo/x',
  ])('ours come first: /* does not reach %s', async (path) => {
    for (const host of ['gw', 'api.example.com']) {
      expect((await ask(`GET ${path}`, host)).answer.body).toBe('koa\n')
    }
  })
})

const read = { mode: 'all', scopes: ['orders.read'] } as const
const write = { mode: 'all', scopes: ['orders.write'] } as const

describe('A32 the cost of a look-up', () => {
  const settings = (path: string): RouteSettings => ({
    path,
    upstream: 'one',
    access: 'public',
    allowEncodedSlash: false,
    upstreamHost: 'target',
    websocket: true,
    onExpiry: 'keep' as const,
  })
  const target = (path: string) => {
    const found = readTarget(path)
    if (isRefusal(found)) throw new Error(found.description)
    return found
  }

  it('a long path is looked at as far as the deepest route, whatever its length', () => {
    const looked: string[] = []
    const table = compileRoutes([settings('/a/b/*'), settings('/c/*')], ({ path }) => path)
    const get = Map.prototype.get
    Map.prototype.get = function (this: Map<unknown, unknown>, key: unknown) {
      if (typeof key === 'string' && key.startsWith('/')) looked.push(key)
      return get.call(this, key)
    }
    try {
      expect(table.match('gw', target(`/a/b${'/x'.repeat(4000)}`), 'GET')).toBe('/a/b/*')
      expect(table.match('gw', target(`/a${'/x'.repeat(4000)}`), 'GET')).toBeUndefined()
    } finally {
      Map.prototype.get = get
    }
    // The exact path and two prefixes, each time.
    expect(looked.length).toBeLessThanOrEqual(6)
  })

  it('ten thousand routes are told apart', () => {
    const routes = Array.from({ length: 10_000 }, (_, at) => settings(`/r${at}/*`))
    const table = compileRoutes([...routes, settings('/r7/x/*')], ({ path }) => path)
    for (const at of [0, 7, 4711, 9999])
      expect(table.match('gw', target(`/r${at}/y`), 'GET')).toBe(`/r${at}/*`)
    expect(table.match('gw', target('/r7/x/y'), 'GET')).toBe('/r7/x/*')
    expect(table.match('gw', target('/r10000'), 'GET')).toBeUndefined()
  })
})
