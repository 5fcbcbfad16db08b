import type { Write } from './store.ts'

/**
 * A grant: one authorization, by a resource owner (or a client, for itself), to a client. Codes and tokens are its
 * leaves and name it; ending it ends them all with one write and one message.
 */
export type Grant = {
  readonly id: string
  readonly client_id: string
  /** The account's `sub`, or `client:<client_id>` for a client's own. */
  readonly sub: string
  readonly scope: readonly string[]
  readonly resource: readonly string[]
  readonly auth_time: number
  readonly created: number
  /** Absolute end, seconds since the epoch. */
  readonly expires: number
  /** False until its code was redeemed. */
  readonly redeemed: boolean
  readonly refresh?: RefreshState
}

export type RefreshState = {
  readonly generation: number
  /** SHA-256 of the salt that all refresh tokens of the grant carry. */
  readonly salt_digest: string
  /** When the last step was made. */
  readonly stepped: number
  /** The current token's end, seconds since the epoch: last use plus `tokens.refreshToken`, never past `expires`. */
  readonly expires: number
}

export type Grants = {
  /** A new grant with an id of its own. A value: nothing is written yet. */
  begin(grant: Omit<Grant, 'id' | 'redeemed' | 'refresh'>): Grant
  /** The row of a grant that needs no code (a client's own): goes into the batch of its token. */
  write(grant: Grant): Write
  /** Undefined when it ended or its time is over. */
  find(id: string): Promise<Grant | undefined>
  /** Deletes it and tells every process: its tokens are refused everywhere from then on. */
  end(id: string, reason: string): Promise<void>
  /** Ends every grant to a client; resolves to how many. */
  endAllOfClient(client_id: string, reason: string): Promise<number>
  /** Ends every grant by a resource owner; resolves to how many. */
  endAllOfAccount(sub: string, reason: string): Promise<number>
}
