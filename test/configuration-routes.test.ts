import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attempt } from '../src/config/problem.ts'
import { parseRoutePath } from '../src/config/route-path.ts'
import { isRefusal } from '../src/gateway/refusal.ts'
import { readTarget } from '../src/gateway/request-target.ts'
import { BASE, configurations, route } from './support/configuration.ts'

const { configOf, problemsOf } = configurations()

/** Routes of these paths, one a line from line 5 on, and what else they have. */
const routes = (...lines: readonly string[]): string =>
  `${BASE}routes:\n${lines.map((line) => `  - { upstream: orders, ${line} }\n`).join('')}`

describe('a route’s path, host and rewriting', () => {
  it.each([
    '/t/:tenant',
    '/t/:tenant/orders/*',
    '/:a/:b/*',
    '/a:b/c',
    '/%3Aplain',
    '/caf%C3%A9',
    '/a%20b',
    '/.hidden',
    '/x/',
    '/@me/*',
  ])('%s is a path', async (path) => {
    const { routes: found } = await configOf(routes(`path: "${path}"`))
    expect(found[0]?.path).toBe(path)
  })

  it.each([
    ['/t/:/x', 'must have a name of letters'],
    ['/t/:7', 'must have a name of letters'],
    ['/t/:a-b', 'must have a name of letters'],
    ['/:a/x/:a', 'must not have the parameter :a twice'],
    ['/t/:a*', 'must have its * as a segment of its own'],
    ['/t/*/x', 'must have * only as its last segment'],
  ])('%s is none', async (path, message) => {
    const [problem, ...more] = await problemsOf(routes(`path: "${path}"`))
    expect(problem).toContain(`routes[0].path: ${message}`)
    expect(more).toEqual([])
  })

  it.each(['/a;b', '/a.', '/a./b', '/a%20', '/a%0A', '/a%252e', '/a%2541', '/a%FF', '/%C3'])(
    '%s would never be reached, and is an error',
    async (path) => {
      const [problem, ...more] = await problemsOf(routes(`path: "${path}"`))
      expect(problem).toContain('routes[0].path: would never be reached')
      expect(more).toEqual([])
    },
  )

  it('what is taken for a path is what requests can have: 20 000 of them', () => {
    const piece = fc.oneof(
      fc.constantFrom('/', '.', ';', ':', '%', '%2', 'a', 'Z', '~', '@', '%25', '%20', '%C3%A9'),
      fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
      fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).toUpperCase()}`),
    )
    const path = fc.array(piece, { maxLength: 6 }).map((pieces) => `/${pieces.join('')}`)
    fc.assert(
      fc.property(path, (text) => {
        if (attempt(() => parseRoutePath(text)) === undefined) return
        // Parameters and what follows stand for what a request has there.
        const asked = text.replace(/\/\*$/, '/x').replace(/(?<=\/):\w+(?=\/|$)/g, 'x')
        expect(isRefusal(readTarget(asked)), text).toBe(false)
      }),
      { numRuns: 20_000 },
    )
  })

  it.each(['*.example.com', '*.com', 'api.example.com', '[::1]'])('%s is a host', async (host) => {
    const { routes: found } = await configOf(routes(`path: /x, host: "${host}"`))
    expect(found[0]?.host).toBe(host)
  })

  it.each([
    ['*', 'must have * as its first label'],
    ['*.', 'must have * as its first label'],
    ['*example.com', 'must have * as its first label'],
    ['*.0.0.1', 'must have * as its first label'],
    ['*.[::1]', 'must have * as its first label'],
    ['api.*.com', 'must be a host name'],
    ['*.*.com', 'must be a host name'],
    ['*.Example.com', 'must be in lower case: example.com'],
  ])('%s is none', async (host, message) => {
    const [problem, ...more] = await problemsOf(routes(`path: /x, host: "${host}"`))
    expect(problem).toContain(`routes[0].host: ${message}`)
    expect(more).toEqual([])
  })

  it.each([
    ['path: /t/:a/*, rewrite: /v1/:a/*', []],
    ['path: /t/:a, rewrite: /v1', []],
    ['path: /t/*, rewrite: /*', []],
    ['path: /t/:a/*, rewrite: /v1/:a', ['must end in /*, as the path does: what follows goes on']],
    ['path: /t/:a, rewrite: /v1/*', ['must not end in /*, as the path does not']],
    [
      'path: /t/:tenant, rewrite: /v1/:tenat',
      ['names a parameter that the path does not have, ":tenat"; did you mean "tenant"?'],
    ],
    [
      'path: /t, rewrite: /:a',
      ['names a parameter that the path does not have, ":a"; it has none'],
    ],
    [
      'path: /t/x, stripPrefix: /t, rewrite: /v1',
      ['must not stand beside stripPrefix: it says it all'],
    ],
    ['path: /t, rewrite: /v1?x', ['must be a path alone, without a query or fragment']],
    ['path: /t, rewrite: /v1/../x', ['must not have . or .. as a segment']],
    ['path: /t, rewrite: v1', ['must begin with /: /v1']],
  ])('rewrite: %s', async (line, messages) => {
    const problems = await problemsOf(routes(line))
    expect(problems.map((problem) => problem.replace(/^.*?: /, ''))).toEqual(messages)
  })

  it('stripPrefix has no parameter', async () => {
    expect(await problemsOf(routes('path: /t/:a/x, stripPrefix: /t/:a'))).toEqual([
      '5:53 routes[0].stripPrefix: must not hold a parameter: use rewrite',
    ])
    expect(await problemsOf(routes('path: /t/:a/x, stripPrefix: /t'))).toEqual([])
  })

  it('limits have their units', async () => {
    const { routes: found } = await configOf(route('    timeout: 1500ms\n    maxBody: 10mb\n'))
    expect(found[0]).toMatchObject({ timeout: 1.5, maxBody: 10 * 1024 ** 2 })
    expect(await problemsOf(route('    maxBody: 10\n'))).toEqual([
      '7:14 routes[0].maxBody: needs a unit: 10b, 10kb or 10mb',
    ])
  })
})

describe('§2 routes that requests could match equally, or not at all, name both lines', () => {
  it.each([
    [['path: /t/:a/x', 'path: /t/:b/x']],
    [['path: /@me/*', 'path: /%40me/*']],
    [['path: /x, host: "*.example.com"', 'path: /x, host: "*.example.com"']],
  ])('%s are the same', async (lines) => {
    const [problem, ...more] = await problemsOf(routes(...lines))
    expect(problem).toMatch(
      /^6:\d+ routes\[1\]: matches the same requests as routes\[0\] on line 5/,
    )
    expect(more).toEqual([])
  })

  it.each([
    [['path: /t/:a/x, methods: [GET]', 'path: /t/:b/x, methods: [PUT]']],
    [['path: /t/:a', 'path: /t/x', 'path: /:b/x', 'path: /t/*', 'path: /t/:a/*']],
    [['path: /x, host: "*.example.com"', 'path: /x', 'path: /x, host: a.example.com']],
    [['path: /t', 'path: /t/:a/*', 'path: /t/*']],
    [['path: /:a', 'path: /t/', 'path: /t/x/*', 'path: /t/*']],
  ])('%s are not', async (lines) => {
    expect(await problemsOf(routes(...lines))).toEqual([])
  })

  it.each([
    [['path: /t/*', 'path: /t', 'path: /t/', 'path: /t/:a/*'], '5', '6, 7, 8'],
    [['path: /:x', 'path: /:x/', 'path: /:x/:y/*', 'path: /t/*'], '8', '5, 6, 7'],
    [['path: /', 'path: /*', 'path: /:a/*'], '6', '5, 7'],
  ])('%s: the one on line %s is never reached', async (lines, line, others) => {
    const [problem, ...more] = await problemsOf(routes(...lines))
    expect(problem).toMatch(new RegExp(`^${line}:`))
    expect(problem).toContain(`is never reached: the routes on lines ${others} take every request`)
    expect(more).toEqual([])
  })

  it('what is ours cannot be taken, however it is spelled', async () => {
    for (const path of ['/oauth/:a', '/demo/*', '/.well-known/jwks.json/:x'])
      expect((await problemsOf(routes(`path: "${path}"`)))[0]).toContain('names a path of our own')
    const moved = await problemsOf(`${routes('path: "/%40auth/x"')}paths: { oauth: /@auth }\n`)
    expect(moved[0]).toContain('names a path of our own')
  })
})

describe('cors of a route', () => {
  const cors = (yaml: string) => routes(`path: /x, methods: [GET, PUT], cors: { ${yaml} }`)

  it('has its defaults', async () => {
    const { routes: found } = await configOf(cors('origins: "*"'))
    expect(found[0]?.cors).toEqual({ origins: '*', credentials: false, maxAge: 600 })
  })

  it.each(['https://app.example.com', 'http://localhost:5173', 'capacitor://localhost'])(
    '%s is an origin',
    async (origin) => {
      const { routes: found } = await configOf(cors(`origins: ["${origin}"], credentials: true`))
      expect(found[0]?.cors).toMatchObject({ origins: [origin], credentials: true })
    },
  )

  it.each([
    ['origins: ["https://app.example.com/"]', 'must be an origin such as'],
    ['origins: ["https://App.example.com"]', 'must be written as https://app.example.com,'],
    ['origins: ["https://app.example.com:443"]', 'must be written as https://app.example.com,'],
    ['origins: ["https://*.example.com"]', 'must be an origin such as'],
    ['origins: ["null"]', 'must be an origin such as https://app.example.com, not every one'],
    ['origins: ["*"]', 'must be an origin such as https://app.example.com, not every one'],
    ['origins: []', 'must name an origin'],
    ['origins: https://app.example.com', 'must be "*" or a list of origins'],
    ['origins: "*", credentials: true', 'must not be true for every origin'],
    ['origins: "*", methods: [DELETE]', 'must be a method of the route'],
    ['origins: "*", headers: ["*"]', 'must be the name of a header field'],
    ['origins: "*", expose: ["a b"]', 'must be the name of a header field'],
    ['origins: "*", maxAge: 2d', 'must be at most 1d'],
  ])('%s is wrong', async (yaml, message) => {
    const [problem, ...more] = await problemsOf(cors(yaml))
    expect(problem).toContain(`: ${message}`)
    expect(more).toEqual([])
  })

  it('methods may be HEAD where the route has GET', async () => {
    expect(await problemsOf(cors('origins: "*", methods: [HEAD, PUT]'))).toEqual([])
  })
})
