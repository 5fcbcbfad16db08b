import type { ProvableAccount } from '../store/account-row.ts'
import type { Caller, Room } from './room.ts'
import { groupOf, networkOf } from './throttle.ts'

/**
 * The account whose password this is; undefined: none, and the failure counts. An unknown name and a wrong password take as
 * long and leave the same trace. Throws 429 when there were too many.
 */
export const provenAccount = async (
  { username, password }: { readonly username: string; readonly password: string },
  caller: Caller,
  room: Pick<Room, 'stores' | 'throttles' | 'log'>,
): Promise<ProvableAccount | undefined> => {
  const { passwords } = room.throttles
  // A name that exists must not stand out among those that do not.
  const who = groupOf(username)
  await passwords.check(who, caller.remote)
  const account = await room.stores.accounts.find(username)
  const proven = await room.stores.passwords.verify(account, password, networkOf(caller.remote))
  await passwords.check(who, caller.remote)
  // It may have been changed, or disabled, while the password was checked.
  const now = await room.stores.accounts.find(username)
  if (account && proven && now?.password === account.password) return now
  // Only a name that exists is logged: people type passwords into the wrong field.
  room.log.audit('login.failed', { ...(account && { sub: account.sub }), ...caller })
  await passwords.failed(who, caller.remote)
  return undefined
}
