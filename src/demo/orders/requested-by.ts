import type { IncomingMessage } from 'node:http'

/** All that this API knows of its caller: the fields that the gateway sets. Null: the gateway said nothing. */
export type RequestedBy = {
  readonly subject: string | null
  readonly client_id: string | null
  readonly scope: string | null
  readonly request_id: string | null
}

/** An API behind the gateway may believe these fields, as long as nobody can reach it past the gateway. */
export const requestedBy = (req: IncomingMessage): RequestedBy => ({
  subject: field(req, 'x-auth-subject'),
  client_id: field(req, 'x-auth-client-id'),
  scope: field(req, 'x-auth-scope'),
  request_id: field(req, 'x-request-id'),
})

const field = ({ headers }: IncomingMessage, name: string): string | null => {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : null
}
