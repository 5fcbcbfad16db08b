import type { Account, AccountRow, StoredSettings } from './account-row.ts'
import {
  type AccountRowsDeps,
  createAccountRows,
  type FoundRow,
  nameKey,
  type Rewrite,
} from './account-rows.ts'
import { type AccountChanges, AccountRefused, type Accounts } from './accounts.ts'
import { endMessage } from './ended.ts'
import { FOR_EVER, FORGET, type Write } from './store.ts'

export type ChangesDeps = AccountRowsDeps & {
  /** Whether an account of the file has this username. */
  readonly isOfFile: (username: string) => boolean
  /** Takes out of the store what was given to an account before the epoch that it is in. */
  readonly endEarlier: (account: Pick<Account, 'sub' | 'epoch'>, reason: string) => Promise<void>
}

/**
 * What operators and people change of accounts. Another epoch is one write and one message, and ends what was given in the
 * former one wherever it is; what is left of that in the store is then taken out.
 */
export const createAccountChanges = (
  deps: ChangesDeps,
): Omit<Accounts, 'find' | 'findBySub' | 'read' | 'list' | 'isDisabled'> => {
  const { secrets, clock, log, terms, endEarlier } = deps
  const { rewrite } = createAccountRows(deps)

  const requireFree = async (username: string): Promise<void> => {
    const taken = deps.isOfFile(username) || (await deps.store.get(nameKey(username))) !== undefined
    if (taken) throw new AccountRefused('taken', 'another account has this username')
  }

  const change = async (sub: string, make: (found: Found) => ReturnType<Make>) => {
    const account = await rewrite(sub, (found) => make(known(found)))
    if (account === undefined) throw unknown()
    return account
  }

  /** Undefined: it is so already. */
  const beginEpoch = (sub: string, parts: (found: Found) => Partial<AccountRow> | undefined) =>
    change(sub, (found) => {
      const changed = parts(found)
      const row = { ...found.row, ...changed, epoch: secrets.id() }
      return changed && { row, messages: [endMessage({ sub })] }
    })

  return {
    async create(account) {
      const settings = { ...account, sub: account.sub ?? secrets.id() }
      const { sub, username } = settings
      if (sub.startsWith('client:'))
        throw new AccountRefused('reserved', 'a sub that begins with client: is a client’s')
      const created = await rewrite(sub, async (found) => {
        if (found.account) throw new AccountRefused('taken', 'another account has this sub')
        await requireFree(username)
        const row = { settings, created: clock(), epoch: secrets.id() }
        return { row, writes: [takeName(settings)] }
      })
      if (created === undefined) throw unknown()
      log.audit('account.created', { sub })
      return created
    },
    async change(sub, changes, version) {
      const account = await change(sub, async (found) => {
        const settings = notOfFile(found)
        if (found.account.version !== version)
          throw new AccountRefused('conflict', 'the account has been changed in the meantime')
        const next = changed(settings, changes)
        const renamed = next.username !== settings.username
        if (renamed) await requireFree(next.username)
        const writes = renamed ? [dropName(settings), takeName(next)] : []
        return { row: { ...found.row, settings: next }, writes, messages: [FORGET] }
      })
      log.audit('account.changed', { sub, changed: Object.keys(changes) })
      return account
    },
    async setPassword(sub, password) {
      const term = terms.ofAccount(sub)
      const account = await beginEpoch(sub, ({ account: { source }, row }) =>
        source === 'operator' && row?.settings
          ? { settings: { ...row.settings, password } }
          : { own: { password, ...(term !== undefined && { term }) } },
      )
      await endEarlier(account, 'another password')
      return account
    },
    async disable(sub, reason) {
      const account = await beginEpoch(sub, ({ row }) =>
        row?.disabled ? undefined : { disabled: { at: clock(), reason } },
      )
      log.audit('account.disabled', { sub, reason })
      await endEarlier(account, 'the account was disabled')
      return account
    },
    async enable(sub) {
      const account = await change(sub, ({ row }) => {
        if (row?.disabled === undefined) return undefined
        const { disabled: _, ...rest } = row
        return { row: rest }
      })
      if (account.disabled) throw new AccountRefused('file', 'the configuration disables it')
      log.audit('account.enabled', { sub })
      return account
    },
    async remove(sub) {
      await rewrite(sub, (found) => {
        const name = dropName(notOfFile(known(found)))
        return { row: undefined, writes: [name], messages: [endMessage({ sub })] }
      })
      log.audit('account.removed', { sub })
      await endEarlier({ sub }, 'the account was removed')
    },
  }
}

type Make = (found: FoundRow) => Rewrite | undefined | Promise<Rewrite | undefined>
type Found = FoundRow & { readonly account: Account }

const unknown = () => new AccountRefused('unknown', 'there is no such account')

const known = ({ account, row }: FoundRow): Found => {
  if (account === undefined) throw unknown()
  return { account, row }
}

const notOfFile = ({ account, row }: Found): StoredSettings => {
  if (account.source === 'operator' && row?.settings) return row.settings
  throw new AccountRefused('file', 'the account is in the configuration, and is changed there')
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
