import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { openEvents } from './support/event-source.ts'
import { freePort, type SpawnedPortcullis, spawnPortcullis, until } from './support/portcullis.ts'
import { steadyLoad } from './support/steady-load.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const closers: (() => unknown)[] = []
// Each of them starts the program several times, on a machine that may have other things to do.
vi.setConfig({ testTimeout: 90_000 })

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const MIB = 1_048_576

/** Answers with the path; `/long` with 8 MiB over two seconds, `/events` with an event stream; echoes WebSockets. */
const startUpstream = async () => {
  const server = createServer((req, res) => {
    const path = req.url ?? ''
    if (path.endsWith('/long')) return void sendSlowly(res)
    if (!path.endsWith('/events')) return void res.end(path)
    res.writeHead(200, { 'Content-Type': 'text/event-stream' })
    const timer = setInterval(() => res.write('data: tick\n\n'), 20)
    res.on('close', () => clearInterval(timer))
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => {
    socket.on('message', (data) => socket.send(data))
    socket.on('error', () => {})
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  closers.push(() => {
    for (const socket of sockets.clients) socket.terminate()
    server.closeAllConnections()
    server.close()
  })
  return port
}

const sendSlowly = async (res: import('node:http').ServerResponse) => {
  res.writeHead(200, { 'Content-Length': 8 * MIB })
  for (let part = 0; part < 64; part++) {
    res.write(Buffer.alloc(MIB / 8))
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  res.end()
}

const configuration = (upstream: number, more = '') => `${more}
upstreams: { api: http://127.0.0.1:${upstream} }
routes: [{ path: /open/*, upstream: api, access: public }]
`

const start = async (yaml: string) => {
  const running = await spawnPortcullis(yaml)
  closers.push(running.stop)
  return running
}

type Process = { readonly child: ChildProcess; output(): string; ended(): Promise<number | null> }

const run = (
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdio: StdioOptions = ['ignore', 'pipe', 'pipe'],
): Process => {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      output += chunk
    })
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  closers.push(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT')
    await exit
  })
  return {
    child,
    output: () => output,
    async ended() {
      await exit
      return child.exitCode
    },
  }
}

/** `portcullis start --takeover` on the same configuration; resolves when it listens. */
const takeOver = async ({ file, env }: SpawnedPortcullis): Promise<Process> => {
  const next = run(process.execPath, [main, 'start', '--config', file, '--takeover'], env)
  await until(() => {
    if (next.child.exitCode !== null) throw new Error(`it ended:\n${next.output()}`)
    return next.output().includes('"listening"')
  }, 30)
  return next
}

const openSocket = async (port: number) => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/open/live`)
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  await once(socket, 'open')
  const echo = async (text: string) => {
    const message = once(socket, 'message')
    socket.send(text)
    return String((await message)[0])
  }
  return { closed, echo }
}

const download = async (port: number): Promise<number> => {
  const response = await fetch(`http://127.0.0.1:${port}/open/long`)
  return (await response.arrayBuffer()).byteLength
}

const ended = async ({ child }: SpawnedPortcullis): Promise<number | null> => {
  await until(() => child.exitCode !== null || child.signalCode !== null, 20)
  return child.exitCode
}

const refused = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.once('error', () => resolve(true))
  })

describe('R-37 SIGTERM under load', () => {
  it('says so on /readyz first, fails no request, finishes a download, tells WebSockets 1012, ends with 0', async () => {
    const upstream = await startUpstream()
    const settings = 'drain: 8s\ndrainDelay: 700ms\n'
    const running = await start(configuration(upstream, settings))
    const { port, child, admin } = running
    let closing = false
    // From when on new connections are refused is for the balancer; those that are kept go on until they are told.
    const load = steadyLoad(
      {
        port,
        path: '/open/x',
        judge: (status, body, { connection }) => {
          closing ||= connection === 'close'
          return status === 200 && body === '/open/x' ? undefined : `${status} ${body}`
        },
      },
      { kept: 8, pause: 20 },
    )
    const socket = await openSocket(port)
    expect(await socket.echo('before')).toBe('before')
    const events = await openEvents(`http://127.0.0.1:${port}/open/events`)
    const size = download(port)
    await until(() => load.answered() > 50)

    child.kill('SIGTERM')
    await until(async () => (await fetch(`${admin}/readyz`)).status === 503)
    expect(await (await fetch(`${admin}/readyz`)).json()).toEqual({ status: 'draining' })
    expect(await refused(port)).toBe(false)
    await until(() => closing)
    await load.stop()
    expect(await socket.echo('while it drains')).toBe('while it drains')
    expect(await size).toBe(8 * MIB)
    expect(await socket.closed).toBe(1012)
    expect(await events.over).toBe('clean')
    expect(await ended(running)).toBe(0)
    // A client whose connection was closed came again, and was refused: nothing that was taken was lost.
    expect(load.failures.filter((failure) => !failure.includes('ECONNREFUSED'))).toEqual([])
  })

  it('what is left at the limit is cut, and that is exit code 1', async () => {
    const upstream = await startUpstream()
    const running = await start(configuration(upstream, 'drain: 300ms\ndrainDelay: 0s\n'))
    const cut = download(running.port).catch(() => 'cut')
    await until(async () => {
      const metrics = await (await fetch(`${running.admin}/metrics`)).text()
      return metrics.includes('portcullis_route_in_flight{route="/open/*"} 1')
    })
    running.child.kill('SIGTERM')
    expect(await ended(running)).toBe(1)
    expect(await cut).toBe('cut')
    expect(running.output()).toContain('"stop.cut","connections":1')
  })
})

