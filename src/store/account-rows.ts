import type { Clock } from '../clock.ts'
import type { AccountSettings } from '../config/config.ts'
import type { Log } from '../telemetry/log.ts'
import { type Account, type AccountRow, mergedAccount } from './account-row.ts'
import type { AccountPage } from './accounts.ts'
import { digest, type Secrets } from './secrets.ts'
import { FOR_EVER, type Store, StoreUnavailable, type Write } from './store.ts'
import type { Terms } from './terms.ts'

export type AccountRowsDeps = {
  readonly store: Store
  readonly secrets: Pick<Secrets, 'id'>
  readonly clock: Clock
  readonly log: Log
  readonly terms: Pick<Terms, 'ofAccount'>
  readonly ofFile: (sub: string) => AccountSettings | undefined
}

/** What the store has of accounts. */
export type AccountRows = {
  read(sub: string): Promise<Account | undefined>
  list(cursor: string, limit: number, prefix: string): Promise<AccountPage>
  /**
   * Replaces the row by what `make` makes of it, with the writes and messages that belong to it; again where somebody was
   * faster. `undefined`: nothing is to be done. What `make` throws passes.
   */
  rewrite(sub: string, make: Make): Promise<Account | undefined>
}

type Make = (found: FoundRow) => Rewrite | undefined | Promise<Rewrite | undefined>

export type FoundRow = {
  readonly account: Account | undefined
  readonly row: AccountRow | undefined
}

export type Rewrite = {
  /** Undefined: the row goes. */
  readonly row: Omit<AccountRow, 'version'> | undefined
  readonly writes?: readonly Write[]
  readonly messages?: readonly string[]
}

export const createAccountRows = (deps: AccountRowsDeps): AccountRows => {
  const { store, terms, ofFile } = deps
  const merged = (sub: string, row: AccountRow | undefined) =>
    mergedAccount(ofFile(sub), row, terms.ofAccount(sub))

  const attempt = async (sub: string, make: Make) => {
    const text = await store.get(accountKey(sub))
    const row = parse(text)
    const rewrite = await make({ account: merged(sub, row), row })
    if (rewrite === undefined) return { account: merged(sub, row) }
    const next = rewrite.row && { ...rewrite.row, version: (row?.version ?? 0) + 1 }
    const writes = [...rowWrites(sub, text, next), ...(rewrite.writes ?? [])]
    if (await store.batch(writes, rewrite.messages)) return { account: merged(sub, next) }
    return undefined
  }

  return {
    read: async (sub) => merged(sub, parse(await store.get(accountKey(sub)))),
    async list(cursor, limit, prefix) {
      const page = await store.list(INDEX, { limit, ...(cursor !== '' && { cursor }) })
      const accounts = page.rows.flatMap(({ value }) => {
        const row = parse(value)
        const shadowed = row?.settings === undefined || ofFile(row.settings.sub) !== undefined
        return shadowed ? [] : (merged(row.settings.sub, row) ?? [])
      })
      return { accounts, cursor: page.cursor === undefined ? undefined : prefix + page.cursor }
    },
    async rewrite(sub, make) {
      for (let left = TRIES; left > 0; left -= 1) {
        const done = await attempt(sub, make)
        if (done !== undefined) return done.account
      }
      throw new StoreUnavailable('other processes keep changing this account')
    },
  }
}

/** A swap either way: what another process has written in the meantime is neither replaced nor deleted. */
const rowWrites = (
  sub: string,
  expected: string | undefined,
  row: AccountRow | undefined,
): readonly Write[] => {
  const key = accountKey(sub)
  if (row !== undefined) {
    const indexes = row.settings === undefined ? [] : [INDEX]
    return [{ op: 'swap', key, expected, next: JSON.stringify(row), expires: FOR_EVER, indexes }]
  }
  if (expected === undefined) return []
  return [
    { op: 'swap', key, expected, next: expected, expires: FOR_EVER },
    { op: 'delete', key },
  ]
}

const parse = (text: string | undefined): AccountRow | undefined =>
  text === undefined ? undefined : JSON.parse(text)

const INDEX = 'accounts'
const TRIES = 10
const accountKey = (sub: string): string => `account:${sub}`
export const nameKey = (username: string): string => `account-name:${digest(username)}`
