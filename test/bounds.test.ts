import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import Koa from 'koa'
import { afterEach, describe, expect, it } from 'vitest'
import { OAuthError } from '../src/oauth/errors.ts'
import { createFormReader } from '../src/oauth/form.ts'
import { rawForm } from '../src/oauth/raw-form.ts'
import { createThrottles } from '../src/oauth/throttle.ts'
import { freePort, spawnPortcullis, startPortcullis, until } from './support/portcullis.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const listening = async (server: Server | ReturnType<typeof createTcpServer>): Promise<number> => {
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  closers.push(() => server.close())
  return port
}

const opened = async (
  port: number,
): Promise<{ socket: Socket; text(): string; closed(): boolean }> => {
  const socket = connect(port, '127.0.0.1')
  closers.push(() => socket.destroy())
  let text = ''
  let closed = false
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.on('close', () => {
    closed = true
  })
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  return { socket, text: () => text, closed: () => closed }
}

describe('A36 who is slow holds nothing for ever', () => {
  it.each<[string, () => Promise<Koa.Middleware>]>([
    ['of a person', async () => (await import('koa-body')).koaBody({ text: true })],
    ['of a program', async () => rawForm(1000)],
  ])('a form %s that does not come whole is 408, and its connection ends', async (_, load) => {
    const form = createFormReader(load, 0.05)
    const app = new Koa()
    app.use(async (ctx) => {
      try {
        await form.read(ctx)
      } catch (error) {
        ctx.status = error instanceof OAuthError ? error.status : 500
        ctx.body = 'refused'
      }
    })
    const port = await listening(createServer(app.callback()))
    const client = await opened(port)
    client.socket.write(
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\na=',
    )
    await until(() => client.closed())
    expect(client.text()).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('connections are bounded: one more is closed at once, and the admin listener still answers', async () => {
    const gateway = await startPortcullis('limits: { connections: 2 }\n')
    closers.push(gateway.stop)
    const held = [await opened(gateway.port), await opened(gateway.port)]
    const third = await opened(gateway.port)
    await until(() => third.closed())
    expect(held.map(({ closed }) => closed())).toEqual([false, false])
    await until(async () => (await fetch(`${gateway.admin}/readyz`)).status === 200)
    held[0]?.socket.destroy()
    await until(async () => {
      const next = await opened(gateway.port)
      next.socket.write('GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      await until(() => next.closed())
      return next.text().startsWith('HTTP/1.1 404')
    })
  })
})

describe('R-33 a process that may have few files open', () => {
  it('pauses to accept, finishes what it has, says so in one line, and recovers at once', async () => {
    const upstream = createServer((req, res) => {
      if (req.url === '/slow') setTimeout(() => res.end('slow'), 300)
      else res.end('fast')
    })
    const target = await listening(upstream)
    const gateway = await spawnPortcullis(
      `upstreams: { a: 'http://127.0.0.1:${target}' }\nroutes: [{ path: /*, upstream: a, access: public }]\n`,
      { files: 96 },
    )
    closers.push(gateway.stop)
    const ask = (socket: Socket, path: string) =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    const first = await opened(gateway.port)
    ask(first.socket, '/slow')
    const crowd = await Promise.all(Array.from({ length: 200 }, () => opened(gateway.port)))
    await until(() => first.text().endsWith('slow'))
    await until(() => crowd.filter(({ closed }) => closed()).length > 100)
    ask(first.socket, '/fast')
    await until(() => first.text().endsWith('fast'))
    const spent = await processorSeconds(gateway.child.pid)
    await new Promise((resolve) => setTimeout(resolve, 500))
    // It does not spin: half a second of doing nothing costs next to nothing.
    expect((await processorSeconds(gateway.child.pid)) - spent).toBeLessThan(0.25)
    expect((await fetch(`${gateway.admin}/readyz`)).status).toBe(200)
    for (const { socket } of crowd) socket.destroy()
    await until(async () => {
      const next = await opened(gateway.port)
      ask(next.socket, '/fast')
      await until(() => next.closed() || next.text().endsWith('fast'))
      return next.text().endsWith('fast')
    })
    expect(gateway.output().match(/"connections\.lost"/g)).toHaveLength(1)
    expect(gateway.child.exitCode).toBeNull()
  })

  it('EMFILE on the way upstream is 503, and no fault of the target', async () => {
    const target = await listening(
      createServer((_, res) => void setTimeout(() => res.end(), 60_000)),
    )
    const gateway = await spawnPortcullis(
      `upstreams: { a: { targets: ['http://127.0.0.1:${target}'], connections: 4096, timeout: { response: 30s } } }
routes: [{ path: /*, upstream: a, access: public }]
log: { level: info }
`,
      { files: 160 },
    )
    closers.push(gateway.stop)
    const clients = await Promise.all(Array.from({ length: 90 }, () => opened(gateway.port)))
    for (const { socket } of clients) socket.write('GET /x HTTP/1.1\r\nHost: x\r\n\r\n')
    await until(() => clients.some(({ text }) => text().startsWith('HTTP/1.1 ')))
    const answers = clients.map(({ text }) => text()).filter((text) => text !== '')
    for (const answer of answers) {
      expect(answer).toMatch(/^HTTP\/1\.1 503 /)
      expect(answer).toMatch(/\r\nRetry-After: 1\r\n/)
    }
    await until(() => /"upstream\.failed".*EMFILE/.test(gateway.output()))
    expect(gateway.output()).not.toMatch(/upstream\.ejected/)
    expect(gateway.child.exitCode).toBeNull()
  })
})

/** Of user and system, so far. */
const processorSeconds = async (pid: number | undefined): Promise<number> => {
  const fields = (await readFile(`/proc/${pid}/stat`, 'latin1')).split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

describe('A21 what was counted survives a reload', () => {
  const limit = { points: 1, duration: 60 }

  it('while its limit stays the same', async () => {
    const throttles = createThrottles()
    const pushedRequests = { ...limit, total: 5 }
    const created = { deviceCodes: pushedRequests, registrations: pushedRequests }
    const devices = { userCodes: limit, ...created }
    const before = throttles({
      ...{ passwords: limit, clientSecrets: limit, pushedRequests, ...devices },
    })
    await before.pushedRequests.take('127.0.0.1')
    await before.passwords.failed('ada', '127.0.0.1')
    const after = throttles({
      passwords: { ...limit },
      clientSecrets: { ...limit, points: 5 },
      pushedRequests: { ...pushedRequests },
      ...devices,
    })
    await expect(after.pushedRequests.take('127.0.0.1')).rejects.toMatchObject({ status: 429 })
    await after.pushedRequests.take('127.0.0.2')
    await expect(after.passwords.check('ada', '127.0.0.1')).rejects.toMatchObject({ status: 429 })
    await after.clientSecrets.check('ada', '127.0.0.1')
    expect(after.clientSecrets).not.toBe(before.clientSecrets)
  })
})

describe('P24 an answer in a transfer coding that cannot be passed on', () => {
  it.each(['gzip, chunked', 'gzip'])('%s is 502', async (coding) => {
    const upstream = await listening(
      createTcpServer((socket) => {
        socket.on('error', () => {})
        socket.once('data', () =>
          socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`),
        )
      }),
    )
    const gateway = await startPortcullis(
      `upstreams: { api: http://127.0.0.1:${upstream} }\nroutes: [{ path: /a, upstream: api, access: public }]\n`,
    )
    closers.push(gateway.stop)
    expect((await fetch(`${gateway.origin}/a`)).status).toBe(502)
  })
})
