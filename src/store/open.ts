import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../telemetry/log.ts'
import { type AccountRegistry, createAccountRegistry } from './account-registry.ts'
import { type Accounts, createAccounts } from './accounts.ts'
import { type Assertions, createAssertions } from './assertions.ts'
import { type AuditTrail, createAuditTrail } from './audit-trail.ts'
import { createChores } from './chores.ts'
import { type ClientNames, createClientNames } from './client-names.ts'
import { type ClientRegistry, createClientRegistry, NARROWED } from './client-registry.ts'
import { type Clients, createClients } from './clients.ts'
import { type Codes, createCodes } from './codes.ts'
import { type Consent, type Consents, createConsents } from './consents.ts'
import { createDeviceCodes, type DeviceCodes } from './device-codes.ts'
import { endFormer, endOver } from './former.ts'
import { createGrants, type Grant, type Grants } from './grants.ts'
import { keptSecret } from './kept-secret.ts'
import { createLastUsed, type LastUsed } from './last-used.ts'
import { createLateNames, type LateNames } from './late-names.ts'
import { createLives, type Lives } from './lives.ts'
import { openStore } from './open-store.ts'
import { createPasswords, type Passwords } from './passwords.ts'
import { createPushedRequests, type PushedRequests } from './pushed-requests.ts'
import { createTokenReader } from './read-token.ts'
import { createRefreshTokens, type RefreshTokens } from './refresh-tokens.ts'
import { createRegistrationTokens, type RegistrationTokens } from './registration-tokens.ts'
import { createSecrets, randomSecret, type Secrets } from './secrets.ts'
import { createSessions, type Sessions } from './sessions.ts'
import { openStandings, withEpochs } from './standing.ts'
import { MISSED, type Store, StoreRefused, StoreUnavailable } from './store.ts'
import { NAMES, openTerms } from './terms.ts'
import { type AccessTokens, createAccessTokens, type Ended } from './tokens.ts'

