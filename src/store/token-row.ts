import { afterlife } from './gone.ts'
import type { Grant } from './grants.ts'
import type { Write } from './store.ts'
import type { AccessToken } from './tokens.ts'

/**
 * A token as it is written. One that was revoked by itself says when, and stays for a while, so that it can be told why. What
 * a client got for itself has its grant in the same row, and one name for both (decision 0020).
 */
export type StoredToken = Omit<AccessToken, 'use'> & {
  readonly ended?: number
  readonly own?: OwnGrant
}

/** What a client's own grant has besides what its token says. */
export type OwnGrant = Pick<Grant, 'values' | 'term'>

export const tokenKey = (id: string): string => `access-token:${id}`

/** `indexes`: lists that it appears in, as its grant does where that has no row of its own. */
export const tokenWrite = (token: StoredToken, indexes?: readonly string[]): Write => ({
  op: 'set',
  key: tokenKey(token.id),
  value: JSON.stringify(token),
  expires: (token.exp + afterlife(token.exp - token.iat)) * 1000,
  ...(indexes && { indexes }),
})

/** The grant in a token's row. Undefined where it has a row of its own, or its token was revoked. */
export const grantInRow = ({ own, ended, ...token }: StoredToken): Grant | undefined => {
  if (own === undefined || ended !== undefined) return undefined
  const { grant_id: id, client_id, sub, scope, aud, iat, exp } = token
  const times = { auth_time: iat, created: iat, expires: exp }
  return { id, client_id, sub, scope, resource: aud, ...times, redeemed: true, ...own }
}

/** Whether a grant of this name stands in the row of its token: such names are digests, and longer than drawn ones. */
export const isInTokenRow = (grant_id: string): boolean => grant_id.length === DIGEST

/** The list of what a client was given, by people and for itself. */
export const givenToClient = (client_id: string): string => `grants:client:${client_id}`

const DIGEST = 43
