import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { createLineSink } from '../src/telemetry/line-sink.ts'
import { freePort, spawnPortcullis, until } from './support/portcullis.ts'
import { handshake, switching } from './support/websocket-handshake.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** An upstream whose answers wait until they are released. */
const slowUpstream = async () => {
  const waiting: (() => void)[] = []
  const server = createServer((_req, res) => {
    waiting.push(() => res.end('released'))
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  closers.push(() => new Promise((resolve) => server.close(resolve)))
  return { port, waiting }
}

const configuration = (upstreamPort: number) => `
scopes: { a: See a }
upstreams: { api: http://127.0.0.1:${upstreamPort} }
routes:
  - { path: /open/*, upstream: api, access: public }
  - { path: /a/*, upstream: api, scope: a }
`

const start = async (yaml: string) => {
  const running = await spawnPortcullis(yaml)
  closers.push(running.stop)
  return running
}

const run = async (args: string[], cwd?: string) => {
  const child: ChildProcess = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  })
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    output += chunk
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, output }
}

const folder = async () => {
  const made = await mkdtemp(join(tmpdir(), 'portcullis-'))
  closers.push(() => rm(made, { recursive: true, force: true }))
  return made
}

const fileWith = async (text: string) => {
  const file = join(await folder(), 'portcullis.yaml')
  await writeFile(file, text)
  return file
}

describe('the admin listener', () => {
  it('tells that it is alive, ready and what it counted, without a credential', async () => {
    const { origin, admin } = await start(configuration(9))
    expect((await fetch(`${origin}/a/b`)).status).toBe(401)
    expect(await (await fetch(`${admin}/healthz`)).json()).toEqual({ status: 'alive' })
    expect(await (await fetch(`${admin}/readyz`)).json()).toEqual({ status: 'ready' })
    const metrics = await (await fetch(`${admin}/metrics`)).text()
    expect(metrics).toContain('portcullis_requests_total{route="/a/*",status="4xx"} 1')
    expect(metrics).toMatch(/portcullis_request_seconds_bucket\{le="\+Inf",route="\/a\/\*"\} 1/)
  })

  it('counts by route what is in flight, how soon answers begin, and refusals by reason', async () => {
    const upstream = await slowUpstream()
    const { origin, admin } = await start(configuration(upstream.port))
    const metrics = async () => (await fetch(`${admin}/metrics`)).text()
    const answer = fetch(`${origin}/open/slow`)
    await until(() => upstream.waiting.length === 1)
    expect(await metrics()).toContain('portcullis_route_in_flight{route="/open/*"} 1')
    upstream.waiting[0]?.()
    await (await answer).text()
    await fetch(`${origin}/a/b`)
    await fetch(`${origin}/a//b`)
    await until(async () =>
      (await metrics()).includes('portcullis_route_in_flight{route="/open/*"} 0'),
    )
    const text = await metrics()
    expect(text).toContain('portcullis_route_first_byte_seconds_count{route="/open/*"} 1')
    expect(text).toContain('portcullis_route_first_byte_seconds_count{route="/a/*"} 0')
    expect(text).toContain('portcullis_route_streams{route="/open/*"} 0')
    expect(text).toContain('portcullis_refusals_total{route="/a/*",reason="no_token"} 1')
    expect(text).toContain('portcullis_refusals_total{route="-",reason="target.path"} 1')
  })

  it('A37 serves none of it on the public listener', async () => {
    const { origin } = await start(configuration(9))
    for (const path of ['/healthz', '/readyz', '/metrics', '/api/v1/clients'])
      expect((await fetch(origin + path)).status).toBe(404)
  })
})

