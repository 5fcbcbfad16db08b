import type { Clock } from '../clock.ts'
import type { Accounts } from './accounts.ts'
import type { Clients } from './clients.ts'
import { type Found, isGone } from './gone.ts'
import type { Grants } from './grants.ts'
import { MISSED, type Store } from './store.ts'
import type { AccessToken } from './tokens.ts'

/** For what goes on after its token was checked: streams. */
export type Lives = {
  /**
   * Until when what a token opened may stay, in seconds since the epoch; 0: no longer. The token's own expiry does not
   * count, only what it hangs on. Rejects with StoreUnavailable.
   */
  until(token: AccessToken): Promise<number>
  /** Hears when ends may have been missed: each life has to be asked for anew. Returns the way to stop. */
  onMissed(listener: () => void): () => void
}

type LivesDeps = {
  readonly store: Pick<Store, 'subscribe'>
  /** Reads a token and everything that it hangs on. */
  readonly read: (id: string) => Promise<Found>
  readonly grants: Pick<Grants, 'find'>
  readonly clients: Pick<Clients, 'find'>
  readonly accounts: Pick<Accounts, 'findBySub'>
  readonly clock: Clock
}

/**
 * A grant that can be refreshed lives until its refresh token ends, another until its own end. What a client was granted
 * for itself is as good as the client: it can ask again at any time, so its grants are made to last no longer than a token.
 */
export const createLives = (deps: LivesDeps): Lives => ({
  async until(token) {
    if (deps.clock() < token.exp && isGone(await deps.read(token.id))) return ENDED
    if ((await deps.clients.find(token.client_id)) === undefined) return ENDED
    if (token.sub === `client:${token.client_id}`) return Number.POSITIVE_INFINITY
    const account = await deps.accounts.findBySub(token.sub)
    const grant = await deps.grants.find(token.grant_id)
    if (account === undefined || grant === undefined) return ENDED
    const { expires, refresh } = grant
    return Math.max(token.exp, Math.min(expires, refresh?.expires ?? expires))
  },
  onMissed: (listener) =>
    deps.store.subscribe((message) => {
      if (message === MISSED) listener()
    }),
})

const ENDED = 0
