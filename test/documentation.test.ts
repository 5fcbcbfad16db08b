import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

import { formatProblem, loadConfiguration } from '../src/config/load.ts'
import { hashPassword } from '../src/store/passwords.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))

const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...filesIn('docs', '.md'),
]
const sources = filesIn('src', '.ts').map(read).join('\n')

/** The first group of every match in the sources, without what comes up twice. */
const inSources = (pattern: RegExp): string[] => [
  ...new Set([...sources.matchAll(pattern)].map(([, found = '']) => found)),
]

describe('the documents', () => {
  it.each(documents)('%s links to files that exist', (document) => {
    const links = [...read(document).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(
      ([, to = '']) => to,
    )
    const broken = links
      .filter((to) => !/^https?:/.test(to))
      .filter((to) => !existsSync(join(root, dirname(document), to)))
    expect(broken).toEqual([])
  })

  it.each(documents)('%s names sources that exist', (document) => {
    const named = [...read(document).matchAll(/(?<![\w/.])(?:src\/)?((?:[a-z-]+\/)+[a-z-]+\.ts)/g)]
    const missing = named
      .map(([, path = '']) => path)
      .filter((path) => !existsSync(join(root, 'src', path)) && !existsSync(join(root, path)))
    expect(missing).toEqual([])
  })

  it('README.md is read in one sitting', () => {
    expect(read('README.md').split('\n').length).toBeLessThan(200)
  })

  it('README.md shows a configuration that starts', async () => {
    const [, yaml = ''] = /```yaml\n(.*?)```/s.exec(read('README.md')) ?? []
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-readme-'))
    const file = join(folder, 'portcullis.yaml')
    writeFileSync(file, yaml)
    const loaded = await loadConfiguration(file, {
      APP_SECRET: 'a-secret-of-the-application-of-32',
      GRACE_PASSWORD_HASH: await hashPassword('a password'),
    })
    rmSync(folder, { recursive: true })
    const found = 'problems' in loaded ? loaded.problems : loaded.warnings
    expect(found.map(formatProblem)).toEqual([])
  })

  it('README.md names people and clients of the demo as they are', async () => {
    const loaded = await loadConfiguration(join(root, 'config/demo.yaml'), {})
    if ('problems' in loaded) throw new Error('config/demo.yaml has problems')
    const { accounts, clients } = loaded.config
    const [{ username = '', password = '' } = {}] = accounts
    expect(read('README.md')).toContain(`sign in as \`${username}\`, password \`${password}\``)
    const secret = clients.find(({ client_id }) => client_id === 'robot')?.client_secret
    expect(read('README.md')).toContain(`-u robot:${secret} `)
  })

  it('README.md lists every command', () => {
    const commands = inSources(/program\s*\.command\('([a-z-]+)/g)
    expect(commands.length).toBeGreaterThan(14)
    const listed = read('README.md')
    expect(commands.filter((name) => !listed.includes(`\`portcullis ${name}`))).toEqual([])
  })

  it('docs/storage.md lists every kind of row', () => {
    const keys = inSources(/(?:Key = \([^)]*\): string =>\s*|key: )`([a-z-]+):\$\{/g)
    expect(keys.length).toBeGreaterThan(6)
    const listed = read('docs/storage.md')
    expect(keys.filter((prefix) => !listed.includes(`| \`${prefix}:`))).toEqual([])
  })

  it('docs/operations.md lists every event and every metric', () => {
    const listed = read('docs/operations.md')
    const events = inSources(/log\.(?:audit|warn|error|info)\(\s*'([a-z._]+)'/g)
    const metrics = inSources(/'(portcullis_[a-z_]+)'/g)
    expect(events.length).toBeGreaterThan(20)
    expect(metrics.length).toBeGreaterThan(6)
    expect([...events, ...metrics].filter((name) => !listed.includes(`\`${name}`))).toEqual([])
  })

  it('CHANGELOG.md has an entry for the version that package.json names', () => {
    const { version } = JSON.parse(read('package.json'))
    expect(read('CHANGELOG.md')).toContain(`## [${version}]`)
  })

  it.each(filesIn('docs/decisions', '.md'))('%s is read in two minutes', (decision) => {
    const text = read(decision)
    expect(text).toMatch(/^# \d{4} .+## Context.+## Decision.+## Consequences/s)
    expect(text.split('\n').length).toBeLessThan(40)
  })
})