describe('R-37 SIGTERM drains', () => {
  it('finishes what is in flight, closes its connection after it, refuses new ones, and exits 0', async () => {
    const upstream = await slowUpstream()
    const { port, child, admin } = await start(configuration(upstream.port))
    const answer = new Promise<{
      status: number | undefined
      connection: string | undefined
      body: string
    }>((resolve, reject) => {
      const req = request({ port, host: '127.0.0.1', path: '/open/slow', agent: false }, (res) => {
        let body = ''
        res.on('data', (chunk) => {
          body += chunk
        })
        res.on('end', () =>
          resolve({ status: res.statusCode, connection: res.headers.connection, body }),
        )
      })
      req.on('error', reject)
      req.end()
    })
    await until(() => upstream.waiting.length === 1)
    child.kill('SIGTERM')
    await until(async () => (await fetch(`${admin}/readyz`)).status === 503)
    await until(() => refused(port))
    upstream.waiting[0]?.()
    expect(await answer).toMatchObject({ status: 200, body: 'released' })
    await until(() => child.exitCode !== null)
    expect(child.exitCode).toBe(0)
  })

  it('a second signal ends it at once, with exit code 1', async () => {
    const upstream = await slowUpstream()
    const { origin, port, child } = await start(configuration(upstream.port))
    const gone = fetch(`${origin}/open/slow`).catch(() => 'gone')
    await until(() => upstream.waiting.length === 1)
    child.kill('SIGTERM')
    await until(() => refused(port))
    child.kill('SIGTERM')
    await until(() => child.exitCode !== null)
    expect(child.exitCode).toBe(1)
    expect(await gone).toBe('gone')
  })
})

describe('what a changed configuration leaves behind', () => {
  const live = configuration(9).replace(
    'upstreams: {',
    'drain: 100ms\ndrainDelay: 0s\nupstreams: {',
  )

  /** Answers nothing but the end. */
  const webSocketUpstream = async () => {
    const server = createServer()
    server.on('upgrade', (_req, socket) => {
      socket.write(switching())
      socket.on('error', () => {})
      socket.on('end', () => socket.end()).resume()
    })
    const port = await freePort()
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    closers.push(() => new Promise((resolve) => server.close(resolve)))
    return port
  }

  it('a WebSocket that is older than the change is told 1012 too when it stops', async () => {
    const upstream = await webSocketUpstream()
    const { port, child, folder } = await start(live.replace(':9 ', `:${upstream} `))
    const socket = connect(port, '127.0.0.1')
    let received = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
    })
    socket.write(handshake({}, 'GET /open/live HTTP/1.1'))
    await until(() => received.includes('\r\n\r\n'))
    const file = join(folder, 'portcullis.yaml')
    const before = await readFile(file, 'utf8')
    await writeFile(file, before.replace('/a/*', '/b/*'))
    await until(async () => (await fetch(`http://127.0.0.1:${port}/a/x`)).status === 404)
    child.kill('SIGTERM')
    await until(() => child.exitCode !== null)
    const close = received.subarray(received.indexOf('\r\n\r\n') + 4)
    expect([close[0], close.readUInt16BE(2)]).toEqual([0x88, 1012])
  })
})

describe('R-44 nobody reads the log', () => {
  it('requests go on, what is lost is counted, and it still stops', async () => {
    const { origin, admin, child } = await start(configuration(9))
    child.stdout?.removeAllListeners('data')
    child.stdout?.pause()
    const path = `/a/${'x'.repeat(7000)}`
    for (let round = 0; round < 70; round++) {
      const statuses = Array.from({ length: 10 }, async () => (await fetch(origin + path)).status)
      expect(new Set(await Promise.all(statuses))).toEqual(new Set([401]))
    }
    expect(await (await fetch(`${admin}/metrics`)).text()).toMatch(/log_lines_dropped_total [1-9]/)
    child.kill('SIGTERM')
    await until(() => child.exitCode !== null)
    expect(child.exitCode).toBe(0)
  })

  it('a reader that is gone stops neither requests nor the stop', async () => {
    const { origin, child } = await start(configuration(9))
    child.stdout?.destroy()
    for (let round = 0; round < 3; round++) expect((await fetch(`${origin}/a/x`)).status).toBe(401)
    child.kill('SIGTERM')
    await until(() => child.exitCode !== null)
    expect(child.exitCode).toBe(0)
  })

  it('lines that cannot be written are counted, and those that come later are tried again', async () => {
    const unwritable = await open('/dev/null', 'r')
    closers.push(() => unwritable.close())
    const sink = createLineSink(unwritable.fd)
    for (const dropped of [1, 2]) {
      sink.write('{"event":"request"}\n')
      await sink.drained(10)
      expect(sink.dropped()).toBe(dropped)
    }
  })
})

