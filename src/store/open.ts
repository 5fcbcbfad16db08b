import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../telemetry/log.ts'
import { type Accounts, createAccounts } from './accounts.ts'
import { createChores } from './chores.ts'
import { type Clients, createClients } from './clients.ts'
import { type Codes, createCodes } from './codes.ts'
import { type Consents, createConsents } from './consents.ts'
import { createGrants, type Grants } from './grants.ts'
import { keptSecret } from './kept-secret.ts'
import { createLives, type Lives } from './lives.ts'
import { memoryStore } from './memory.ts'
import { createPasswords, type Passwords } from './passwords.ts'
import { createTokenReader } from './read-token.ts'
import { createRefreshTokens, type RefreshTokens } from './refresh-tokens.ts'
import { createSecrets, randomSecret, type Secrets } from './secrets.ts'
import { createSessions, type Sessions } from './sessions.ts'
import { type Store, StoreRefused } from './store.ts'
import { type AccessTokens, createAccessTokens } from './tokens.ts'

/** Everything that outlives a request. */
export type Stores = {
  readonly store: Store
  readonly secrets: Secrets
  readonly tokens: AccessTokens
  readonly lives: Lives
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
   * this returns, in the store when the promise resolves, or once the store answers again.
   */
  reload(config: Config): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the store that `config.store` names, or takes the one that is given. Throws StoreRefused when we will not start
 * on it.
 */
export const openStores = async (
  initial: Config,
  deps: { readonly clock: Clock; readonly log: Log; readonly store?: Store },
): Promise<Stores> => {
  let config = initial
  const { clock, log } = deps
  const store = deps.store ?? (await openStore(config, deps))
  const secrets = createSecrets(secretsOf(config))
  const tokenLife = () => longestTokenLife(config)
  const clients = createClients({ store, clock, settings: config.clients })
  const accounts = createAccounts(config.accounts)
  const grants = createGrants({ store, secrets, clock, log, tokenLife })
  const scopes = () => config.scopes
  const read = createTokenReader({ store, grants, clients, accounts, clock, scopes })
  const tokens = createAccessTokens({
    ...{ store, secrets, clock, log, read },
    lifetimes: () => config.tokens,
    maximum: config.limits.cachedTokens,
  })
  const sessions = createSessions({ store, secrets, clock, limits: () => config.sessions })
  const chores = createChores(store, log)

  return {
    ...{ store, secrets, tokens, grants, clients, accounts, sessions },
    codes: createCodes({ store, secrets, clock, tokenLife }),
    refreshTokens: createRefreshTokens({ store, secrets, grants, clock, tokenLife }),
    lives: createLives({ store, read, grants, clients, accounts, clock }),
    consents: createConsents({ store, clock }),
    passwords: createPasswords(() =>
      config.accounts.find(({ password }) => password.startsWith('$')),
    ),
    async reload(next) {
      const before = config
      config = next
      const goneClients = clients.replace(next.clients)
      const goneSubs = accounts.replace(next.accounts)
      for (const client_id of goneClients) tokens.end({ client_id })
      for (const sub of goneSubs) tokens.end({ sub })
      if (takeOnSecrets(secrets, before, next) || lostScopes(before, next)) tokens.forget()
      await chores.finish([
        ...goneClients.map((client_id) => () => grants.endAllOfClient(client_id, REMOVED)),
        ...goneSubs.map((sub) => () => grants.endAllOfAccount(sub, REMOVED)),
        ...goneSubs.map((sub) => () => sessions.endAllOfAccount(sub)),
      ])
    },
    async close() {
      chores.stop()
      tokens.close()
      await store.close()
    },
  }
}

const REMOVED = 'removed from the configuration'

const openStore = async (config: Config, deps: { clock: Clock; log: Log }): Promise<Store> => {
  const { store } = config
  if (store.kind === 'memory') return memoryStore(deps)
  if (store.kind === 'sqlite') return (await import('./sqlite.ts')).sqliteStore(store.file, deps)
  throw new StoreRefused(
    `store: ${store.kind} is not in this release`,
    'Use sqlite:FILE, or memory: for what may be lost at the next start.',
  )
}

const secretsOf = (config: Config): readonly string[] => {
  if (config.secret.length > 0) return config.secret
  return [
    config.store.kind === 'sqlite' ? keptSecret(`${config.store.file}.secret`) : randomSecret(),
  ]
}

const takeOnSecrets = (secrets: Secrets, before: Config, next: Config): boolean => {
  if (next.secret.length === 0 || next.secret.join('\n') === before.secret.join('\n')) return false
  secrets.rotate(next.secret)
  return true
}

const lostScopes = (before: Config, next: Config): boolean =>
  [...before.scopes.keys()].some((scope) => !next.scopes.has(scope))

const longestTokenLife = ({ tokens, clients }: Config): number =>
  Math.max(tokens.accessToken, ...clients.map((client) => client.tokens.accessToken ?? 0))
