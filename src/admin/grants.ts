import * as z from 'zod/mini'
import { fillPage } from '../store/fill-page.ts'
import type { Grant } from '../store/grants.ts'
import type { LastUse } from '../store/last-use.ts'
import { type Answer, json, NOTHING, problem } from './answer.ts'
import { removed } from './changes.ts'
import { CURSOR_OF_ALL, grantsOfAll } from './grants-of-all.ts'
import { asPage, grantPaging, name, pageOf, scopeName } from './list-query.ts'
import { type Operation, operation } from './operation.ts'
import { by, type Principal } from './principal.ts'
import type { Room } from './room.ts'

type GrantRoom = Pick<Room, 'stores' | 'clock'>

const grantShape = z.strictObject({
  id: z.string(),
  client_id: z.string(),
  sub: z.string(),
  scope: z.array(z.string()),
  resource: z.array(z.string()),
  created: z.number(),
  expires: z.number(),
  /**
   * When its tokens were last used, seconds since the epoch, and on which route; of what a client holds for itself, when it
   * last used any of its own.
   */
  last_used: z.exactOptional(z.number()),
  last_route: z.exactOptional(z.string()),
})

/** Who has access to what: grants, by client or by person. */
export const grantOperations = (room: GrantRoom): readonly Operation[] => [
  operation({
    id: 'listGrants',
    tag: 'grants',
    method: 'GET',
    path: '/api/v1/grants',
    role: 'viewer',
    summary:
      'Live grants, of one client (client_id) or one person (sub) oldest first, of everybody client by client',
    query: {
      ...grantPaging,
      client_id: z.exactOptional(name),
      sub: z.exactOptional(name),
      /** Those that have it. */
      scope: z.exactOptional(scopeName),
      /** Days for which no token of it was used. */
      unused: z.exactOptional(z.coerce.number().check(z.minimum(1), z.maximum(3650))),
    },
    answers: { 200: { description: 'A page of grants', schema: pageOf(grantShape) } },
    async run({ query }) {
      if (!hasOwnCursor(query)) return NO_CURSOR
      return json(200, await listGrants(query, room))
    },
  }),
  operation({
    id: 'getGrant',
    tag: 'grants',
    method: 'GET',
    path: '/api/v1/grants/{id}',
    role: 'viewer',
    summary: 'One grant',
    answers: { 200: { description: 'The grant', schema: grantShape } },
    async run({ params: { id = '' } }) {
      const grant = await room.stores.grants.find(id)
      if (grant === undefined) return UNKNOWN
      return json(200, shownGrant(grant, (await room.stores.lastUsed.of([grant])).get(id)))
    },
  }),
  operation({
    id: 'endGrant',
    tag: 'grants',
    method: 'DELETE',
    path: '/api/v1/grants/{id}',
    role: 'operator',
    summary: 'Ends a grant: its tokens are refused everywhere at once',
    answers: { 204: { description: 'It has ended' } },
    run: ({ params, principal }) => endGrant(params.id ?? '', principal, room),
  }),
]

export const endGrant = async (
  id: string,
  principal: Principal,
  { stores }: GrantRoom,
): Promise<Answer> => {
  const grant = await stores.grants.find(id)
  if (grant === undefined) return UNKNOWN
  await stores.consents.remove(grant.client_id, grant.sub)
  await stores.grants.end(id, 'ended by an operator', {
    ...{ client_id: grant.client_id, sub: grant.sub },
    ...by(principal),
    ...removed({ scope: grant.scope, resource: grant.resource }),
  })
  return NOTHING
}

export type GrantQuery = {
  readonly limit: number
  readonly cursor?: string
  readonly client_id?: string
  readonly sub?: string
  readonly scope?: string
  readonly unused?: number
}

/** Whether the cursor is one that a list of whose grants these are has given, or there is none. */
export const hasOwnCursor = ({ cursor, client_id, sub }: GrantQuery): boolean => {
  if (cursor === undefined) return true
  return (client_id ?? sub) === undefined ? CURSOR_OF_ALL.test(cursor) : /^\d{1,15}$/.test(cursor)
}

export const listGrants = async (query: GrantQuery, { stores, clock }: GrantRoom) => {
  const { limit, cursor, unused } = query
  const before = unused === undefined ? undefined : clock() - unused * 86_400
  const { read, fits } = shortestList(query, stores)
  const picky = before !== undefined || fits !== undefined
  const page = await fillPage({ limit, cursor, picky }, async (at, most) => {
    const { grants: all, cursor: next } = await read(at, most)
    const grants = fits === undefined ? all : all.filter(fits)
    const uses = await stores.lastUsed.of(grants)
    const items = grants
      .filter((grant) => before === undefined || isIdle(grant, uses.get(grant.id), before))
      .map((grant) => shownGrant(grant, uses.get(grant.id)))
    return { items, cursor: next }
  })
  return asPage(page.items, page.cursor)
}

/** People have few grants; a client may have a million. What clients hold for themselves is in no list of a person. */
const shortestList = ({ client_id, sub, scope }: GrantQuery, stores: GrantRoom['stores']) => {
  const { grants } = stores
  const itself = sub?.startsWith('client:') ? sub.slice('client:'.length) : undefined
  const client = client_id ?? itself
  const isOfBoth = sub !== undefined && client !== undefined
  return {
    read: (cursor: string | undefined, most: number) => {
      if (sub !== undefined && itself === undefined) return grants.ofAccount(sub, cursor, most)
      if (client !== undefined) return grants.ofClient(client, cursor, most)
      return grantsOfAll(cursor, most, stores)
    },
    ...((isOfBoth || scope !== undefined) && {
      fits: (grant: Grant) =>
        (!isOfBoth || (grant.sub === sub && grant.client_id === client)) &&
        (scope === undefined || grant.scope.includes(scope)),
    }),
  }
}

/**
 * Whether none of its tokens was used since `before`, seconds since the epoch; until the first use its beginning counts.
 * What a client holds for itself is in use for as long as the client uses any of its own.
 */
const isIdle = (grant: Pick<Grant, 'created'>, use: LastUse | undefined, before: number): boolean =>
  Math.max(use?.at ?? 0, grant.created) < before

const shownGrant = (grant: Grant, use: LastUse | undefined): z.output<typeof grantShape> => ({
  id: grant.id,
  client_id: grant.client_id,
  sub: grant.sub,
  scope: [...grant.scope],
  resource: [...grant.resource],
  created: grant.created,
  expires: grant.expires,
  ...(use && { last_used: use.at, last_route: use.route }),
})

const UNKNOWN = problem(404, 'not_found', 'There is no such grant, or it has ended')
const NO_CURSOR = problem(
  400,
  'invalid_request',
  'The query: /cursor is no cursor of this list; it goes with the client_id and sub that it came with',
  { errors: [{ pointer: '/cursor', detail: 'is no cursor of this list' }] },
)
