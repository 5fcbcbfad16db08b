import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Metrics } from '../telemetry/metrics.ts'
import { type Answer, json, problem } from './answer.ts'

/** What /readyz needs to know. */
type Readiness = {
  draining(): boolean
  /** Rejects when the store cannot be reached. */
  ping(): Promise<void>
  /** Problems of the configuration file as it now stands, when the last good one is still in force. */
  problems(): readonly string[]
}

/** `/api/…`, which answers only to who has the admin token. */
export type Api = (req: IncomingMessage, path: string) => Promise<Answer>

type Deps = { readonly readiness: Readiness; readonly metrics: Metrics; readonly api: Api }

/** The admin listener: /healthz, /readyz and /metrics, for anyone who can reach it, and the API. */
export const createAdmin =
  (deps: Deps) =>
  (req: IncomingMessage, res: ServerResponse): void => {
    answer(req, deps).then(
      (found) => send(req, res, found),
      () => send(req, res, json(500, { status: 'error' })),
    )
  }

const answer = async (req: IncomingMessage, { readiness, metrics, api }: Deps): Promise<Answer> => {
  const path = (req.url ?? '/').split('?', 1)[0] ?? '/'
  if (path.startsWith('/api/')) return api(req, path)
  const endpoint = ENDPOINTS.get(path)
  if (!endpoint) return problem(404, 'not_found', 'see /healthz, /readyz, /metrics, /api/v1')
  if (req.method !== 'GET' && req.method !== 'HEAD') return NOT_ALLOWED
  return endpoint(readiness, metrics)
}

const NOT_ALLOWED = problem(405, 'method_not_allowed', 'The methods of this path are GET, HEAD', {
  headers: { Allow: 'GET, HEAD' },
})

const alive = async (): Promise<Answer> => json(200, { status: 'alive' })

const ready = async (readiness: Readiness): Promise<Answer> => {
  const problems = readiness.problems()
  const notes = problems.length > 0 ? { configuration: problems } : {}
  if (readiness.draining()) return json(503, { status: 'draining', ...notes })
  return readiness.ping().then(
    () => json(200, { status: 'ready', ...notes }),
    () => json(503, { status: 'store unreachable', ...notes }),
  )
}

const exposition = async (_: Readiness, metrics: Metrics): Promise<Answer> => {
  const { contentType, text } = await metrics.exposition()
  return { status: 200, type: contentType, body: text }
}

const ENDPOINTS = new Map([
  ['/healthz', alive],
  ['/readyz', ready],
  ['/metrics', exposition],
])

const send = (req: IncomingMessage, res: ServerResponse, answered: Answer): void => {
  const { status, type, body, headers } = answered
  res.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  })
  res.end(req.method === 'HEAD' ? undefined : body)
}
