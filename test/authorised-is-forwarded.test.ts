import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { posix } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RouteSettings } from '../src/config/config.ts'
import { createLocate } from '../src/gateway/place.ts'
import { isRefusal } from '../src/gateway/refusal.ts'
import { readTarget } from '../src/gateway/request-target.ts'
import { compileRoutes } from '../src/gateway/routes.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { answered, answersIn, bearer, message } from './support/raw-client.ts'
import { openRaw } from './support/raw-sockets.ts'
import { type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

type Given = Partial<RouteSettings> & Pick<RouteSettings, 'path'>

const ROUTES: readonly Given[] = [
  { path: '/public/*', access: 'public' },
  { path: '/public/exact', access: 'public' },
  { path: '/admin/*' },
  { path: '/api/*', access: 'public', stripPrefix: '/api' },
  { path: '/t/:tenant/*', access: 'public', rewrite: '/v1/:tenant/*' },
  { path: '/t/:tenant/orders', rewrite: '/v1/orders/of/:tenant' },
  { path: '/t/acme/*', access: 'public', rewrite: '/acme/*' },
  { path: '/x/:id', access: 'public', rewrite: '/tenants/:id/data' },
  { path: '/:any/acme', access: 'public', rewrite: '/:any' },
  { path: '/swap/:a/:b/*', access: 'public', rewrite: '/:b/:a/*' },
  { path: '/whole/*', access: 'public', rewrite: '/*' },
  { path: '/files/*', access: 'public', allowEncodedSlash: true, rewrite: '/f/*' },
  { path: '/files/:id/*', access: 'public', allowEncodedSlash: true, rewrite: '/id/:id/*' },
  { path: '/@me/*', access: 'public', rewrite: '/me/*' },
  { path: '/caf%C3%A9/*', access: 'public' },
  { path: '/*', host: '*.example.com', access: 'public', rewrite: '/wild/*' },
  { path: '/t/*', host: '*.eu.example.com', access: 'public', rewrite: '/eu/*' },
  { path: '/:a/:b', host: 'api.example.com', access: 'public', rewrite: '/api/:b' },
]
const HOSTS = ['gw', 'api.example.com', 'a.example.com', 'a.eu.example.com', 'A.EXAMPLE.com:80']

// What routes mean, written down once more without their tables: every route is tried, and the best is taken.

const without = (path: string): string => path.replace(/\/\*$/, '')
const partsOf = (path: string): string[] => without(path).split('/').slice(1)
const isParameter = (part: string): boolean => /^:\w+$/.test(part)
/** A segment as it is compared: an encoded slash stays one. */
const read = (segment: string): string => decodeURIComponent(segment.replace(/%2f/gi, '%252F'))

const matches = (route: Given, segments: readonly string[]): boolean => {
  const parts = partsOf(route.path)
  const longEnough = route.path.endsWith('/*')
    ? segments.length >= parts.length
    : segments.length === parts.length
  return (
    longEnough &&
    parts.every((part, at) =>
      isParameter(part) ? segments[at] !== '' : read(part) === read(segments[at] ?? ''),
    )
  )
}

const hostRank = ({ host }: Given, name: string): number | undefined => {
  if (host === undefined) return 1000
  if (!host.startsWith('*.')) return host === name ? 0 : undefined
  return name.endsWith(host.slice(1)) ? 500 - host.length : undefined
}

/** The less, the better; undefined: another's. */
const rank = (route: Given, name: string, segments: readonly string[]): string | undefined => {
  const host = hostRank(route, name)
  if (host === undefined || !matches(route, segments)) return undefined
  const parts = partsOf(route.path)
  const open = route.path.endsWith('/*')
  const kinds = parts.map((part) => (isParameter(part) ? '1' : '0')).join('')
  return [
    String(host).padStart(4, '0'),
    open ? '1' : '0',
    String(1000 - parts.length).padStart(4, '0'),
    kinds,
  ].join(' ')
}

const chosen = (routes: readonly Given[], host: string, path: string): Given | undefined => {
  const name = host.toLowerCase().replace(/:\d+$/, '')
  const segments = path.slice(1).split('/')
  return routes
    .map((route) => ({ route, rank: rank(route, name, segments) }))
    .filter((each) => each.rank !== undefined)
    .toSorted((one, other) => ((one.rank ?? '') < (other.rank ?? '') ? -1 : 1))[0]?.route
}

/** What the route must send: every segment where it belongs, and nothing besides. */
const expected = (route: Given, path: string): string => {
  const segments = path.slice(1).split('/')
  if (route.rewrite === undefined) {
    const strip = route.stripPrefix ?? ''
    return path.slice(strip.length) || '/'
  }
  const parts = partsOf(route.path)
  const value = (name: string) =>
    encodeURIComponent(decodeURIComponent(segments[parts.indexOf(name)] ?? ''))
  const sent = partsOf(route.rewrite).map((part) => (isParameter(part) ? value(part) : part))
  const rest = route.path.endsWith('/*') ? segments.slice(parts.length) : []
  return `/${[...sent, ...rest].join('/')}`
}

/** Targets as an attacker writes them: pieces that mean something to somebody, in any order. */
const piece = fc.oneof(
  fc.constantFrom('/', '//', '.', '..', '...', '/../', '/./', '\\', ';', ';x=1', '?', '#', '%'),
  fc.constantFrom('%2e', '%2E', '%2f', '%2F', '%5c', '%00', '%25', '%252e', '%252f', '%c0%ae'),
  fc.constantFrom('public', 'admin', 'PUBLIC', 'Admin', 'a', 'x.y', '%41', '%C3%A9', '~', '@'),
  fc.constantFrom('/public/', '/admin/', '/public/..', '/public/%2e%2e/admin', 'http://evil/'),
  fc.constantFrom('/acme', '/orders', ':id', ':', '*', '%3F', '%23', '%3A', '%40', '%20', '%3b'),
  fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).padStart(2, '0')}`),
)
/** Those of them that are never refused, so that many arrive. */
const plain = fc.constantFrom(
  ...['/', 'a', 'acme', 'orders', '%C3%A9', '%3F', '%23', '@', ':', ':id', '*', '%20x', '~', '='],
  ...['%2F', '%25zz', '.x', '+', '%3B', '%e2%80%ae'],
)
const start = fc.constantFrom(
  ...['/', '/public', '/public/', '/admin/', 'http://evil/', '/t/', '/t/acme', '/t/a/', '/x/'],
  ...['/swap/a/', '/whole/', '/files/', '/files/x/', '/@me', '/%40me/', '/caf%c3%a9', '/api/'],
)
const target = fc
  .tuple(start, fc.oneof(fc.array(piece, { maxLength: 8 }), fc.array(plain, { maxLength: 8 })))
  .map(([first, pieces]) => first + pieces.join(''))

/** Every way to read the path that some server has ends at the same place. */
const expectOneReading = (path: string) => {
  const decoded = decodeURIComponent(path)
  expect(new URL(path, 'http://x').pathname).toBe(path)
  expect(posix.normalize(decoded.replaceAll('\\', '/'))).toBe(decoded)
  expect(posix.normalize(decodeLoosely(decoded))).toBe(decodeLoosely(decoded))
  expect(path).not.toContain(';')
}

const decodeLoosely = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const routeDefaults = {
  upstream: 'one',
  access: 'token',
  allowEncodedSlash: false,
  upstreamHost: 'target',
  websocket: true,
  onExpiry: 'keep',
} as const

describe('§6 what is authorised is what is forwarded', () => {
  const settings: readonly RouteSettings[] = ROUTES.map((route) => ({ ...routeDefaults, ...route }))
  const timeout = { connect: 1, response: 1, idle: 1, stream: 1 }
  const locate = createLocate(
    { issuer: 'http://gw.example', routes: settings, paths: { oauth: '/oauth' } },
    { get: (name) => ({ name, timeout, targets: [], pick: () => undefined }) },
  )
  const req = new IncomingMessage(new Socket())
  Object.assign(req, { httpVersionMajor: 1, httpVersionMinor: 1, method: 'GET' })
  const place = (url: string, host: string) => {
    req.url = url
    req.rawHeaders = ['Host', host]
    return locate(req)
  }

  const COUNT = 120_000

  it(`P7 P8 P10 P11 P12 F1 ${COUNT} generated targets: the route that the path and the host name, and its rewriting to the byte`, () => {
    let judged = 0
    let arrived = 0
    let rewritten = 0
    fc.assert(
      fc.property(target, fc.constantFrom(...HOSTS), (url, host) => {
        judged += 1
        const found = place(url, host)
        if (found === undefined || isRefusal(found)) return
        const [path = '', ...query] = url.split('?')
        const route = chosen(ROUTES, host, path)
        if (route === undefined) throw new Error(`${url} is nobody's`)
        const sent = expected(route, path)
        const whole = [sent, ...query].join('?')
        if (found.route.path !== route.path || found.path !== whole)
          expect([found.route.path, found.path], `${host} ${url}`).toEqual([route.path, whole])
        // A parameter is one segment: as many as the template has, and what followed.
        if (route.rewrite !== undefined) {
          rewritten += 1
          const length = partsOf(route.rewrite).length + path.split('/').length
          const segments = length - partsOf(route.path).length
          if (sent !== '/') expect(sent.split('/').length, url).toBe(segments)
        }
        arrived += 1
        expectOneReading(sent)
      }),
      { numRuns: COUNT },
    )
    expect(judged).toBe(COUNT)
    expect(arrived, 'enough of them were good').toBeGreaterThan(COUNT / 5)
    expect(rewritten).toBeGreaterThan(COUNT / 10)
  }, 120_000)

  it('P18 20 000 look-ups in generated tables: always the best of all routes, in any order', () => {
    const part = fc.constantFrom('a', 'b', ':p', ':q')
    const path = fc
      .tuple(fc.array(part, { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([parts, open]) => `/${parts.map(named).join('/')}${open ? '/*' : ''}`)
    const host = fc.constantFrom(undefined, 'x.y.z', '*.y.z', '*.z')
    const route = fc
      .record({ path, host })
      .map(({ path, host }) => (host === undefined ? { path } : { path, host }))
    const table = fc.uniqueArray(route, { maxLength: 12, selector: placeOf })
    const asked = fc.tuple(
      fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 6 }),
      fc.constantFrom('x.y.z', 'w.y.z', 'v.w.y.z', 'w.z', 'z', 'other'),
      fc.boolean(),
    )
    fc.assert(
      fc.property(table, fc.array(asked, { minLength: 10, maxLength: 10 }), (routes, all) => {
        const compiled = compileRoutes(
          routes.map((each) => ({ ...routeDefaults, ...each })),
          ({ path, host }) => ({ path, host }),
        )
        for (const [segments, name, slash] of all) {
          const url = `/${segments.join('/')}${slash && segments.length > 0 ? '/' : ''}`
          const read = readTarget(url)
          if (isRefusal(read)) throw new Error(url)
          const { path, host } = chosen(routes, name, url) ?? {}
          const found = compiled.match(name, read, 'GET')
          if (found === undefined || isRefusal(found)) expect(path, url).toBeUndefined()
          else expect([found.path, found.host], `${name}${url}`).toEqual([path, host])
        }
      }),
      { numRuns: 2_000 },
    )
  })

  /** Each parameter with a name of its own. */
  const named = (part: string, at: number) => (part.startsWith(':') ? `${part}${at}` : part)
  const placeOf = ({ path, host }: Given) => `${host} ${path.replace(/:\w+/g, ':')}`
})

