import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chmod, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { formatProblem, loadConfiguration } from '../src/config/load.ts'
import { hashPassword } from '../src/store/passwords.ts'
import { madeToken } from './support/admin.ts'
import { createAuthority } from './support/certificates.ts'
import { runCommand } from './support/command-line.ts'
import { csrfIn } from './support/console.ts'
import { ask, type TlsAnswer } from './support/over-tls.ts'
import { spawnPortcullis, startPortcullis, until } from './support/portcullis.ts'
import { exchange } from './support/raw-client.ts'
import { openRaw } from './support/raw-sockets.ts'

vi.setConfig({ testTimeout: 60_000 })

const CONFIGURATION = `
demo: true
accounts:
  - { username: olga, password: olga, admin: owner }
clients:
  - { client_id: native, redirect_uris: ["http://127.0.0.1/callback"] }
`

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** Self-signed, and of no name. */
const selfSigned = () => {
  const { ca: cert, key } = createAuthority('gateway')
  return { cert, key }
}

const derOf = (cert: string): Buffer => new X509Certificate(cert).raw

const started = async (...given: Parameters<typeof startPortcullis>) => {
  const running = await startPortcullis(...given)
  undo.push(running.stop)
  return running
}

const spawned = async (...given: Parameters<typeof spawnPortcullis>) => {
  const running = await spawnPortcullis(...given)
  undo.push(running.stop)
  return running
}

const portOf = (url: string): number => Number(new URL(url).port)

const cookiesOf = ({ headers }: TlsAnswer): readonly string[] => headers['set-cookie'] ?? []

const sent = (cookies: readonly string[]): string =>
  cookies
    .filter((line) => !line.includes('Max-Age=0'))
    .map((line) => line.split(';', 1)[0])
    .join('; ')

/** Signs in at the console, and gives the answer. */
const signIn = async (admin: string, username: string, password = username) => {
  const page = await ask(`${admin}/sign-in`)
  const form = { csrf: csrfIn(page.body), next: '/', username, password }
  return ask(`${admin}/sign-in`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      Cookie: sent(cookiesOf(page)),
      Origin: admin,
    },
    body: new URLSearchParams(form).toString(),
  })
}

