import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { formatProblem, loadConfiguration, type Problem } from '../../src/config/load.ts'

type Env = Record<string, string>

/** Configurations as text, written to one file of a folder that lives as long as the test file. */
export const configurations = () => {
  const at = { folder: '' }
  beforeAll(async () => {
    at.folder = await mkdtemp(join(tmpdir(), 'portcullis-configuration-'))
  })
  afterAll(() => rm(at.folder, { recursive: true, force: true }))

  const load = async (content: string | Uint8Array, env: Env = {}) => {
    const file = join(at.folder, 'portcullis.yaml')
    await writeFile(file, content)
    return loadConfiguration(file, env)
  }
  const loadGood = async (content: string, env?: Env) => {
    const result = await load(content, env)
    if ('problems' in result) throw new Error(result.problems.map(short).join('\n'))
    return result
  }
  return {
    folder: () => at.folder,
    load,
    configOf: async (content: string, env?: Env): Promise<Config> =>
      (await loadGood(content, env)).config,
    warningsOf: async (content: string): Promise<string[]> =>
      (await loadGood(content)).warnings.map(short),
    /** `LINE:COLUMN path: message` of every problem. */
    problemsOf: async (content: string | Uint8Array, env?: Env): Promise<string[]> => {
      const result = await load(content, env)
      return 'problems' in result ? result.problems.map(short) : []
    },
  }
}

const short = (problem: Problem): string => formatProblem(problem).slice(problem.file.length + 1)

export const ISSUER = 'issuer: http://localhost:8080\n'
export const HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g'

/** Three lines of a good file. What is added to them begins on line 4; a route, client or account on line 7, 6 and 6. */
export const BASE = `${ISSUER}scopes: { orders.read: See, orders.write: Change }
upstreams: { orders: 'http://127.0.0.1:9001' }
`
export const route = (yaml: string): string =>
  `${BASE}routes:\n  - path: /orders/*\n    upstream: orders\n${yaml}`
export const client = (yaml: string): string => `${BASE}clients:\n  - client_id: shop\n${yaml}`
/** What is added begins on line 8. */
export const confidential = (yaml: string): string =>
  client(
    `    client_secret: 0123456789abcdef\n    redirect_uris: ['https://a.example/cb']\n${yaml}`,
  )
export const account = (yaml: string): string => `${BASE}accounts:\n  - username: ada\n${yaml}`
