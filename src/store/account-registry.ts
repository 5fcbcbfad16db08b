import type { Clock } from '../clock.ts'
import type { AccountSettings } from '../config/config.ts'
import type { Log, LogFields } from '../telemetry/log.ts'
import type { AccountRow, KnownAccount, StoredSettings } from './account-row.ts'
import { accountKey, type FileAccounts, nameKey } from './accounts.ts'
import { NARROWED } from './client-registry.ts'
import type { Secrets } from './secrets.ts'
import type { Standings } from './standing.ts'
import { FOR_EVER, type Store, StoreUnavailable, type Write } from './store.ts'
import type { Terms } from './terms.ts'

/** Accounts that come, change and go at run time. `by` goes to the audit log: who did it. */
export type AccountRegistry = {
  /** Of any source, disabled ones too. */
  read(sub: string): Promise<KnownAccount | undefined>
  /** Those of the file first, then the oldest; at most `limit` of the latter, 100 unless given. */
  list(options?: {
    readonly cursor?: string
    readonly limit?: number
  }): Promise<{ readonly accounts: readonly KnownAccount[]; readonly cursor: string | undefined }>
  /** `password`: an argon2id PHC string. Throws AccountRefused: `taken`, `reserved`. */
  create(account: NewAccount, by?: LogFields): Promise<KnownAccount>
  /** Compare and set: `version` is what the change was made of; undefined: whatever stands. Throws AccountRefused: `unknown`, `of the file`, `conflict`, `taken`. */
  change(
    sub: string,
    version: string | undefined,
    changes: AccountChanges,
    by?: LogFields,
  ): Promise<KnownAccount>
  /**
   * Another password (a PHC string), of whoever's account; what was given under the former one is over, here and in every
   * process. In place of one in the file it holds until the file has another. `former`: the one that was proven, which no
   * other may have replaced in the meantime. Throws AccountRefused: `unknown`, `conflict`.
   */
  setPassword(sub: string, password: string, by?: LogFields, former?: string): Promise<void>
  /** Refuses it everywhere from now on, and ends what it gave, for good. False: unknown, or disabled already. */
  disable(sub: string, reason: string, by?: LogFields): Promise<boolean>
  /** Lets it in again; what it had given stays over. False: it was not disabled here. */
  enable(sub: string, by?: LogFields): Promise<boolean>
  isDisabled(sub: string): Promise<boolean>
  /** Deletes it, and everything that it gave. `version`: as in `change`. Throws AccountRefused: `unknown`, `of the file`, `conflict`. */
  remove(sub: string, by?: LogFields, version?: string): Promise<void>
}

/** Without a `sub` it is given one that nobody had before. */
type NewAccount = Omit<StoredSettings, 'sub'> & { readonly sub?: string }

/** What is left out stays; `undefined` takes it away. */
type AccountChanges = {
  readonly username?: string
  readonly name?: string | undefined
  readonly email?: string | undefined
  readonly scope?: string | undefined
  readonly admin?: AccountSettings['admin'] | undefined
  readonly grantValues?: AccountSettings['grantValues'] | undefined
}

/** An account cannot be made what was asked for. */
export class AccountRefused extends Error {
  override readonly name = 'AccountRefused'
  readonly reason: 'unknown' | 'of the file' | 'conflict' | 'taken' | 'reserved'

