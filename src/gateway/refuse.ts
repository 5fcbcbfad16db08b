import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { atEndOfTurn } from '../turn.ts'
import { denyUpgrade } from './deny-upgrade.ts'
import { endAfterBody } from './linger.ts'
import type { Refusal } from './refusal.ts'

/** Answers a request with a refusal. When it has a body that nobody has read, the connection cannot go on. */
export const refuse = (
  req: IncomingMessage,
  res: ServerResponse,
  refusal: Refusal,
  id: string,
  /** Flat: what the route says to each of its answers. */
  more: readonly string[] = [],
): void => {
  const body = refusalBody(refusal, id)
  const fields = ['Content-Length', String(Buffer.byteLength(body)), ...refusalFields(refusal, id)]
  answer(req, res, { ...refusal, fields: [...fields, ...more], body })
}

/** The answer to a preflight. */
export const answerPreflight = (
  req: IncomingMessage,
  res: ServerResponse,
  fields: readonly string[],
  id: string,
): void =>
  answer(req, res, {
    status: 204,
    fields: [...fields, 'X-Request-Id', id],
    body: undefined,
    close: false,
  })

type Answer = {
  readonly status: number
  readonly fields: string[]
  readonly body: string | undefined
  readonly close: boolean
}

const answer = (
  req: IncomingMessage,
  res: ServerResponse,
  { status, fields, body, close }: Answer,
): void => {
  const unread = !req.complete && hasBody(req)
  if (unread || close) fields.push('Connection', 'close')
  res.writeHead(status, fields)
  if (!unread) {
    atEndOfTurn(() => {
      if (!res.destroyed) res.end(body)
    })
    return
  }
  if (body !== undefined) res.write(body)
  endAfterBody(req, res)
}

/** The same for an upgrade, which has a socket only. */
export const refuseUpgrade = (socket: Duplex, refusal: Refusal, id: string): void =>
  denyUpgrade(socket, refusal.status, refusalFields(refusal, id), refusalBody(refusal, id))

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0

const refusalFields = ({ headers }: Refusal, id: string): string[] => [
  'Content-Type',
  'application/json',
  'Cache-Control',
  'private, no-store',
  'X-Request-Id',
  id,
  ...headers,
]

const refusalBody = ({ error, description }: Refusal, id: string): string =>
  JSON.stringify({ error, error_description: description, request_id: id })
