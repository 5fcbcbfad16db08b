import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { compared } from '../src/cli/doctor/clocks.ts'
import type { Finding } from '../src/cli/doctor/finding.ts'
import { examineNode } from '../src/cli/doctor/node-version.ts'
import { createAuthority } from './support/certificates.ts'
import { runCommand, type Surroundings, spawnCommand } from './support/command-line.ts'
import { freePort, spawnPortcullis, until } from './support/portcullis.ts'
import { redis } from './support/store-servers.ts'

const CONFIGURATION = `
scopes: { orders.read: See your orders }
upstreams: { orders: 'http://127.0.0.1:9' }
routes: [{ path: /orders/*, upstream: orders, scope: orders.read }]
clients:
  - { client_id: shop, redirect_uris: ['https://shop.example/callback'] }
`

const OF_ENVIRONMENT = `$\{MACHINE_SECRET}`

const onServer = (store: string): string => `issuer: http://127.0.0.1:1
listen: 127.0.0.1:1
store: '${store}'
secret: a-secret-of-more-than-32-characters-in-all
admin: { token: a-token-of-more-than-32-characters-in-all }
${CONFIGURATION}`

type Running = Awaited<ReturnType<typeof spawnPortcullis>>
const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

const started = async (...given: Parameters<typeof spawnPortcullis>): Promise<Running> => {
  const running = await spawnPortcullis(...given)
  undo.push(running.stop)
  return running
}

/** A folder with the configuration, and what else is put there; nothing runs. */
const folderWith = async (yaml = CONFIGURATION): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-doctor-'))
  undo.push(() => rmSync(folder, { recursive: true }))
  const [port, admin] = await Promise.all([freePort(), freePort()])
  const issuer = /^issuer:/m.test(yaml) ? '' : `issuer: http://127.0.0.1:${port}\n`
  const text = `${issuer}listen: 127.0.0.1:${port}
admin: { listen: 127.0.0.1:${admin} }
store: sqlite:portcullis.db
${yaml}`
  writeFileSync(join(folder, 'portcullis.yaml'), text, { mode: 0o600 })
  return folder
}

type Report = { readonly code: number; readonly findings: readonly Finding[] }

const examine = async (folder: string, surroundings?: Surroundings): Promise<Report> => {
  const file = join(folder, 'portcullis.yaml')
  const { code, output } = await runCommand(['doctor', '--json', '--config', file], surroundings)
  const { findings, ok } = JSON.parse(output)
  expect(ok).toBe(code === 0)
  return { code, findings }
}

const found = ({ findings }: Report, check: string): Finding | undefined =>
  findings.find((finding) => finding.check === check)

