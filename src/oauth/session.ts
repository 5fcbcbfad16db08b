import type Koa from 'koa'

import type { Account } from '../store/accounts.ts'
import type { Room } from './room.ts'

/** Who sits at a browser, as far as it has proved. */
export type Person = {
  readonly account: Account
  /** When they last gave their password, seconds since the epoch. */
  readonly auth_time: number
}

type Sessions = Pick<Room, 'stores' | 'cookies' | 'clock' | 'log'>

/** The person of the session cookie; undefined without a live session, or when the account is gone. */
export const currentPerson = async (
  ctx: Koa.Context,
  { stores, cookies }: Sessions,
): Promise<Person | undefined> => {
  const value = cookies.session.read(ctx.req)
  const session = value === undefined ? undefined : await stores.sessions.find(value)
  if (!session) return undefined
  const account = await stores.accounts.findBySub(session.sub)
  return account && { account, auth_time: session.auth_time }
}

/** A new session under a new value; whatever session the browser came with is over (no fixation). */
export const startSession = async (
  ctx: Koa.Context,
  account: Account,
  { stores, cookies, clock }: Sessions,
): Promise<Person> => {
  const auth_time = clock()
  const value = await stores.sessions.start({ sub: account.sub, auth_time })
  const former = cookies.session.read(ctx.req)
  if (former !== undefined) await stores.sessions.end(former)
  cookies.session.write(ctx.res, value)
  return { account, auth_time }
}

export const endSession = async (
  ctx: Koa.Context,
  { stores, cookies }: Sessions,
): Promise<void> => {
  const value = cookies.session.read(ctx.req)
  if (value !== undefined) await stores.sessions.end(value)
  cookies.session.clear(ctx.res)
}