/** Everything that outlives a request. */
export type Stores = {
  readonly store: Store
  readonly secrets: Secrets
  readonly tokens: AccessTokens
  readonly lives: Lives
  readonly refreshTokens: RefreshTokens
  readonly codes: Codes
  readonly deviceCodes: DeviceCodes
  readonly pushedRequests: PushedRequests
  readonly grants: Grants
  readonly assertions: Assertions
  readonly clients: Clients & ClientRegistry
  readonly clientNames: ClientNames
  readonly registrationTokens: RegistrationTokens
  readonly accounts: Accounts & AccountRegistry
  readonly sessions: Sessions
  /** Of the console, apart from those of the authorization server. */
  readonly consoleSessions: Sessions
  readonly consents: Consents
  readonly passwords: Passwords
  readonly audit: AuditTrail
  /** About how many rows the store has, as of the last half minute. */
  rows(): number
  readonly lastUsed: LastUsed
  /**
   * Takes on a configuration that was read anew (not its `store`). What it no longer names, or names with another
   * password, ends: for this process before this returns, in the store when the promise resolves, or once the store
   * answers again.
   */
  reload(config: Config): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the store that `config.store` names, or takes the one that is given. What was given to names that the
 * configuration no longer has is over when this resolves, and is deleted soon after. Throws StoreRefused when we will
 * not start on it.
 */
export const openStores = async (
  initial: Config,
  deps: { readonly clock: Clock; readonly log: Log; readonly store?: Store },
): Promise<Stores> => {
  let config = initial
  const { clock, log } = deps
  requireSecret(config)
  const store = deps.store ?? (await openStore(config.store, deps))
  const secrets = createSecrets(secretsOf(config))
  const names = createLateNames()
  const { terms, fileTerms, standings } = names
  let closed = false
  const tokenLife = () => longestTokenLife(config)
  const policy = () => config.registrationPolicy
  const clients = createClients({
    ...{ store, clock, standings, policy },
    settings: config.clients,
  })
  const accounts = createAccounts({
    ...{ store, standings, terms: fileTerms, settings: config.accounts },
  })
  const grants = createGrants({ store, secrets, clock, log, terms, tokenLife })
  const scopes = () => config.scopes
  const read = createTokenReader({ store, grants, clients, accounts, clock, scopes })
  const grantLife = () => longestGrantLife(config)
  const lastUsed = createLastUsed({ store, clock, terms, life: grantLife })
  const tokens = createAccessTokens({
    ...{ store, secrets, terms, clock, log, read },
    lifetimes: () => config.tokens,
    maximum: config.limits.cachedTokens,
    lastUsed,
  })
  const sessionDeps = { store, secrets, clock, terms, limits: () => config.sessions }
  const sessions = createSessions(sessionDeps)
  const consoleSessions = createSessions({ ...sessionDeps, kind: 'console-session' })
  const consents = createConsents({ store, clock, terms })
  const audit = createAuditTrail({ store, secrets, clock, log, keep: () => config.audit.keep })
  const chores = createChores(store, log)

  const end = (ended: readonly Ended[]): void => ended.forEach(tokens.end)
  const endElsewhere = (ended: readonly Ended[]): void => {
    end(ended)
    tokens.forget()
  }
  const isDisabled = (sub: string) =>
    config.accounts.some((account) => account.sub === sub && account.disabled)
  // The terms first: once they are written, no start to come takes a former term for a standing one.
  const settle = (ended: readonly Ended[]): Promise<void> =>
    chores.finish([
      () => terms.keep(endElsewhere),
      ...ended.flatMap((one) => endFormer(one, { terms, isDisabled, grants, sessions, consents })),
    ])
  const unsubscribe = store.subscribe((message) => {
    if (message === NARROWED) tokens.forget()
    if (message === NAMES || message === MISSED) {
      void chores.finish([() => terms.look(endElsewhere)])
    }
  })
  await readNames({
    ...{ store, secrets, clock, log, shared: isShared(config), stopped: () => closed },
    begin(read) {
      const over = read.terms.replace(config)
      names.begin(read)
      void settle(over)
      void chores.finish([chores.count])
    },
  })

  const endAllOfClient = (client_id: string, reason: string, which: 'all' | 'over') => {
    const isOver = (given: Grant | Consent) =>
      which === 'all' || given.term !== terms.of(given.client_id, given.sub)
    return chores.finish([
      () => grants.endAllOfClient(client_id, reason, which === 'all' ? undefined : isOver),
      () => consents.removeAllOfClient(client_id, isOver),
    ])
  }
  const clientRegistry = createClientRegistry({
    ...{ store, secrets, clock, log, standings, clients, policy, lastUsed },
    endAll: endAllOfClient,
    lives: () => ({ ...config.registrationPolicy, grant: grantLife() }),
  })
  const accountRegistry = createAccountRegistry({
    ...{ store, secrets, clock, log, standings, accounts, terms: fileTerms, grantLife },
    endAll: (sub, reason) =>
      chores.finish(endOver(sub, reason, { terms, grants, sessions, consents })),
  })

  return {
    rows: chores.rows,
    ...{ store, secrets, tokens, grants, sessions, consents, audit, lastUsed },
    clients: { ...clients, ...clientRegistry },
    clientNames: createClientNames({ store, clients }),
    accounts: { ...accounts, ...accountRegistry },
    assertions: createAssertions({ store }),
    consoleSessions,
    registrationTokens: createRegistrationTokens({ store, secrets, clock, log }),
    pushedRequests: createPushedRequests({ store, secrets, clock, terms }),
    codes: createCodes({ store, secrets, clock, terms, tokenLife }),
    deviceCodes: createDeviceCodes({ store, secrets, clock, terms, tokenLife }),
    refreshTokens: createRefreshTokens({ store, secrets, grants, clock, tokenLife }),
    lives: createLives({ store, read, grants, clients, accounts, clock }),
    passwords: createPasswords(() =>
      config.accounts.find(({ password }) => password.startsWith('$')),
    ),
    async reload(next) {
      const before = config
      config = next
      clients.replace(next.clients)
      accounts.replace(next.accounts)
      const rotated = takeOnSecrets(secrets, before, next)
      const former = terms.replace(next)
      end(former)
      if (rotated || changesScopes(before, next)) tokens.forget()
      await settle(former)
    },
    async close() {
      closed = true
      unsubscribe()
      standings.close()
      await chores.stop()
      await lastUsed.close()
      tokens.close()
      await audit.close()
      await store.close()
    },
  }
}

/** Reads them until the store answers: one that is shared may come later than we do. */
const readNames = async (deps: {
  readonly store: Store
  readonly secrets: Secrets
  readonly clock: Clock
  readonly log: Log
  readonly shared: boolean
  readonly begin: LateNames['begin']
  readonly stopped: () => boolean
}): Promise<void> => {
  const attempt = async (): Promise<void> => {
    const fileTerms = await openTerms(deps)
    const standings = await openStandings(deps)
    deps.begin({ terms: withEpochs(fileTerms, standings), fileTerms, standings })
  }
  const insist = async (): Promise<void> => {
    while (!deps.stopped()) {
      await pause(AGAIN, undefined, { ref: false })
      try {
        return await attempt()
      } catch (cause) {
        deps.log.debug('store.names', { cause })
      }
    }
  }
  try {
    await attempt()
  } catch (cause) {
    if (deps.shared && cause instanceof StoreUnavailable) {
      deps.log.warn('store.unavailable', { cause })
      void insist()
      return
    }
    await deps.store.close()
    throw new StoreRefused(
      'store: what it knows of the configuration cannot be read',
      'See that nothing else holds the store, then start again.',
      { cause },
    )
  }
}

// Milliseconds.
const AGAIN = 250

const isShared = ({ store }: Pick<Config, 'store'>): boolean =>
  store.kind === 'redis' || store.kind === 'postgres'

const requireSecret = (config: Config): void => {
  if (!isShared(config) || config.secret.length > 0) return
  throw new StoreRefused(
    'secret: is empty, and the store is shared',
    'Give every instance the same: openssl rand -base64 32.',
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

// What is new can have been given to nobody, and what is gone ends.
const changesScopes = (before: Config, next: Config): boolean => {
  const after = scopesOf(next)
  return (
    before.registrationPolicy.scope !== next.registrationPolicy.scope ||
    [...before.scopes.keys()].some((scope) => !next.scopes.has(scope)) ||
    [...scopesOf(before)].some(([key, scope]) => after.has(key) && after.get(key) !== scope)
  )
}

const scopesOf = ({ clients, accounts }: Config): ReadonlyMap<string, string | undefined> =>
  new Map([
    ...clients.map(({ client_id, scope }) => [`client:${client_id}`, scope] as const),
    ...accounts.map(({ sub, scope }) => [`account:${sub}`, scope] as const),
  ])

const longestTokenLife = ({ tokens, clients }: Config): number =>
  Math.max(tokens.accessToken, ...clients.map((client) => client.tokens.accessToken ?? 0))

const longestGrantLife = ({ tokens, clients }: Config): number =>
  Math.max(tokens.grant, ...clients.map((client) => client.tokens.grant ?? 0))
