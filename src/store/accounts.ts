import type { AccountSettings } from '../config/config.ts'

export type Account = AccountSettings

export type Accounts = {
  find(username: string): Account | undefined | Promise<Account | undefined>
  findBySub(sub: string): Account | undefined | Promise<Account | undefined>
}

/** `replace` takes on the accounts of another configuration. */
export type FileAccounts = Accounts & { replace(settings: readonly AccountSettings[]): void }

export const createAccounts = (settings: readonly AccountSettings[]): FileAccounts => {
  let accounts = indexed(settings)
  return {
    find: (username) => accounts.byUsername.get(username),
    findBySub: (sub) => accounts.bySub.get(sub),
    replace(next) {
      accounts = indexed(next)
    },
  }
}

const indexed = (settings: readonly AccountSettings[]) => ({
  byUsername: new Map(settings.map((account) => [account.username, account])),
  bySub: new Map(settings.map((account) => [account.sub, account])),
})