describe('§6 over the wire', () => {
  let upstream: RecordingUpstream
  let gateway: TestGateway

  beforeAll(async () => {
    upstream = await startRecordingUpstream()
    gateway = await startGateway({
      upstreams: { one: { targets: [{ url: `${upstream.origin}/base`, weight: 1 }] } },
      routes: ROUTES,
    })
  })
  afterAll(async () => {
    await gateway.close()
    await upstream.close()
  })

  const BATCH = 500
  const RUNS = 10

  it(`P7 P11 P12 F1 ${BATCH * RUNS} generated targets: whatever arrives is the path that was authorised, however it is read`, async () => {
    const token = gateway.token()
    let arrived = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(target, { minLength: BATCH, maxLength: BATCH, size: 'max' }),
        async (targets) => {
          const from = upstream.requests.length
          const statuses = await askAll(targets, token)
          const forwarded = targets.filter((_, at) => statuses[at] === 200)
          const lines = upstream.requests.slice(from).map(({ line }) => line)
          expect(lines.toSorted()).toEqual(
            forwarded.map((each) => `GET ${authorised(each)} HTTP/1.1`).toSorted(),
          )
          for (const { line } of upstream.requests.slice(from))
            expectOneReading(line.split(' ')[1]?.split('?')[0] ?? '')
          arrived += forwarded.length
        },
      ),
      { numRuns: RUNS, endOnFailure: true },
    )
    expect(arrived, 'enough of them were good').toBeGreaterThan((BATCH * RUNS) / 20)
  }, 60_000)

  const authorised = (each: string): string => {
    const [path = '', ...query] = each.split('?')
    const route = chosen(ROUTES, 'gw', path)
    if (route === undefined) throw new Error(`${each} is nobody's`)
    return [`/base${expected(route, path)}`, ...query].join('?')
  }

  /** Status by target; several connections, each as long as it lives. */
  const askAll = async (targets: readonly string[], token: string): Promise<number[]> => {
    const statuses: number[] = []
    let next = 0
    const worker = async () => {
      while (next < targets.length) {
        const mine = Array.from({ length: 16 }, () => next++).filter((at) => at < targets.length)
        // One connection for all of them, pipelined, as far as it goes; the rest one by one.
        const answers = await pipeline(
          mine.map((at) => targets[at] ?? ''),
          token,
        )
        for (const [place, at] of mine.entries()) {
          statuses[at] = answers[place] ?? (await pipeline([targets[at] ?? ''], token))[0] ?? 0
        }
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    return statuses
  }

  const pipeline = async (targets: readonly string[], token: string): Promise<number[]> => {
    const client = await openRaw(gateway.port)
    for (const each of targets) client.send(message(`GET ${each}`, [bearer(token)]))
    await answered(client, targets.length)
    const answers = answersIn(client.received()).map(({ status }) => status)
    client.socket.destroy()
    return answers
  }
})
