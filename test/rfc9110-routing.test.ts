import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'
import { bearer, exchange, message, type RawAnswer } from './support/raw-client.ts'
import { openRaw, type RawSocket, until } from './support/raw-sockets.ts'
import { type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

let upstream: RecordingUpstream
let gateway: TestGateway
let reached = 0

/** In an order that would be wrong if the order counted. */
beforeAll(async () => {
  upstream = await startRecordingUpstream((request) => {
    if (request.line.includes('/silent')) return undefined
    return 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  })
  gateway = await startGateway({
    upstreams: {
      one: upstream.origin,
      based: { targets: [{ url: `${upstream.origin}/base`, weight: 1 }] },
    },
    routes: [
      { path: '/*', access: 'public' },
      { path: '/*', access: 'public', host: '*.example.com' },
      { path: '/*', access: 'public', host: '*.eu.example.com' },
      { path: '/only/*', access: 'public', host: 'api.example.com' },
      { path: '/t/:tenant/*', access: 'public' },
      { path: '/t/:tenant/orders/*', access: 'public' },
      { path: '/t/:tenant/orders', access: 'public' },
      { path: '/t/acme/:what', access: 'public' },
      { path: '/t/acme/*', access: 'public' },
      { path: '/:any/acme/x', access: 'public' },
      { path: '/t/acme/orders/:id/*', access: 'public' },
      { path: '/t/:tenant/only', methods: ['GET'], access: 'public' },
      { path: '/t/:other/only', methods: ['PUT'], access: 'public' },
      { path: '/r/:tenant/data/*', access: 'public', rewrite: '/v1/:tenant/*' },
      { path: '/x/:id', access: 'public', rewrite: '/tenants/:id/data', upstream: 'based' },
      { path: '/swap/:a/:b', access: 'public', rewrite: '/:b/of/:a' },
      { path: '/whole/*', access: 'public', rewrite: '/*' },
      { path: '/drop/:id', access: 'public', rewrite: '/' },
      { path: '/@me/*', access: 'public', rewrite: '/me/*' },
      { path: '/s/:id/*', access: 'public', rewrite: '/s/:id/*', allowEncodedSlash: true },
      { path: '/secret/:id', scope: { mode: 'all', scopes: ['orders.read'] }, methods: ['GET'] },
      { path: '/o/*', access: 'optional', scope: { mode: 'all', scopes: ['orders.read'] } },
      { path: '/slow/*', access: 'public', timeout: 0.3 },
      { path: '/small/*', access: 'public', maxBody: 10 },
      { path: '/none/*', access: 'public', maxBody: 0 },
      { path: '/guarded/*', maxBody: 10 },
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

const send = (
  line: string,
  fields: readonly string[] = [],
  body: string | undefined = undefined,
): Promise<RawAnswer> => exchange(gateway.port, message(line, fields, body))
const seen = () => upstream.requests.slice(reached).map(({ line }) => line.split(' ')[1])

/** The route that its line in the log names. */
const routeOf = async (target: string, host = 'gw') => {
  const answer = await send(`GET ${target}`, [`Host: ${host}`])
  const id = answer.values('X-Request-Id')[0]
  await until('its line', () => gateway.exchanges.some((each) => each.id === id))
  const route = gateway.exchanges.find((each) => each.id === id)?.route
  return { answer, route }
}

describe('§7.1 the host decides first', () => {
  it.each([
    ['a.example.com', true],
    ['a.b.example.com', true],
    ['A.Example.COM:8080', true],
    ['a.example.com.', true],
    ['example.com', false],
    ['aexample.com', false],
    ['a.example.com.evil', false],
    ['a.example.comx', false],
    ['a..example.com', false],
    ['example.com.example', false],
  ])('P18 %s is below *.example.com: %s', async (host, below) => {
    // Without a host of its own the route of /t/:tenant/* would come first.
    const { route } = await routeOf('/t/acme/a/b', host)
    expect(route).toBe(below ? '/*' : '/t/acme/*')
  })

  it('P18 the longer wildcard comes first, a name before both; what it lacks is looked for behind', async () => {
    expect((await routeOf('/only/x', 'api.example.com')).route).toBe('/only/*')
    expect((await routeOf('/x', 'api.example.com')).route).toBe('/*')
    expect((await routeOf('/only/x', 'x.example.com')).route).toBe('/*')
    expect((await routeOf('/x', 'a.eu.example.com')).answer.status).toBe(200)
  })

  it.each(['Host: gw@x.example.com', 'Host: *.example.com', 'Host: .example.com', 'Host: a b'])(
    'P18 %s is none',
    async (field) => {
      expect((await send('GET /x', [field])).status).toBe(400)
      expect(seen()).toEqual([])
    },
  )
})

describe('§4.2.3 the path decides next: exact, longer, literal', () => {
  it.each([
    ['/t/acme/x', '/t/acme/:what'],
    ['/t/acme/orders', '/t/acme/:what'],
    ['/t/acme', '/t/acme/*'],
    ['/t/acme/', '/t/acme/*'],
    ['/t/acme/x/y', '/t/acme/*'],
    ['/t/acme/orders/7', '/t/acme/orders/:id/*'],
    ['/t/acme/orders/7/lines', '/t/acme/orders/:id/*'],
    ['/t/acme/orders/', '/t/:tenant/orders/*'],
    ['/t/other/orders', '/t/:tenant/orders'],
    ['/t/other/orders/', '/t/:tenant/orders/*'],
    ['/t/other/orders/1/2/3', '/t/:tenant/orders/*'],
    ['/t/other/order', '/t/:tenant/*'],
    ['/t/other', '/t/:tenant/*'],
    ['/t/other/', '/t/:tenant/*'],
    ['/t', '/*'],
    ['/t/', '/*'],
    ['/u/acme/x', '/:any/acme/x'],
    ['/u/acme/x/', '/*'],
    ['/t/%C3%A9/orders', '/t/:tenant/orders'],
    ['/t/:tenant/orders', '/t/:tenant/orders'],
    ['/T/acme/x', '/:any/acme/x'],
  ])('P8 %s belongs to %s', async (path, route) => {
    expect((await routeOf(path)).route).toBe(route)
  })

  it('P10 the query has no part in it', async () => {
    expect((await routeOf('/t/other?/orders')).route).toBe('/t/:tenant/*')
    expect((await routeOf('/t?x=/t/acme/x')).route).toBe('/*')
  })

  it('§15.5.6 the method decides last, and falls through to nothing', async () => {
    expect((await send('GET /t/x/only')).status).toBe(200)
    expect((await send('HEAD /t/x/only')).status).toBe(200)
    expect((await send('PUT /t/x/only')).status).toBe(200)
    const refused = await send('DELETE /t/x/only')
    expect(refused.status).toBe(405)
    expect(refused.values('Allow')[0]?.split(', ').toSorted()).toEqual(['GET', 'HEAD', 'PUT'])
  })

  it.each(['POST', 'OPTIONS', 'PROPFIND'])(
    'P19 %s of a path with a parameter that only GET may is 405, whatever X-HTTP-Method-Override says',
    async (method) => {
      const token = bearer(gateway.token())
      const fields = [token, 'X-HTTP-Method-Override: GET', 'Content-Length: 0']
      expect((await send(`${method} /secret/1`, fields)).status).toBe(405)
      expect((await send('HEAD /secret/1')).status).toBe(401)
      expect((await send('HEAD /secret/1', [token])).status).toBe(200)
    },
  )
})

describe('what is rewritten', () => {
  it.each([
    ['/r/acme/data', '/v1/acme'],
    ['/r/acme/data/', '/v1/acme/'],
    ['/r/acme/data/7/x?q=/a&b', '/v1/acme/7/x?q=/a&b'],
    ['/r/acme/data/%7B@:+$,=%20x%2b', '/v1/acme/%7B@:+$,=%20x%2b'],
    ['/x/7', '/base/tenants/7/data'],
    ['/x/7?a=%2e%2e/', '/base/tenants/7/data?a=%2e%2e/'],
    ['/swap/1/2', '/2/of/1'],
    ['/whole', '/'],
    ['/whole/', '/'],
    ['/whole/a/b', '/a/b'],
    ['/whole?x', '/?x'],
    ['/drop/7?x', '/?x'],
    ['/%40me/x', '/me/x'],
    ['/@me', '/me'],
  ])('P12 %s becomes %s', async (target, sent) => {
    expect((await send(`GET ${target}`)).status).toBe(200)
    expect(seen()).toEqual([sent])
  })

  it.each([
    ['a@b', 'a%40b'],
    ['a%40b', 'a%40b'],
    ['a:b+c,d=e&f$g', 'a%3Ab%2Bc%2Cd%3De%26f%24g'],
    ['a%3Fx=1', 'a%3Fx%3D1'],
    ['a%3fx', 'a%3Fx'],
    ['a%23x', 'a%23x'],
    ['a%3Bx', 'a%3Bx'],
    ['%25zz', '%25zz'],
    ['a%20b', 'a%20b'],
    ['%c3%a9', '%C3%A9'],
    ['%E2%80%AE', '%E2%80%AE'],
    ['.hidden', '.hidden'],
    [':id', '%3Aid'],
    ['*', '*'],
  ])('P11 the value %s goes on as %s, a segment and nothing else', async (value, sent) => {
    expect((await send(`GET /x/${value}`)).status).toBe(200)
    expect(seen()).toEqual([`/base/tenants/${sent}/data`])
  })

  it.each([
    ...['/x/a%2F..%2Fadmin', '/x/..', '/x/.', '/x/%2e%2e', '/x/a%2Fb', '/x/a%5Cb', '/x/a%00'],
    ...['/x/a%252Fb', '/x/..;', '/x/a;b', '/x//', '/x/..%2f', '/x/a%0d%0aX:y', '/x/%'],
    ...['/r/../data/x', '/r/a/data/../../x', '/r//data', '/r/a/data//x', '/r/%2e%2e/data/x'],
    ...['/s/a%2Fb/c', '/s/a%2fb', '/s/%2F/x', '/s%2Fa/b'],
  ])('P7 P11 %s goes nowhere', async (target) => {
    expect((await send(`GET ${target}`)).status).toBe(400)
    expect(seen()).toEqual([])
  })

  it('P11 an encoded slash behind the parameters passes where it may', async () => {
    expect((await send('GET /s/a/b%2Fc')).status).toBe(200)
    expect(seen()).toEqual(['/s/a/b%2Fc'])
  })

  it('P9 absolute-form is refused on such routes, too', async () => {
    expect((await send('GET http://gw/x/7')).status).toBe(400)
    expect((await send('GET http://evil/r/a/data')).status).toBe(400)
    expect(seen()).toEqual([])
  })
})

describe('6750-02 access: optional', () => {
  const read = () => bearer(gateway.token())

  it('passes without an identity where no token is sent', async () => {
    const answer = await send('GET /o/x', ['X-Auth-Subject: ada'])
    expect(answer.status).toBe(200)
    expect(answer.values('Vary')).toEqual(['Authorization'])
    expect(answer.values('Cache-Control')).toEqual([])
    expect(upstream.requests.at(-1)?.values('X-Auth-Subject')).toEqual([])
  })

  it('passes with the identity of a good token', async () => {
    const answer = await send('GET /o/x', [read()])
    expect(answer.status).toBe(200)
    expect(upstream.requests.at(-1)?.values('X-Auth-Subject')).toEqual(['ada'])
    expect(answer.values('Cache-Control')).toEqual(['private'])
    expect(answer.values('Vary')).toEqual(['Authorization'])
  })

  it.each([
    ['a bad token', 401, () => bearer(gateway.answerFor('expired'))],
    ['one that lacks the scope', 403, () => bearer(gateway.token({ scope: [] }))],
    ['one for another resource', 401, () => bearer(gateway.token({ aud: ['http://x'] }))],
    ['what is none', 401, () => 'Authorization: Basic YTpi'],
    ['what cannot be read', 400, () => 'Authorization: Bearer'],
  ])('%s is %d all the same', async (_, status, field) => {
    const answer = await send('GET /o/x', [field()])
    expect(answer.status).toBe(status)
    expect(answer.values('WWW-Authenticate')[0]).toMatch(/^Bearer realm=/)
    expect(seen()).toEqual([])
  })

  it('the store away is 503 for who sends a token, and nothing to who does not', async () => {
    const away = bearer(gateway.answerFor(new Error('not looked at')))
    expect((await send('GET /o/x')).status).toBe(200)
    expect((await send('GET /o/x', [away])).status).toBe(500)
  })
})

describe('timeout', () => {
  it('§15.6.5 is the time of this route, not the upstream’s', async () => {
    const answer = await send('GET /slow/silent')
    expect(answer.status).toBe(504)
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'gateway_timeout' })
  })
})

/** The last request on it has chunks, and not the last of them. */
const isUnfinished = (connection: RawSocket): boolean => {
  const last = connection.received().split('POST ').at(-1) ?? ''
  return /^transfer-encoding:/im.test(last) && !last.includes('\r\n0\r\n\r\n')
}

describe('§15.5.14 maxBody', () => {
  it('a body as large as it may be passes', async () => {
    expect((await send('POST /small/x', ['Content-Length: 10'], '0123456789')).status).toBe(200)
    const chunked = ['Transfer-Encoding: chunked']
    const body = '5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n'
    expect((await send('POST /small/x', chunked, body)).status).toBe(200)
    expect((await send('GET /none/x')).status).toBe(200)
  })

  it('a larger Content-Length is 413 before anything is forwarded, and the connection is closed', async () => {
    const client = await openRaw(gateway.port)
    client.send(message('POST /small/x', ['Content-Length: 11']))
    await until('the end', () => client.state() !== 'open')
    expect(client.received()).toMatch(/^HTTP\/1.1 413 /)
    expect(client.received()).toMatch(/\r\nConnection: close\r\n/i)
    expect(JSON.parse(client.received().split('\r\n\r\n')[1] ?? '')).toMatchObject({
      error: 'content_too_large',
    })
    expect(seen()).toEqual([])
    client.socket.destroy()
  })

  it('no 100 Continue comes before it', async () => {
    const answer = await send('POST /small/x', ['Content-Length: 11', 'Expect: 100-continue'])
    expect(answer.bytes).toMatch(/^HTTP\/1.1 413 /)
  })

  it('who may not come is told that first', async () => {
    expect((await send('POST /guarded/x', ['Content-Length: 11'])).status).toBe(401)
  })

  it.each([
    ['at once', '/small/x', 'b\r\n0123456789a\r\n'],
    ['in pieces', '/small/x', '5\r\n01234\r\n5\r\n56789\r\n1\r\na\r\n'],
    ['whole', '/small/x', 'b\r\n0123456789a\r\n0\r\n\r\n'],
    ['where none may come', '/none/x', '1\r\na\r\n'],
  ])('chunks that pass it, %s, are 413; the upstream never sees the end', async (_, path, body) => {
    const client = await openRaw(gateway.port)
    client.send(message(`POST ${path}`, ['Transfer-Encoding: chunked'], body))
    await until('the end', () => client.state() !== 'open')
    expect(client.received()).toMatch(/^HTTP\/1.1 413 /)
    expect(client.received()).toMatch(/\r\nConnection: close\r\n/i)
    expect(seen()).toEqual([])
    await until('no connection upstream for it', () =>
      upstream.connections.filter(isUnfinished).every((each) => each.state() !== 'open'),
    )
    client.socket.destroy()
  })

  it('what is sent behind it on the connection gets no answer', async () => {
    const client = await openRaw(gateway.port)
    const body = 'b\r\n0123456789a\r\n0\r\n\r\n'
    client.send(message('POST /small/x', ['Transfer-Encoding: chunked'], body) + message('GET /x'))
    await until('the end', () => client.state() !== 'open')
    expect(client.received().match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 413'])
    client.socket.destroy()
  })
})

describe('6750-06 challenges of such routes name a document that exists', () => {
  let whole: Portcullis

  beforeAll(async () => {
    whole = await startPortcullis(`
scopes: { read: Read, write: Write }
upstreams: { one: '${upstream.origin}' }
routes:
  - { path: '/t/:tenant/orders/*', upstream: one, scope: read }
  - { path: '/t/*', upstream: one, scope: write }
  - { path: '/:any/x', upstream: one }
  - { path: /w/*, host: '*.example.com', upstream: one }
  - { path: /h/:id, host: api.example.com, upstream: one }
  - { path: /opt/:id, upstream: one, access: optional }
`)
  })
  afterAll(() => whole.stop())

  it.each([
    ['/t/acme/orders/7', 'gw', '/t', ['read', 'write']],
    ['/t/acme', 'gw', '/t', ['read', 'write']],
    ['/some/x', 'gw', '', undefined],
    ['/w/1', 'a.b.example.com', '/w', undefined],
    ['/h/1', 'api.example.com', '/h', undefined],
    ['/opt/1', 'gw', '/opt', undefined],
  ])('%s of %s', async (path, host, resource, scopes) => {
    const fields = [`Host: ${host}`, 'Authorization: Basic YTpi']
    const answer = await exchange(whole.port, message(`GET ${path}`, fields))
    expect(answer.status).toBe(401)
    const [, named = ''] = /resource_metadata="([^"]+)"/.exec(answer.head) ?? []
    const url = new URL(named)
    const document = await exchange(
      whole.port,
      message(`GET ${url.pathname}`, [`Host: ${url.host}`]),
    )
    expect(document.status).toBe(200)
    const published = JSON.parse(document.body)
    const own = host === 'api.example.com' ? `http://api.example.com:${whole.port}` : whole.origin
    expect(published.resource).toBe(own + resource)
    expect(published.scopes_supported).toEqual(scopes)
  })

  it('what is ours stays ours beside a parameter', async () => {
    const answer = await exchange(whole.port, message('GET /oauth/x'))
    expect([answer.status, answer.head.includes('WWW-Authenticate')]).toEqual([404, false])
  })
})
