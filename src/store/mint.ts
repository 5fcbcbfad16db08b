import { digest, type Secrets } from './secrets.ts'
import type { Write } from './store.ts'
import type { Terms } from './terms.ts'
import { givenToClient, type OwnGrant, tokenWrite } from './token-row.ts'
import type { AccessToken } from './tokens.ts'

export type Mint = {
  /** A new access token; `write` goes into the caller's batch. */
  mint(token: Omit<AccessToken, 'id'>): MintedToken
  /** One that a client gets for itself: a grant and its only token, in one row and under one name. */
  mintOwn(
    token: Omit<AccessToken, 'id' | 'grant_id' | 'sub'>,
    kept: Pick<OwnGrant, 'values'>,
  ): MintedToken
}

type MintedToken = { readonly value: string; readonly token: AccessToken; readonly write: Write }

export const createMint = (deps: {
  readonly secrets: Pick<Secrets, 'mint'>
  readonly terms: Pick<Terms, 'of'>
}): Mint => ({
  mint(parts) {
    const value = deps.secrets.mint('access-token')
    const token: AccessToken = Object.freeze({ id: digest(value), ...parts })
    return { value, token, write: tokenWrite(token) }
  },
  mintOwn(parts, kept) {
    const value = deps.secrets.mint('access-token')
    const id = digest(value)
    const sub = `client:${parts.client_id}`
    const token: AccessToken = Object.freeze({ id, grant_id: id, ...parts, sub })
    const term = deps.terms.of(parts.client_id, sub)
    const own = { ...kept, ...(term !== undefined && { term }) }
    return { value, token, write: tokenWrite({ ...token, own }, [givenToClient(parts.client_id)]) }
  },
})
