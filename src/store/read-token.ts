import type { Clock } from '../clock.ts'
import type { Accounts } from './accounts.ts'
import type { Clients } from './clients.ts'
import type { EndNote, Found } from './gone.ts'
import type { Grants } from './grants.ts'
import type { Store } from './store.ts'
import { type AccessToken, type StoredToken, tokenKey } from './tokens.ts'

type ReadDeps = {
  readonly store: Store
  readonly grants: Pick<Grants, 'find' | 'endOf'>
  readonly clients: Pick<Clients, 'find' | 'endOf'>
  readonly accounts: Pick<Accounts, 'findBySub' | 'endOf'>
  readonly clock: Clock
  /** The scopes that can be granted now: what was removed from the configuration opens nothing any more. */
  readonly scopes: () => ReadonlyMap<string, string>
}

/** A token is good only while its grant, its client and its account are, and only for what they may still have. */
export const createTokenReader =
  (deps: ReadDeps) =>
  async (id: string): Promise<Found> => {
    const row = await deps.store.get(tokenKey(id))
    if (row === undefined) return UNKNOWN
    const { ended, ...token }: StoredToken = JSON.parse(row)
    if (ended !== undefined) {
      return { refusal: 'revoked', token, ended: { what: 'token', at: ended } }
    }
    if (token.exp <= deps.clock()) return { refusal: 'expired', token }
    const [grant, client, account] = await Promise.all([
      deps.grants.find(token.grant_id),
      deps.clients.find(token.client_id),
      isOwnOf(token) ? NOBODY : deps.accounts.findBySub(token.sub),
    ])
    if (client === undefined) {
      return revoked(token, { what: 'client', ...deps.clients.endOf(token.client_id) })
    }
    if (account === undefined) {
      return revoked(token, { what: 'account', ...deps.accounts.endOf(token.sub) })
    }
    if (grant === undefined) {
      return revoked(token, { what: 'grant', ...(await deps.grants.endOf(token.grant_id)) })
    }
    const may = [[...deps.scopes().keys()], ...listed(client), ...listed(account)]
    const scope = token.scope.filter((name) => may.every((names) => names.includes(name)))
    return Object.freeze({ ...token, scope: Object.freeze(scope) })
  }

const UNKNOWN: Found = { refusal: 'unknown' }

const revoked = (token: AccessToken, ended: EndNote): Found => ({
  refusal: 'revoked',
  token,
  ended,
})

// A client's own token has no account behind it.
const isOwnOf = (token: AccessToken): boolean => token.sub === `client:${token.client_id}`
const NOBODY: { readonly scope?: string } = {}

const listed = ({ scope }: { readonly scope?: string }): readonly (readonly string[])[] =>
  scope === undefined ? [] : [scope.split(' ')]
