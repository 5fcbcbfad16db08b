import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../src', import.meta.url))

type Source = { file: string; room: string; text: string; imports: string[]; lines: number }

const sources: Source[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && statSync(join(root, name)).isFile())
  .map((name) => {
    const text = readFileSync(join(root, name), 'utf8')
    const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((found) => {
      const specifier = found[1] ?? ''
      return specifier.startsWith('.')
        ? relative(root, fileURLToPath(new URL(specifier, `file://${join(root, name)}`)))
        : specifier
    })
    const room = name.includes('/') ? name.slice(0, name.indexOf('/')) : ''
    return { file: name, room, text, imports, lines: text.split('\n').length - 1 }
  })

const offenders = (
  where: (source: Source) => boolean,
  imported: (specifier: string) => boolean,
): string[] =>
  sources
    .filter(where)
    .flatMap(({ file, imports }) =>
      imports.filter(imported).map((found) => `${file} imports ${found}`),
    )

describe('the directions of the house (docs/architecture.md)', () => {
  it.each([
    ['oauth', /^(gateway|admin|cli|demo|server|main)/],
    ['gateway', /^(oauth|admin|cli|pages|demo|server|main)/],
    ['store', /^(oauth|gateway|admin|cli|pages|demo|server|main)/],
    ['pages', /^(?!pages\/)[a-z-]+(\/|\.ts$)/],
    ['telemetry', /^(?!telemetry\/|config\/)[a-z-]+\//],
    ['config', /^(?!config\/|mistake\.ts)[a-z-]+(\/|\.ts$)/],
  ])('%s/ imports no room that it must not know', (room, forbidden) => {
    const ours = new Set(sources.map(({ file }) => file))
    expect(
      offenders(
        (source) => source.room === room,
        (specifier) => ours.has(specifier) && forbidden.test(specifier),
      ),
    ).toEqual([])
  })

  it.each(['clock.ts', 'mistake.ts', 'oauth/errors.ts'])('%s imports nothing of ours', (file) => {
    expect(
      offenders(
        (source) => source.file === file,
        (found) => found.endsWith('.ts'),
      ),
    ).toEqual([])
  })
})

describe('one importer a library', () => {
  it.each<[string, RegExp]>([
    ['http-proxy-3', /^gateway\/upgrade\.ts$/],
    ['lru-cache', /^store\/tokens\.ts$/],
    ['keyv', /^store\//],
    ['node:sqlite', /^store\//],
    ['@redis/client', /^store\/redis-link\.ts$/],
    ['pg', /^store\/postgres-connections\.ts$/],
    ['yaml', /^config\//],
    ['zod', /^(config|admin)\//],
    ['jose', /^oauth\/client-assertion\.ts$/],
    ['node:https', /^(oauth\/fetch-document|cli\/admin-answer)\.ts$/],
    ['pino', /^telemetry\/log\.ts$/],
    ['prom-client', /^telemetry\/metrics\.ts$/],
    ['commander', /^cli\/(program|declaration|commands\/[a-z-]+)\.ts$/],
    ['uqr', /^cli\/qr-code\.ts$/],
    ['rate-limiter-flexible', /^oauth\/throttle\.ts$/],
    ['@koa/router', /^(oauth\/authorization-server|demo\/.*|admin\/console\/.*)\.ts$/],
    ['koa-body', /^(oauth\/authorization-server|demo\/.*)\.ts$/],
  ])('%s', (library, allowed) => {
    const importers = sources.filter(({ imports }) =>
      imports.some((found) => found === library || found.startsWith(`${library}/`)),
    )
    expect(importers.map(({ file }) => file).filter((file) => !allowed.test(file))).toEqual([])
    expect(importers.length).toBeGreaterThan(0)
  })
})

describe('what keeps the house liveable', () => {
  it('no file has over 300 lines', () => {
    expect(sources.filter(({ lines }) => lines > 300).map(({ file }) => file)).toEqual([])
  })

  it('no room has a name that says nothing', () => {
    const empty = /(^|\/)(utils?|helpers?|common|shared|core|lib|types|services|models)(\.ts|\/)/
    expect(sources.map(({ file }) => file).filter((file) => empty.test(file))).toEqual([])
  })

  it('randomness that secrets are made of lives in one file', () => {
    const random = /\b(randomBytes|getRandomValues|randomFill(Sync)?|randomInt|Math\.random)\b/
    expect(
      sources
        .filter(({ text, room }) => random.test(text) && room !== 'demo')
        .map(({ file }) => file),
    ).toEqual(['store/secrets.ts'])
  })

  it('the environment and the exit belong to main.ts', () => {
    const edge = /\bprocess\.(env|exit)\b/
    expect(sources.filter(({ text }) => edge.test(text)).map(({ file }) => file)).toEqual([
      'main.ts',
    ])
  })

  it('no source takes any or enum', () => {
    const code = (text: string) => text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|'[^'\n]*'|`[^`]*`/g, '')
    const lax = /(:|\bas)\s*any\b|\benum\s+[A-Z]/
    expect(sources.filter(({ text }) => lax.test(code(text))).map(({ file }) => file)).toEqual([])
  })
})
