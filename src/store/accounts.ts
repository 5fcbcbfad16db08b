import type { AccountSettings } from '../config/config.ts'
import {
  type Account,
  type AccountRow,
  fromFile,
  fromStore,
  type KnownAccount,
  type ProvableAccount,
} from './account-row.ts'
import type { EndNote } from './gone.ts'
import { digest } from './secrets.ts'
import type { Disabled, Standings } from './standing.ts'
import type { Store } from './store.ts'
import type { Terms } from './terms.ts'

export type { Account } from './account-row.ts'

/** People who may sign in: those of the configuration, and those made while the program runs. One that is disabled is none. */
export type Accounts = {
  /** By the name that they sign in with. */
  find(username: string): Promise<ProvableAccount | undefined>
  /** Synchronous, as a rule, for an account of the file. */
  findBySub(sub: string): Account | undefined | Promise<Account | undefined>
  /** That it was disabled, and why; as far as memory holds it. */
  endOf(sub: string): Pick<EndNote, 'at' | 'reason'> | undefined
}

/** `replace` takes on the accounts of another configuration. */
export type FileAccounts = Accounts & {
  replace(settings: readonly AccountSettings[]): void
  ofFile(): AccountsOfFile
  /** What proves it now; `text`: its row. Undefined: there is no such account. */
  passwordOf(sub: string, text: string | undefined): string | undefined
  /** As an operator sees it; `text`: its row. */
  known(sub: string, text: string | undefined): Promise<KnownAccount | undefined>
}

type AccountsOfFile = {
  readonly byUsername: ReadonlyMap<string, FileAccount>
  readonly bySub: ReadonlyMap<string, FileAccount>
}

type FileAccount = {
  readonly account: Account
  readonly password: string
  readonly disabled?: Disabled
}

export const createAccounts = (deps: {
  readonly store: Pick<Store, 'get'>
  readonly standings: Pick<Standings, 'disabled' | 'known'>
  /** The terms of the file alone: another password there is another term, a person's own is not. */
  readonly terms: Pick<Terms, 'ofAccount'>
  readonly settings: readonly AccountSettings[]
}): FileAccounts => {
  const { store, standings, terms } = deps
  let ofFile = indexed(deps.settings)

  const read = async (sub: string): Promise<AccountRow | undefined> =>
    parse(await store.get(accountKey(sub)))

  const findStored = async (sub: string): Promise<Account | undefined> => {
    const row = await read(sub)
    if (row === undefined || (await standings.disabled({ sub })) !== undefined) return undefined
    return fromStore(row)
  }

  const findBySub: Accounts['findBySub'] = (sub) => {
    const known = ofFile.bySub.get(sub)
    if (known === undefined) return findStored(sub)
    if (known.disabled !== undefined) return undefined
    const disabled = standings.disabled({ sub })
    if (disabled instanceof Promise) {
      return disabled.then((found) => (found === undefined ? known.account : undefined))
    }
    return disabled === undefined ? known.account : undefined
  }

  const passwordOf = (sub: string, row: AccountRow | undefined): string | undefined => {
    const known = ofFile.bySub.get(sub)
    if (known === undefined) return row?.settings?.password
    return row?.own !== undefined && row.own.term === terms.ofAccount(sub)
      ? row.own.password
      : known.password
  }

  /** Of a username that the file does not have. A name of the file that is another's `sub` goes before. */
  const subOf = async (username: string): Promise<string | undefined> => {
    const sub = await store.get(nameKey(username))
    return sub === undefined || ofFile.bySub.has(sub) ? undefined : sub
  }

  return {
    findBySub,
    endOf: (sub) => ofFile.bySub.get(sub)?.disabled ?? standings.known({ sub }),
    async find(username) {
      const sub = ofFile.byUsername.get(username)?.account.sub ?? (await subOf(username))
      if (sub === undefined) return undefined
      const [account, row] = await Promise.all([findBySub(sub), read(sub)])
      const password = account && passwordOf(sub, row)
      if (account?.username !== username || password === undefined) return undefined
      return { ...account, password }
    },
    passwordOf: (sub, text) => passwordOf(sub, parse(text)),
    async known(sub, text) {
      const known = ofFile.bySub.get(sub)
      const account =
        known?.account ?? (text === undefined ? undefined : fromStore(JSON.parse(text)))
      if (account === undefined) return undefined
      const disabled = known?.disabled ?? (await standings.disabled({ sub }))
      const version = known === undefined && text !== undefined ? digest(text) : ''
      return { ...account, ...(disabled && { disabled }), version }
    },
    replace(next) {
      ofFile = indexed(next)
    },
    ofFile: () => ofFile,
  }
}

const indexed = (settings: readonly AccountSettings[]): AccountsOfFile => {
  const all = settings.map(
    (one): FileAccount => ({
      account: fromFile(one),
      password: one.password,
      ...(one.disabled && { disabled: BY_FILE }),
    }),
  )
  return {
    byUsername: new Map(all.map((one) => [one.account.username, one])),
    bySub: new Map(all.map((one) => [one.account.sub, one])),
  }
}

const parse = (text: string | undefined): AccountRow | undefined =>
  text === undefined ? undefined : JSON.parse(text)

const BY_FILE: Disabled = { at: 0, reason: 'disabled in the configuration' }
export const accountKey = (sub: string): string => `account:${sub}`
export const nameKey = (username: string): string => `account-name:${digest(username)}`
