import type { Grant } from './grants.ts'
import type { Write } from './store.ts'

/** An authorization code (RFC 6749 §4.1.2), as it was issued. */
export type Code = {
  /** SHA-256 of the code: what it is stored under. */
  readonly id: string
  /** As written with the code: not yet redeemed. */
  readonly grant: Grant
  readonly client_id: string
  readonly redirect_uri: string
  /** Whether the authorization request named it, so that the token request must (RFC 6749 §4.1.3). */
  readonly redirect_uri_given: boolean
  /** RFC 7636, method S256. */
  readonly code_challenge?: string
  /** Seconds since the epoch. */
  readonly expires: number
  /** Set when it was claimed before: when, and by which client. */
  readonly spent?: Spent
}

export type Spent = { readonly at: number; readonly client_id: string; readonly grant_id: string }

export type CodeRequest = {
  /** From `grants.begin`. */
  readonly grant: Grant
  readonly redirect_uri: string
  readonly redirect_uri_given: boolean
  readonly code_challenge?: string
  /** Seconds. */
  readonly lifetime: number
  /** Written in the same step: the consent record, the marker that the request was used. */
  readonly writes?: readonly Write[]
}

export type Claim = {
  /** The client that presented the code. */
  readonly client_id: string
  /** The grant from now on (`redeemed: true`, with its refresh state). Undefined: the code is burned for nothing. */
  readonly redeemed?: Grant
  /** Written in the same step: the access token. */
  readonly writes?: readonly Write[]
}

export type Codes = {
  /** Writes the code and its grant (short-lived until it is redeemed). Undefined: a swap among `writes` lost. */
  issue(request: CodeRequest): Promise<string | undefined>
  /** Undefined: not minted here, unknown or expired. A spent one is known for its life and ten minutes more. */
  find(value: string): Promise<Code | undefined>
  /** The one atomic step. `lost`: someone else claimed it, or its grant ended. */
  claim(code: Code, claim: Claim): Promise<'claimed' | 'lost'>
}
