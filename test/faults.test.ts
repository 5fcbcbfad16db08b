import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { freePort, type SpawnedPortcullis, spawnPortcullis, until } from './support/portcullis.ts'
import { steadyLoad } from './support/steady-load.ts'

vi.setConfig({ testTimeout: 90_000 })

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const startUpstream = async () => {
  const server = createServer((req, res) => res.end(req.url))
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return port
}

const configuration = (upstream: number) => `
drainDelay: 0s
upstreams: { api: http://127.0.0.1:${upstream} }
routes: [{ path: /open/*, upstream: api, access: public }]
`

const start = async (yaml: string, options?: Parameters<typeof spawnPortcullis>[1]) => {
  const running = await spawnPortcullis(yaml, options)
  closers.push(running.stop)
  return running
}

const metric = async (admin: string, name: string): Promise<number> => {
  const text = await (await fetch(`${admin}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return line === undefined ? Number.NaN : Number(line.slice(name.length + 1))
}

/** The same program, started again by a shell that sets a limit first or sends its output elsewhere. */
const startBehind = async (script: string, upstream: number): Promise<SpawnedPortcullis> => {
  // Lays the files out, and makes the keys.
  const before = await spawnPortcullis(configuration(upstream))
  const exit = once(before.child, 'exit')
  before.child.kill('SIGINT')
  await exit
  const args = [process.execPath, main, 'start', '--config', before.file]
  const child: ChildProcess = spawn('bash', ['-c', script, 'bash', ...args], {
    env: { ...process.env, ...before.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    output += chunk
  })
  closers.push(async () => {
    const gone = once(child, 'exit')
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGINT')
    await gone
  })
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`it ended:\n${output}`)
    return (await fetch(`${before.admin}/readyz`).catch(() => undefined))?.status === 200
  }, 30)
  return { ...before, child, output: () => output }
}

const alive = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null

describe('R-33 file descriptors run out', () => {
  it('64 of them and 200 connections: those that are served go on, others come in when there is room', async () => {
    const upstream = await startUpstream()
    const running = await startBehind('ulimit -n 64; exec "$@"', upstream)
    const load = steadyLoad({ port: running.port, path: '/open/x' }, { kept: 3, pause: 2 })
    await until(() => load.answered() > 50)
    const sockets: Socket[] = []
    for (let count = 0; count < 200; count++) {
      const socket = connect(running.port, '127.0.0.1')
      socket.on('error', () => {})
      sockets.push(socket)
    }
    await until(() => sockets.every(({ connecting }) => !connecting))
    const asked = load.answered()
    await until(() => load.answered() > asked + 100)
    expect((await fetch(`${running.admin}/healthz`)).status).toBe(200)
    for (const socket of sockets) socket.destroy()
    await until(async () => {
      const answer = await fetch(`${running.origin}/open/new`).catch(() => undefined)
      return answer?.status === 200
    })
    await load.stop()
    expect(load.failures).toEqual([])
    expect(alive(running.child)).toBe(true)
    // It does not spin on what it cannot accept.
    const spent = async () =>
      Number((await readFile(`/proc/${running.child.pid}/stat`, 'latin1')).split(' ')[13])
    const before = await spent()
    await until(async () => (await fetch(`${running.admin}/healthz`)).status === 200)
    expect((await spent()) - before).toBeLessThan(100)
  })
})

describe('R-34 memory is short', () => {
  it('96 MiB of heap: a flood of large heads and bodies is refused or served, and it stays up', async () => {
    const upstream = await startUpstream()
    const running = await start(configuration(upstream), { execArgv: ['--max-old-space-size=96'] })
    const flood = async () => {
      const socket = connect(running.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(
        `POST /open/x HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\nX-Fill: ${'x'.repeat(12_000)}\r\n\r\n`,
      )
      for (let part = 0; part < 4; part++) socket.write(Buffer.alloc(1_000_000))
      socket.resume()
      await Promise.race([
        once(socket, 'close'),
        new Promise((resolve) => setTimeout(resolve, 3000)),
      ])
      socket.destroy()
    }
    for (let round = 0; round < 4; round++) {
      await Promise.all(Array.from({ length: 40 }, flood))
      const forms = Array.from({ length: 40 }, () =>
        fetch(`${running.origin}/oauth/token`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: 'x'.repeat(1_000_000),
        }).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      for (const status of await Promise.all(forms)) expect([0, 413]).toContain(status)
    }
    expect((await fetch(`${running.origin}/open/x`)).status).toBe(200)
    expect(alive(running.child)).toBe(true)
  })
})

describe('R-36 the event loop stands still', () => {
  it('SIGSTOP for two seconds: what came meanwhile is answered, the stall is measured and logged', async () => {
    const upstream = await startUpstream()
    const running = await start(configuration(upstream))
    await fetch(`${running.origin}/open/x`)
    running.child.kill('SIGSTOP')
    const answers = Array.from({ length: 20 }, () => fetch(`${running.origin}/open/x`))
    await new Promise((resolve) => setTimeout(resolve, 2000))
    running.child.kill('SIGCONT')
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200)
    await until(() => running.output().includes('"event":"process.stalled"'))
    expect(await metric(running.admin, 'portcullis_event_loop_lag_seconds')).toBeGreaterThan(1.5)
    await until(async () => (await fetch(`${running.admin}/readyz`)).status === 200)
  })
})

describe('R-41 a mistake of ours that nobody caught (docs/operations.md)', () => {
  /** Throws, or rejects, in the open when the file is there; `thread`: in the thread that writes to the store. */
  const bomb = (file: string) => `
    import { existsSync, unlinkSync } from 'node:fs'
    import { isMainThread } from 'node:worker_threads'
    setInterval(() => {
      for (const kind of isMainThread ? ['throw', 'reject'] : ['thread']) {
        if (!existsSync(${JSON.stringify(file)} + kind)) continue
        unlinkSync(${JSON.stringify(file)} + kind)
        if (kind !== 'reject') throw new Error('a mistake of ours')
        Promise.reject(new Error('a promise that nobody awaits'))
      }
    }, 20).unref()`

  const startWithBomb = async (yaml: string) => {
    const folder = await mkdtemp(join(tmpdir(), 'portcullis-bomb-'))
    closers.push(() => rm(folder, { recursive: true, force: true }))
    const fuse = join(folder, 'fuse-')
    const module = `data:text/javascript,${encodeURIComponent(bomb(fuse))}`
    const running = await start(yaml, { execArgv: ['--import', module] })
    const ignite = (kind: 'throw' | 'reject' | 'thread') => writeFile(fuse + kind, '')
    return { ...running, ignite, burning: () => existsSync(`${fuse}thread`) }
  }

  it('a rejection is logged with its stack, and it goes on', async () => {
    const running = await startWithBomb(configuration(await startUpstream()))
    await running.ignite('reject')
    await until(() => running.output().includes('"event":"process.unhandledRejection"'))
    expect(running.output()).toContain('a promise that nobody awaits')
    expect((await fetch(`${running.origin}/open/x`)).status).toBe(200)
    expect(await metric(running.admin, 'process_start_time_seconds')).toBeGreaterThan(0)
  })

  it('an exception is logged, what is under way is finished, and it ends with 1', async () => {
    const running = await startWithBomb(configuration(await startUpstream()))
    const load = steadyLoad({ port: running.port, path: '/open/x' }, { kept: 3, pause: 2 })
    await until(() => load.answered() > 30)
    await running.ignite('throw')
    await until(() => !alive(running.child), 20)
    await load.stop()
    expect(running.child.exitCode).toBe(1)
    expect(running.output()).toMatch(/"event":"process.uncaughtException".*a mistake of ours/)
    expect(load.failures.filter((failure) => !failure.includes('ECONNREFUSED'))).toEqual([])
  })

  it('in the thread that writes is logged, what waits for it is 503, and another thread takes its place', async () => {
    const running = await startWithBomb(`${configuration(await startUpstream())}
scopes: { one: First }
clients:
  - { client_id: job, client_secret: a-secret-of-the-test, grant_types: [client_credentials], scope: one }
`)
    const issue = async () => {
      const answer = await fetch(`${running.origin}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa('job:a-secret-of-the-test')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      })
      return answer.status
    }
    expect(await issue()).toBe(200)
    const threadEnds = /"event":"store.thread".*a mistake of ours/g
    for (let round = 1; round <= 3; round++) {
      await running.ignite('thread')
      const statuses = []
      // None hangs: each is done, or said not to be.
      while (running.burning()) statuses.push(await issue())
      for (const status of statuses) expect([200, 503]).toContain(status)
      await until(() => (running.output().match(threadEnds) ?? []).length === round)
      await until(async () => (await issue()) === 200)
    }
    expect(alive(running.child)).toBe(true)
    await until(async () => (await fetch(`${running.admin}/readyz`)).status === 200)
  })

  it('of one worker ends that one; the other serves, and another takes its place', async () => {
    const running = await startWithBomb(`workers: 2\n${configuration(await startUpstream())}`)
    await until(async () => (await metric(running.admin, 'portcullis_workers')) === 2, 20)
    const load = steadyLoad(
      { port: running.port, path: '/open/x' },
      { kept: 4, fresh: 2, pause: 2 },
    )
    await until(() => load.answered() > 30)
    await running.ignite('throw')
    // Whoever sees the file first: one of the workers, or the process that supervises them.
    await until(() => running.output().includes('process.uncaughtException'), 20)
    await until(() => !alive(running.child) || running.output().includes('worker.replaced'), 30)
    await load.stop()
    const lost = load.failures.filter((failure) => !failure.includes('ECONNREFUSED'))
    expect(lost).toEqual([])
  })
})

