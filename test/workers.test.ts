import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createBackOff } from '../src/back-off.ts'
import { freePort, type SpawnedPortcullis, spawnPortcullis, until } from './support/portcullis.ts'
import { steadyLoad } from './support/steady-load.ts'

const closers: (() => unknown)[] = []
// Each of them starts three processes and more, on a machine that may have other things to do.
vi.setConfig({ testTimeout: 90_000 })

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const startUpstream = async () => {
  const held: (() => void)[] = []
  const server = createServer((req, res) => {
    if (req.url?.endsWith('/held')) held.push(() => res.end('released'))
    else res.end(req.url)
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port, held }
}

const configuration = (upstream: number, path = '/open/*') => `
workers: 2
drainDelay: 0s
scopes: { a: See a }
upstreams: { api: http://127.0.0.1:${upstream} }
routes:
  - { path: '${path}', upstream: api, access: public }
  - { path: /a/*, upstream: api, scope: a }
clients:
  - { client_id: job, client_secret: a-secret-of-the-test, grant_types: [client_credentials], scope: a }
`

const start = async (yaml: string) => {
  const running = await spawnPortcullis(yaml)
  closers.push(running.stop)
  return running
}

type Line = {
  event: string
  request_id?: string
  worker?: number
  pid?: number
  next_in?: number
  problems?: string[]
}

const lines = ({ output }: SpawnedPortcullis): Line[] =>
  output()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line))

