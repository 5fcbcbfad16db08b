import type { AccountSettings } from '../config/config.ts'

export type Account = AccountSettings

export type Accounts = {
  find(username: string): Account | undefined | Promise<Account | undefined>
  findBySub(sub: string): Account | undefined | Promise<Account | undefined>
}
