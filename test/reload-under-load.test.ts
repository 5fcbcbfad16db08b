// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${file:…} in a text is what is tested here
import { mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { loadConfiguration } from '../src/config/load.ts'
import { openEvents } from './support/event-source.ts'
import { freePort, spawnPortcullis, startPortcullis, until } from './support/portcullis.ts'
import { steadyLoad } from './support/steady-load.ts'

vi.setConfig({ testTimeout: 90_000 })

/** All of it with `npm run chaos`. */
const FULL = process.env.PORTCULLIS_CHAOS === 'full'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Answers with its path, `/events` with an event stream. */
const startUpstream = async () => {
  const server = createServer((req, res) => {
    const path = req.url ?? ''
    if (!path.endsWith('/events')) return void res.end(path)
    res.writeHead(200, { 'Content-Type': 'text/event-stream' })
    const timer = setInterval(() => res.write('data: tick\n\n'), 20)
    res.on('close', () => clearInterval(timer))
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return port
}

/** Everything that a request can tell a version by: base path, an answer's field, a scope. */
const version = (upstream: number, name: 'one' | 'two', more = '') => `
drainDelay: 0s
scopes: { one: First, two: Second }
upstreams: { api: http://127.0.0.1:${upstream}/${name} }
routes:
  - { path: /v/*, upstream: api, access: public, cors: { origins: ['https://${name}.example'] } }
  - { path: /open/*, upstream: api, access: public }
  - { path: /t/*, upstream: api, scope: one }
clients:
  - { client_id: job, client_secret: a-secret-of-the-test, grant_types: [client_credentials], scope: one two }
${more}`

const start = async (yaml: string) => {
  const running = await spawnPortcullis(yaml)
  closers.push(running.stop)
  const head = (await readFile(running.file, 'utf8')).slice(0, -yaml.length)
  return {
    ...running,
    write: (next: string) => writeFile(running.file, head + next),
    metrics: async () => (await fetch(`${running.admin}/metrics`)).text(),
    applied: (count: number) =>
      until(() => running.output().split('"configuration.applied"').length > count, 20),
    refused: (count: number) =>
      until(() => running.output().split('"configuration.refused"').length > count, 20),
  }
}

const tokenOf = async (origin: string): Promise<string> => {
  const answer = await fetch(`${origin}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('job:a-secret-of-the-test')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  return ((await answer.json()) as { access_token: string }).access_token
}

describe.each([
  ['one process', ''],
  ['two workers', 'workers: 2\n'],
])('R-39 a change under load, %s', (_, settings) => {
  it('fails no request and drops no stream; each request sees one version whole', async () => {
    const upstream = await startUpstream()
    const running = await start(version(upstream, 'one', settings))
    const load = steadyLoad(
      {
        port: running.port,
        path: '/v/x',
        headers: { origin: 'https://one.example' },
        judge: (status, body, headers) => {
          const sees = headers['access-control-allow-origin'] === undefined ? 'two' : 'one'
          return status === 200 && body === `/${sees}/v/x` ? undefined : `${status} ${sees} ${body}`
        },
      },
      { kept: 4, fresh: 3, pause: 2 },
    )
    const events = await openEvents(`${running.origin}/open/events`)
    for (let round = 1; round <= 4; round++) {
      await running.write(version(upstream, round % 2 === 1 ? 'two' : 'one', settings))
      await running.applied(round)
    }
    const seen = events.events.length
    await events.count(seen + 5)
    await load.stop()
    expect(load.failures).toEqual([])
    expect(load.answered()).toBeGreaterThan(100)
    expect(await running.metrics()).toContain('portcullis_config_reloads_total{result="success"} 4')
    events.leave()
  })

  it('§2 `listen` and `admin.listen` are bound anew before the old ones close; `store` and `workers` wait', async () => {
    const upstream = await startUpstream()
    const yaml = version(upstream, 'one', settings).replace('drainDelay: 0s', 'drainDelay: 2s')
    const running = await start(yaml)
    let port = running.port
    const load = steadyLoad({ port: () => port, path: '/open/x' }, { kept: 3, fresh: 3, pause: 2 })
    const events = await openEvents(`${running.origin}/open/events`)
    await until(() => load.answered() > 50)
    const before = await readFile(running.file, 'utf8')
    const [next, admin] = [await freePort(), await freePort()]
    await writeFile(
      running.file,
      before
        .replace(`listen: 127.0.0.1:${port}`, `listen: 127.0.0.1:${next}`)
        .replace(`'${new URL(running.admin).host}'`, `'127.0.0.1:${admin}'`)
        .replace('store: sqlite:data/portcullis.db', 'store: sqlite:data/other.db'),
    )
    // Whoever is told of a move goes to the new address from when it answers on.
    await until(async () => {
      const answer = await fetch(`http://127.0.0.1:${next}/open/x`).catch(() => undefined)
      return answer?.status === 200
    }, 20)
    port = next
    await running.applied(1)
    expect(running.output()).toContain('"needs_restart":["store"]')
    const asked = load.answered()
    await until(() => load.answered() > asked + 50)
    await load.stop()
    expect(load.failures).toEqual([])
    await events.count(events.events.length + 5)
    events.leave()
    expect((await fetch(`http://127.0.0.1:${admin}/readyz`)).status).toBe(200)
    for (const former of [`${running.admin}/readyz`, `${running.origin}/open/x`])
      await until(() =>
        fetch(former).then(
          () => false,
          () => true,
        ),
      )
  })

  it('R-40 a new first key every few moments refuses no valid token', async () => {
    const upstream = await startUpstream()
    const key = (number: number) => `key-${String(number).padStart(40, '0')}`
    const secrets = (newest: number) =>
      `${settings}secret: [${Array.from({ length: newest + 1 }, (_each, at) => key(newest - at)).join(', ')}]\n`
    const running = await start(version(upstream, 'one', secrets(0)))
    const tokens = [await tokenOf(running.origin)]
    let turn = 0
    const load = steadyLoad(
      {
        port: running.port,
        path: () => {
          turn += 1
          return `/t/${turn}`
        },
        // A fresh list each time: the newest tokens, and the first of all.
        headers: {
          get authorization() {
            return `Bearer ${tokens[turn % tokens.length]}`
          },
        },
        judge: (status) => (status === 200 ? undefined : `status ${status}`),
      },
      { kept: 3, fresh: 2, pause: 2 },
    )
    const rounds = FULL ? 60 : 5
    for (let round = 1; round <= rounds; round++) {
      await running.write(version(upstream, 'one', secrets(round)))
      running.child.kill('SIGHUP')
      const minted = await Promise.all(Array.from({ length: 4 }, () => tokenOf(running.origin)))
      tokens.push(...minted)
      await running.applied(round)
    }
    await until(() => load.answered() > 300, 30)
    await load.stop()
    expect(load.failures).toEqual([])
    expect(new Set(tokens.map((token) => token.slice(0, 10))).size).toBeGreaterThan(3)
  })
})