describe('§6.10 start --takeover', () => {
  it.each([
    ['one process', ''],
    ['two workers', 'workers: 2\n'],
  ])(
    '%s: takes the port over under load, twice, and not one request fails',
    async (_, settings) => {
      const upstream = await startUpstream()
      const running = await start(configuration(upstream, `drain: 10s\n${settings}`))
      const judge = (status: number, body: string) =>
        status === 200 && body === '/open/x' ? undefined : `${status} ${body}`
      const load = steadyLoad(
        { port: running.port, path: '/open/x', judge },
        { kept: 6, fresh: 8, pause: 5 },
      )
      const size = download(running.port)
      await until(() => load.answered() > 200, 30)
      const second = await takeOver(running)
      expect(await ended(running)).toBe(0)
      expect(await size).toBe(8 * MIB)
      const third = await takeOver(running)
      expect(await second.ended()).toBe(0)
      const asked = load.answered()
      await until(() => load.answered() > asked + 200, 30)
      await load.stop()
      console.info(`takeover, ${_}: ${load.answered()} requests, ${load.failures.length} failed`)
      expect(load.failures).toEqual([])
      expect(running.output()).toContain('"event":"stopping","taken_over":true')
      // The third has the admin address, and ends as any other.
      expect((await fetch(`${running.admin}/readyz`)).status).toBe(200)
      third.child.kill('SIGTERM')
      expect(await third.ended()).toBe(0)
    },
  )

  it('where nobody runs is a start like any other; a second one without it is refused', async () => {
    const upstream = await startUpstream()
    const running = await start(configuration(upstream))
    running.child.kill('SIGINT')
    await ended(running)
    await takeOver(running)
    const args = [main, 'start', '--config', running.file]
    const other = run(process.execPath, args, running.env)
    expect(await other.ended()).toBe(1)
    expect(other.output()).toMatch(/^portcullis: cannot listen on .*: another process uses this/)
  })

  it('by somebody without the admin token changes nothing', async () => {
    const upstream = await startUpstream()
    const { admin, port } = await start(configuration(upstream))
    const answer = await fetch(`${admin}/api/v1/takeover`, {
      method: 'POST',
      headers: { authorization: 'Bearer wrong', 'content-type': 'application/json' },
      body: '{}',
    })
    expect(answer.status).toBe(401)
    expect((await fetch(`${admin}/readyz`)).status).toBe(200)
    expect(await refused(port)).toBe(false)
  })
})

describe('§6.10 a socket that systemd listens on (sd_listen_fds)', () => {
  it.each([
    ['one process', ''],
    ['two workers', 'workers: 2\n'],
  ])('%s: restarts without one refused connection', async (_, settings) => {
    const upstream = await startUpstream()
    // Lays the files out; it gives the port back to whoever listens for the next ones.
    const before = await start(configuration(upstream, `drainDelay: 0s\n${settings}`))
    before.child.kill('SIGINT')
    await ended(before)

    const holder = createServer()
    holder.listen(before.port, '127.0.0.1')
    await once(holder, 'listening')
    // Holds the socket as systemd does, and starts the program a second time when it has ended.
    const once_ = 'sh -c \'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"\' sh "$@"'
    const handle: unknown = Reflect.get(holder, '_handle')
    const manager = run(
      'sh',
      [
        '-c',
        `${once_}; echo first ended with $?; ${once_}`,
        'sh',
        process.execPath,
        main,
        'start',
        '--config',
        before.file,
      ],
      before.env,
      ['ignore', 'pipe', 'pipe', handle as 'pipe'],
    )
    holder.close()
    closers.push(async () => {
      for (const pid of await childrenOf(manager.child.pid ?? 0).catch(() => []))
        process.kill(pid, 'SIGKILL')
    })
    const starts = () => manager.output().split('"event":"listening"').length - 1
    await until(() => starts() === 1, 30)
    const load = steadyLoad({ port: before.port, path: '/open/x' }, { kept: 3, fresh: 4, pause: 5 })
    await until(() => load.answered() > 100, 30)
    const [gateway = 0] = await childrenOf(manager.child.pid ?? 0)
    process.kill(gateway, 'SIGTERM')
    await until(() => starts() === 2, 30)
    const asked = load.answered()
    await until(() => load.answered() > asked + 100, 30)
    await load.stop()
    expect(load.failures).toEqual([])
    expect([...load.statuses.keys()]).toEqual([200])
    expect(manager.output()).toContain('first ended with 0')
    const [second = 0] = await childrenOf(manager.child.pid ?? 0)
    process.kill(second, 'SIGTERM')
    await manager.ended()
  })
})

const childrenOf = async (pid: number): Promise<number[]> => {
  const { readFile } = await import('node:fs/promises')
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.trim().split(/\s+/).filter(Boolean).map(Number)
}
