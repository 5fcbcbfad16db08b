import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startGateway, storeDown, type TestGateway } from './support/gateway.ts'
import { answersIn, bearer, exchange, message, type RawAnswer } from './support/raw-client.ts'
import { openRaw, until } from './support/raw-sockets.ts'
import { type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

const METADATA = 'http://gw.example/.well-known/oauth-protected-resource/orders'

let upstream: RecordingUpstream
let gateway: TestGateway
let reached = 0

beforeAll(async () => {
  upstream = await startRecordingUpstream()
  gateway = await startGateway({
    upstreams: { orders: upstream.origin },
    routes: [
      { path: '/orders/*', scope: { mode: 'all', scopes: ['orders.read'] } },
      { path: '/both', scope: { mode: 'all', scopes: ['orders.read', 'orders.write'] } },
      { path: '/either', scope: { mode: 'any', scopes: ['orders.read', 'orders.write'] } },
      { path: '/anyone' },
      { path: '/open', access: 'public' },
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

const ask = (fields: readonly string[], line = 'GET /orders/1', body = '') =>
  exchange(gateway.port, message(line, fields, body))

const notForwarded = () => expect(upstream.requests.length).toBe(reached)
const forwarded = () => expect(upstream.requests.length).toBe(reached + 1)

/** The parameters of the one challenge of an answer. */
const challengeOf = (answer: RawAnswer): Record<string, string> => {
  const [challenge = '', ...more] = answer.values('WWW-Authenticate')
  expect(more).toEqual([])
  expect(challenge).toMatch(/^Bearer [a-z_]+="(?:[^"\\]|\\.)*"(?:, [a-z_]+="(?:[^"\\]|\\.)*")*$/)
  const parameters = [...challenge.slice(7).matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)]
  const names = parameters.map(([, name]) => name)
  expect(new Set(names).size, 'each parameter once').toBe(names.length)
  return Object.fromEntries(parameters.map(([, name, value]) => [name, value]))
}

const denied = (answer: RawAnswer, status: number, error: string) => {
  expect(answer.status).toBe(status)
  expect(answer.values('Cache-Control').join()).toMatch(/no-store/)
  expect(answer.values('Content-Type')).toEqual(['application/json'])
  const body = JSON.parse(answer.body)
  expect(Object.keys(body)).toEqual(['error', 'error_description', 'request_id'])
  expect(body.error).toBe(error)
  expect(answer.values('X-Request-Id')).toEqual([body.request_id])
  expect(answer.values('Location')).toEqual([])
}

describe('§2.1 the Authorization header', () => {
  it.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])(
    '6750-01 the scheme may be %s',
    async (scheme) => {
      const answer = await ask([`Authorization: ${scheme} ${gateway.token()}`])
      expect(answer.status).toBe(200)
      forwarded()
    },
  )

  it('6750-01 more than one space may come before the token', async () => {
    expect((await ask([`Authorization: Bearer    ${gateway.token()}`])).status).toBe(200)
  })

  it('6750-01 §2.1 every character of token68 is taken', async () => {
    const answer = await ask([bearer('AZaz09-._~+/==')])
    denied(answer, 401, 'invalid_token')
  })

  it.each([
    ['nothing', 'Bearer'],
    ['spaces only', 'Bearer   '],
    ['a tab', 'Bearer\tabc'],
    ['a comma', 'Bearer abc,def'],
    ['two credentials in one field', 'Bearer abc, Bearer def'],
    ['quotes', 'Bearer "abc"'],
    ['two tokens', 'Bearer abc def'],
    ['padding in the middle', 'Bearer ab=c'],
    ['padding only', 'Bearer =='],
    ['a colon', 'Bearer a:b'],
    ['a percent sign', 'Bearer a%20b'],
    ['a character beyond ASCII', 'Bearer caf\u00e9'],
  ])('6750-01 6750-09 P21 %s is 400 invalid_request', async (_, value) => {
    const answer = await ask([`Authorization: ${value}`])
    denied(answer, 400, 'invalid_request')
    expect(challengeOf(answer).error).toBe('invalid_request')
    notForwarded()
  })

  it('6750-01 P21 a token of 8 KiB is refused like any other that is unknown', async () => {
    denied(await ask([bearer('a'.repeat(8192))]), 401, 'invalid_token')
    notForwarded()
  })

  it.each([
    ['the same twice', (token: string) => [bearer(token), bearer(token)]],
    ['two that differ', (token: string) => [bearer(token), bearer('other')]],
    ['in another case', (token: string) => [bearer(token), 'authorization: Bearer other']],
    ['with another scheme', (token: string) => [bearer(token), 'Authorization: Basic eDp5']],
    ['on a public route', (token: string) => [bearer(token), bearer(token)]],
  ])('6750-02 P21 two Authorization fields are 400: %s', async (title, fields) => {
    const line = title === 'on a public route' ? 'GET /open' : 'GET /orders/1'
    const answer = await ask(fields(gateway.token()), line)
    denied(answer, 400, 'invalid_request')
    notForwarded()
  })
})

describe('§2.2 §2.3 tokens anywhere else', () => {
  it('6750-03 a token in a form body is no credential, and the body is not read for it', async () => {
    const body = `access_token=${gateway.token()}`
    const form = 'Content-Type: application/x-www-form-urlencoded'
    const answer = await ask([form, `Content-Length: ${body.length}`], 'POST /orders/1', body)
    denied(answer, 401, 'unauthorized')
    notForwarded()
  })

  it('6750-04 a token in the query is no credential', async () => {
    const answer = await ask([], `GET /orders/1?access_token=${gateway.token()}`)
    denied(answer, 401, 'unauthorized')
    expect(challengeOf(answer)).not.toHaveProperty('error')
    notForwarded()
  })

  it('6750-04 A25 what is in a query is never told to the log', async () => {
    const value = gateway.token()
    await ask([], `GET /orders/1?access_token=${value}`)
    await until('the line of the request', () => gateway.exchanges.length > 0)
    expect(JSON.stringify(gateway.exchanges)).not.toContain(value)
  })

  it('6750-05 a good token beside one in the query is judged by the header alone', async () => {
    const answer = await ask([bearer(gateway.token())], 'GET /orders/1?access_token=other')
    expect(answer.status).toBe(200)
    const wrong = await ask([bearer('wrong')], `GET /orders/1?access_token=${gateway.token()}`)
    denied(wrong, 401, 'invalid_token')
  })

  it('6750-04 a token in Sec-WebSocket-Protocol, a cookie or a field of its own is no credential', async () => {
    const value = gateway.token()
    for (const field of [
      `Cookie: access_token=${value}`,
      `X-Access-Token: ${value}`,
      `Proxy-Authorization: Bearer ${value}`,
      `Sec-WebSocket-Protocol: ${value}`,
    ]) {
      denied(await ask([field]), 401, 'unauthorized')
    }
    notForwarded()
  })
})

describe('§3 the challenge', () => {
  it('6750-06 without credentials there is no error', async () => {
    const answer = await ask([])
    denied(answer, 401, 'unauthorized')
    expect(challengeOf(answer)).toEqual({
      realm: 'http://gw.example',
      scope: 'orders.read',
      resource_metadata: METADATA,
    })
    notForwarded()
  })

  it.each(['Basic dXNlcjpwYXNz', 'Digest username="x"', 'Bearerx abc', 'DPoP abc', 'Negotiate'])(
    '6750-11 another scheme is no credentials: %s',
    async (credentials) => {
      const answer = await ask([`Authorization: ${credentials}`])
      denied(answer, 401, 'unauthorized')
      expect(challengeOf(answer)).not.toHaveProperty('error')
      notForwarded()
    },
  )

  it('6750-07 whatever is wrong with a token, the answer is one and the same', async () => {
    const values = [
      ...(['malformed', 'foreign', 'unknown', 'expired', 'revoked'] as const).map((refusal) =>
        gateway.answerFor(refusal),
      ),
      gateway.answerFor(Promise.resolve('unknown')),
      gateway.token({ aud: ['http://gw.example/other'] }),
    ]
    const answers = await Promise.all(values.map((value) => ask([bearer(value)])))
    for (const answer of answers) denied(answer, 401, 'invalid_token')
    const said = answers.map((answer) => [
      JSON.parse(answer.body).error_description,
      challengeOf(answer),
    ])
    expect(new Set(said.map((each) => JSON.stringify(each))).size).toBe(1)
    expect(challengeOf(answers[0] as RawAnswer)).toMatchObject({
      error: 'invalid_token',
      scope: 'orders.read',
      resource_metadata: METADATA,
    })
    notForwarded()
  })

  it('6750-07 8707-03 a token for this resource passes, one for others does not', async () => {
    const here = gateway.token({ aud: ['http://x.example', 'http://gw.example/orders'] })
    expect((await ask([bearer(here)])).status).toBe(200)
    for (const aud of [
      'http://gw.example',
      'http://gw.example/orders/',
      'http://gw.example/orders/1',
      'http://GW.example/orders',
      'http://gw.example/order',
    ]) {
      denied(await ask([bearer(gateway.token({ aud: [aud] }))]), 401, 'invalid_token')
    }
  })

  it('6750-08 lacking scope is 403 with the scopes that are needed', async () => {
    const answer = await ask([bearer(gateway.token({ scope: [] }))])
    denied(answer, 403, 'insufficient_scope')
    expect(challengeOf(answer)).toMatchObject({
      error: 'insufficient_scope',
      scope: 'orders.read',
      resource_metadata: METADATA,
    })
    notForwarded()
  })

  it.each([
    ['/both', ['orders.read'], 403],
    ['/both', ['orders.write'], 403],
    ['/both', ['orders.write', 'orders.read'], 200],
    ['/either', ['orders.write'], 200],
    ['/either', ['orders.read'], 200],
    ['/either', ['orders'], 403],
    ['/either', ['ORDERS.READ'], 403],
    ['/either', ['orders.read.more'], 403],
    ['/anyone', [], 200],
  ])('6750-08 %s with %j is %i', async (path, scope, status) => {
    const answer = await ask([bearer(gateway.token({ scope }))], `GET ${path}`)
    expect(answer.status).toBe(status)
    if (status === 403) expect(challengeOf(answer).scope).toBe('orders.read orders.write')
  })

  it('6750-10 nothing of the request comes back in the challenge', async () => {
    const answer = await ask(['Authorization: Bearer "><b>\\"'], 'GET /orders/%22,error=%22x')
    denied(answer, 400, 'invalid_request')
    expect(answer.head).not.toMatch(/<b>|%22|error=x/)
    challengeOf(answer)
  })

  it('6750-12 the token does not reach the upstream', async () => {
    const value = gateway.token()
    await ask([bearer(value)])
    expect(upstream.requests.at(-1)?.head).not.toContain(value)
    expect(upstream.requests.at(-1)?.values('Authorization')).toEqual([])
    await ask([bearer(value)], 'GET /open')
    expect(upstream.requests.at(-1)?.line).toBe('GET /open HTTP/1.1')
    expect(upstream.requests.at(-1)?.head).not.toContain(value)
  })

  it.each(['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND', 'REPORT', 'QUERY'])(
    '6750-15 %s is enforced like GET',
    async (method) => {
      const head = await openRaw(gateway.port)
      head.send(message(`${method} /orders/1`, ['Connection: close']))
      await until('an answer', () => head.state() !== 'open')
      expect(Number(head.received().slice(9, 12))).toBe(401)
      head.socket.destroy()
      notForwarded()
      const answer = await ask([bearer(gateway.token())], `${method} /orders/1`)
      expect(answer.status).toBe(200)
      forwarded()
    },
  )

  it('6750-13 an OPTIONS that is no preflight is enforced, too', async () => {
    denied(await ask(['Origin: https://app.example'], 'OPTIONS /orders/1'), 401, 'unauthorized')
  })

  it('a denial of HEAD has no body', async () => {
    const client = await openRaw(gateway.port)
    client.send(message('HEAD /orders/1') + message('GET /open'))
    await until('two answers', () => answersIn(client.received(), ['HEAD', 'GET']).length === 2)
    expect(answersIn(client.received(), ['HEAD', 'GET']).map(({ status }) => status)).toEqual([
      401, 200,
    ])
    client.socket.destroy()
  })
})

describe('6750-14 a store that cannot tell', () => {
  it('is 503 with Retry-After, never 401, never through', async () => {
    const answer = await ask([bearer(gateway.answerFor(storeDown()))])
    denied(answer, 503, 'temporarily_unavailable')
    expect(answer.values('Retry-After')).toEqual(['1'])
    expect(answer.values('WWW-Authenticate')).toEqual([])
    notForwarded()
  })

  it('does not touch public routes', async () => {
    const answer = await ask([bearer(gateway.answerFor(storeDown()))], 'GET /open')
    expect(answer.status).toBe(200)
  })

  it('a mistake of ours is 500, logged without the token, and stops nobody else', async () => {
    const value = gateway.answerFor(new TypeError('a mistake'))
    denied(await ask([bearer(value)]), 500, 'server_error')
    expect(gateway.logged.at(-1)).toMatchObject({ event: 'gateway.failed' })
    expect(JSON.stringify(gateway.logged)).not.toContain(value)
    notForwarded()
    expect((await ask([bearer(gateway.token())])).status).toBe(200)
  })

  it('a token that comes late is judged all the same, and not for a client that left', async () => {
    const late = Promise.withResolvers<'unknown'>()
    const value = gateway.answerFor(late.promise)
    const client = await openRaw(gateway.port)
    client.send(message('GET /orders/1', [bearer(value)]))
    const before = gateway.exchanges.length
    client.socket.destroy()
    await until('the end of the request', () => gateway.exchanges.length > before)
    late.resolve('unknown')
    expect(gateway.exchanges.at(-1)?.status).toBe(0)
    notForwarded()
  })
})