  constructor(reason: AccountRefused['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

type RegistryDeps = {
  readonly store: Store
  readonly secrets: Pick<Secrets, 'id'>
  readonly clock: Clock
  readonly log: Log
  readonly standings: Standings
  /** The terms of the file alone. */
  readonly terms: Pick<Terms, 'ofAccount'>
  readonly accounts: Pick<FileAccounts, 'ofFile' | 'known' | 'passwordOf'>
  /** The longest life of a grant, seconds. */
  readonly grantLife: () => number
  /** Takes what was given in a former term out of the store; late, if the store does not answer. */
  readonly endAll: (sub: string, reason: string) => Promise<void>
}

export const createAccountRegistry = (deps: RegistryDeps): AccountRegistry => {
  const { store, secrets, clock, log, standings, terms, accounts, endAll } = deps
  const { known } = accounts
  const isOfFile = (sub: string): boolean => accounts.ofFile().bySub.has(sub)

  const requireFree = async (username: string): Promise<void> => {
    const taken =
      accounts.ofFile().byUsername.has(username) ||
      (await store.get(nameKey(username))) !== undefined
    if (taken) throw new AccountRefused('taken', 'another account has this username')
  }

  /** Replaces the row, in one step with what belongs to it; again where somebody was faster. Resolves to the new text. */
  const rewrite = async (sub: string, make: Make): Promise<string | undefined> => {
    for (let left = TRIES; left > 0; left -= 1) {
      const text = await store.get(accountKey(sub))
      const { row, writes = [], messages = [], done } = await make(text)
      const next = row && JSON.stringify(row)
      if (await store.batch([...rowWrites(sub, text, next, row), ...writes], messages)) {
        done?.()
        return next
      }
    }
    throw new StoreUnavailable('others keep changing this account')
  }

  const stored = (sub: string, text: string | undefined): StoredRow => {
    if (isOfFile(sub))
      throw new AccountRefused('of the file', 'it is in the configuration, and is changed there')
    if (text === undefined) throw unknown()
    return JSON.parse(text)
  }

  /** What ends everything that was given so far, as a part of a step. */
  const renewal = async (sub: string, until: number, anew?: 'anew') => {
    const { write, messages, done } = await standings.renewal({ sub }, until, anew)
    return { writes: [write], messages, done }
  }

  const existing = async (sub: string, text: string | undefined): Promise<KnownAccount> => {
    const account = await known(sub, text)
    if (account === undefined) throw unknown()
    return account
  }

  const requireVersion = async (
    sub: string,
    text: string | undefined,
    version: string | undefined,
  ): Promise<void> => {
    if (
      version !== undefined &&
      text !== undefined &&
      (await known(sub, text))?.version !== version
    )
      throw new AccountRefused('conflict', 'it has been changed in the meantime')
  }

  const read = async (sub: string) => known(sub, await store.get(accountKey(sub)))

  return {
    read,
    async list({ cursor, limit = 100 } = {}) {
      const page = await store.list(INDEX, { limit, ...(cursor !== undefined && { cursor }) })
      const names = cursor === undefined ? [...accounts.ofFile().bySub.keys()] : []
      const rows = page.rows
        .map(({ key, value }) => ({ sub: key.slice(accountKey('').length), value }))
        .filter(({ sub }) => !isOfFile(sub))
      const found = await Promise.all([
        ...names.map((sub) => known(sub, undefined)),
        ...rows.map(({ sub, value }) => known(sub, value)),
      ])
      return { accounts: found.filter((one) => one !== undefined), cursor: page.cursor }
    },
    async create(account, by = {}) {
      const settings = { ...account, sub: account.sub ?? secrets.id() }
      const { sub, username } = settings
      if (sub.startsWith('client:'))
        throw new AccountRefused('reserved', 'a sub that begins with client: is a client’s')
      const text = await rewrite(sub, async (found) => {
        if (found !== undefined || isOfFile(sub))
          throw new AccountRefused('taken', 'another account has this sub')
        await requireFree(username)
        return { row: { settings, created: clock() }, writes: [takeName(settings)] }
      })
      await standings.keep({ sub })
      log.audit('account.created', { sub, ...by })
      return existing(sub, text)
    },
    async change(sub, version, changes, by = {}) {
      const text = await rewrite(sub, async (found) => {
        const { settings, ...row } = stored(sub, found)
        await requireVersion(sub, found, version)
        const next = changed(settings, changes)
        const renamed = next.username !== settings.username
        if (renamed) await requireFree(next.username)
        const writes = renamed ? [dropName(settings), takeName(next)] : []
        return { row: { ...row, settings: next }, writes, messages: [NARROWED] }
      })
      log.audit('account.changed', { sub, changed: Object.keys(changes), ...by })
      return existing(sub, text)
    },
    async setPassword(sub, password, by = {}, former) {
      await rewrite(sub, async (text) => {
        await existing(sub, text)
        if (former !== undefined && accounts.passwordOf(sub, text) !== former)
          throw new AccountRefused('conflict', 'it has another password by now')
        const row: AccountRow = text === undefined ? {} : JSON.parse(text)
        const term = terms.ofAccount(sub)
        const next =
          isOfFile(sub) || !row.settings
            ? { ...row, own: { password, ...(term !== undefined && { term }) } }
            : { ...row, settings: { ...row.settings, password } }
        return { row: next, ...(await renewal(sub, FOR_EVER)) }
      })
      log.audit('password.changed', { sub, ...by })
      await endAll(sub, 'another password')
    },
    async disable(sub, reason, by = {}) {
      if ((await read(sub)) === undefined) return false
      if (!(await standings.disable({ sub }, reason))) return false
      log.audit('account.disabled', { sub, reason, ...by })
      await endAll(sub, `account disabled: ${reason}`)
      return true
    },
    async enable(sub, by = {}) {
      if (!(await standings.enable({ sub }))) return false
      log.audit('account.enabled', { sub, ...by })
      return true
    },
    isDisabled: async (sub) => (await read(sub))?.disabled !== undefined,
    async remove(sub, by = {}, version) {
      await rewrite(sub, async (text) => {
        await requireVersion(sub, text, version)
        const name = dropName(stored(sub, text).settings)
        const over = await renewal(sub, (clock() + deps.grantLife()) * 1000, 'anew')
        return { ...over, row: undefined, writes: [name, ...over.writes] }
      })
      log.audit('account.removed', { sub, ...by })
      await endAll(sub, 'account removed')
    },
  }
}

type StoredRow = AccountRow & { readonly settings: StoredSettings }

type Make = (text: string | undefined) => Promise<{
  /** Undefined: the row goes. */
  readonly row: AccountRow | undefined
  readonly writes?: readonly Write[]
  readonly messages?: readonly string[]
  readonly done?: () => void
}>

const unknown = () => new AccountRefused('unknown', 'there is no such account')

/** A swap either way: what another process has written in the meantime is neither replaced nor deleted. */
const rowWrites = (
  sub: string,
  expected: string | undefined,
  next: string | undefined,
  row: AccountRow | undefined,
): readonly Write[] => {
  const key = accountKey(sub)
  const indexes = row?.settings === undefined ? [] : [INDEX]
  const swap = { op: 'swap', key, expected, next: next ?? '', expires: FOR_EVER, indexes } as const
  return next === undefined ? [swap, { op: 'delete', key }] : [swap]
}

const changed = (settings: StoredSettings, changes: AccountChanges): StoredSettings =>
  JSON.parse(JSON.stringify({ ...settings, ...changes }))

const takeName = ({ username, sub }: StoredSettings): Write => ({
  ...{ op: 'swap', key: nameKey(username), expected: undefined, next: sub, expires: FOR_EVER },
})

const dropName = ({ username }: StoredSettings): Write => ({
  op: 'delete',
  key: nameKey(username),
})

const INDEX = 'accounts'
const TRIES = 10
