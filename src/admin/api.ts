import type { IncomingMessage } from 'node:http'
import type { Log } from '../telemetry/log.ts'
import { type Access, refuseAccess } from './access.ts'
import { type Answer, problem } from './answer.ts'
import { readJson } from './read-json.ts'

/** One endpoint of the API. Whoever comes as far as `answer` may use it; `body` is parsed JSON, undefined without one. */
export type Endpoint = {
  readonly method: 'GET' | 'POST'
  readonly path: string
  answer(body: unknown): Answer | Promise<Answer>
}

/** `/api/v1/…`: access, method and body are judged here, once for all endpoints. */
export const createApi = (deps: {
  readonly access: Access
  readonly endpoints: readonly Endpoint[]
  readonly log: Log
}): ((req: IncomingMessage, path: string) => Promise<Answer>) => {
  const paths = Map.groupBy(deps.endpoints, ({ path }) => path)
  return async (req, path) => {
    const refused = refuseAccess(req, deps.access)
    if (refused !== undefined) {
      deps.log.warn('admin.refused', {
        status: refused.status,
        method: req.method,
        path,
        remote: req.socket.remoteAddress,
      })
      return refused
    }
    const endpoints = paths.get(path)
    if (endpoints === undefined) return problem(404, 'not_found', 'The API has no such path')
    try {
      return await serve(req, endpoints)
    } catch (error) {
      deps.log.error('admin.failed', { method: req.method, path, error })
      return FAILED
    }
  }
}

const serve = async (req: IncomingMessage, endpoints: readonly Endpoint[]): Promise<Answer> => {
  const endpoint = endpoints.find(({ method }) => method === req.method)
  if (endpoint === undefined) return methodNotAllowed(endpoints)
  if (endpoint.method === 'GET') return endpoint.answer(undefined)
  const read = await readJson(req)
  return 'refused' in read ? read.refused : endpoint.answer(read.body)
}

const FAILED = problem(500, 'server_error', 'Something failed on our side. It has been logged')

const methodNotAllowed = (endpoints: readonly Endpoint[]): Answer => {
  const allow = endpoints.map(({ method }) => method).join(', ')
  return problem(405, 'method_not_allowed', `The methods of this path are ${allow}`, {
    Allow: allow,
  })
}
