import type { Clock } from '../clock.ts'
import type { Accounts } from './accounts.ts'
import type { Clients } from './clients.ts'
import type { Grants } from './grants.ts'
import type { Store } from './store.ts'
import { type AccessToken, type Refusal, tokenKey } from './tokens.ts'

type ReadDeps = {
  readonly store: Store
  readonly grants: Pick<Grants, 'find'>
  readonly clients: Pick<Clients, 'find'>
  readonly accounts: Pick<Accounts, 'findBySub'>
  readonly clock: Clock
  /** The scopes that can be granted now: what was removed from the configuration opens nothing any more. */
  readonly scopes: () => ReadonlyMap<string, string>
}

/** A token is good only while its grant, its client and its account are, and only for what they may still have. */
export const createTokenReader =
  (deps: ReadDeps) =>
  async (id: string): Promise<AccessToken | Refusal> => {
    const row = await deps.store.get(tokenKey(id))
    if (row === undefined) return 'unknown'
    const token: AccessToken = JSON.parse(row)
    if (token.exp <= deps.clock()) return 'expired'
    const [grant, client, account] = await Promise.all([
      deps.grants.find(token.grant_id),
      deps.clients.find(token.client_id),
      isOwnOf(token) ? NOBODY : deps.accounts.findBySub(token.sub),
    ])
    if (grant === undefined || client === undefined || account === undefined) return 'revoked'
    const may = [[...deps.scopes().keys()], ...listed(client), ...listed(account)]
    const scope = token.scope.filter((name) => may.every((names) => names.includes(name)))
    return Object.freeze({ ...token, scope: Object.freeze(scope) })
  }

// A client's own token has no account behind it.
const isOwnOf = (token: AccessToken): boolean => token.sub === `client:${token.client_id}`
const NOBODY: { readonly scope?: string } = {}

const listed = ({ scope }: { readonly scope?: string }): readonly (readonly string[])[] =>
  scope === undefined ? [] : [scope.split(' ')]
