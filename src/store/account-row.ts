import type { AccountSettings } from '../config/config.ts'

/** A person who may sign in. */
export type Account = Omit<AccountSettings, 'disabled'> & {
  /** `file`: of the configuration; the store has only what is kept beside it. `operator`: made while the program ran. */
  readonly source: 'file' | 'operator'
  /** Of what the store has of it; 0: nothing yet. */
  readonly version: number
  /** Seconds since the epoch; 0 for an account of the file. */
  readonly created: number
  /** What was given to the account in another epoch is over. Undefined in the first one of an account of the file. */
  readonly epoch?: string
  readonly disabled?: Disabling
}

/** When (seconds since the epoch; 0: the configuration says so) and why. */
export type Disabling = { readonly at: number; readonly reason: string }

/** What the store has of an account. */
export type AccountRow = {
  readonly version: number
  readonly epoch?: string
  readonly disabled?: Disabling
  /** All of it, unless it is the file's. */
  readonly settings?: StoredSettings
  readonly created?: number
  /** What a person chose in place of the password in the file; void in another term, which another password there brings. */
  readonly own?: { readonly password: string; readonly term?: string }
}

export type StoredSettings = Omit<AccountSettings, 'disabled'>

/** The account that comes of both; the file, where it has the account, is the authority on all but what is beside it. */
export const mergedAccount = (
  ofFile: AccountSettings | undefined,
  row: AccountRow | undefined,
  term: string | undefined,
): Account | undefined =>
  ofFile === undefined ? storedAccount(row) : fileAccount(ofFile, row, term)

const fileAccount = (
  { disabled, ...settings }: AccountSettings,
  row: AccountRow | undefined,
  term: string | undefined,
): Account => ({
  ...settings,
  ...(row?.own !== undefined && row.own.term === term && { password: row.own.password }),
  ...{ source: 'file', version: row?.version ?? 0, created: 0 },
  ...standing(row),
  ...(disabled && { disabled: BY_FILE }),
})

const storedAccount = (row: AccountRow | undefined): Account | undefined =>
  row?.settings && {
    ...row.settings,
    ...{ source: 'operator', version: row.version, created: row.created ?? 0 },
    ...standing(row),
  }

const standing = (row: AccountRow | undefined): Pick<Account, 'epoch' | 'disabled'> => ({
  ...(row?.epoch !== undefined && { epoch: row.epoch }),
  ...(row?.disabled && { disabled: row.disabled }),
})

const BY_FILE: Disabling = { at: 0, reason: 'disabled in the configuration' }

/** Whether something was given in the epoch that the account is in. */
export const isOfEpoch = (
  given: { readonly epoch?: string },
  account: Pick<Account, 'epoch'>,
): boolean => given.epoch === account.epoch

/** The epoch, to be written into what is given now. */
export const epochOf = ({ epoch }: Pick<Account, 'epoch'>): { readonly epoch?: string } =>
  epoch === undefined ? {} : { epoch }
