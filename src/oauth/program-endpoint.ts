import type { IncomingMessage, ServerResponse } from 'node:http'
import { atEndOfTurn } from '../turn.ts'
import type { Call, Reply } from './call.ts'
import { methodNotAllowed, methodsOf, type ProgramEndpoint } from './endpoint.ts'
import { errorReply } from './error-response.ts'
import type { FormReader } from './form.ts'
import { type Parameters, readParameters } from './parameters.ts'
import { refusePlainHttp } from './plain-http.ts'
import type { Caller, Room } from './room.ts'

/** Answers one request to an endpoint for programs. Rejects only with what is a mistake of ours. */
export type Program = (req: IncomingMessage, res: ServerResponse, caller: Caller) => Promise<void>

/**
 * One endpoint's requests, from the checks that all share to the one place where errors are rendered: straight from Node's
 * server, without a framework's context and its promises, which would cost as much as the token (decision 0021).
 */
export const serveProgram = (
  endpoint: ProgramEndpoint,
  room: Room,
  form: FormReader<Call>,
): Program => {
  const allow = methodsOf(endpoint)
  const cors = endpoint.cors ? CORS : []
  return async (req, res, caller) => {
    const call: Call = { req, res, path: endpoint.path, caller, request: {} }
    if (endpoint.cors && req.method === 'OPTIONS') return send(call, preflight(allow), cors)
    send(call, await answer(call, endpoint, allow, form, room), cors)
  }
}

const answer = async (
  call: Call,
  endpoint: ProgramEndpoint,
  allow: string,
  form: FormReader<Call>,
  room: Room,
): Promise<Reply> => {
  try {
    refusePlainHttp(call.req, room)
    const handler = handlerOf(endpoint, call.req.method)
    if (!handler) throw methodNotAllowed(allow)
    return await handler(call, await parametersOf(call, endpoint, form))
  } catch (error) {
    return errorReply(call, error, room)
  }
}

/** HEAD stands for GET where nothing comes of it. */
const handlerOf = ({ get, post }: ProgramEndpoint, method: string | undefined) => {
  if (method === 'POST') return post
  return method === 'GET' || method === 'HEAD' ? get : undefined
}

const parametersOf = async (
  call: Call,
  endpoint: ProgramEndpoint,
  form: FormReader<Call>,
): Promise<Parameters> => {
  const { method, url = '' } = call.req
  const mark = url.indexOf('?')
  const posted = method === 'POST' ? await form.read(call) : undefined
  return readParameters(posted, mark < 0 ? '' : url.slice(mark + 1), endpoint)
}

/** No cookie counts at these endpoints, so any origin may call them; an Authorization header is sent by scripts only. */
const CORS = [
  'Access-Control-Allow-Origin',
  '*',
  'Access-Control-Expose-Headers',
  'Retry-After, WWW-Authenticate, X-Request-Id',
]

const preflight = (allow: string): Reply => ({
  status: 204,
  headers: {
    'Access-Control-Allow-Methods': allow,
    'Access-Control-Allow-Headers': 'Authorization, Content-Type, MCP-Protocol-Version',
    'Access-Control-Max-Age': '86400',
  },
  type: '',
  body: '',
})

/** What a turn of the loop answers leaves together, as the answers of the data plane do. */
const send = (
  { req, res, caller }: Call,
  { status, headers, type, body }: Reply,
  fixed: readonly string[],
): void => {
  const head = ['X-Request-Id', caller.request_id, ...fixed]
  for (const name in headers) head.push(name, headers[name] ?? '')
  if (status !== 204)
    head.push('Content-Type', type, 'Content-Length', String(Buffer.byteLength(body)))
  atEndOfTurn(() => {
    if (res.destroyed) return
    res.writeHead(status, head)
    res.end(req.method === 'HEAD' ? undefined : body)
  })
}
