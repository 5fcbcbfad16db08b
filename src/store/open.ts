import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../telemetry/log.ts'
import type { Accounts } from './accounts.ts'
import type { Clients } from './clients.ts'
import type { Codes } from './codes.ts'
import type { Consents } from './consents.ts'
import type { Grants } from './grants.ts'
import type { Passwords } from './passwords.ts'
import type { RefreshTokens } from './refresh-tokens.ts'
import type { Secrets } from './secrets.ts'
import type { Sessions } from './sessions.ts'
import type { Store } from './store.ts'
import type { AccessTokens } from './tokens.ts'

/** Everything that outlives a request. */
export type Stores = {
  readonly store: Store
  readonly secrets: Secrets
  readonly tokens: AccessTokens
  readonly refreshTokens: RefreshTokens
  readonly codes: Codes
  readonly grants: Grants
  readonly clients: Clients
  readonly accounts: Accounts
  readonly sessions: Sessions
  readonly consents: Consents
  readonly passwords: Passwords
  /**
   * Takes on a configuration that was read anew (not its `store`). What it no longer names ends: for this process before
   * this returns, in the store when the promise resolves.
   */
  reload(config: Config): Promise<void>
  close(): Promise<void>
}

/** Opens the store that `config.store` names. Throws StoreRefused when we will not start on it. */
export const openStores = async (
  config: Config,
  deps: { readonly clock: Clock; readonly log: Log },
): Promise<Stores> => {
  throw new Error(`not yet: ${config.store.kind} ${deps.clock()}`)
}