describe('A37 an admin listener with admin.tls', () => {
  it('serves health, API and console by https, and shows the certificate of the file', async () => {
    const tls = selfSigned()
    const { admin, folder } = await started(CONFIGURATION, { admin: { tls } })
    const health = await ask(`${admin}/healthz`)
    expect([health.status, health.shown?.equals(derOf(tls.cert))]).toEqual([200, true])
    const headers = { Authorization: `Bearer ${await madeToken(folder)}` }
    expect((await ask(`${admin}/api/v1/clients`, { headers })).status).toBe(200)
    const { status, headers: told } = await signIn(admin, 'olga')
    expect([status, told.location]).toEqual([303, '/'])
  })

  it('its cookies are Secure, with names that nothing in clear can write (RFC 6265bis §4.1.3.2), and it pins no name to https', async () => {
    const { admin } = await started(CONFIGURATION, { admin: { tls: selfSigned() } })
    const answer = await signIn(admin, 'olga')
    const cookies = cookiesOf(answer).filter((line) => !line.includes('Max-Age=0'))
    expect(cookies.length).toBeGreaterThan(0)
    for (const cookie of cookies) {
      expect(cookie).toMatch(/^__Host-pc_console/)
      expect(cookie.split('; ')).toEqual(
        expect.arrayContaining(['Path=/', 'Secure', 'HttpOnly', 'SameSite=Strict']),
      )
    }
    // RFC 6797 §5.2: it would hold for every port of that host, the public listener's among them.
    expect(answer.headers['strict-transport-security']).toBeUndefined()
    const session = sent(cookies)
    const home = await ask(`${admin}/`, { headers: { Cookie: session } })
    expect(home.status).toBe(200)
    const tossed = session.replaceAll('__Host-', '')
    expect((await ask(`${admin}/`, { headers: { Cookie: tossed } })).status).toBe(303)
    const out = await ask(`${admin}/sign-out`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded',
        Cookie: session,
        Origin: admin,
      },
      body: `csrf=${encodeURIComponent(csrfIn(home.body))}`,
    })
    expect([out.status, out.headers.location]).toEqual([302, '/sign-in'])
    expect(cookiesOf(out).join()).toMatch(/^__Host-pc_console=; Max-Age=0; .*Secure/)
  })

  it('A12 a form from a page in clear under the same name is of another origin', async () => {
    const { admin } = await started(CONFIGURATION, { admin: { tls: selfSigned() } })
    const page = await ask(`${admin}/sign-in`)
    const form = { csrf: csrfIn(page.body), username: 'olga', password: 'olga' }
    const answer = await ask(`${admin}/sign-in`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded',
        Cookie: sent(cookiesOf(page)),
        Origin: admin.replace('https:', 'http:'),
      },
      body: new URLSearchParams(form).toString(),
    })
    expect(answer.status).toBe(403)
  })

  it('whoever speaks plain HTTP to it is told so at once, served nothing, and its connection ends', async () => {
    const { admin } = await started(CONFIGURATION, { admin: { tls: selfSigned() } })
    const bytes = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
    const answer = await exchange(portOf(admin), bytes)
    expect([answer.status, answer.values('connection')]).toEqual([400, ['close']])
    expect(answer.body).toContain('https://')
    expect(answer.body).not.toContain('alive')
    const client = await openRaw(portOf(admin))
    client.send(bytes)
    await until(() => client.state() !== 'open')
  })

  it('what is no TLS and no HTTP, and a handshake that fails, end; others are served meanwhile', async () => {
    const { admin } = await started(CONFIGURATION, { admin: { tls: selfSigned() } })
    for (const bytes of [Buffer.from([22, 3, 1, 0, 5, 9, 9, 9, 9, 9]), Buffer.alloc(300)]) {
      const client = await openRaw(portOf(admin))
      client.send(bytes)
      await until(() => client.state() !== 'open')
    }
    const old = connectTls({
      ...{ host: '127.0.0.1', port: portOf(admin), rejectUnauthorized: false },
      ...{ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    })
    await new Promise((resolve) => old.once('error', resolve))
    expect((await ask(`${admin}/healthz`)).status).toBe(200)
  })

  it('stops in time, although somebody never got through the handshake', async () => {
    const running = await startPortcullis(CONFIGURATION, { admin: { tls: selfSigned() } })
    const silent = await openRaw(portOf(running.admin))
    await running.stop()
    await until(() => silent.state() !== 'open')
  })

  it('on the network, it is said of no page that it is reachable without TLS, and check has nothing to say', async () => {
    const hash = await hashPassword('a password')
    const place = { host: '0.0.0.0', tls: selfSigned() }
    const { admin, folder } = await started(
      `accounts: [{ username: ada, password: '${hash}', admin: owner }]\n`,
      { admin: place },
    )
    const cookies = sent(cookiesOf(await signIn(admin, 'ada', 'a password')))
    for (const path of ['/sign-in', '/', '/clients', '/nothing']) {
      const { body } = await ask(`${admin}${path}`, { headers: { Cookie: cookies } })
      expect(body).toContain('Portcullis')
      expect(body).not.toContain('without TLS')
    }
    const file = join(folder, 'portcullis.yaml')
    expect(await runCommand(['check', file])).toMatchObject({ code: 0, errors: '' })
  })

  it('the configuration that is shown has its certificate, and not its key', async () => {
    const tls = selfSigned()
    const { admin, folder } = await started(CONFIGURATION, { admin: { tls } })
    const headers = { Authorization: `Bearer ${await madeToken(folder)}` }
    const { body } = await ask(`${admin}/api/v1/configuration`, { headers })
    expect(JSON.parse(body).configuration.admin.tls).toEqual({ cert: tls.cert, key: '(hidden)' })
    expect(body).not.toContain('PRIVATE KEY')
  })
})

