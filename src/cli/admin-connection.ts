import type { Config } from '../config/config.ts'
import { formatProblem, loadConfiguration } from '../config/load.ts'
import { Mistake } from '../mistake.ts'
import { knownAdminToken } from '../store/admin-token.ts'
import { type Answering, answeringFor } from './admin-answer.ts'
import { configurationFile } from './configuration-file.ts'
import { printable } from './printable.ts'
import type { Terminal } from './terminal.ts'

export type ConnectionOptions = { readonly config?: string; readonly admin?: string }

/** The way to a running gateway's API. Each call throws a `Mistake` for whatever is no success. */
export type AdminConnection = {
  /** `http://127.0.0.1:8081` */
  readonly origin: string
  /** Whether anybody answers there. */
  isThere(): Promise<boolean>
  get(path: string): Promise<AdminReply>
  post(path: string, body?: object): Promise<AdminReply>
  /** `ifMatch`: the ETag of what was read, or `*`. */
  put(path: string, body: object, ifMatch: string): Promise<AdminReply>
  patch(path: string, body: object, ifMatch: string): Promise<AdminReply>
  delete(path: string, ifMatch?: string): Promise<AdminReply>
}

/** What the API refused, and the status that it gave. */
export class AdminRefusal extends Mistake {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** `body`: the JSON of the answer, undefined where it has none. `etag`: for changing what it shows; `*` where there is none. */
type AdminReply = { readonly body: unknown; readonly etag: string }

/** A path of the API. Each segment is encoded; parameters without a value are left out. */
export const apiPath = (
  segments: readonly string[],
  query: Readonly<Record<string, string | number | undefined>> = {},
): string => {
  // However they are encoded, these two are taken for steps in the path.
  if (segments.some((segment) => /^\.{0,2}$/.test(segment)))
    throw new Mistake('there is none of that name')
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) search.set(name, String(value))
  return `/api/v1/${segments.map(encodeURIComponent).join('/')}${search.size > 0 ? `?${search}` : ''}`
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
  const isTold = options.admin !== undefined && given !== undefined
  const config = isTold ? await perhapsConfigOf(options, env) : await configOf(options, env)
  const origin = adminOrigin(options.admin, config?.admin)
  const answer = answeringFor(config?.admin.tls)
  const token = given ?? (config && knownAdminToken(config))
  if (token === undefined) throw new Mistake(NO_TOKEN)
  const call = (method: string) => (path: string, body?: object, ifMatch?: string) =>
    send(answer, new URL(path, origin), { method, token, body, ifMatch })
  return {
    origin: origin.origin,
    isThere: () =>
      answer(new URL('/healthz', origin)).then(
        () => true,
        () => false,
      ),
    ...{ get: call('GET'), post: call('POST'), put: call('PUT'), patch: call('PATCH') },
    delete: (path, ifMatch) => call('DELETE')(path, undefined, ifMatch),
  }
}

/** Where the admin listener is: `--admin URL`, or what the configuration says of it. Throws a `Mistake`. */
export const adminOrigin = (given: string | undefined, admin: Config['admin'] | undefined): URL =>
  originOf(given) ?? listenUrl(admin)

/** Nothing of it is needed; a file that is named may still say by which certificate its gateway is known. */
const perhapsConfigOf = async (
  { config: file }: ConnectionOptions,
  env: Terminal['env'],
): Promise<Config | undefined> => {
  const loaded = file === undefined ? undefined : await loadConfiguration(file, env)
  return loaded && 'config' in loaded ? loaded.config : undefined
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

const listenUrl = (admin: Config['admin'] | undefined): URL => {
  if (admin === undefined || admin.listen.port === 0)
    throw new Mistake('admin.listen names no port: give --admin URL')
  const { listen, tls } = admin
  const host = EVERYWHERE.get(listen.host) ?? listen.host
  return new URL(
    `http${tls ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}:${listen.port}`,
  )
}

const EVERYWHERE = new Map([
  ['', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])

const NO_TOKEN =
  'no admin token: give admin.token in PORTCULLIS_ADMIN_TOKEN (where it is empty, it is made beside the SQLite file when the gateway starts)'

const send = async (
  answer: Answering,
  url: URL,
  request: {
    readonly method: string
    readonly token: string
    readonly body: object | undefined
    readonly ifMatch: string | undefined
  },
): Promise<AdminReply> => {
  const { method, token, body, ifMatch } = request
  const answered = await answer(
    url,
    {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(ifMatch !== undefined && { 'if-match': ifMatch }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    },
    { limit: MOST, patience: PATIENCE },
  )
  if (answered.cut) throw new Mistake(`${url.origin} broke its answer off`)
  const told = parsed(answered.body)
  const { status, headers } = answered
  if (status === 204 || (isSuccess(status) && told !== undefined))
    return { body: told, etag: headers.get('etag') ?? '*' }
  if (status === 401) throw new Mistake(`${url.origin} takes another admin token`)
  const words = describe(told) ?? `${url.origin} answered ${status}: not the admin API`
  throw new AdminRefusal(status, words)
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300

/** Bytes of an answer: an export has them all in one. */
const MOST = 512 * 1024 * 1024
/** Milliseconds. */
const PATIENCE = 60_000

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A problem (RFC 9457) in one line: all that is wrong, where it is more than one thing. */
const describe = (answer: unknown): string | undefined => {
  if (typeof answer !== 'object' || answer === null || !('detail' in answer)) return undefined
  const flaws = 'errors' in answer && Array.isArray(answer.errors) ? answer.errors : []
  if (flaws.length < 2) return printable(String(answer.detail))
  const lines = flaws.map(({ pointer, detail }: Record<string, unknown>) => `${pointer} ${detail}`)
  return printable(lines.join('; '))
}
