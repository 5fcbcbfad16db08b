import type Koa from 'koa'

import type { Account } from '../store/accounts.ts'
import { digest } from '../store/secrets.ts'
import { noteOn } from '../telemetry/request-note.ts'
import { agentOf } from './agent.ts'
import { callerOf } from './endpoint.ts'
import { accessDenied } from './errors.ts'
import type { Room } from './room.ts'

/** Who sits at a browser, as far as it has proved. */
export type Person = {
  readonly account: Account
  /** When they last gave their password, seconds since the epoch. */
  readonly auth_time: number
  /** The `id` of the session. */
  readonly session: string
  /** The term of the account that they have proved to be in. */
  readonly term: string | undefined
}

type Sessions = Pick<Room, 'stores' | 'cookies' | 'clock' | 'log' | 'peer'>

/** The person of the session cookie; undefined without a live session, or when the account is gone or disabled. */
export const currentPerson = async (
  ctx: Koa.Context,
  { stores, cookies }: Pick<Room, 'stores' | 'cookies'>,
): Promise<Person | undefined> => {
  const value = cookies.session.read(ctx.req)
  const session = value === undefined ? undefined : await stores.sessions.find(value)
  if (!session) return undefined
  const account = await stores.accounts.findBySub(session.sub)
  if (!account) return undefined
  noteOn(ctx.req, { sub: account.sub })
  return { account, auth_time: session.auth_time, session: session.id, term: session.term }
}

/**
 * To be asked in the same breath as something is given: what somebody gives whose term ended while they were being answered
 * would else begin in the new one, and outlive what ended theirs (another password, A23). Throws `access_denied`.
 */
export const requireStanding = (
  { account, term }: Person,
  { stores }: Pick<Room, 'stores'>,
): void => {
  if (stores.sessions.termOf(account.sub) !== term)
    throw accessDenied('the person has been signed out in the meantime')
}

/** A new session under a new value; whatever session the browser came with is over (no fixation). */
export const startSession = async (
  ctx: Koa.Context,
  account: Account,
  room: Sessions,
): Promise<Person> => {
  const { stores, cookies, clock } = room
  const auth_time = clock()
  const term = stores.sessions.termOf(account.sub)
  const value = await stores.sessions.start({
    ...{ sub: account.sub, auth_time },
    ...{ remote: callerOf(ctx, room).remote, agent: agentOf(ctx.get('User-Agent')) },
  })
  const former = cookies.session.read(ctx.req)
  if (former !== undefined) await stores.sessions.end(former)
  cookies.session.write(ctx.res, value)
  return { account, auth_time, session: digest(value), term }
}

export const endSession = async (
  ctx: Koa.Context,
  { stores, cookies }: Pick<Room, 'stores' | 'cookies'>,
): Promise<void> => {
  const value = cookies.session.read(ctx.req)
  if (value !== undefined) await stores.sessions.end(value)
  cookies.session.clear(ctx.res)
}