describe('portcullis doctor, beside a gateway that runs', () => {
  let running: Running
  beforeAll(async () => {
    running = await spawnPortcullis(CONFIGURATION)
  })
  afterAll(() => running.stop())

  it('finds no problem where there is none, and ends with 0', async () => {
    const report = await examine(running.folder)
    expect(report.findings.filter(({ level }) => level === 'problem')).toEqual([])
    expect(report.code).toBe(0)
    for (const check of [
      ...['configuration', 'gateway', 'admin', 'permissions', 'store', 'store.writable'],
      ...['store.durable', 'store.disk', 'clock.gateway', 'clock.store', 'clock.steady'],
      ...['issuer', 'proxy', 'machine.files', 'machine.workers', 'listeners'],
    ])
      expect(found(report, check), check).toMatchObject({ check, message: expect.any(String) })
  })

  it('every warning and problem says in one sentence how to mend it', async () => {
    const { findings } = await examine(running.folder, { env: { PORTCULLIS_ADMIN_TOKEN: 'x' } })
    for (const { level, mend } of findings) expect(mend !== undefined).toBe(level !== 'ok')
  })

  it('A37 another admin token is a problem', async () => {
    const report = await examine(running.folder, { env: { PORTCULLIS_ADMIN_TOKEN: 'another' } })
    expect(report.code).toBe(1)
    expect(found(report, 'admin')).toMatchObject({ level: 'problem' })
  })

  it('A37 a secret that others can read is a problem, until it is closed', async () => {
    const secret = join(running.folder, 'data/portcullis.db.secret')
    chmodSync(secret, 0o644)
    const report = await examine(running.folder)
    expect(found(report, 'permissions.secret')).toMatchObject({
      level: 'problem',
      mend: expect.stringContaining(`chmod 600 ${secret}`),
    })
    chmodSync(secret, 0o600)
    expect(found(await examine(running.folder), 'permissions.secret')).toBeUndefined()
  })

  it('a store that something else holds locked is a problem', async () => {
    const database = new DatabaseSync(join(running.folder, 'data/portcullis.db'))
    try {
      database.exec('BEGIN IMMEDIATE')
      expect(found(await examine(running.folder), 'store.writable')).toMatchObject({
        level: 'problem',
        message: expect.stringContaining('locked'),
      })
    } finally {
      database.close()
    }
  })

  it('a change of the file that was refused is a problem', async () => {
    const folder = running.folder
    const aside = mkdtempSync(join(tmpdir(), 'portcullis-doctor-'))
    undo.push(() => rmSync(aside, { recursive: true }))
    cpSync(join(folder, 'portcullis.yaml'), join(aside, 'portcullis.yaml'))
    // The gateway's own file is broken; what doctor is given is the good one.
    writeFileSync(join(folder, 'portcullis.yaml'), 'nothing: true\n')
    undo.push(() => cpSync(join(aside, 'portcullis.yaml'), join(folder, 'portcullis.yaml')))
    const token = { PORTCULLIS_ADMIN_TOKEN: 'x' }
    const deadline = performance.now() + 10_000
    let refused: Finding | undefined
    while (refused === undefined && performance.now() < deadline)
      refused = found(await examine(aside, { env: token }), 'gateway.configuration')
    expect(refused).toMatchObject({
      level: 'problem',
      message: expect.stringContaining('is not in force'),
    })
  })

  it('as a process: a table for people, without colours where it is no terminal', async () => {
    const file = join(running.folder, 'portcullis.yaml')
    // What the test before this did to the file is noticed within a second or so.
    await until(async () => {
      const ready = await fetch(`${running.admin}/readyz`)
      return ready.status === 200 && !(await ready.text()).includes('configuration')
    })
    const { code, output, errors } = await spawnCommand(['doctor', '--config', file])
    expect({ code, errors, output }).toMatchObject({ code: 0, errors: '' })
    expect(output).toMatch(/^ok +gateway +it runs, and is ready/m)
    expect(output).toMatch(/^0 problems, \d+ warnings?\n$/m)
    expect(output).not.toContain('\u001b')
  })
})

describe('portcullis doctor, of a store', () => {
  const stored = async (change: (file: string) => void): Promise<string> => {
    const running = await spawnPortcullis(CONFIGURATION)
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-doctor-'))
    undo.push(() => rmSync(folder, { recursive: true }))
    running.child.kill('SIGINT')
    await new Promise((resolve) => running.child.once('exit', resolve))
    cpSync(running.folder, folder, { recursive: true })
    await running.stop()
    change(join(folder, 'data/portcullis.db'))
    return folder
  }
  const executed = (sql: string) => (file: string) => {
    const database = new DatabaseSync(file)
    database.exec(sql)
    database.close()
  }

  it.each<[string, string, string, (file: string) => void]>([
    ['of a newer version', 'store', 'newer version', executed('PRAGMA user_version = 99')],
    ['of another program', 'store', 'another program', executed('PRAGMA application_id = 7')],
    ['that is none', 'store', 'not an SQLite', (file) => writeFileSync(file, 'text '.repeat(100))],
    ['without a log', 'store.durable', 'delete', executed('PRAGMA journal_mode = DELETE')],
    ['that others can read', 'store.permissions', '0644', (file) => chmodSync(file, 0o644)],
    [
      'that was written to in the future',
      'clock.store',
      'from now',
      executed(`INSERT INTO beats VALUES ('x', 0, ${(Date.now() + 3_600_000).toFixed(0)})`),
    ],
  ])('%s is a problem', async (_, check, says, change) => {
    const report = await examine(await stored(change))
    expect(report.code).toBe(1)
    expect(found(report, check)).toMatchObject({
      level: 'problem',
      message: expect.stringContaining(says),
      mend: expect.stringMatching(/./),
    })
  })

  it('that is not there yet is well, and is not made', async () => {
    const folder = await folderWith()
    expect(found(await examine(folder), 'store')).toMatchObject({ level: 'ok' })
    expect(existsSync(join(folder, 'portcullis.db'))).toBe(false)
  })

  it.skipIf(redis.absent)(
    'a server that loses what it acknowledged is a warning; its clock is compared',
    async () => {
      const server = await redis.start(['--appendonly', 'no'])
      undo.push(server.stop)
      const folder = await folderWith()
      writeFileSync(join(folder, 'portcullis.yaml'), onServer(server.url('doctor')), {
        mode: 0o600,
      })
      const report = await examine(folder)
      expect(found(report, 'store')).toMatchObject({ level: 'ok' })
      expect(found(report, 'store.durable')).toMatchObject({
        level: 'warning',
        mend: expect.stringContaining('appendonly'),
      })
      expect(found(report, 'clock.store')).toMatchObject({ level: 'ok' })
      server.ask('CONFIG SET maxmemory 100mb')
      server.ask('CONFIG SET maxmemory-policy allkeys-lru')
      expect(found(await examine(folder), 'store')).toMatchObject({
        level: 'problem',
        mend: expect.stringContaining('noeviction'),
      })
    },
  )

  it.each<[number, Finding['level']]>([
    [0.4, 'ok'],
    [-5, 'warning'],
    [90, 'problem'],
  ])('a clock that is %d s ahead: %s', (seconds, level) => {
    expect(compared('clock.store', 'the store’s clock', seconds).level).toBe(level)
  })

  it('a server that does not answer is a problem', async () => {
    const folder = await folderWith()
    const text = onServer(`redis://127.0.0.1:${await freePort()}/0`)
    writeFileSync(join(folder, 'portcullis.yaml'), text, { mode: 0o600 })
    const report = await examine(folder)
    expect(found(report, 'store')).toMatchObject({ level: 'problem' })
  })
})

