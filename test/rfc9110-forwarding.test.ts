import { once } from 'node:events'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type GatewayGiven, startGateway, type TestGateway } from './support/gateway.ts'
import {
  answered,
  answersIn,
  bearer,
  dechunk,
  exchange,
  message,
  type RawAnswer,
} from './support/raw-client.ts'
import { openRaw, type RawSocket, until } from './support/raw-sockets.ts'
import {
  ok,
  type RecordedRequest,
  type RecordingUpstream,
  startRecordingUpstream,
} from './support/recording-upstream.ts'

const running: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.close()
})

type Setting = { upstream: RecordingUpstream; gateway: TestGateway; token: string }

const arrange = async (
  answer?: (request: RecordedRequest, connection: RawSocket) => string | Buffer | undefined,
  given: Partial<GatewayGiven> = {},
): Promise<Setting> => {
  const upstream = await startRecordingUpstream(answer)
  running.push(upstream)
  const gateway = await startGateway({
    upstreams: { orders: upstream.origin },
    routes: [{ path: '/orders/*' }, { path: '/open/*', access: 'public' }],
    ...given,
  })
  running.push(gateway)
  return { upstream, gateway, token: gateway.token() }
}

const ask = (
  { gateway, token }: Setting,
  line: string,
  fields: readonly string[] = [],
  body = '',
): Promise<RawAnswer> => exchange(gateway.port, message(line, [bearer(token), ...fields], body))

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY']
const SMUGGLED = 'GET /admin HTTP/1.1\r\nHost: x\r\nX-User: root\r\n\r\n'

