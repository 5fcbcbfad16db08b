import type { Account } from './accounts.ts'

export type Passwords = {
  /**
   * Off the event loop, two at once. An unknown account takes as long as a known one.
   * Rejects with PasswordsBusy when too many wait already.
   */
  verify(account: Account | undefined, password: string): Promise<boolean>
}

/** Too many passwords are being checked: 503 with Retry-After. */
export class PasswordsBusy extends Error {
  override readonly name = 'PasswordsBusy'
}