describe('admin.tls while it runs', () => {
  const renew = async (folder: string, tls: { cert: string; key: string }) => {
    for (const [name, pem] of [
      ['admin.crt', tls.cert],
      ['admin.key', tls.key],
    ] as const) {
      await writeFile(join(folder, `${name}.new`), pem)
      await rename(join(folder, `${name}.new`), join(folder, name))
    }
  }
  const shownAt = async (admin: string) => (await ask(`${admin}/healthz`)).shown

  it.each([1, 2])(
    'renewed files are taken up, and who has signed in stays so; a pair that does not match is not: workers: %i',
    async (workers) => {
      const first = selfSigned()
      const { admin, folder, output } = await spawned(`workers: ${workers}\n${CONFIGURATION}`, {
        admin: { tls: first },
      })
      expect((await shownAt(admin))?.equals(derOf(first.cert))).toBe(true)
      await until(() => output().includes(`"admin":"${admin}"`))
      const Cookie = sent(cookiesOf(await signIn(admin, 'olga')))
      const second = selfSigned()
      await renew(folder, second)
      // Each worker has its own, and connections go around.
      let inARow = 0
      await until(async () => {
        inARow = (await shownAt(admin))?.equals(derOf(second.cert)) ? inARow + 1 : 0
        return inARow === 4
      })
      expect((await ask(`${admin}/`, { headers: { Cookie } })).status).toBe(200)
      await renew(folder, { cert: selfSigned().cert, key: second.key })
      await until(() => output().includes('is not the key of the certificate'))
      const readiness = await ask(`${admin}/readyz`)
      expect(readiness.shown?.equals(derOf(second.cert))).toBe(true)
      expect(readiness.body).toContain('admin.tls.key')
    },
  )

  it('TLS comes and goes on the same address, with no restart; a connection in clear is not kept', async () => {
    const running = await started(CONFIGURATION)
    const { admin, folder, server } = running
    const tls = selfSigned()
    const kept = await openRaw(portOf(admin))
    kept.send('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until(() => kept.received().includes('alive'))
    const busy = await openRaw(portOf(admin))
    busy.send(
      'POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1\r\n\r\n',
    )
    const config = async (with_: typeof tls | undefined) => {
      const file = join(folder, 'portcullis.yaml')
      const env = { ORIGIN: running.origin, PORT: String(running.port) }
      const loaded = await loadConfiguration(file, env)
      if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'))
      const { listen, token } = loaded.config.admin
      return { ...loaded.config, admin: { listen, token, ...(with_ && { tls: with_ }) } }
    }
    expect(await server.apply(await config(tls))).toEqual([])
    const secure = admin.replace('http:', 'https:')
    expect((await ask(`${secure}/healthz`)).status).toBe(200)
    expect((await ask(`${admin}/healthz`)).status).toBe(400)
    await until(() => kept.state() !== 'open')
    // What was under way is answered, and nothing more is served in clear.
    busy.send('xGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until(() => busy.state() !== 'open')
    const answers = [...busy.received().matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status)
    expect(answers).toEqual(['403', '400'])
    expect(busy.received()).toContain('speaks HTTPS')
    await server.apply(await config(undefined))
    expect((await ask(`${admin}/healthz`)).status).toBe(200)
    await expect(ask(`${secure}/healthz`)).rejects.toThrow()
  })
})

describe('portcullis check: admin.tls', () => {
  const problemsOf = async (tls: string, files: Readonly<Record<string, string>> = {}) => {
    const { folder, stop } = await startPortcullis('')
    undo.push(stop)
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    const file = join(folder, 'other.yaml')
    await writeFile(file, `issuer: http://127.0.0.1:1\nadmin: { tls: ${tls} }\n`)
    return runCommand(['check', file])
  }

  it.each<[string, string, Record<string, string>, RegExp]>([
    [
      'files that are not there',
      '{ cert: a.crt, key: a.key }',
      {},
      /admin\.tls\.cert: needs the file \S+a\.crt, which is not there/,
    ],
    ['no key', '{ cert: a.crt }', { 'a.crt': selfSigned().cert }, /admin\.tls\.cert: needs key/],
    ['no certificate', '{ key: a.key }', {}, /admin\.tls\.key: needs cert/],
    [
      'the key of another',
      '{ cert: a.crt, key: a.key }',
      { 'a.crt': selfSigned().cert, 'a.key': selfSigned().key },
      /admin\.tls\.key: is not the key of the certificate/,
    ],
    [
      'no PEM',
      '{ cert: a.crt, key: a.key }',
      { 'a.crt': 'x', 'a.key': 'y' },
      /admin\.tls\.cert: is not PEM/,
    ],
  ])('%s is a problem', async (_, tls, files, expected) => {
    const { code, errors } = await problemsOf(tls, files)
    expect([code, errors]).toEqual([1, expect.stringMatching(expected)])
  })
})

describe('the command line by https', () => {
  const list = async (folder: string, more: readonly string[] = [], env = {}) =>
    runCommand(['client', 'list', '--config', join(folder, 'portcullis.yaml'), ...more], { env })

  it.each<[string, () => { cert: string; key: string }]>([
    ['self-signed, and of no name', selfSigned],
    [
      'issued by an authority that this machine does not know, for another name',
      () => createAuthority().issue('DNS:gateway.example.com'),
    ],
  ])('knows the gateway of its configuration by the very certificate: %s', async (_, make) => {
    const { folder } = await started(CONFIGURATION, { admin: { tls: make() } })
    const { code, output, errors } = await list(folder)
    expect([code, errors]).toEqual([0, ''])
    expect(output).toContain('native')
  })

  it('so it does where --admin and the token are given beside the configuration', async () => {
    const { folder, admin } = await started(CONFIGURATION, { admin: { tls: selfSigned() } })
    const env = { PORTCULLIS_ADMIN_TOKEN: await madeToken(folder) }
    expect(await list(folder, ['--admin', admin], env)).toMatchObject({ code: 0 })
    const blind = await runCommand(['client', 'list', '--admin', admin], { env })
    expect(blind.code).toBe(1)
    expect(blind.errors).toMatch(/SELF_SIGNED/)
  })

  it('tells nothing to one that shows another certificate', async () => {
    const real = await started(CONFIGURATION, { admin: { tls: selfSigned() } })
    const other = await started(CONFIGURATION, { admin: { tls: selfSigned() } })
    const { code, errors } = await list(real.folder, ['--admin', other.admin])
    expect([code, errors]).toEqual([
      1,
      expect.stringContaining('shows a certificate that is not that of admin.tls'),
    ])
    expect(other.logged.filter(({ event }) => event === 'admin.refused')).toEqual([])
  })

  it('nor to one that has a certificate of the same authority, for another name', async () => {
    const authority = createAuthority()
    const real = await started(CONFIGURATION, {
      admin: { tls: authority.issue('DNS:gateway.example.com') },
    })
    const other = await started(CONFIGURATION, {
      admin: { tls: authority.issue('DNS:other.example.com') },
    })
    expect(await list(real.folder, ['--admin', other.admin])).toMatchObject({ code: 1 })
  })

  it('§6.10 start --takeover takes the place of one that runs so', async () => {
    const running = await spawned(CONFIGURATION, { admin: { tls: selfSigned() } })
    const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
    const argv = [main, 'start', '--config', running.file, '--takeover']
    const next = spawn(process.execPath, argv, { env: { ...process.env, ...running.env } })
    const ended = new Promise((resolve) => next.once('exit', resolve))
    undo.push(async () => {
      next.kill('SIGINT')
      await ended
    })
    await until(() => running.child.exitCode !== null, 30)
    await until(async () => (await ask(`${running.admin}/readyz`)).status === 200, 30)
    expect(running.child.exitCode).toBe(0)
    expect(next.exitCode).toBe(null)
  })
})

describe('portcullis doctor: admin.tls', () => {
  type Finding = { check: string; level: string; message: string; mend?: string }
  const examine = async (folder: string): Promise<readonly Finding[]> => {
    const file = join(folder, 'portcullis.yaml')
    return JSON.parse((await runCommand(['doctor', '--json', '--config', file])).output).findings
  }
  const found = (findings: readonly Finding[], check: string) =>
    findings.filter((one) => one.check === check)

  it('says for how long the certificate is good, and examines the gateway through it', async () => {
    const tls = createAuthority().issue('DNS:gateway.example.com', 100)
    const findings = await examine((await started(CONFIGURATION, { admin: { tls } })).folder)
    expect(found(findings, 'admin.tls')).toEqual([
      expect.objectContaining({ level: 'ok', message: expect.stringMatching(/good for 9\d days/) }),
    ])
    expect(found(findings, 'gateway')).toEqual([expect.objectContaining({ level: 'ok' })])
    expect(found(findings, 'admin')).toEqual([expect.objectContaining({ level: 'ok' })])
  })

  it.each<[string, number, string, RegExp]>([
    ['expires soon', 5, 'warning', /expires in [45] days/],
    ['has expired', -1, 'problem', /expired at/],
  ])('one that %s is a finding, with a remedy', async (_, days, level, message) => {
    const tls = createAuthority().issue('DNS:gateway.example.com', days)
    const { folder } = await started(CONFIGURATION, { admin: { tls } })
    expect(found(await examine(folder), 'admin.tls')).toEqual([
      expect.objectContaining({
        level,
        message: expect.stringMatching(message),
        mend: expect.stringContaining('Renew'),
      }),
    ])
  })

  it('a gateway that shows another certificate than the file has is a finding', async () => {
    const { folder } = await started(CONFIGURATION, { admin: { tls: selfSigned() } })
    const other = selfSigned()
    await writeFile(join(folder, 'admin.crt'), other.cert)
    await writeFile(join(folder, 'admin.key'), other.key)
    const findings = found(await examine(folder), 'admin.tls')
    expect(findings.map(({ level }) => level)).toContain('warning')
    expect(findings.map(({ message }) => message).join()).toContain('another certificate')
  })

  it('files that are missing or do not match are a problem, with a remedy of their own', async () => {
    const { folder } = await started(CONFIGURATION, { admin: { tls: selfSigned() } })
    await writeFile(join(folder, 'admin.key'), selfSigned().key)
    expect(found(await examine(folder), 'configuration')).toEqual([
      expect.objectContaining({
        level: 'problem',
        message: expect.stringContaining('is not the key of the certificate'),
        mend: expect.stringContaining('its own private key'),
      }),
    ])
  })

  it('a key that others can read is a problem', async () => {
    const { folder } = await started(CONFIGURATION, { admin: { tls: selfSigned() } })
    await chmod(join(folder, 'admin.key'), 0o644)
    expect(found(await examine(folder), 'permissions.secret')).toEqual([
      expect.objectContaining({ level: 'problem', message: expect.stringContaining('admin.key') }),
    ])
  })
})
