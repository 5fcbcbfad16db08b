import * as z from 'zod/mini'
import { json } from './answer.ts'
import { asPage, instant, name, pageOf, paging, requestId } from './list-query.ts'
import { type Operation, operation } from './operation.ts'
import type { Room } from './room.ts'

const event = z.strictObject({
  id: z.string(),
  at: z.number(),
  event: z.string(),
  fields: z.record(z.string(), z.unknown()),
})

/** The search of the audit trail. */
export const auditOperations = ({ stores }: Pick<Room, 'stores'>): readonly Operation[] => [
  operation({
    id: 'searchAudit',
    tag: 'audit',
    method: 'GET',
    path: '/api/v1/audit',
    role: 'viewer',
    summary:
      'Audit events, newest first. A page may have fewer than there are; go on while it has a next',
    query: {
      ...paging,
      event: z.exactOptional(name),
      client_id: z.exactOptional(name),
      sub: z.exactOptional(name),
      actor: z.exactOptional(name),
      request_id: z.exactOptional(requestId),
      since: z.exactOptional(instant),
      until: z.exactOptional(instant),
    },
    answers: { 200: { description: 'A page of events', schema: pageOf(event) } },
    async run({ query }) {
      const { events, cursor } = await stores.audit.search(query)
      return json(200, asPage(events, cursor))
    },
  }),
]