describe('portcullis doctor, of a configuration', () => {
  it('its mistakes are problems, each with its place', async () => {
    const report = await examine(
      await folderWith('scopes: { a: See a }\nroutes: [{ path: nowhere }]\n'),
    )
    expect(report.code).toBe(1)
    expect(found(report, 'configuration')).toMatchObject({
      level: 'problem',
      message: expect.stringMatching(/portcullis\.yaml:\d+:\d+ routes/),
    })
  })

  it('a gateway that does not run is a warning, and no problem', async () => {
    const report = await examine(await folderWith())
    expect(found(report, 'gateway')).toMatchObject({ level: 'warning' })
    expect(report.code).toBe(0)
  })

  it.each<[string, number, string, 'problem' | undefined]>([
    ['a secret in a file that everybody may read', 0o644, 'a-secret-of-the-machine', 'problem'],
    ['a secret in a file of a group', 0o640, 'a-secret-of-the-machine', undefined],
    ['a secret from the environment', 0o644, OF_ENVIRONMENT, undefined],
    ['a file that everybody may change', 0o602, OF_ENVIRONMENT, 'problem'],
  ])('%s', async (_, mode, secret, level) => {
    const folder = await folderWith(`${CONFIGURATION}
  - { client_id: machine, client_secret: '${secret}', grant_types: [client_credentials] }
`)
    chmodSync(join(folder, 'portcullis.yaml'), mode)
    const report = await examine(folder, { env: { MACHINE_SECRET: 'of-the-environment' } })
    expect(found(report, 'permissions.configuration')?.level).toBe(level)
  })

  it('a listener on the network, and more processes than cores, are warnings', async () => {
    const folder = await folderWith(`${CONFIGURATION}\nworkers: 64\n`)
    const file = join(folder, 'portcullis.yaml')
    const { readFileSync } = await import('node:fs')
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^listen: .*$/m, 'listen: 0.0.0.0:8080'))
    const report = await examine(folder)
    expect(found(report, 'listeners')).toMatchObject({ level: 'warning' })
    expect(found(report, 'machine.workers')).toMatchObject({ level: 'warning' })
  })

  it('too few open files for limits.connections are a warning', async () => {
    const running = await started(CONFIGURATION, { files: 256 })
    expect(found(await examine(running.folder), 'machine.files')).toMatchObject({
      level: 'warning',
      message: expect.stringMatching(/^256 files/),
    })
  })
})