const metric = async ({ admin }: SpawnedPortcullis, name: string): Promise<number> => {
  const text = await (await fetch(`${admin}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return line === undefined ? Number.NaN : Number(line.slice(name.length + 1))
}

const bothServe = (running: SpawnedPortcullis) =>
  until(async () => (await metric(running, 'portcullis_workers')) === 2, 20)

/** The processes of the workers, by what they are called in the log. */
const pids = async (running: SpawnedPortcullis): Promise<number[]> => {
  const children = await readFile(`/proc/${running.child.pid}/task/${running.child.pid}/children`)
  return children.toString().trim().split(/\s+/).map(Number)
}

/** A request on a connection of its own. */
const ask = (url: string, init: RequestInit = {}) =>
  fetch(url, { ...init, headers: { ...init.headers, connection: 'close' } })

const tokenOf = async (origin: string): Promise<string> => {
  const answer = await ask(`${origin}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('job:a-secret-of-the-test')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  const { access_token } = (await answer.json()) as { access_token: string }
  return access_token
}

describe('§2 workers: 2', () => {
  it('§4 /readyz is 200 when all listen, not before', async () => {
    const running = await start(configuration(9).replace('workers: 2', 'workers: 3'))
    expect(await metric(running, 'portcullis_workers')).toBe(3)
  })

  it('both serve, their lines carry their numbers, and what they count is one sum', async () => {
    const upstream = await startUpstream()
    const running = await start(configuration(upstream.port))
    await bothServe(running)
    let asked = 0
    const seen = () =>
      new Set(lines(running).flatMap(({ event, worker }) => (event === 'request' ? [worker] : [])))
    await until(async () => {
      asked += 1
      expect((await ask(`${running.origin}/open/x`)).status).toBe(200)
      return seen().size === 2
    }, 20)
    expect([...seen()].sort()).toEqual([1, 2])
    const total = 'portcullis_requests_total{route="/open/*",status="2xx"}'
    await until(async () => (await metric(running, total)) === asked)
    await until(async () => (await metric(running, 'portcullis_channel_healthy')) === 1)
  })

  it('§6.4 what one revokes is refused by both', async () => {
    const upstream = await startUpstream()
    const running = await start(configuration(upstream.port))
    await bothServe(running)
    const { origin } = running
    const token = await tokenOf(origin)
    const uses = () =>
      Promise.all(
        Array.from({ length: 16 }, async () => {
          const headers = { authorization: `Bearer ${token}` }
          return (await ask(`${origin}/a/x`, { headers })).status
        }),
      )
    expect(new Set(await uses())).toEqual(new Set([200]))
    const revoked = await ask(`${origin}/oauth/revoke`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('job:a-secret-of-the-test')}` },
      body: new URLSearchParams({ token }),
    })
    expect(revoked.status).toBe(200)
    await until(async () => (await uses()).every((status) => status === 401), 2)
  })

  it('what either of them refused is found by the id of the request', async () => {
    const upstream = await startUpstream()
    const running = await start(configuration(upstream.port))
    await bothServe(running)
    const token = (
      await readFile(join(running.folder, 'data/portcullis.db.admin-token'), 'utf8')
    ).trim()
    const headers = { authorization: `Bearer ${token}` }
    const ids = new Map<string, number>()
    const seen = () =>
      lines(running).flatMap(({ event, worker, request_id = '' }) =>
        event === 'request' && ids.has(request_id) ? [worker] : [],
      )
    await until(async () => {
      const answer = await ask(`${running.origin}/a/x`)
      ids.set(answer.headers.get('x-request-id') ?? '', answer.status)
      return new Set(seen()).size === 2
    }, 20)
    expect(new Set(ids.values())).toEqual(new Set([401]))
    const found = async (query: string): Promise<{ items: { request_id: string }[] }> =>
      JSON.parse(await (await ask(`${running.admin}/api/v1/refusals${query}`, { headers })).text())
    for (const id of ids.keys())
      await until(async () => (await found(`?request_id=${id}`)).items[0]?.request_id === id)
    const { items } = await found('?limit=500&route=/a/*')
    expect(items.map(({ request_id }) => request_id).sort()).toEqual([...ids.keys()].sort())
  })

  it('the address in use is one clear error, exit code 1', async () => {
    const upstream = await startUpstream()
    const taken = configuration(upstream.port).concat(`listen: 127.0.0.1:${upstream.port}\n`)
    await expect(start(taken)).rejects.toThrow(
      `it ended with 1:\nportcullis: cannot listen on 127.0.0.1:${upstream.port}: another process uses this port`,
    )
  })
})

describe('R-38 a worker that ends', () => {
  it('by SIGKILL under load takes less than 1 % with it, is replaced, and no total falls', async () => {
    const upstream = await startUpstream()
    const running = await start(configuration(upstream.port))
    await bothServe(running)
    const load = steadyLoad(
      { port: running.port, path: '/open/x' },
      { kept: 4, fresh: 2, pause: 2 },
    )
    await until(() => load.answered() > 300, 30)
    const total = 'portcullis_requests_total{route="/open/*",status="2xx"}'
    const before = await metric(running, total)
    process.kill((await pids(running))[0] ?? 0, 'SIGKILL')
    await until(() => lines(running).some(({ event }) => event === 'worker.replaced'), 20)
    const after = load.answered()
    await until(() => load.answered() > after + 300, 30)
    await load.stop()
    expect(load.failures.length).toBeLessThanOrEqual(6)
    expect(load.failures.length).toBeLessThan(load.answered() / 100)
    expect([...load.statuses.keys()]).toEqual([200])
    expect(await metric(running, total)).toBeGreaterThanOrEqual(before)
    expect(await metric(running, 'portcullis_worker_restarts_total')).toBe(1)
    await bothServe(running)
  })

  it('again and again is started at ever longer intervals', async () => {
    const running = await start(configuration(9))
    await bothServe(running)
    const replaced = () => lines(running).filter(({ event }) => event === 'worker.replaced')
    for (let round = 0; round < 3; round++) {
      const last = replaced().at(-1)?.pid ?? (await pids(running))[0] ?? 0
      process.kill(last, 'SIGKILL')
      await until(() => replaced().length > round, 20)
    }
    const ended = lines(running).filter(({ event }) => event === 'worker.ended')
    expect(ended.map(({ next_in }) => next_in)).toEqual([0, 0.25, 0.5])
    expect(new Set(ended.map(({ worker }) => worker)).size).toBe(1)
  })

  it('after a long life is replaced at once; the pause grows to its limit and no further', () => {
    const { after } = createBackOff({ first: 1, longest: 5, settled: 10 })
    expect([1, 1, 1, 1, 1, 60, 1].map(after)).toEqual([0, 1, 2, 4, 5, 0, 1])
  })

  it('R-36 without ending, as one that hangs, is ended and replaced while the other serves', async () => {
    const upstream = await startUpstream()
    const running = await start(configuration(upstream.port))
    await bothServe(running)
    const [hung = 0] = await pids(running)
    process.kill(hung, 'SIGSTOP')
    await until(() => lines(running).some(({ event }) => event === 'worker.replaced'), 30)
    expect(lines(running)).toContainEqual(
      expect.objectContaining({ event: 'worker.hung', pid: hung }),
    )
    await bothServe(running)
    expect((await ask(`${running.origin}/open/x`)).status).toBe(200)
  })
})

describe('§2 a changed configuration', () => {
  const applied = (running: SpawnedPortcullis, count = 1) =>
    until(
      () => lines(running).filter(({ event }) => event === 'configuration.applied').length >= count,
      20,
    )

  it('is taken on by all, by one that comes later, too; a worker that ends meanwhile hinders nobody', async () => {
    const upstream = await startUpstream()
    const running = await start(configuration(upstream.port))
    await bothServe(running)
    const before = await readFile(running.file, 'utf8')
    await writeFile(running.file, before.replace('/open/*', '/new/*'))
    await applied(running)
    const statuses = async (path: string) => {
      const answers = Array.from({ length: 12 }, () => ask(running.origin + path))
      return new Set((await Promise.all(answers)).map(({ status }) => status))
    }
    expect(await statuses('/new/x')).toEqual(new Set([200]))
    expect(await statuses('/open/x')).toEqual(new Set([404]))

    process.kill((await pids(running))[0] ?? 0, 'SIGKILL')
    await writeFile(running.file, before.replace('/open/*', '/newer/*'))
    await applied(running, 2)
    await bothServe(running)
    expect(await statuses('/newer/x')).toEqual(new Set([200]))
    expect(await statuses('/new/x')).toEqual(new Set([404]))
    expect(await metric(running, 'portcullis_config_reloads_total{result="success"}')).toBe(2)
  })

  it('that cannot be put in force is taken on by none', async () => {
    const upstream = await startUpstream()
    const running = await start(configuration(upstream.port))
    await bothServe(running)
    const before = await readFile(running.file, 'utf8')
    const taken = before
      .replace('/open/*', '/new/*')
      .replace(`listen: 127.0.0.1:${running.port}`, `listen: 127.0.0.1:${upstream.port}`)
    await writeFile(running.file, taken)
    const problem = `is good, but could not be applied: cannot listen on 127.0.0.1:${upstream.port}`
    await until(() => running.output().includes(problem), 20)
    for (let round = 0; round < 12; round++)
      expect((await ask(`${running.origin}/open/x`)).status).toBe(200)
    const readyz = await fetch(`${running.admin}/readyz`)
    expect(readyz.status).toBe(200)
    expect(await readyz.text()).toContain(problem)
    expect(await metric(running, 'portcullis_config_reloads_total{result="failure"}')).toBe(1)
    expect(await metric(running, 'portcullis_config_last_reload_successful')).toBe(0)
  })
})

describe('R-37 SIGTERM', () => {
  it('drains all workers: what they have in hand is answered, exit code 0', async () => {
    const upstream = await startUpstream()
    const running = await start(configuration(upstream.port))
    await bothServe(running)
    const answers = Array.from({ length: 8 }, async () =>
      (await ask(`${running.origin}/open/held`)).text(),
    )
    await until(() => upstream.held.length === 8)
    running.child.kill('SIGTERM')
    await until(() => running.output().includes('"stopping"'))
    for (const release of upstream.held) release()
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['released']))
    await until(() => running.child.exitCode !== null)
    expect(running.child.exitCode).toBe(0)
  })

  it('of one worker alone is a drain of that one; another takes its place', async () => {
    const upstream = await startUpstream()
    const running = await start(configuration(upstream.port))
    await bothServe(running)
    const load = steadyLoad(
      { port: running.port, path: '/open/x' },
      { kept: 3, fresh: 2, pause: 2 },
    )
    await until(() => load.answered() > 100)
    process.kill((await pids(running))[1] ?? 0, 'SIGTERM')
    await until(() => lines(running).some(({ event }) => event === 'worker.replaced'), 20)
    await load.stop()
    expect(load.failures).toEqual([])
  })
})
