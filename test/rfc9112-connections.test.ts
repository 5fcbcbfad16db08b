import { afterEach, describe, expect, it } from 'vitest'
import { type GatewayGiven, startGateway } from './support/gateway.ts'
import { answered, answersIn, bearer, message } from './support/raw-client.ts'
import { openRaw, until } from './support/raw-sockets.ts'
import { ok, type RecordedRequest, startRecordingUpstream } from './support/recording-upstream.ts'

const running: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.close()
})

/** An upstream that answers with the line of the request when it is told to. */
const arrange = async (given: Partial<GatewayGiven> = {}) => {
  const held: (() => void)[] = []
  const upstream = await startRecordingUpstream((request: RecordedRequest, connection) => {
    if (!request.line.includes('held')) return ok(request.line)
    held.push(() => connection.send(ok(request.line)))
    return undefined
  })
  const gateway = await startGateway({
    upstreams: { orders: upstream.origin },
    routes: [
      { path: '/orders/*', scope: ORDERS },
      { path: '/open/*', access: 'public' },
    ],
    ...given,
  })
  running.push(upstream, gateway)
  const client = await openRaw(gateway.port)
  const lines = () => upstream.requests.map(({ line }) => line.split(' ')[1])
  return { upstream, gateway, client, held, lines, token: gateway.token() }
}

const ORDERS = { mode: 'all', scopes: ['orders.read'] } as const

describe('P40 §9.3.2 requests that are sent without waiting', () => {
  it('run one at a time, so that a connection holds one place at an upstream', async () => {
    const { gateway, client, held, lines } = await arrange()
    client.send(Array.from({ length: 5 }, (_, at) => message(`GET /open/held/${at}`)).join(''))
    for (let at = 0; at < 5; at++) {
      await until(`the request ${at}`, () => held.length === at + 1)
      expect(gateway.tallies()[0]?.inFlight).toBe(1)
      expect(lines()).toHaveLength(at + 1)
      held[at]?.()
    }
    await answered(client, 5)
    expect(answersIn(client.received()).map(({ body }) => body)).toEqual(
      Array.from({ length: 5 }, (_, at) => `GET /open/held/${at} HTTP/1.1`),
    )
    client.socket.destroy()
  })

  it('are judged each on its own, answered in order, and reach the upstream in order', async () => {
    const { client, held, lines, token } = await arrange()
    client.send(
      message('GET /orders/1') +
        message('GET /open/held/2') +
        message('POST /orders/3', [bearer(token), 'Content-Length: 2'], 'hi') +
        message('GET /orders/4', [bearer('wrong')]) +
        message('GET /nowhere') +
        message('POST /open/6', ['Transfer-Encoding: chunked'], '1\r\nx\r\n0\r\n\r\n') +
        message('HEAD /open/7') +
        message('GET /open/8'),
    )
    await until('the second', () => held.length === 1)
    expect(lines()).toEqual(['/open/held/2'])
    held[0]?.()
    await until('all', () => client.received().includes('GET /open/8'))
    const methods = ['GET', 'GET', 'POST', 'GET', 'GET', 'POST', 'HEAD', 'GET']
    const answers = answersIn(client.received(), methods)
    expect(answers.map(({ status }) => status)).toEqual([401, 200, 200, 401, 404, 200, 200, 200])
    expect(lines()).toEqual(['/open/held/2', '/orders/3', '/open/6', '/open/7', '/open/8'])
    client.socket.destroy()
  })

  it('are all answered, hundreds of them, whatever the network does to their bytes', async () => {
    const { gateway, client, lines } = await arrange()
    const COUNT = 600
    const all = Array.from({ length: COUNT }, (_, at) =>
      message(`GET /open/${at}`, ['X-Padding: 0123456789012345678901234567890123456789']),
    ).join('')
    for (let at = 0; at < all.length; at += 40_009) client.send(all.slice(at, at + 40_009))
    await answered(client, COUNT)
    expect(answersIn(client.received()).map(({ body }) => body)).toEqual(
      Array.from({ length: COUNT }, (_, at) => `GET /open/${at} HTTP/1.1`),
    )
    expect(lines()).toHaveLength(COUNT)
    client.socket.destroy()
    await until('all is over', () => gateway.exchanges.length === COUNT)
  })

  it('are not gathered without end: a client with a thousand unanswered ones is cut', async () => {
    const { client, held, lines, gateway } = await arrange()
    client.send(message('GET /open/held/0'))
    await until('the first', () => held.length === 1)
    client.send('GET /open/1 HTTP/1.1\r\nHost:g\r\n\r\n'.repeat(1_900))
    await until('the cut', () => client.state() !== 'open')
    await until('the end of the first', () => gateway.tallies()[0]?.inFlight === 0)
    expect(lines()).toEqual(['/open/held/0'])
    client.socket.destroy()
  })

  it('of a client that leaves: the one under way is given up, and no other begins', async () => {
    const { client, held, lines, upstream, gateway } = await arrange()
    client.send(message('GET /open/held/1') + message('GET /open/2') + message('GET /open/3'))
    await until('the first', () => held.length === 1)
    client.socket.resetAndDestroy()
    await until('the upstream is left', () => upstream.open() === 0)
    await until('no connection', () => gateway.tallies()[0]?.inFlight === 0)
    expect(lines()).toEqual(['/open/held/1'])
    expect(gateway.exchanges.map(({ error }) => error)).toEqual(['client.gone'])
  })

  it('§9.6 behind an answer that says Connection: close are not processed', async () => {
    const { client, lines, gateway } = await arrange()
    client.send(
      message('GET /open/1', ['Connection: close']) + message('GET /open/2') + message('GET //'),
    )
    await until('the end', () => client.state() !== 'open')
    expect(answersIn(client.received()).map(({ status }) => status)).toEqual([200])
    expect(lines()).toEqual(['/open/1'])
    expect(gateway.exchanges).toHaveLength(1)
    client.socket.destroy()
  })

  it.each([
    ['nonsense', 'NONSENSE\r\n\r\n', 400],
    ['a head without end', `GET /open/x HTTP/1.1\r\nHost: gw\r\nX: ${'a'.repeat(17_000)}`, 431],
    [
      'a body in chunks that are none',
      message('POST /open/x', ['Transfer-Encoding: chunked'], 'zz\r\n'),
      400,
    ],
    ['two lengths', message('POST /open/x', ['Content-Length: 1', 'Content-Length: 2'], 'ab'), 400],
  ])(
    'P1 %s behind good ones is refused after their answers, and the connection closed',
    async (_, bad, status) => {
      const { client, held, lines } = await arrange()
      client.send(message('GET /open/held/1') + message('GET /open/2') + bad)
      await until('the first', () => held.length === 1)
      held[0]?.()
      await until('the end', () => client.state() !== 'open')
      const answers = answersIn(client.received())
      expect(answers.map(({ status: given }) => given)).toEqual([200, 200, status])
      expect(answers[2]?.values('Connection')).toEqual(['close'])
      expect(lines()).toEqual(['/open/held/1', '/open/2'])
      client.socket.destroy()
    },
  )
})

