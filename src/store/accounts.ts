import type { AccountSettings } from '../config/config.ts'
import { type ChangesDeps, createAccountChanges } from './account-changes.ts'
import type { Account, StoredSettings } from './account-row.ts'
import { createAccountRows, nameKey } from './account-rows.ts'

export type { Account } from './account-row.ts'

/** People who may sign in: those of the configuration, and those made while the program runs. */
export type Accounts = {
  /** By the name that they sign in with. One that is disabled is not found, here and in `findBySub`. */
  find(username: string): Promise<Account | undefined>
  findBySub(sub: string): Promise<Account | undefined>
  /** Disabled or not; for operators. */
  read(sub: string): Promise<Account | undefined>
  /** Those of the file in its order, then the others, oldest first; at most `limit`, 100 unless given. */
  list(options?: { cursor?: string; limit?: number }): Promise<AccountPage>
  /** Of an account that there is. */
  isDisabled(sub: string): Promise<boolean>
  /** `password`: an argon2id PHC string. Throws AccountRefused: `taken`, `reserved`. */
  create(account: NewAccount): Promise<Account>
  /** `version`: the one that the change was made of. Throws AccountRefused: `unknown`, `file`, `conflict`, `taken`. */
  change(sub: string, changes: AccountChanges, version: number): Promise<Account>
  /**
   * Another password, of whoever's account; what was given under the former one is over, here and in every process.
   * Throws AccountRefused: `unknown`.
   */
  setPassword(sub: string, password: string): Promise<Account>
  /** Ends, in every process, what was given to it, and lets nobody in until it is enabled. Throws AccountRefused: `unknown`. */
  disable(sub: string, reason: string): Promise<Account>
  /** What had been given before stays over. Throws AccountRefused: `unknown`; `file` where the configuration disables it. */
  enable(sub: string): Promise<Account>
  /** Throws AccountRefused: `unknown`, `file`. */
  remove(sub: string): Promise<void>
}

export type AccountPage = {
  readonly accounts: readonly Account[]
  /** Give it back to read on; undefined at the end. */
  readonly cursor: string | undefined
}

/** Without a `sub` it is one that nobody had before. */
export type NewAccount = Omit<StoredSettings, 'sub'> & { readonly sub?: string }

/** What stays out stays as it is; `undefined` takes it away. */
export type AccountChanges = {
  readonly username?: string
  readonly name?: string | undefined
  readonly email?: string | undefined
  readonly scope?: string | undefined
  readonly admin?: AccountSettings['admin'] | undefined
}

/** An account cannot be what was asked for. */
export class AccountRefused extends Error {
  override readonly name = 'AccountRefused'
  readonly reason: 'unknown' | 'file' | 'conflict' | 'taken' | 'reserved'

  constructor(reason: AccountRefused['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/** `replace` takes on the accounts of another configuration. */
export type FileAccounts = Accounts & { replace(settings: readonly AccountSettings[]): void }

export const createAccounts = (
  deps: Omit<ChangesDeps, 'ofFile' | 'isOfFile'> & {
    readonly settings: readonly AccountSettings[]
  },
): FileAccounts => {
  let ofFile = indexed(deps.settings)
  const { read, list } = createAccountRows({ ...deps, ofFile: (sub) => ofFile.bySub.get(sub) })
  const changes = createAccountChanges({
    ...deps,
    ofFile: (sub) => ofFile.bySub.get(sub),
    isOfFile: (username) => ofFile.byUsername.has(username),
  })

  const findBySub = async (sub: string) => enabled(await read(sub))

  const listOfFile = async (start: number, limit: number): Promise<AccountPage> => {
    const settings = [...ofFile.bySub.values()]
    const part = settings.slice(start, start + limit)
    const accounts = await Promise.all(part.map(({ sub }) => read(sub)))
    const next = start + part.length
    const cursor = next < settings.length ? `${FILE}${next}` : STORE
    return { accounts: accounts.filter((account) => account !== undefined), cursor }
  }

  return {
    findBySub,
    read,
    async find(username) {
      const settings = ofFile.byUsername.get(username)
      if (settings !== undefined) return findBySub(settings.sub)
      const sub = await deps.store.get(nameKey(username))
      if (sub === undefined) return undefined
      const account = await findBySub(sub)
      return account?.username === username ? account : undefined
    },
    async list({ cursor = `${FILE}0`, limit = 100 } = {}) {
      if (cursor.startsWith(FILE)) return listOfFile(Number(cursor.slice(FILE.length)) || 0, limit)
      return list(cursor.slice(STORE.length), limit, STORE)
    },
    async isDisabled(sub) {
      return (await read(sub))?.disabled !== undefined
    },
    ...changes,
    replace(next) {
      ofFile = indexed(next)
    },
  }
}

const enabled = (account: Account | undefined): Account | undefined =>
  account?.disabled === undefined ? account : undefined

const indexed = (settings: readonly AccountSettings[]) => ({
  byUsername: new Map(settings.map((account) => [account.username, account])),
  bySub: new Map(settings.map((account) => [account.sub, account])),
})

const FILE = 'file:'
const STORE = 'store:'
