import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Portcullis, startPortcullis, until } from './support/portcullis.ts'

const YAML = `trustedProxies: [127.0.0.1]
log: { level: info, access: true }
upstreams: { orders: 'http://127.0.0.1:9' }
routes: [{ path: /orders/*, upstream: orders }]
clients: [{ client_id: machine, client_secret: machine-secret, grant_types: [client_credentials] }]
`

describe('endpoints for programs, ahead of Koa (decision 0021)', () => {
  let server: Portcullis
  beforeAll(async () => {
    server = await startPortcullis(YAML)
  })
  afterAll(() => server.stop())

  const ask = (id: string, method = 'POST', path = '/oauth/token') =>
    fetch(`${server.origin}${path}`, {
      method,
      headers: { 'X-Request-Id': id },
      ...(method === 'POST' && {
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: 'machine',
          client_secret: 'machine-secret',
        }),
      }),
    })
  const lines = (id: string) =>
    server.logged.filter(({ event, fields }) => event === 'request' && fields.request_id === id)

  it.each([
    ['POST', '/oauth/token?a=b', 200],
    ['POST', '/oauth/introspect', 400],
    ['GET', '/oauth/token', 405],
    ['OPTIONS', '/oauth/token', 204],
    ['HEAD', '/.well-known/oauth-authorization-server', 200],
  ])('%s %s has the id of its proxy, once, and one line in the access log', async (...request) => {
    const [method, path, status] = request
    const id = `id-${method}-${path.length}`
    const answer = await ask(id, method, path)
    await answer.text()
    expect([answer.status, answer.headers.get('X-Request-Id')]).toEqual([status, id])
    await until(() => lines(id).length > 0)
    expect(lines(id).map(({ fields }) => fields)).toEqual([
      expect.objectContaining({ method, path: path.split('?')[0], status, remote: '127.0.0.1' }),
    ])
  })

  it('RFC 9112 §9.3.2 answers what is pipelined in the order of the requests', async () => {
    const socket = connect(server.port, '127.0.0.1')
    let text = ''
    socket.setEncoding('latin1').on('data', (data) => {
      text += data
    })
    const form = 'grant_type=client_credentials&client_id=machine&client_secret=machine-secret'
    const head = (id: string) => `Host: x\r\nX-Request-Id: ${id}\r\n`
    const type = `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}`
    socket.write(
      `POST /oauth/token HTTP/1.1\r\n${head('one')}${type}\r\n\r\n${form}` +
        `GET /oauth/login HTTP/1.1\r\n${head('two')}\r\n` +
        `POST /oauth/token HTTP/1.1\r\n${head('three')}${type}\r\nConnection: close\r\n\r\n${form}`,
    )
    let closed = false
    socket.on('close', () => {
      closed = true
    })
    await until(() => closed)
    const ids = [...text.matchAll(/^x-request-id: (\w+)/gim)].map(([, id]) => id)
    expect(ids).toEqual(['one', 'two', 'three'])
    expect(text.match(/"access_token"/g)).toHaveLength(2)
  })

  it('a client that leaves before its answer harms nobody, and is in the access log', async () => {
    const socket = connect(server.port, '127.0.0.1')
    const text =
      'POST /oauth/token HTTP/1.1\r\nHost: x\r\nX-Request-Id: left\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 90\r\n\r\na=b'
    await new Promise((resolve) => socket.write(text, resolve))
    socket.destroy()
    await until(() => lines('left').length > 0)
    expect((await ask('after')).status).toBe(200)
  })
})