const refused = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.once('error', () => resolve(true))
  })

describe('a start that cannot be gives one clear line, no stack, exit code 1', () => {
  const minimal = (listen: string, admin: string, store = '"memory:"') =>
    `issuer: http://${listen}\nlisten: ${listen}\nadmin: { listen: '${admin}' }\nstore: ${store}\n` +
    'upstreams: { api: http://127.0.0.1:9 }\nroutes: [{ path: /a, upstream: api }]\n'

  it.each([
    ['a missing file', async () => join(await folder(), 'missing.yaml'), /missing\.yaml/],
    ['an empty file', () => fileWith(''), /portcullis\.yaml:1:1/],
    ['wrong YAML', () => fileWith('issuer: [\n'), /portcullis\.yaml:\d+:\d+/],
    ['a folder', folder, /folder|directory/],
  ])('%s', async (_what, file, message) => {
    const { code, output } = await run(['start', '--config', await file()])
    expect(output).toMatch(message)
    expect(output).not.toMatch(/^\s+at /m)
    expect(code).toBe(1)
  })

  it('a port in use names the address and leaves no process behind', async () => {
    const { port } = await slowUpstream()
    const file = await fileWith(minimal(`127.0.0.1:${port}`, `127.0.0.1:${await freePort()}`))
    const { code, output } = await run(['start', '--config', file])
    expect(output).toContain(`cannot listen on 127.0.0.1:${port}: another process uses this port`)
    expect(output).not.toMatch(/^\s+at /m)
    expect(code).toBe(1)
  })

  it('a data folder that cannot be made', async () => {
    const place = await folder()
    await writeFile(join(place, 'data'), 'a file stands here')
    const file = join(place, 'portcullis.yaml')
    const free = await freePort()
    await writeFile(
      file,
      minimal(`127.0.0.1:${free}`, `127.0.0.1:${await freePort()}`, 'sqlite:data/p.db'),
    )
    const { code, output } = await run(['start', '--config', file])
    expect(output).toContain(join(place, 'data'))
    expect(output).not.toMatch(/^\s+at /m)
    expect(code).toBe(1)
  })

  it('a corrupt database is refused and left as it was', async () => {
    const place = await folder()
    await mkdir(join(place, 'data'))
    const database = join(place, 'data', 'p.db')
    await writeFile(database, 'this was a database once '.repeat(400))
    const file = join(place, 'portcullis.yaml')
    const free = await freePort()
    await writeFile(
      file,
      minimal(`127.0.0.1:${free}`, `127.0.0.1:${await freePort()}`, 'sqlite:data/p.db'),
    )
    const { code, output } = await run(['start', '--config', file])
    expect(output).toContain(database)
    expect(output).not.toMatch(/^\s+at /m)
    expect(code).toBe(1)
  })

  it('a command that does not exist is told so, exit code 2', async () => {
    const { code, output } = await run(['strat'])
    expect(output).toMatch(/unknown command.*\n.*start/s)
    expect(code).toBe(2)
  })

  it('--help lists every command', async () => {
    const { code, output } = await run(['--help'])
    for (const command of ['start', 'check', 'token', 'schema', 'hash-password'])
      expect(output).toContain(command)
    expect(code).toBe(0)
  })
})

describe('an upstream that is down', () => {
  it('R-01 is 502 with a request id, and the gateway goes on', async () => {
    const { origin } = await start(configuration(await freePort()))
    const response = await fetch(`${origin}/open/x`)
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({
      error: expect.any(String),
      request_id: response.headers.get('x-request-id'),
    })
    expect((await fetch(`${origin}/a/x`)).status).toBe(401)
  })
})
