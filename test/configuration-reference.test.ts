import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import { check } from '../src/cli/check.ts'
import { schema } from '../src/cli/schema.ts'
import { formatProblem, loadConfiguration } from '../src/config/load.ts'
import { sink } from './support/sink.ts'

const fileOf = (name: string) => fileURLToPath(new URL(`../config/${name}`, import.meta.url))
const textOf = (name: string) => readFile(fileOf(name), 'utf8')

type JsonSchema = z.core.JSONSchema.BaseSchema

const printed = async (): Promise<JsonSchema> => {
  const stdout = sink()
  expect(await schema({ stdout })).toBe(0)
  return JSON.parse(stdout.text())
}

/** `routes[].path`, `upstreams.*.timeout.connect`: every key that a schema knows, with what is said of it. */
const keysOf = (part: JsonSchema, path = ''): readonly (readonly [string, JsonSchema])[] => [
  ...Object.entries(part.properties ?? {}).flatMap(([key, value]) => {
    if (typeof value === 'boolean') return []
    const below = path === '' ? key : `${path}.${key}`
    return [[below, value] as const, ...keysOf(value, below)]
  }),
  ...within(part.additionalProperties, `${path}.*`),
  ...[part.items ?? []].flat().flatMap((item) => within(item, `${path}[]`)),
  ...(part.anyOf ?? []).flatMap((form) => within(form, path)),
]

const within = (part: JsonSchema | boolean | undefined, path: string) =>
  typeof part === 'object' ? keysOf(part, path) : []

/** The same of a file's data. */
const pathsOf = (data: unknown, path = ''): readonly string[] => {
  if (Array.isArray(data)) return data.flatMap((item) => pathsOf(item, `${path}[]`))
  if (typeof data !== 'object' || data === null) return []
  return Object.entries(data).flatMap(([key, value]) => {
    const free = path === 'scopes' || path === 'upstreams' ? '*' : key
    const below = path === '' ? free : `${path}.${free}`
    return [below, ...pathsOf(value, below)]
  })
}

const ENV = {
  SHOP_SECRET: '0123456789abcdef',
  ADA_PASSWORD_HASH:
    '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g',
}

describe('config/portcullis.schema.json', () => {
  it('is what `portcullis schema` prints', async () => {
    expect(JSON.parse(await textOf('portcullis.schema.json'))).toEqual(await printed())
  })

  it('describes every key, in a sentence', async () => {
    const silent = keysOf(await printed()).filter(
      ([, { description = '' }]) => !/.{8,}\.$/.test(description),
    )
    expect(silent.map(([path]) => path)).toEqual([])
  })

  it.each(['portcullis.yaml', 'demo.yaml'])(
    'takes %s as it is written, variables and all',
    async (name) => {
      const { error } = z.safeParse(z.fromJSONSchema(await printed()), parse(await textOf(name)))
      expect(error?.issues).toBeUndefined()
    },
  )

  it('refuses an unknown key and a missing one', async () => {
    const json = z.fromJSONSchema(await printed())
    expect(z.safeParse(json, { issuer: 'http://localhost', lisen: '127.0.0.1:80' }).success).toBe(
      false,
    )
    expect(z.safeParse(json, { listen: '127.0.0.1:80' }).success).toBe(false)
    expect(z.safeParse(json, { issuer: 'http://localhost', routes: [{ path: '/' }] }).success).toBe(
      false,
    )
  })
})

describe('config/portcullis.yaml', () => {
  it('names the schema in its first line, for editors', async () => {
    expect((await textOf('portcullis.yaml')).split('\n')[0]).toBe(
      '# yaml-language-server: $schema=./portcullis.schema.json',
    )
  })

  it('has every key of the schema', async () => {
    const written = new Set(pathsOf(parse(await textOf('portcullis.yaml'))))
    const missing = keysOf(await printed())
      .map(([path]) => path)
      .filter((path) => !written.has(path))
    expect(missing).toEqual([])
  })

  it('loads where the environment has what it asks for, with no warning', async () => {
    const result = await loadConfiguration(fileOf('portcullis.yaml'), ENV)
    const told = 'problems' in result ? result.problems : result.warnings
    expect(told.map(formatProblem)).toEqual([])
  })

  it('shows each default as it is', async () => {
    const data: unknown = parse(await textOf('portcullis.yaml'))
    const differing = keysOf(await printed()).filter(
      ([path, { default: value }]) =>
        value !== undefined &&
        typeof value !== 'object' &&
        !valuesAt(data, path).some(
          (written) => String(written).replace(/^\$\{\w+:-(.*)\}$/, '$1') === String(value),
        ),
    )
    expect(differing.map(([path]) => path)).toEqual([])
  })
})

const valuesAt = (data: unknown, path: string): readonly unknown[] => {
  const steps = path.replaceAll('[]', '.*').split('.')
  return steps.reduce<readonly unknown[]>(
    (found, step) =>
      found.flatMap((value) => {
        if (typeof value !== 'object' || value === null) return []
        return step === '*' ? Object.values(value) : [Reflect.get(value, step)]
      }),
    [data],
  )
}

describe('config/demo.yaml', () => {
  it('loads with an empty environment, and is the demo of the contract', async () => {
    const result = await loadConfiguration(fileOf('demo.yaml'), {})
    if ('problems' in result) throw new Error(result.problems.map(formatProblem).join('\n'))
    expect(result.warnings).toEqual([])
    expect(result.config).toMatchObject({
      demo: true,
      issuer: 'http://localhost:8080',
      listen: { host: '127.0.0.1', port: 8080 },
      store: {
        kind: 'sqlite',
        file: fileURLToPath(new URL('../data/portcullis.db', import.meta.url)),
      },
      compatibility: ['axway'],
    })
    expect(result.config.clients.find(({ client_id }) => client_id === 'demo')).toEqual({
      client_id: 'demo',
      client_name: 'Demo application',
      client_secret: 'demo-secret',
      redirect_uris: ['http://127.0.0.1:8080/demo/callback', 'http://localhost:8080/demo/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      scope: 'orders.read orders.write',
      require_pkce: true,
      introspect: false,
      tokens: { accessToken: 300 },
    })
  })
})

describe('portcullis check', () => {
  it('says that a good file is good, and exits with 0', async () => {
    const [stdout, stderr] = [sink(), sink()]
    expect(await check(fileOf('demo.yaml'), { env: {}, stdout, stderr })).toBe(0)
    expect([stdout.text(), stderr.text()]).toEqual([`${fileOf('demo.yaml')}: good\n`, ''])
  })

  it('prints every problem on standard error, and exits with 1', async () => {
    const [stdout, stderr] = [sink(), sink()]
    const file = fileOf('portcullis.yaml')
    expect(await check(file, { env: {}, stdout, stderr })).toBe(1)
    expect(stdout.text()).toBe('')
    const lines = stderr.text().trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    for (const line of lines)
      expect(line).toMatch(/portcullis\.yaml:\d+:\d+ [\w[\].]+: needs the env/)
  })

  it('prints them as JSON with --json', async () => {
    const [stdout, stderr] = [sink(), sink()]
    const file = fileOf('portcullis.yaml')
    expect(await check(file, { env: {}, stdout, stderr, json: true })).toBe(1)
    expect(JSON.parse(stdout.text())).toMatchObject({
      ok: false,
      problems: [
        { file, path: 'clients[0].client_secret' },
        { file, path: 'accounts[0].password' },
      ],
      warnings: [],
    })
    expect(stderr.text()).toBe('')
  })
})
