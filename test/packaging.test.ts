import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'

import { build } from '../deploy/build.ts'
import { layOutPackage } from '../deploy/npm-package.ts'
import { hashPassword } from '../src/store/passwords.ts'
import { freePort, until } from './support/portcullis.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const manifest = JSON.parse(read('package.json'))

// Static and dynamic ones.
const IMPORT = /(^import .*|\bimport\()"([\w@./:-]+)"/gm

let folder: string
let built: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-package-'))
  built = join(folder, 'package')
  const dist = join(folder, 'dist')
  await build(dist)
  layOutPackage(built, dist)
}, 60_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the npm package', () => {
  it('holds the program, its configurations and what to read first, and nothing else', async () => {
    const { stdout } = await run('npm', ['pack', '--dry-run', '--json', built])
    const paths: string[] = JSON.parse(stdout)[0].files.map((file: { path: string }) => file.path)
    for (const path of [
      ...['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md'],
      ...['bin/portcullis.js', 'dist/main.js', 'config/portcullis.yaml', 'config/demo.yaml'],
    ])
      expect(paths).toContain(path)
    const expected =
      /^((package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md)$|bin\/|dist\/|config\/)/
    expect(paths.filter((path) => !expected.test(path))).toEqual([])
    expect(paths.filter((path) => /\.(ts|db|key|env)$|(^|\/)data\//.test(path))).toEqual([])
  })

  it('asks npm for no platform package, no tool and no script', () => {
    const published = JSON.parse(readFileSync(join(built, 'package.json'), 'utf8'))
    expect(published.dependencies).toEqual(manifest.dependencies)
    for (const field of ['optionalDependencies', 'devDependencies', 'scripts', 'private'])
      expect(published).not.toHaveProperty(field)
  })

  it('cannot be published from the checkout by mistake', () => {
    expect(manifest.private).toBe(true)
  })

  // npm leaves out of the lock file what its registry did not have that day, and `npm ci` then refuses it everywhere.
  it('has a lock file that knows every optional package of every platform', () => {
    const packages: Record<string, LockEntry> = JSON.parse(read('package-lock.json')).packages
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !packages[`${path}/node_modules/${name}`] && !packages[`node_modules/${name}`],
      ),
    )
    expect(missing).toEqual([])
  })

  it('pins every dependency to one version', () => {
    const versions = [
      ...Object.values(manifest.dependencies),
      ...Object.values(manifest.devDependencies),
      ...Object.values(manifest.optionalDependencies),
    ]
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([])
  })
})

