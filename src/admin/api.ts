import type { IncomingMessage } from 'node:http'
import * as z from 'zod/mini'
import { addressOf } from '../peer.ts'
import { PasswordsBusy } from '../store/passwords.ts'
import { StoreUnavailable } from '../store/store.ts'
import type { Log } from '../telemetry/log.ts'
import type { Access } from './access.ts'
import { type Answer, problem } from './answer.ts'
import { flawsOf } from './flaws.ts'
import type { Operation } from './operation.ts'
import { mayDo, type Principal, type Role } from './principal.ts'
import { readJson } from './read-json.ts'
import { refusalOf } from './refusal.ts'
import { createTable, type Found } from './table.ts'

/** `/api/v1/…`: access, role, method and input are judged here, once for all operations. */
export const createApi = (deps: {
  readonly access: Access
  readonly operations: readonly Operation[]
  readonly log: Log
}): ((req: IncomingMessage, path: string) => Promise<Answer>) => {
  const find = createTable(deps.operations)
  const judge = async (req: IncomingMessage, path: string): Promise<Answer> => {
    const principal = await deps.access(req)
    if ('status' in principal) return refused(req, path, principal, deps.log)
    // RFC 9110 §9.3.2: what can be had can be asked after.
    const found = find(req.method === 'HEAD' ? 'GET' : (req.method ?? ''), path)
    if (found === undefined) return NO_PATH
    if ('allow' in found) return methodNotAllowed(found.allow)
    const { role } = found.operation
    if (!mayDo(principal, role)) {
      deps.log.audit('admin.refused', refusalOf(principal, role, { method: req.method, path }))
      return roleMissing(principal, role)
    }
    return serve(req, found, principal)
  }
  return (req, path) =>
    judge(req, path).catch((error: unknown) => {
      if (error instanceof StoreUnavailable) return STORE_AWAY
      if (error instanceof PasswordsBusy) return BUSY
      deps.log.error('admin.failed', { method: req.method, path, error })
      return FAILED
    })
}

const refused = (
  { method, socket }: IncomingMessage,
  path: string,
  answer: Answer,
  log: Log,
): Answer => {
  log.warn('admin.refused', { status: answer.status, method, path, remote: addressOf(socket) })
  return answer
}

const serve = async (
  req: IncomingMessage,
  { operation, params }: Found,
  principal: Principal,
): Promise<Answer> => {
  const query = z.safeParse(z.strictObject(operation.query ?? {}), queryOf(req.url ?? ''), TELLING)
  if (!query.success) return invalid('The query', query.error)
  const ifMatch = req.headers['if-match']
  if (operation.conditional && ifMatch === undefined) return CONDITION_MISSING
  const body = await bodyOf(req, operation)
  if ('refused' in body) return body.refused
  const call = { principal, params, query: query.data, body: body.data, ifMatch }
  // The schemas have made what `run` takes.
  return operation.run(call as never)
}

const queryOf = (url: string): Readonly<Record<string, string>> => {
  const at = url.indexOf('?')
  return at < 0 ? {} : Object.fromEntries(new URLSearchParams(url.slice(at)))
}

const bodyOf = async (
  req: IncomingMessage,
  { body: schema, maxBody = MOST }: Operation,
): Promise<{ readonly data: unknown } | { readonly refused: Answer }> => {
  if (schema === undefined) return { data: undefined }
  const read = await readJson(req, maxBody)
  if ('refused' in read) return read
  const judged = z.safeParse(schema, read.body, TELLING)
  return judged.success ? { data: judged.data } : { refused: invalid('The body', judged.error) }
}

const invalid = (what: string, { issues }: z.core.$ZodError): Answer => {
  const errors = flawsOf(issues)
  const [first] = errors
  const detail = `${what}${first ? `: ${first.pointer || 'it'} ${first.detail}` : ' is not as it should be'}`
  return problem(400, 'invalid_request', detail, { errors })
}

const roleMissing = ({ role }: Principal, needed: Role): Answer =>
  problem(403, 'forbidden', `This takes the role ${needed}, and yours is ${role}`)

const MOST = 65_536
/** So that what is missing is told from what is wrong (flaws.ts). */
const TELLING = { reportInput: true }

const NO_PATH = problem(404, 'not_found', 'The API has no such path; see /api/v1/openapi.json')
const FAILED = problem(500, 'server_error', 'Something failed on our side. It has been logged')
const soon = { headers: { 'Retry-After': '1' } }
const STORE_AWAY = problem(
  503,
  'temporarily_unavailable',
  'The store does not answer: what was asked for may or may not have been done',
  soon,
)
const BUSY = problem(503, 'temporarily_unavailable', 'Too many passwords are being hashed', soon)
const CONDITION_MISSING = problem(
  428,
  'precondition_required',
  'Send If-Match with the ETag of what you read, so that nobody’s change is lost; or * to change whatever stands',
)

const methodNotAllowed = (methods: readonly string[]): Answer => {
  const allow = methods.flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : [one])).join(', ')
  return problem(405, 'method_not_allowed', `The methods of this path are ${allow}`, {
    headers: { Allow: allow },
  })
}
