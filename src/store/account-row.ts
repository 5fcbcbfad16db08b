import type { AccountSettings } from '../config/config.ts'
import type { Disabled } from './standing.ts'

/** A person who may sign in. */
export type Account = Omit<AccountSettings, 'password' | 'disabled'> & {
  /** `operator`: made while the program ran, by the admin API or the command line. */
  readonly source: 'file' | 'operator'
  /** Seconds since the epoch; 0 for an account of the file. */
  readonly created: number
}

/** An account with what proves it: an argon2id PHC string; plain text only in the demo. */
export type ProvableAccount = Account & { readonly password: string }

/** An account as an operator sees it. */
export type KnownAccount = Account & {
  readonly disabled?: Disabled
  /** Tells what is stored of it from what will be; '' for one of the file. */
  readonly version: string
}

/** What the store has of an account. */
export type AccountRow = {
  /** All of it, unless it is the file's. */
  readonly settings?: StoredSettings
  readonly created?: number
  /** What a person chose in place of the password in the file; void in another term, which another password there brings. */
  readonly own?: { readonly password: string; readonly term?: string }
}

export type StoredSettings = Omit<AccountSettings, 'disabled'>

export const fromFile = ({ password: _, disabled: __, ...settings }: AccountSettings): Account => ({
  ...settings,
  source: 'file',
  created: 0,
})

/** Undefined for a row that stands beside an account of the file. */
export const fromStore = ({ settings, created = 0 }: AccountRow): Account | undefined => {
  if (settings === undefined) return undefined
  const { password: _, ...rest } = settings
  return { ...rest, source: 'operator', created }
}