describe('§3 what is refused before there is a request', () => {
  it.each([
    [
      'P19 CONNECT',
      'CONNECT upstream.example:443 HTTP/1.1\r\nHost: upstream.example:443\r\n\r\n',
      405,
    ],
    [
      'P19 CONNECT with bytes behind it',
      'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\x16\x03\x01',
      405,
    ],
    ['P19 CONNECT without a port', 'CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['P19 CONNECT of a path', 'CONNECT /open/1 HTTP/1.1\r\nHost: gw\r\n\r\n', 405],
    ['no Host', 'GET /open/1 HTTP/1.1\r\n\r\n', 400],
    ['another expectation', message('GET /open/1', ['Expect: a-miracle']), 417],
    [
      'two expectations',
      message('POST /open/1', ['Expect: 100-continue, x', 'Content-Length: 1'], 'x'),
      417,
    ],
    ['nonsense', 'NONSENSE\r\n\r\n', 400],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['HTTP/2 with prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['two lengths', message('POST /open/x', ['Content-Length: 1', 'Content-Length: 2'], 'ab'), 400],
    [
      'a length and chunks',
      message('POST /open/x', ['Content-Length: 1', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
      400,
    ],
    ['a head without end', `GET /open/x HTTP/1.1\r\nHost: gw\r\nX: ${'a'.repeat(17_000)}`, 431],
    ['an endless target', `GET /open/${'a'.repeat(17_000)} HTTP/1.1\r\nHost: gw\r\n\r\n`, 431],
  ])(
    '%s: an answer as every other, with its id in the log, and the end',
    async (_, bytes, status) => {
      const { client, lines, gateway } = await arrange()
      client.send(bytes)
      await until('the end', () => client.state() !== 'open')
      const [answer, second] = answersIn(client.received())
      expect(answer?.status).toBe(status)
      expect(second).toBeUndefined()
      expect(answer?.values('Connection')).toEqual(['close'])
      expect(answer?.values('Content-Type')).toEqual(['application/json'])
      const [id = ''] = answer?.values('X-Request-Id') ?? []
      expect(id).not.toBe('')
      expect(JSON.parse(answer?.body ?? '')).toEqual({
        error: expect.stringMatching(/^[a-z_]+$/),
        error_description: expect.any(String),
        request_id: id,
      })
      await until('the line in the log', () => gateway.exchanges.length === 1)
      expect(gateway.exchanges[0]).toMatchObject({ id, status, refusal: expect.any(String) })
      expect(lines()).toEqual([])
      client.socket.destroy()
    },
  )

  it('P19 405 names what there is (RFC 9110 §15.5.6)', async () => {
    const { client } = await arrange()
    client.send('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n')
    await answered(client, 1)
    expect(answersIn(client.received())[0]?.values('Allow')).toEqual([
      'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
    ])
    client.socket.destroy()
  })
})