describe('the built program with its production dependencies alone, as in the image', () => {
  beforeAll(() => copyProductionDependencies(built), 60_000)

  it('F16 none of them runs a script when it is installed', () => {
    const scripted = productionPackages().filter(([, entry]) => entry.hasInstallScript)
    expect(scripted.map(([path]) => path)).toEqual([])
  })

  it('prints its help', async () => {
    const { stdout } = await run(process.execPath, ['bin/portcullis.js', '--help'], built)
    for (const command of ['start', 'check', 'token', 'hash-password', 'schema'])
      expect(stdout).toContain(command)
  })

  it.each(['config/demo.yaml', 'config/portcullis.yaml'])('checks %s', async (file) => {
    const env = { SHOP_SECRET: 'a-secret', ADA_PASSWORD_HASH: await hashPassword('a password') }
    await run(process.execPath, ['bin/portcullis.js', 'check', file], built, env)
  })

  it('imports nothing but Node and its dependencies', () => {
    const dist = join(built, 'dist')
    const imported = readdirSync(dist)
      .filter((name) => name.endsWith('.js'))
      .flatMap((name) => [...readFileSync(join(dist, name), 'utf8').matchAll(IMPORT)])
      .map(([, , specifier = '']) => specifier)
      .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
      .map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0])
    expect(imported.length).toBeGreaterThan(0)
    expect(
      [...new Set(imported)].filter((name) => !(String(name) in manifest.dependencies)),
    ).toEqual([])
  })

  it('starts, issues a token that survives the start after, and ends on SIGTERM with 0', async () => {
    const [port, adminPort] = [await freePort(), await freePort()]
    const file = join(folder, 'built.yaml')
    writeFileSync(file, configuration(port, adminPort))
    const start = () => startBuilt(file, `http://127.0.0.1:${adminPort}/readyz`)
    const endpoint = `http://127.0.0.1:${port}/oauth`
    const credentials = { client_id: 'robot', client_secret: 'robot-secret' }

    const first = await start()
    const form = new URLSearchParams({ grant_type: 'client_credentials', ...credentials })
    const answer = await fetch(`${endpoint}/token`, { method: 'POST', body: form })
    const { access_token: token } = (await answer.json()) as { access_token: string }
    const console = await fetch(`http://127.0.0.1:${adminPort}/`)
    expect([console.status, await console.text()]).toEqual([200, expect.stringContaining('<form')])
    expect(await first.stop()).toBe(0)

    const second = await start()
    const question = new URLSearchParams({ token, ...credentials })
    const told = await fetch(`${endpoint}/introspect`, { method: 'POST', body: question })
    expect(await told.json()).toMatchObject({ active: true, client_id: 'robot' })
    expect(await second.stop()).toBe(0)
  })

  const configuration = (port: number, adminPort: number): string => `
issuer: http://127.0.0.1:${port}
listen: 127.0.0.1:${port}
admin: { listen: '127.0.0.1:${adminPort}' }
store: sqlite:built.db
clients:
  - { client_id: robot, client_secret: robot-secret, grant_types: [client_credentials] }
`

  const startBuilt = async (file: string, readyz: string) => {
    const args = ['bin/portcullis.js', 'start', '--config', file]
    const child = spawn(process.execPath, args, { cwd: built, stdio: 'pipe' })
    const ended = once(child, 'exit')
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk
      })
    await until(async () => {
      if (child.exitCode !== null) throw new Error(output)
      return (await fetch(readyz).catch(() => undefined))?.status === 200
    })
    return {
      async stop(): Promise<unknown> {
        child.kill('SIGTERM')
        const [code] = await ended
        return code
      },
    }
  }
})

describe('the launcher', () => {
  it.each(['12.22.12', '20.19.0', '24.14.1'])(
    'says in one line that Node %s is too old',
    async (version) => {
      const { code, stderr } = await launch(version, built)
      expect(code).toBe(1)
      expect(stderr).toBe(`portcullis needs Node 24.15 or newer; this is Node ${version}\n`)
    },
  )

  it('in a checkout goes on with the Node that npm install brought', async () => {
    expect(await launch('20.19.0', root)).toMatchObject({
      code: 0,
      stdout: `${manifest.version}\n`,
    })
  })

  it.each(['24.15.0', '26.10.0'])('starts on Node %s', async (version) => {
    expect(await launch(version, built)).toEqual({
      code: 0,
      stderr: '',
      stdout: `${manifest.version}\n`,
    })
  })

  it('holds to the floor that package.json names', () => {
    expect(manifest.engines.node).toBe('>=24.15.0')
  })

  /** The launcher believes `process.versions`; nothing else of an old Node is needed to see what it does. */
  const launch = (version: string, from: string) => {
    const pretence = `Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`
    return outcome(
      run(process.execPath, [
        ...['--import', `data:text/javascript,${encodeURIComponent(pretence)}`],
        ...[join(from, 'bin/portcullis.js'), '--version'],
      ]),
    )
  }
})