describe('portcullis doctor, of the issuer', () => {
  const serve = async (server: Server): Promise<number> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    undo.push(() => server.close())
    return (server.address() as AddressInfo).port
  }
  const metadata = (issuer: string) => JSON.stringify({ issuer })

  it('RFC 8414 3.3 one that answers by another name is a problem', async () => {
    const port = await serve(createServer((_, res) => res.end(metadata('https://other.example'))))
    const folder = await folderWith(`issuer: http://127.0.0.1:${port}\n${CONFIGURATION}`)
    expect(found(await examine(folder), 'issuer')).toMatchObject({
      level: 'problem',
      message: expect.stringContaining('https://other.example'),
    })
  })

  it('one behind which something else answers is a problem', async () => {
    const port = await serve(createServer((_, res) => res.writeHead(404).end('nothing')))
    const folder = await folderWith(`issuer: http://127.0.0.1:${port}\n${CONFIGURATION}`)
    expect(found(await examine(folder), 'issuer')).toMatchObject({ level: 'problem' })
  })

  it('TLS by an authority that nobody knows, or of another name, is a problem; a good one is well', async () => {
    const authority = createAuthority()
    const folder = await folderWith()
    writeFileSync(join(folder, 'ca.pem'), authority.ca)
    const examined = async (names: string, days: number, env: Record<string, string>) => {
      let issuer = ''
      const server = createTlsServer(authority.issue(names, days), (_, res) =>
        res.end(metadata(issuer)),
      )
      const port = await serve(server)
      issuer = `https://localhost:${port}`
      const file = join(folder, 'portcullis.yaml')
      const text = `issuer: ${issuer}\nlisten: 127.0.0.1:1\ntrustedProxies: [127.0.0.1]\n${CONFIGURATION}`
      writeFileSync(file, text, { mode: 0o600 })
      const ran = await spawnCommand(['doctor', '--json', '--config', file], { env })
      return { code: ran.code, findings: JSON.parse(ran.output).findings }
    }
    const known = { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') }
    expect(found(await examined('DNS:localhost', 90, {}), 'issuer')?.level).toBe('problem')
    expect(found(await examined('DNS:other', 90, known), 'issuer')?.level).toBe('problem')
    expect(found(await examined('DNS:localhost', -1, known), 'issuer')?.level).toBe('problem')
    const soon = await examined('DNS:localhost', 5, known)
    expect(found(soon, 'issuer')?.level).toBe('ok')
    expect(found(soon, 'issuer.tls')?.level).toBe('warning')
    expect(found(await examined('DNS:localhost', 90, known), 'issuer.tls')?.level).toBe('ok')
  })

  /** A proxy that reaches the gateway from 127.0.0.2, which is trusted; clients come from 127.0.0.1. */
  const proxied = async (forwarded: (given: string | undefined) => string | undefined) => {
    const target = { port: 0 }
    const port = await serve(
      createServer((req, res) => {
        const { 'x-forwarded-for': given, ...headers } = req.headers
        const field = forwarded(typeof given === 'string' ? given : undefined)
        const onward = request({
          ...{ host: '127.0.0.1', port: target.port, localAddress: '127.0.0.2' },
          ...{ method: req.method, path: req.url },
          headers: { ...headers, ...(field && { 'x-forwarded-for': field }) },
        })
        onward.on('response', (answer) => {
          res.writeHead(answer.statusCode ?? 500, answer.headers)
          answer.pipe(res)
        })
        req.pipe(onward)
      }),
    )
    return { issuer: `http://127.0.0.1:${port}`, target }
  }

  it.each<[string, 'ok' | 'problem', string, (given: string | undefined) => string | undefined]>([
    ['appends', 'ok', 'arrives', (given) => `${given ? `${given}, ` : ''}127.0.0.1`],
    ['sets it anew', 'ok', 'arrives', () => '127.0.0.1'],
    ['drops it', 'problem', 'does not arrive', () => undefined],
    ['passes it on as it came', 'problem', 'can say themselves', (given) => given],
  ])('a proxy that %s: X-Forwarded-For is %s', async (_, level, says, forwarded) => {
    const { issuer, target } = await proxied(forwarded)
    const running = await started(
      `issuer: ${issuer}\ntrustedProxies: [127.0.0.2]\n${CONFIGURATION}`,
    )
    target.port = running.port
    expect(found(await examine(running.folder), 'proxy')).toMatchObject({
      level,
      message: expect.stringContaining(says),
    })
  })

  it('a proxy that is not trusted at all is a warning', async () => {
    const { issuer, target } = await proxied(() => '127.0.0.1')
    const running = await started(`issuer: ${issuer}\n${CONFIGURATION}`)
    target.port = running.port
    expect(found(await examine(running.folder), 'proxy')).toMatchObject({ level: 'warning' })
  })
})

describe('F9 portcullis doctor, of Node', () => {
  it.each<[string, Finding['level']]>([
    ['v24.14.9', 'problem'],
    ['v24.15.0', 'warning'],
    ['v24.22.0', 'warning'],
    ['v24.22.1', 'ok'],
    ['v24.23.0', 'ok'],
    ['v25.9.0', 'warning'],
    ['v26.12.0', 'warning'],
    ['v26.12.1', 'ok'],
    ['v28.0.0', 'ok'],
  ])('%s: %s', (version, level) => {
    const finding = examineNode('node', version)
    expect(finding.level).toBe(level)
    if (level === 'warning')
      expect(finding.message).toMatch(/CVE-2026-111497.*not exposed.*decompresses nothing/)
  })
})
