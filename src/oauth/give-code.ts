import type Koa from 'koa'

import { answeredKey } from '../store/pushed-requests.ts'
import type { Write } from '../store/store.ts'
import { answerWithCode } from './authorization-response.ts'
import { LONGEST_PENDING } from './browser-binding.ts'
import { callerOf } from './endpoint.ts'
import { invalidRequest, type OAuthError } from './errors.ts'
import { lifetimesOf } from './lifetimes.ts'
import { LONGEST_PUSHED, type PendingRequest, type Resumed } from './pending-request.ts'
import type { Room } from './room.ts'
import { type Person, requireStanding } from './session.ts'
import { storedValues } from './stored-values.ts'

/**
 * Issues the code of a request that was allowed and takes it to the client (RFC 6749 §4.1.2). The grant, the code and
 * `writes` are stored in one step with the marker that this request is used up. Throws for one that was used before.
 */
export const giveCode = async (
  ctx: Koa.Context,
  { pending, client }: Resumed,
  person: Person,
  allowed: { readonly scope: readonly string[]; readonly writes: readonly Write[] },
  room: Room,
): Promise<void> => {
  const { stores, config, clock, log } = room
  const { account, auth_time } = person
  const created = clock()
  requireStanding(person, room)
  const grant = stores.grants.begin({
    client_id: client.client_id,
    sub: account.sub,
    scope: allowed.scope,
    resource: pending.resource,
    ...storedValues(client, account),
    auth_time,
    created,
    expires: created + lifetimesOf(client, config).grant,
  })
  const { redirect_uri, redirect_uri_given, code_challenge } = pending
  const code = await stores.codes.issue({
    grant,
    redirect_uri,
    redirect_uri_given,
    ...(code_challenge !== undefined && { code_challenge }),
    lifetime: config.tokens.authorizationCode,
    writes: [usedMarker(pending), ...allowed.writes],
  })
  if (code === undefined) throw usedBefore()
  const { client_id, sub, scope } = grant
  log.audit('code.issued', { client_id, sub, grant_id: grant.id, scope, ...callerOf(ctx, room) })
  answerWithCode(ctx, pending, code, room)
}

/** Written only where it does not stand yet: two answers to one request cannot both be stored. */
export const usedMarker = ({ id, created }: PendingRequest) =>
  ({
    op: 'swap',
    key: answeredKey(id),
    expected: undefined,
    next: 'used',
    // Until no page can come back to this request, were it a pushed one that was opened again meanwhile.
    expires: (created + LONGEST_PUSHED + LONGEST_PENDING) * 1000,
  }) as const

export const usedBefore = (): OAuthError => invalidRequest('this request has been answered already')
