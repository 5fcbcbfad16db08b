import * as z from 'zod/mini'
import { json, NOTHING } from './answer.ts'
import { nameChecks } from './list-query.ts'
import { type Operation, operation } from './operation.ts'
import { by, type Principal } from './principal.ts'
import type { Room } from './room.ts'

const session = z.strictObject({
  id: z.string(),
  sub: z.string(),
  auth_time: z.number(),
  used: z.number(),
  expires: z.number(),
  remote: z.exactOptional(z.string()),
  agent: z.exactOptional(z.string()),
})

/** Sessions are listed by person, and by nothing else. */
const ofSub = {
  sub: z
    .string({ error: ({ input }) => (input === undefined ? 'is required: say whose' : undefined) })
    .check(...nameChecks),
}

/** Where people are signed in. */
export const sessionOperations = (room: Pick<Room, 'stores' | 'log'>): readonly Operation[] => [
  operation({
    id: 'listSessions',
    tag: 'sessions',
    method: 'GET',
    path: '/api/v1/sessions',
    role: 'viewer',
    summary: 'Live sessions of one person (sub), oldest first, a hundred at most',
    query: ofSub,
    answers: {
      200: { description: 'All of them', schema: z.strictObject({ items: z.array(session) }) },
    },
    run: async ({ query }) => json(200, { items: await liveSessions(query.sub, room) }),
  }),
  operation({
    id: 'endSessions',
    tag: 'sessions',
    method: 'DELETE',
    path: '/api/v1/sessions',
    role: 'operator',
    summary: 'Signs a person out everywhere; what applications were given stays',
    query: ofSub,
    answers: { 204: { description: 'They have ended' } },
    async run({ query: { sub }, principal }) {
      await endSessions(sub, principal, room)
      return NOTHING
    },
  }),
  operation({
    id: 'endSession',
    tag: 'sessions',
    method: 'DELETE',
    path: '/api/v1/sessions/{id}',
    role: 'operator',
    summary: 'Ends one session of a person',
    query: ofSub,
    answers: { 204: { description: 'It has ended' } },
    async run({ params: { id = '' }, query: { sub }, principal }) {
      await endSession(id, sub, principal, room)
      return NOTHING
    },
  }),
]

type SessionRoom = Pick<Room, 'stores' | 'log'>

/** Those at the console, too. */
export const endSessions = async (
  sub: string,
  principal: Principal,
  { stores, log }: SessionRoom,
): Promise<void> => {
  const counts = await Promise.all(
    [stores.sessions, stores.consoleSessions].map((one) => one.endAllOfAccount(sub)),
  )
  const count = counts.reduce((sum, one) => sum + one, 0)
  log.audit('sessions.ended', { sub, count, ...by(principal) })
}

export const endSession = async (
  id: string,
  sub: string,
  principal: Principal,
  { stores, log }: SessionRoom,
): Promise<void> => {
  const counts = await Promise.all(
    [stores.sessions, stores.consoleSessions].map((one) =>
      one.endAllOfAccount(sub, (session) => session.id === id),
    ),
  )
  if (counts.some((count) => count > 0)) log.audit('session.ended', { sub, ...by(principal) })
}

const liveSessions = async (sub: string, { stores }: Pick<Room, 'stores'>) =>
  (await stores.sessions.ofAccount(sub)).map(
    ({ id, sub: of, auth_time, used, expires, remote, agent }) => ({
      ...{ id, sub: of, auth_time, used, expires },
      ...(remote !== undefined && { remote }),
      ...(agent !== undefined && { agent }),
    }),
  )
