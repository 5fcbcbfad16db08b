import type { Clock } from '../clock.ts'
import type { Accounts } from './accounts.ts'
import type { Clients } from './clients.ts'
import type { EndNote, Found } from './gone.ts'
import type { Grants } from './grants.ts'
import type { Store } from './store.ts'
import { type StoredToken, tokenKey } from './token-row.ts'
import type { AccessToken } from './tokens.ts'

type ReadDeps = {
  readonly store: Store
  readonly grants: Pick<Grants, 'find' | 'inRow' | 'endOf'>
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
    if (row === undefined) return withoutRow(id, deps)
    const stored: StoredToken = JSON.parse(row)
    const { ended, own, ...token } = stored
    if (ended !== undefined) {
      return { refusal: 'revoked', token, ended: { what: 'token', at: ended } }
    }
    if (token.exp <= deps.clock()) return { refusal: 'expired', token }
    const [grant, client, account] = await Promise.all([
      own === undefined ? deps.grants.find(token.grant_id) : deps.grants.inRow(stored),
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

/** The end of a client's own grant takes its token's row. */
const withoutRow = async (id: string, { grants }: ReadDeps): Promise<Found> => {
  const end = await grants.endOf(id)
  return end === undefined
    ? { refusal: 'unknown' }
    : { refusal: 'revoked', ended: { what: 'grant', ...end } }
}

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
