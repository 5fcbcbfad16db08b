import type { Config } from '../../src/config/config.ts'
import type { Grant } from '../../src/store/grants.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { openStores, type Stores } from '../../src/store/open.ts'
import { type Channel, type Store, StoreUnavailable } from '../../src/store/store.ts'
import type { AccessToken } from '../../src/store/tokens.ts'
import { type MovableClock, movableClock, recordingLog, storeConfig } from './stores.ts'

/** A store whose reads a test counts, holds up or makes fail, and whose channel it breaks. */
type TroubledStore = {
  readonly store: Store
  /** Keys that were read, in order. */
  readonly reads: string[]
  /** Writes and reads reject while it is down. */
  down: boolean
  /** The channel is silent for this many seconds; healthy at 0. */
  silence: number
  /** Reads wait, after they have read, until the gate is opened. */
  hold(): { open(): void }
}

const troubledStore = (clock: MovableClock): TroubledStore => {
  const inner = memoryStore({ clock, log: recordingLog().log })
  let gate: Promise<void> | undefined
  const check = () => {
    if (state.down) throw new StoreUnavailable('down')
  }
  const read = async <Value>(keys: readonly string[], step: () => Promise<Value>) => {
    check()
    state.reads.push(...keys)
    const value = await step()
    await gate
    check()
    return value
  }
  const channel: Channel = {
    healthy: () => state.silence === 0,
    silence: () => state.silence,
    lag: () => 0,
  }
  const store: Store = {
    ...inner,
    channel,
    get: (key) => read([key], () => inner.get(key)),
    getMany: (keys) => read(keys, () => inner.getMany(keys)),
    async batch(writes, publish) {
      check()
      return inner.batch(writes, publish)
    },
  }
  const state: TroubledStore = {
    store,
    reads: [],
    down: false,
    silence: 0,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return {
        open() {
          gate = undefined
          resolve()
        },
      }
    },
  }
  return state
}

export type Room = {
  readonly stores: Stores
  readonly config: Config
  readonly clock: MovableClock
  readonly troubles: TroubledStore
  readonly logged: ReturnType<typeof recordingLog>['logged']
  /** A redeemed grant with an access token and a refresh token, as a code flow leaves them. */
  authorize(grant?: Partial<Grant>, token?: Partial<AccessToken>): Promise<Authorized>
}

export type Authorized = { grant: Grant; access: string; refresh: string; token: AccessToken }

/** The store room in memory, with a clock and a store that a test can trouble. */
export const openRoom = async (
  settings: Parameters<typeof storeConfig>[0] = {},
  tokens: Partial<Config['tokens']> = {},
): Promise<Room> => {
  const clock = movableClock()
  const config = storeConfig(settings, tokens)
  const troubles = troubledStore(clock)
  const { log, logged } = recordingLog()
  const stores = await openStores(config, { clock, log, store: troubles.store })
  return {
    ...{ stores, config, clock, troubles, logged },
    authorize: (grant, token) => authorize(stores, config, clock(), grant, token),
  }
}

/** Issues a code and claims it. */
export const authorize = async (
  stores: Stores,
  config: Config,
  now: number,
  grant: Partial<Grant> = {},
  token: Partial<AccessToken> = {},
): Promise<Authorized> => {
  const value = await stores.codes.issue({
    grant: newGrant(stores, now, grant),
    redirect_uri: 'https://app.example/callback',
    redirect_uri_given: true,
    lifetime: config.tokens.authorizationCode,
  })
  const code = value === undefined ? undefined : await stores.codes.find(value)
  if (code === undefined) throw new Error('the code was not issued')
  const first = stores.refreshTokens.first(code.grant, config.tokens)
  const minted = stores.tokens.mint({ ...newToken(first.grant, now), ...token })
  const writes = [minted.write]
  const claim = { client_id: first.grant.client_id, redeemed: first.grant, writes }
  if ((await stores.codes.claim(code, claim)) === 'lost') throw new Error('the code was lost')
  return { grant: first.grant, access: minted.value, refresh: first.value, token: minted.token }
}

export const newGrant = (stores: Stores, now: number, parts: Partial<Grant> = {}): Grant =>
  stores.grants.begin({
    client_id: 'web',
    sub: 'ada',
    scope: ['orders.read', 'orders.write'],
    resource: [],
    auth_time: now,
    created: now,
    expires: now + 864_000,
    ...parts,
  })

export const newToken = (grant: Grant, now: number): Omit<AccessToken, 'id'> => ({
  grant_id: grant.id,
  client_id: grant.client_id,
  sub: grant.sub,
  scope: grant.scope,
  aud: [],
  iat: now,
  exp: now + 600,
})
