import type { Config, Listen } from '../config/config.ts'
import { formatProblem, loadConfiguration } from '../config/load.ts'
import { Mistake } from '../mistake.ts'
import { knownAdminToken } from '../store/admin-token.ts'
import { configurationFile } from './configuration-file.ts'
import { answerOf } from './sample-client/answer.ts'
import type { Terminal } from './terminal.ts'

export type ConnectionOptions = { readonly config?: string; readonly admin?: string }

/** The way to a running gateway's API. */
export type AdminConnection = {
  /** Posts JSON, resolves to the JSON of a 200. Throws a `Mistake` for everything else. */
  post(path: string, body: object): Promise<unknown>
  /** Whether anybody answers there. */
  isThere(): Promise<boolean>
}

/**
 * Finds a running gateway: where the configuration says that its admin listener is, or at `--admin URL`; with
 * PORTCULLIS_ADMIN_TOKEN or else the token that the configuration leads to. Throws a `Mistake`.
 */
export const connectToAdmin = async (
  options: ConnectionOptions,
  env: Terminal['env'],
): Promise<AdminConnection> => {
  const given = env.PORTCULLIS_ADMIN_TOKEN || undefined
  const config =
    options.admin !== undefined && given !== undefined ? undefined : await configOf(options, env)
  const origin = originOf(options.admin) ?? listenUrl(config?.admin.listen)
  const token = given ?? (config && knownAdminToken(config))
  if (token === undefined) throw new Mistake(NO_TOKEN)
  return {
    post: (path, body) => post(new URL(path, origin), token, body),
    isThere: () =>
      answerOf(new URL('/healthz', origin)).then(
        () => true,
        () => false,
      ),
  }
}

const configOf = async (options: ConnectionOptions, env: Terminal['env']): Promise<Config> => {
  const file = configurationFile(options.config)
  const loaded = await loadConfiguration(file, env)
  if ('config' in loaded) return loaded.config
  const [first] = loaded.problems.map(formatProblem)
  throw new Mistake(
    `${first ?? file}\nThe configuration leads to no gateway. Give --admin URL, and its admin.token in PORTCULLIS_ADMIN_TOKEN`,
  )
}

const originOf = (url: string | undefined): URL | undefined => {
  if (url === undefined) return undefined
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.username + parsed.password)
    throw new Mistake('--admin has to be a URL such as http://127.0.0.1:8081')
  return parsed
}

const listenUrl = (listen: Listen | undefined): URL => {
  if (listen === undefined || listen.port === 0)
    throw new Mistake('admin.listen names no port: give --admin URL')
  const host = EVERYWHERE.get(listen.host) ?? listen.host
  return new URL(`http://${host.includes(':') ? `[${host}]` : host}:${listen.port}`)
}

const EVERYWHERE = new Map([
  ['', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])

const NO_TOKEN =
  'no admin token: give admin.token in PORTCULLIS_ADMIN_TOKEN (where it is empty, it is made beside the SQLite file when the gateway starts)'

const post = async (url: URL, token: string, body: object): Promise<unknown> => {
  const { status, body: text } = await answerOf(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const answer = parsed(text)
  if (status === 200 && answer !== undefined) return answer
  if (status === 401) throw new Mistake(`${url.origin} takes another admin token`)
  throw new Mistake(`${url.origin} answered ${status}: ${describe(answer)}`)
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const describe = (answer: unknown): string =>
  typeof answer === 'object' && answer !== null && 'detail' in answer
    ? String(answer.detail)
    : 'not an answer of the admin API'