describe('§6.3 RFC 9112 the framing of requests', () => {
  it.each(METHODS)(
    'F5 P2 P3 a chunked body of %s stays one, whatever it looks like',
    async (method) => {
      const setting = await arrange()
      const chunk = `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`
      const answer = await ask(
        setting,
        `${method} /orders/1`,
        ['Transfer-Encoding: chunked'],
        chunk,
      )
      expect(answer.status).toBe(200)
      expect(setting.upstream.requests.length).toBe(1)
      const [seen] = setting.upstream.requests
      expect(seen?.line).toBe(`${method} /orders/1 HTTP/1.1`)
      expect(seen?.values('Transfer-Encoding')).toEqual(['chunked'])
      expect(seen?.values('Content-Length')).toEqual([])
      expect(dechunk(seen?.body ?? '')?.text).toBe(SMUGGLED)
      expect((await ask(setting, 'GET /orders/2')).status).toBe(200)
      expect(setting.upstream.requests.length).toBe(2)
    },
  )

  it.each(METHODS)('P3 a body with a length of %s keeps its length', async (method) => {
    const setting = await arrange()
    const length = `Content-Length: ${SMUGGLED.length}`
    const answer = await ask(setting, `${method} /orders/1`, [length], SMUGGLED)
    expect(answer.status).toBe(200)
    const [seen, ...more] = setting.upstream.requests
    expect(more).toEqual([])
    expect(seen?.values('Content-Length')).toEqual([String(SMUGGLED.length)])
    expect(seen?.values('Transfer-Encoding')).toEqual([])
    expect(seen?.body).toBe(SMUGGLED)
  })

  it.each(METHODS)('%s without a body has none upstream', async (method) => {
    const setting = await arrange()
    expect((await ask(setting, `${method} /orders/1`)).status).toBe(200)
    expect((await ask(setting, `${method} /orders/1`, ['Content-Length: 0'])).status).toBe(200)
    for (const seen of setting.upstream.requests) {
      expect(seen.body).toBe('')
      expect(seen.values('Transfer-Encoding')).toEqual([])
      expect(seen.values('Content-Length').filter((length) => length !== '0')).toEqual([])
    }
  })

  it.each([
    ['chunked, empty', ['Transfer-Encoding: chunked'], '0\r\n\r\n'],
    ['chunked with extensions', ['Transfer-Encoding: chunked'], '2;a=b\r\nhi\r\n0;c\r\n\r\n'],
    ['chunked in another case', ['transfer-encoding: CHUNKED'], '2\r\nhi\r\n0\r\n\r\n'],
  ])('P1 %s is framed anew', async (_, fields, body) => {
    const setting = await arrange()
    expect((await ask(setting, 'POST /orders/1', fields, body)).status).toBe(200)
    const seen = setting.upstream.requests[0]
    expect(seen?.head).not.toContain(';')
    expect((await ask(setting, 'GET /orders/2')).status).toBe(200)
    expect(setting.upstream.requests.map(({ line }) => line)).toEqual([
      'POST /orders/1 HTTP/1.1',
      'GET /orders/2 HTTP/1.1',
    ])
  })

  it.each([
    ['length and coding', ['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
    ['coding and length', ['Transfer-Encoding: chunked', 'Content-Length: 5'], '0\r\n\r\n'],
    ['two lengths', ['Content-Length: 5', 'Content-Length: 6'], 'hello!'],
    ['one length twice', ['Content-Length: 5', 'Content-Length: 5'], 'hello'],
    ['a list of lengths', ['Content-Length: 5, 5'], 'hello'],
    ['a length with a sign', ['Content-Length: +5'], 'hello'],
    ['a length in hex', ['Content-Length: 0x5'], 'hello'],
    ['an empty length', ['Content-Length: '], 'hello'],
    ['a length that is too long', ['Content-Length: 99999999999999999999999'], ''],
    ['chunked, then identity', ['Transfer-Encoding: chunked, identity'], '0\r\n\r\n'],
    ['chunked twice', ['Transfer-Encoding: chunked, chunked'], '0\r\n\r\n'],
    [
      'two codings in two fields',
      ['Transfer-Encoding: chunked', 'Transfer-Encoding: x'],
      '0\r\n\r\n',
    ],
    ['a quoted coding', ['Transfer-Encoding: "chunked"'], '0\r\n\r\n'],
    ['a tab of the old kind', ['Transfer-Encoding: \x0bchunked'], '0\r\n\r\n'],
    ['a space before the colon', ['Transfer-Encoding : chunked'], '0\r\n\r\n'],
    ['a folded line', ['Transfer-Encoding:', ' chunked'], '0\r\n\r\n'],
    ['a chunk size with a sign', ['Transfer-Encoding: chunked'], '+5\r\nhello\r\n0\r\n\r\n'],
    ['a chunk size in 0x', ['Transfer-Encoding: chunked'], '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a chunk that is too long', ['Transfer-Encoding: chunked'], '5\r\nhello!\r\n0\r\n\r\n'],
    ['a chunk with a bare line feed', ['Transfer-Encoding: chunked'], '5\nhello\r\n0\r\n\r\n'],
    ['a bare line feed in the head', ['X: y\nTransfer-Encoding: chunked'], '0\r\n\r\n'],
    ['a NUL in a value', ['X: a\x00b'], ''],
    ['a space in a name', ['X Y: 1'], ''],
    ['two Hosts', ['Host: gw', 'Host: other'], ''],
    ['one Host twice', ['Host: gw', 'Host: gw'], ''],
    ['an empty Host', ['Host: '], ''],
    ['a list of Hosts', ['Host: a, b'], ''],
    ['F12 P18 a Host with a name before it', ['Host: gw.example:fake@evil.com'], ''],
    ['a Host with a path', ['Host: a/../b@c:99x'], ''],
    ['a Host with a letter for a port', ['Host: gw:x'], ''],
    ['two Content-Types', ['Content-Type: a/b', 'Content-Type: c/d'], ''],
    ['two DPoP proofs', ['DPoP: a', 'DPoP: b'], ''],
  ])('P1 F14 %s is 400, closes the connection and reaches nobody', async (_, fields, body) => {
    const setting = await arrange()
    const client = await openRaw(setting.gateway.port)
    const bytes = message('POST /orders/1', [bearer(setting.token), ...fields], body)
    client.send(bytes + message('GET /orders/victim', [bearer(setting.token)]))
    await until('the end', () => client.state() !== 'open')
    expect(client.received()).toMatch(/^HTTP\/1\.1 400 [\s\S]*\r\nConnection: close\r\n/i)
    expect(client.received().match(/HTTP\/1\.1/g)?.length).toBe(1)
    // What was begun before the mistake showed is broken off, not completed.
    expect(setting.upstream.requests).toEqual([])
    client.socket.destroy()
  })

  it.each(['gzip, chunked', 'xchunked', 'identity', 'gzip'])(
    'P1 501 for a coding that is not known here: %s',
    async (coding) => {
      const setting = await arrange()
      const client = await openRaw(setting.gateway.port)
      const fields = [bearer(setting.token), `Transfer-Encoding: ${coding}`]
      client.send(message('POST /orders/1', fields, '2\r\nhi\r\n0\r\n\r\n'))
      client.send(message('GET /orders/victim', [bearer(setting.token)]))
      await until('the end', () => client.state() !== 'open')
      expect(client.received()).toMatch(/^HTTP\/1\.1 501 [\s\S]*\r\nConnection: close\r\n/)
      expect(client.received().match(/HTTP\/1\.1/g)?.length).toBe(1)
      expect(setting.upstream.requests).toEqual([])
      client.socket.destroy()
    },
  )

  it('F14 400 for chunked in HTTP/1.0, 505 for HTTP/2.0 on this connection', async () => {
    const { gateway, token, upstream } = await arrange()
    const old = `POST /orders/1 HTTP/1.0\r\nHost: gw\r\n${bearer(token)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`
    expect((await exchange(gateway.port, old)).status).toBe(400)
    const fresh = `GET /orders/1 HTTP/2.0\r\nHost: gw\r\n${bearer(token)}\r\n\r\n`
    expect((await exchange(gateway.port, fresh)).status).toBe(505)
    expect(upstream.requests).toEqual([])
  })

  it('P22 431 for too many fields and for too large a head', async () => {
    const setting = await arrange()
    const many = Array.from({ length: 101 }, (_, at) => `X-${at}: 1`)
    expect((await ask(setting, 'GET /orders/1', many)).status).toBe(431)
    expect((await ask(setting, 'GET /orders/1', [`X: ${'a'.repeat(17_000)}`])).status).toBe(431)
    expect(setting.upstream.requests).toEqual([])
    expect((await ask(setting, 'GET /orders/1', many.slice(0, 90))).status).toBe(200)
  })
})

describe('P40 one connection, many requests', () => {
  it('each is judged on its own, and answered in order', async () => {
    const setting = await arrange(({ line }) => ok(line))
    const client = await openRaw(setting.gateway.port)
    client.send(
      message('GET /orders/1') +
        message('GET /open/2') +
        message('GET /orders/3', [bearer(setting.token)]) +
        message('GET /orders/4', [bearer('wrong')]) +
        message('GET /nowhere') +
        message('GET /open/5'),
    )
    await answered(client, 6)
    const answers = answersIn(client.received())
    expect(answers.map(({ status }) => status)).toEqual([401, 200, 200, 401, 404, 200])
    expect(answers[5]?.body).toBe('GET /open/5 HTTP/1.1')
    expect(setting.upstream.requests.map(({ line }) => line.split(' ')[1]).toSorted()).toEqual([
      '/open/2',
      '/open/5',
      '/orders/3',
    ])
    client.socket.destroy()
  })

  it('§9.6 RFC 9112 nothing behind an answer with Connection: close is processed', async () => {
    const setting = await arrange()
    const client = await openRaw(setting.gateway.port)
    client.send(message('GET /open/1') + message('GET //') + message('GET /open/2'))
    await until('the end', () => client.state() !== 'open')
    expect(answersIn(client.received()).map(({ status }) => status)).toEqual([200, 400])
    expect(setting.upstream.requests.map(({ line }) => line)).toEqual(['GET /open/1 HTTP/1.1'])
    client.socket.destroy()
  })
})

describe('the framing of answers', () => {
  it.each([
    ['a length', ok('hello'), 'hello', 'Content-Length: 5'],
    ['no body', ok(''), '', 'Content-Length: 0'],
    [
      'chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n',
      'hello',
      'Transfer-Encoding: chunked',
    ],
    [
      'no chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      '',
      'Transfer-Encoding: chunked',
    ],
    [
      'an error',
      `HTTP/1.1 418 I'm a teapot\r\nContent-Length: 3\r\n\r\npot`,
      'pot',
      'Content-Length: 3',
    ],
  ])('%s stays what it is', async (_, bytes, body, framing) => {
    const setting = await arrange(() => bytes)
    const answer = await ask(setting, 'GET /orders/1')
    expect(answer.status).toBe(Number(bytes.slice(9, 12)))
    expect(answer.body).toBe(body)
    expect(answer.head.toLowerCase()).toContain(framing.toLowerCase())
    expect((await ask(setting, 'GET /orders/2')).body).toBe(body)
  })

  it('an end of the connection ends a body without length; to the client it goes in chunks', async () => {
    const setting = await arrange((_, connection) => {
      connection.socket.end('HTTP/1.1 200 OK\r\n\r\nhello')
      return undefined
    })
    const answer = await ask(setting, 'GET /orders/1')
    expect(answer.body).toBe('hello')
    expect(answer.values('Transfer-Encoding')).toEqual(['chunked'])
  })

  it('an HTTP/1.0 client gets chunks without their frames, and the end of the connection', async () => {
    const { gateway, token } = await arrange(
      () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    )
    const client = await openRaw(gateway.port)
    client.send(`GET /orders/1 HTTP/1.0\r\n${bearer(token)}\r\n\r\n`)
    await until('the end', () => client.state() !== 'open')
    expect(client.received()).toMatch(/\r\n\r\nhello$/)
    expect(client.received()).not.toMatch(/transfer-encoding/i)
    client.socket.destroy()
  })

  it.each([
    ['§9.3.2 HEAD with a length', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', '5'],
    [
      '§9.3.2 HEAD of chunks',
      'HEAD',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      undefined,
    ],
    ['§15.3.5 204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n', undefined],
    [
      '§15.3.5 §8.6 204 with a length',
      'GET',
      'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
      undefined,
    ],
    [
      '§15.4.5 304 with the length of what it stands for',
      'GET',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: "x"\r\n\r\n',
      '5',
    ],
    ['§15.4.5 304', 'GET', 'HTTP/1.1 304 Not Modified\r\n\r\n', undefined],
  ])('%s has no body, and the connection goes on', async (_, method, bytes, length) => {
    const setting = await arrange(({ line }) => (line.includes('/first') ? bytes : ok('next')))
    const client = await openRaw(setting.gateway.port)
    const credentials = [bearer(setting.token)]
    client.send(message(`${method} /orders/first`, credentials))
    await until('a head', () => client.received().includes('\r\n\r\n'))
    client.send(message('GET /orders/next', credentials))
    await until('both', () => answersIn(client.received(), [method, 'GET']).length === 2)
    const [first, next] = answersIn(client.received(), [method, 'GET'])
    expect(first?.status).toBe(Number(bytes.slice(9, 12)))
    expect(first?.values('Content-Length')).toEqual(length === undefined ? [] : [length])
    expect(next?.body).toBe('next')
    client.socket.destroy()
  })

  it('§15.2 103 is passed on, other interim answers are not', async () => {
    const setting = await arrange(
      () =>
        'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\nX-Other: 1\r\n\r\n' +
        'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 Odd\r\n\r\n' +
        ok('done'),
    )
    const client = await openRaw(setting.gateway.port)
    client.send(message('GET /orders/1', [bearer(setting.token)]))
    await answered(client, 1)
    const heads = [...client.received().matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status)
    expect(heads).toEqual(['103', '200'])
    expect(client.received()).toContain('Link: </a.css>; rel=preload; as=style')
    expect(client.received()).not.toContain('X-Other')
    client.socket.destroy()
  })

  it('§15.2 an interim answer that cannot be passed on is left out', async () => {
    const setting = await arrange(
      () => `HTTP/1.1 103 Early Hints\r\nLink: no link\r\n\r\n${ok('done')}`,
    )
    const answer = await ask(setting, 'GET /orders/1')
    expect(answer.body).toBe('done')
    expect(answer.bytes).not.toContain('103')
  })

  it('§15.2 an HTTP/1.0 client gets no interim answer', async () => {
    const { gateway, token } = await arrange(
      () => `HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n${ok('done')}`,
    )
    const answer = await exchange(
      gateway.port,
      `GET /orders/1 HTTP/1.0\r\n${bearer(token)}\r\n\r\n`,
    )
    expect(answer.bytes).not.toContain('103')
  })
})

describe('§10.1.1 Expect: 100-continue', () => {
  const expecting = (setting: Setting, token = setting.token) =>
    message('POST /orders/1', [bearer(token), 'Expect: 100-continue', 'Content-Length: 5'])

  it('is answered when the body is wanted, and does not go upstream', async () => {
    const setting = await arrange()
    const client = await openRaw(setting.gateway.port)
    client.send(expecting(setting))
    await until('100', () => client.received().startsWith('HTTP/1.1 100 Continue\r\n\r\n'))
    client.send('hello')
    await answered(client, 1)
    expect(client.received().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 200'])
    expect(setting.upstream.requests[0]?.body).toBe('hello')
    expect(setting.upstream.requests[0]?.head).not.toMatch(/expect/i)
    client.socket.destroy()
  })

  it('is not answered before the checks have passed', async () => {
    const setting = await arrange()
    const client = await openRaw(setting.gateway.port)
    client.send(expecting(setting, 'wrong'))
    await answered(client, 1)
    expect(client.received()).toMatch(/^HTTP\/1\.1 401 [\s\S]*\r\nConnection: close\r\n/)
    expect(setting.upstream.requests).toEqual([])
    await until('the end', () => client.state() !== 'open')
    client.socket.destroy()
  })

  it('is ignored in HTTP/1.0, where a 100 would be taken for the answer', async () => {
    const { gateway, token } = await arrange()
    const { bytes } = await exchange(
      gateway.port,
      `POST /orders/1 HTTP/1.0\r\n${bearer(token)}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi`,
    )
    expect(bytes.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200'])
  })

  it('another expectation is 417', async () => {
    const setting = await arrange()
    expect((await ask(setting, 'GET /orders/1', ['Expect: a-miracle'])).status).toBe(417)
    expect(setting.upstream.requests).toEqual([])
  })
})

describe('answers that come before the request is over', () => {
  it('a denial is read, although the body goes on, and the connection is closed', async () => {
    const { gateway } = await arrange()
    const client = await openRaw(gateway.port)
    const body = 'x'.repeat(500_000)
    client.send(message('POST /orders/1', [`Content-Length: ${body.length * 2}`], body))
    await answered(client, 1)
    expect(client.received()).toMatch(/^HTTP\/1\.1 401 [\s\S]*\r\nConnection: close\r\n/)
    client.send(body)
    await until('the end', () => client.state() !== 'open')
    expect(client.state()).not.toBe('reset')
    client.socket.destroy()
  })

  it("the upstream's own early answer reaches the client whole, and nothing behind it is processed", async () => {
    let heads = 0
    const upstream = await startEarly((socket) => {
      heads += 1
      socket.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 7\r\n\r\ntoo big')
    })
    const gateway = await startGateway({
      upstreams: { orders: upstream.origin },
      routes: [{ path: '/orders/*', access: 'public' }],
    })
    running.push(gateway)
    const client = await openRaw(gateway.port)
    const body = 'x'.repeat(300_000)
    client.send(message('POST /orders/1', [`Content-Length: ${body.length * 2}`], body))
    await answered(client, 1)
    const [answer] = answersIn(client.received())
    expect(answer?.status).toBe(413)
    expect(answer?.body).toBe('too big')
    expect(answer?.values('Connection')).toEqual(['close'])
    client.send(body + message('GET /orders/2'))
    await until('the end', () => client.state() !== 'open')
    expect(heads).toBe(1)
    client.socket.destroy()
  })

  it('an answer may run while the request still does', async () => {
    const upstream = await listening((req, res) => {
      res.writeHead(200)
      req.on('data', (chunk) => res.write(chunk))
      req.on('end', () => res.end())
    })
    const gateway = await startGateway({
      upstreams: { orders: upstream.origin },
      routes: [{ path: '/orders/*', access: 'public' }],
    })
    running.push(gateway)
    const client = await openRaw(gateway.port)
    client.send(message('POST /orders/1', ['Transfer-Encoding: chunked']))
    for (const word of ['one', 'two', 'three']) {
      client.send(`${word.length.toString(16)}\r\n${word}\r\n`)
      await until(word, () => client.received().includes(word))
    }
    client.send('0\r\n\r\n')
    await answered(client, 1)
    expect(answersIn(client.received())[0]?.body).toBe('onetwothree')
    client.socket.destroy()
  })
})

describe('§7 bodies are streamed, at the pace of the other side', () => {
  const MEGABYTE = 1024 * 1024

  it('an event stream shows its head and each event at once', async () => {
    let stream: { write(text: string): void; end(): void } | undefined
    const upstream = await listening((_, res) => {
      stream = res
      res.writeHead(200, { 'Content-Type': 'text/event-stream' })
      res.flushHeaders()
    })
    const gateway = await startGateway({
      upstreams: { orders: upstream.origin },
      routes: [{ path: '/orders/*', access: 'public' }],
    })
    running.push(gateway)
    const client = await openRaw(gateway.port)
    client.send(message('GET /orders/events'))
    await until('the head', () => client.received().includes('\r\n\r\n'))
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      stream?.write(event)
      await until(event, () => client.received().includes(event))
    }
    stream?.end()
    await answered(client, 1)
    client.socket.destroy()
  })

  it('R-10 a client that does not read stops the upstream; nothing is lost', async () => {
    const total = 64 * MEGABYTE
    let written = 0
    const upstream = await listening((_, res) => {
      res.writeHead(200, { 'Content-Length': total })
      const more = () => {
        while (written < total) {
          written += MEGABYTE
          if (!res.write(Buffer.alloc(MEGABYTE, written / MEGABYTE)))
            return void res.once('drain', more)
        }
        res.end()
      }
      more()
    })
    const gateway = await startGateway({
      upstreams: { orders: upstream.origin },
      routes: [{ path: '/orders/*', access: 'public' }],
    })
    running.push(gateway)
    const request = httpRequest({ port: gateway.port, path: '/orders/big' }).end()
    const [response] = await once(request, 'response')
    response.pause()
    await stillness(() => written)
    // What sockets and streams hold, on three legs; far from the whole.
    expect(written).toBeLessThan(total / 2)
    let received = 0
    let wrong = 0
    response.on('data', (chunk: Buffer) => {
      if (chunk[0] !== Math.floor(received / MEGABYTE) + 1) wrong += 1
      received += chunk.length
    })
    response.resume()
    await once(response, 'end')
    expect({ received, wrong }).toEqual({ received: total, wrong: 0 })
  })

  it('R-10 an upstream that does not read stops the client; nothing is lost', async () => {
    const total = 64 * MEGABYTE
    const gate = Promise.withResolvers<void>()
    let received = 0
    const upstream = await listening((req, res) => {
      void gate.promise.then(() => {
        req.on('data', (chunk: Buffer) => {
          received += chunk.length
        })
        req.on('end', () => res.end(String(received)))
      })
    })
    const gateway = await startGateway({
      upstreams: { orders: upstream.origin },
      routes: [{ path: '/orders/*', access: 'public' }],
    })
    running.push(gateway)
    const request = httpRequest({
      port: gateway.port,
      path: '/orders/big',
      method: 'PUT',
      headers: { 'Content-Length': total },
    })
    let sent = 0
    const more = () => {
      while (sent < total) {
        sent += MEGABYTE
        if (!request.write(Buffer.alloc(MEGABYTE))) return void request.once('drain', more)
      }
      request.end()
    }
    more()
    await stillness(() => sent)
    expect(sent).toBeLessThan(total / 2)
    gate.resolve()
    const [response] = await once(request, 'response')
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    expect(Buffer.concat(chunks).toString()).toBe(String(total))
  })

  it('bodies of every size around the limits of one write arrive as they are', async () => {
    let size = 0
    const body = () => Buffer.from(Array.from({ length: size }, (_, at) => at % 256))
    const setting = await arrange(() =>
      Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`), body()]),
    )
    for (size of [0, 1, 2, 255, 1000, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 200_000]) {
      const answer = await ask(setting, 'GET /orders/1')
      expect(Buffer.from(answer.body, 'latin1').equals(body()), `${size} bytes`).toBe(true)
    }
  })

  it('a head and a body in pieces arrive as they are', async () => {
    const bytes = ok('hello, world', 'X-Name: value\r\n')
    const setting = await arrange((_, connection) => {
      void (async () => {
        for (const byte of bytes) {
          connection.send(byte)
          await new Promise((resolve) => setImmediate(resolve))
        }
      })()
      return undefined
    })
    const answer = await ask(setting, 'GET /orders/1')
    expect(answer.body).toBe('hello, world')
    expect(answer.values('X-Name')).toEqual(['value'])
  })
})

describe('connections to the upstream', () => {
  it('are kept and used again', async () => {
    const setting = await arrange()
    for (let turn = 0; turn < 20; turn++) await ask(setting, 'GET /orders/1')
    expect(setting.upstream.connections.length).toBe(1)
    await ask(setting, 'POST /orders/1', ['Content-Length: 5'], 'hello')
    expect(setting.upstream.connections.length).toBe(1)
  })

  it('the target is asked for under its own name, never that of the client', async () => {
    const setting = await arrange()
    await ask(setting, 'GET /orders/1', ['Host: evil.example'])
    expect(setting.upstream.requests[0]?.values('Host')).toEqual([
      `127.0.0.1:${setting.upstream.port}`,
    ])
  })
})

/** Waits until a number has not changed for a while; nothing else can tell that somebody waits. */
const stillness = async (count: () => number): Promise<void> => {
  let last = -1
  let since = performance.now()
  await until('stillness', () => {
    if (count() !== last) {
      last = count()
      since = performance.now()
    }
    return last > 0 && performance.now() - since > 300
  })
}

const listening = async (handler: Parameters<typeof createServer>[1]) => {
  const server: Server = createServer(handler)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  running.push({
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  })
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** An upstream that answers as soon as it has seen a head. */
const startEarly = async (answer: (connection: RawSocket) => void) => {
  const { startRawServer } = await import('./support/raw-sockets.ts')
  const server = await startRawServer(answer)
  running.push(server)
  return { origin: `http://127.0.0.1:${server.port}` }
}