const GOOD = /^portcullis_config_last_reload_successful 1$/m

describe('R-39 faults of a change', () => {
  it('each is refused, told with its line, and nothing changes', async () => {
    const upstream = await startUpstream()
    const running = await start(version(upstream, 'one'))
    const good = version(upstream, 'one')
    const load = steadyLoad(
      {
        port: running.port,
        path: '/open/x',
        judge: (status, body) => (status === 200 && body === '/one/open/x' ? undefined : body),
      },
      { kept: 3, fresh: 2, pause: 3 },
    )
    const faults: [string, RegExp][] = [
      [`${good}\nroutes: [`, /portcullis\.yaml:\d+:\d+/],
      [`${good}\nrouts: []\n`, /routs: .*did you mean \\"routes\\"/],
      [good.replace('/t/*', '/open/*'), /portcullis\.yaml:\d+:\d+ routes\[\d\]/],
      [good.replace('http://127', 'htp://127'), /portcullis\.yaml:\d+:\d+ upstreams\.api/],
      [`${good}secret: \${file:missing.key}\n`, /missing\.key, which is not there/],
      [`${good}secret: too-short\n`, /secret: must be at least 16/],
      [good.slice(0, good.length / 2), /portcullis\.yaml:\d+:\d+/],
    ]
    for (const [at, [text, told]] of faults.entries()) {
      await running.write(text)
      await running.refused(at + 1)
      const readyz = await fetch(`${running.admin}/readyz`)
      expect(readyz.status).toBe(200)
      expect(await readyz.text()).toMatch(told)
      expect(running.output()).toMatch(told)
    }
    const count = `portcullis_config_reloads_total{result="failure"} ${faults.length}`
    expect(await running.metrics()).toContain(count)
    expect(await running.metrics()).not.toMatch(GOOD)
    await running.write(version(upstream, 'one', 'log: { level: warn }'))
    await until(async () => GOOD.test(await running.metrics()))
    expect(await (await fetch(`${running.admin}/readyz`)).json()).toEqual({ status: 'ready' })
    await load.stop()
    expect(load.failures).toEqual([])
  })

  it('a file that is half there is not taken for one that is whole', async () => {
    const upstream = await startUpstream()
    const running = await start(version(upstream, 'one'))
    const whole = version(upstream, 'two')
    // As a slow editor or a copy writes it: cut off in between, and again and again, never still for 300 ms.
    for (let end = 40; end < whole.length; end += Math.ceil(whole.length / 30)) {
      await running.write(whole.slice(0, end))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await running.write(whole)
    await running.applied(1)
    expect(running.output()).not.toContain('configuration.refused')
    expect(await (await fetch(`${running.origin}/open/x`)).text()).toBe('/two/open/x')
  })

  it('a ConfigMap whose links turn changes configuration and key together', async () => {
    const upstream = await startUpstream()
    const running = await start(version(upstream, 'one'))
    const folder = dirname(running.file)
    const text = await readFile(running.file, 'utf8')
    for (const name of ['one', 'two'] as const) {
      await mkdir(join(folder, name))
      await writeFile(join(folder, name, 'key'), `a-key-of-32-characters-and-more-${name}`)
      await writeFile(
        join(folder, name, 'portcullis.yaml'),
        `${text.replace('/one', `/${name}`)}secret: ['\${file:key}', a-key-that-stays-the-same-for-both]\n`,
      )
    }
    await symlink('one', join(folder, '..data'))
    await symlink('..data/key', join(folder, 'key'))
    await symlink('..data/portcullis.yaml', join(folder, 'linked.yaml'))
    await rename(join(folder, 'linked.yaml'), running.file)
    await running.applied(1)
    await symlink('two', join(folder, '..data_tmp'))
    await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    await running.applied(2)
    expect(await (await fetch(`${running.origin}/open/x`)).text()).toBe('/two/open/x')
    expect(running.output()).not.toContain('configuration.refused')
  })

  it('a secret or a certificate in a file of its own is noticed when only that file changes', async () => {
    const upstream = await startUpstream()
    const running = await start(version(upstream, 'one'))
    const key = join(running.folder, 'key')
    await writeFile(key, 'a-key-of-32-characters-and-more-1\n')
    await running.write(
      version(upstream, 'one', "secret: ['${file:key}', a-key-that-stays-the-same-for-ever]\n"),
    )
    await running.applied(1)
    const token = await tokenOf(running.origin)
    const status = async () =>
      (await fetch(`${running.origin}/t/x`, { headers: { authorization: `Bearer ${token}` } }))
        .status
    expect(await status()).toBe(200)
    await writeFile(key, 'a-key-of-32-characters-and-more-2\n')
    await running.applied(2)
    // What the key that is no more had made is foreign now.
    expect(await status()).toBe(401)
  })
})

describe('a thousand changes', () => {
  it('leave memory, sockets, timers and listeners as they were', async () => {
    setFlagsFromString('--expose-gc')
    const gc: () => void = runInNewContext('gc')
    const upstream = await startUpstream()
    const health = 'health: { path: /healthz, interval: 1s }'
    const yaml = version(upstream, 'one').replace(
      `{ api: http://127.0.0.1:${upstream}/one }`,
      `\n  api: { targets: [http://127.0.0.1:${upstream}/one], ${health} }`,
    )
    const running = await startPortcullis(yaml)
    closers.push(running.stop)
    const file = join(running.folder, 'portcullis.yaml')
    const text = await readFile(file, 'utf8')
    const env = { ORIGIN: running.origin, PORT: String(running.port) }
    const change = async (round: number) => {
      await writeFile(file, text.replace('/one]', `/v${round % 7}]`))
      const loaded = await loadConfiguration(file, env)
      if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
      await running.server.apply(loaded.config)
      const answer = await fetch(`${running.origin}/open/x`)
      expect(await answer.text()).toBe(`/v${round % 7}/open/x`)
    }
    const resources = () => {
      const counts = new Map<string, number>()
      for (const kind of process.getActiveResourcesInfo())
        counts.set(kind, (counts.get(kind) ?? 0) + 1)
      return counts
    }
    const descriptors = async () => (await readdir('/proc/self/fd')).length
    for (let round = 0; round < 20; round++) await change(round)
    gc()
    const before = {
      heap: process.memoryUsage().heapUsed,
      fds: await descriptors(),
      resources: resources(),
    }
    const rounds = FULL ? 1000 : 100
    for (let round = 0; round < rounds; round++) await change(round)
    // What was replaced goes as soon as its last request is over.
    const flat = async () => {
      gc()
      const timers = resources().get('Timeout') ?? 0
      return (
        process.memoryUsage().heapUsed - before.heap < 4_000_000 &&
        (await descriptors()) <= before.fds + 4 &&
        timers <= (before.resources.get('Timeout') ?? 0) + 4
      )
    }
    await until(flat, 30)
    const grown = (process.memoryUsage().heapUsed - before.heap) / rounds
    console.info(
      `${rounds} changes: ${Math.round(grown)} bytes of heap each, ${await descriptors()} descriptors (${before.fds} before)`,
    )
  })
})
