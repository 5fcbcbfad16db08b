import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Metrics } from '../telemetry/metrics.ts'
import { type Answer, json, problem } from './answer.ts'

/** What /readyz needs to know. */
type Readiness = {
  /** Others that serve beside this process do not all listen yet. */
  starting(): boolean
  draining(): boolean
  /** Rejects when the store cannot be reached. */
  ping(): Promise<void>
  /** Problems of the configuration file as it now stands, when the last good one is still in force. */
  problems(): readonly string[]
}

/** `/api/…`, which answers only to who has the admin token. */
export type Api = (req: IncomingMessage, path: string) => Promise<Answer>

type Deps = {
  readonly readiness: Readiness
  /** The metrics as text. */
  readonly exposition: Metrics['exposition']
  readonly api: Api
  /** Pages: every path that is nothing else. */
  readonly console: (req: IncomingMessage, res: ServerResponse) => Promise<void>
}

/** The admin listener: /healthz, /readyz and /metrics, for anyone who can reach it; the API, and the console. */
export const createAdmin =
  (deps: Deps) =>
  (req: IncomingMessage, res: ServerResponse): void => {
    const failed = () => send(req, res, FAILED)
    // RFC 9110 §10.1.1: whoever sent it may wait for this for ever. Bodies are bounded, in size and in time.
    if (CONTINUE.test(req.headers.expect ?? '') && req.httpVersionMinor > 0) res.writeContinue()
    const path = pathOf(req)
    if (!path.startsWith('/api/') && !ENDPOINTS.has(path)) deps.console(req, res).catch(failed)
    else answer(req, path, deps).then((found) => send(req, res, found), failed)
  }

const CONTINUE = /^100-continue$/i

const answer = async (
  req: IncomingMessage,
  path: string,
  { readiness, exposition, api }: Deps,
): Promise<Answer> => {
  if (path.startsWith('/api/')) return api(req, path)
  const endpoint = ENDPOINTS.get(path)
  if (!endpoint) return NO_PATH
  if (req.method !== 'GET' && req.method !== 'HEAD') return NOT_ALLOWED
  return endpoint(readiness, exposition)
}

const pathOf = (req: IncomingMessage): string => (req.url ?? '/').split('?', 1)[0] ?? '/'

const NO_PATH = problem(404, 'not_found', 'see /healthz, /readyz, /metrics, /api/v1')
const FAILED = problem(500, 'server_error', 'Something failed on our side')
const NOT_ALLOWED = problem(405, 'method_not_allowed', 'The methods of this path are GET, HEAD', {
  headers: { Allow: 'GET, HEAD' },
})

const alive = async (): Promise<Answer> => json(200, { status: 'alive' })

const ready = async (readiness: Readiness): Promise<Answer> => {
  const problems = readiness.problems()
  const notes = problems.length > 0 ? { configuration: problems } : {}
  if (readiness.starting()) return json(503, { status: 'starting', ...notes })
  if (readiness.draining()) return json(503, { status: 'draining', ...notes })
  return readiness.ping().then(
    () => json(200, { status: 'ready', ...notes }),
    () => json(503, { status: 'store unreachable', ...notes }),
  )
}

const metrics = async (_: Readiness, exposition: Metrics['exposition']): Promise<Answer> => {
  const { contentType, text } = await exposition()
  return { status: 200, type: contentType, body: text }
}

const ENDPOINTS = new Map([
  ['/healthz', alive],
  ['/readyz', ready],
  ['/metrics', metrics],
])

const send = (req: IncomingMessage, res: ServerResponse, answered: Answer): void => {
  const { status, type, body, headers } = answered
  res.writeHead(status, {
    // RFC 9110 §8.6: a 204 has no length.
    ...(status !== 204 && { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  })
  res.end(req.method === 'HEAD' ? undefined : body)
}
