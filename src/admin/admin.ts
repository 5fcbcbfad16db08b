import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Metrics } from '../telemetry/metrics.ts'

/** What /readyz needs to know. */
export type Readiness = {
  draining(): boolean
  /** Rejects when the store cannot be reached. */
  ping(): Promise<void>
  /** Problems of the configuration file as it now stands, when the last good one is still in force. */
  problems(): readonly string[]
}

type Answer = { readonly status: number; readonly type: string; readonly body: string }

/** The admin listener: /healthz, /readyz and /metrics, for anyone who can reach it. */
export const createAdmin =
  (deps: { readiness: Readiness; metrics: Metrics }) =>
  (req: IncomingMessage, res: ServerResponse): void => {
    answer(req, deps).then(
      (found) => send(req, res, found),
      () => send(req, res, json(500, { status: 'error' })),
    )
  }

const answer = async (
  req: IncomingMessage,
  { readiness, metrics }: { readiness: Readiness; metrics: Metrics },
): Promise<Answer> => {
  const path = (req.url ?? '/').split('?', 1)[0]
  const endpoint = path === undefined ? undefined : ENDPOINTS.get(path)
  if (!endpoint)
    return json(404, { error: 'not_found', error_description: 'see /healthz, /readyz, /metrics' })
  if (req.method !== 'GET' && req.method !== 'HEAD')
    return json(405, { error: 'method_not_allowed' })
  return endpoint(readiness, metrics)
}

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

const json = (status: number, value: unknown): Answer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(value)}\n`,
})

const send = (req: IncomingMessage, res: ServerResponse, { status, type, body }: Answer): void => {
  res.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(status === 405 ? { Allow: 'GET, HEAD' } : {}),
  })
  res.end(req.method === 'HEAD' ? undefined : body)
}