describe('the image', () => {
  const lines = read('Dockerfile')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line))
  const final = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')))
  const of = (instruction: string): string[] =>
    final
      .filter((line) => line.startsWith(`${instruction} `))
      .map((line) => line.slice(instruction.length + 1))

  it('is built from a Node of one version, no older than the one that tests run on', () => {
    expect(lines.find((line) => line.startsWith('ARG NODE_IMAGE='))).toMatch(
      /=node:26\.\d+\.\d+-slim$/,
    )
    expect(
      lines
        .filter((line) => line.startsWith('FROM '))
        .every((line) => /^FROM \$\{NODE_IMAGE\}/.test(line)),
    ).toBe(true)
  })

  it('does not run as root, and keeps what it writes in one volume', () => {
    expect(of('USER')).toEqual(['node'])
    expect(of('VOLUME')).toEqual(['["/data"]'])
  })

  it('starts the program itself, without a shell, and is stopped by a signal that it drains on', () => {
    expect(JSON.parse(of('ENTRYPOINT')[0] ?? '')).toEqual(['node', 'bin/portcullis.js'])
    expect(JSON.parse(of('CMD')[0] ?? '')).toEqual([
      'start',
      '--config',
      '/etc/portcullis/portcullis.yaml',
    ])
    expect(of('STOPSIGNAL')).toEqual(['SIGTERM'])
  })

  it('has its health asked by Node, at the admin listener', () => {
    const [, command = ''] = (of('HEALTHCHECK')[0] ?? '').split(/ CMD /)
    expect(JSON.parse(command).slice(0, 2)).toEqual(['node', '-e'])
    expect(command).toContain('http://127.0.0.1:8081/healthz')
  })

  it('leaves tools and platform packages out', () => {
    expect(lines).toContain('RUN npm ci --ignore-scripts --omit=dev --omit=optional')
    expect(final.join('\n')).not.toMatch(/npm|COPY \. /)
    expect(of('ENV')).toContain('NODE_ENV=production')
  })

  it('is sent only files that exist, and nothing of test/ or data/', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line && !line.startsWith('#'))
    expect(allowed[0]).toBe('*')
    expect(allowed.at(-1)).toBe('**/data')
    for (const line of allowed.slice(1, -1)) {
      expect(line).toMatch(/^!/)
      expect(existsSync(join(root, line.slice(1))), line).toBe(true)
    }
    expect(allowed).not.toContain('!test')
  })
})

describe('the examples under deploy/', () => {
  it('the container is read-only, without capabilities, and given time to drain', () => {
    const { portcullis } = parse(read('deploy/compose.yaml')).services
    expect(portcullis).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      tmpfs: ['/tmp'],
    })
    expect(portcullis.ports.every((port: string) => port.startsWith('127.0.0.1:'))).toBe(true)
  })

  it('the configuration for the container is one that starts', async () => {
    const file = join(folder, 'portcullis.yaml')
    writeFileSync(
      file,
      read('deploy/portcullis/portcullis.yaml').replaceAll('/run/secrets', folder),
    )
    writeFileSync(join(folder, 'web_client_secret'), 'a-secret-of-the-web-client')
    const hash = await runWith('a password\n', ['bin/portcullis.js', 'hash-password'])
    writeFileSync(join(folder, 'ada_password_hash'), hash)
    await run(process.execPath, ['bin/portcullis.js', 'check', file])
  })
})

type LockEntry = {
  dev?: true
  optional?: true
  devOptional?: true
  hasInstallScript?: true
  optionalDependencies?: Record<string, string>
}

/** What `npm ci --omit=dev --omit=optional` installs, by the lock file. */
const productionPackages = (): [string, LockEntry][] =>
  Object.entries<LockEntry>(JSON.parse(read('package-lock.json')).packages).filter(
    ([path, { dev, optional, devOptional }]) => path && !dev && !optional && !devOptional,
  )

/** Copied, since a link would lead the program back to the packages that must not be there. */
const copyProductionDependencies = (target: string): void => {
  const paths = new Set(productionPackages().map(([path]) => path))
  for (const path of paths)
    cpSync(join(root, path), join(target, path), {
      recursive: true,
      filter: (source) => !source.slice(join(root, path).length).includes('/node_modules/'),
    })
}

const run = (command: string, args: readonly string[], cwd = root, env = {}) =>
  promisify(execFile)(command, [...args], { cwd, env: { ...process.env, NO_COLOR: '1', ...env } })

const outcome = (running: ReturnType<typeof run>) =>
  running.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  )

const runWith = async (stdin: string, args: readonly string[]): Promise<string> => {
  const running = run(process.execPath, args)
  running.child.stdin?.end(stdin)
  return (await running).stdout
}
