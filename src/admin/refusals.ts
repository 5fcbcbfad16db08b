import * as z from 'zod/mini'
import { json } from './answer.ts'
import { name, pageOf, refusalPaging, requestId } from './list-query.ts'
import { type Operation, operation } from './operation.ts'
import type { Room } from './room.ts'

const text = z.exactOptional(z.string())
const number = z.exactOptional(z.number())

/** As the access log has it, and when it was. */
const refused = z.strictObject({
  at: z.number(),
  request_id: z.string(),
  method: z.string(),
  path: z.string(),
  status: z.number(),
  ms: z.number(),
  remote: z.string(),
  ...{ route: text, upstream: text, client_id: text, sub: text, grant_id: text },
  ...{ refusal: text, missing_scope: text, expired_for: number, ended: text },
  ...{ reason: text, description: text, error: text },
  upgraded: z.exactOptional(z.boolean()),
  bytes: number,
})

/** What a search of refusals takes; the console takes it, too. */
export const refusalFilters = {
  request_id: z.exactOptional(requestId),
  client_id: z.exactOptional(name),
  sub: z.exactOptional(name),
  route: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(2048))),
  status: z.exactOptional(z.coerce.number().check(z.int(), z.minimum(100), z.maximum(599))),
}

/** The requests that were refused last, as far as the processes remember them. */
export const refusalOperations = ({ refusals }: Pick<Room, 'refusals'>): readonly Operation[] => [
  operation({
    id: 'listRefusals',
    tag: 'refusals',
    method: 'GET',
    path: '/api/v1/refusals',
    role: 'viewer',
    summary:
      'Requests that were refused, newest first, as far as they are remembered in memory; the log has all',
    query: { ...refusalPaging, ...refusalFilters },
    answers: { 200: { description: 'A page of refusals', schema: pageOf(refused) } },
    run: async ({ query }) => json(200, await refusals(query)),
  }),
]