describe('R-44 whoever reads the log stands still', () => {
  it('SIGSTOP of the reader: requests go on, lines are counted as lost, and it stops', async () => {
    const upstream = await startUpstream()
    // `cat` reads, and is stopped; the gateway is the shell's own process.
    const running = await startBehind(
      'exec "$@" > >(echo $BASHPID >&2; exec cat > /dev/null)',
      upstream,
    )
    await until(() => /^\d+$/m.test(running.output()))
    const reader = Number(/^\d+$/m.exec(running.output())?.[0])
    process.kill(reader, 'SIGSTOP')
    closers.push(() => process.kill(reader, 'SIGKILL'))
    const path = `/open/${'x'.repeat(7000)}`
    for (let round = 0; round < 70; round++) {
      const answers = Array.from({ length: 10 }, () => fetch(running.origin + path))
      for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200)
    }
    expect(await metric(running.admin, 'portcullis_log_lines_dropped_total')).toBeGreaterThan(0)
    running.child.kill('SIGTERM')
    await until(() => !alive(running.child), 20)
    expect(running.child.exitCode).toBe(0)
  })
})

describe('R-28 no room on the disk', () => {
  it('for the log: requests go on, and what is lost is counted', async () => {
    const upstream = await startUpstream()
    const running = await startBehind('exec "$@" > /dev/full', upstream)
    for (let round = 0; round < 30; round++)
      expect((await fetch(`${running.origin}/open/x`)).status).toBe(200)
    await until(
      async () => (await metric(running.admin, 'portcullis_log_lines_dropped_total')) >= 30,
    )
    expect(alive(running.child)).toBe(true)
  })

  it('for a key that is to be made: a clear refusal, and no half of one is left', async () => {
    const upstream = await startUpstream()
    const running = await startBehind('exec "$@"', upstream)
    const gone = once(running.child, 'exit')
    running.child.kill('SIGINT')
    await gone
    const data = join(running.folder, 'data')
    const kept = await readFile(join(data, 'portcullis.db.secret'), 'utf8')
    await rm(join(data, 'portcullis.db.secret'))
    // No file may grow: every write fails, as on a full disk.
    const args = [process.execPath, main, 'start', '--config', running.file]
    const child = spawn(
      'bash',
      ['-c', 'trap "" XFSZ; ulimit -f 0; exec "$@" 2>&1 | cat', 'bash', ...args],
      {
        env: { ...process.env, ...running.env, NODE_DISABLE_COMPILE_CACHE: '1' },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk
    })
    await once(child, 'close')
    expect(output).toMatch(/^portcullis: .*portcullis\.db/)
    expect(output).not.toMatch(/^\s+at /m)
    expect((await readdir(data)).filter((name) => name.includes('.secret'))).toEqual([])
    expect(kept.trim().length).toBeGreaterThan(31)
  })
})
