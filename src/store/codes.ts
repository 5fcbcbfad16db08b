import type { Clock } from '../clock.ts'
import { type Grant, grantKey, grantRow, keptUntil } from './grants.ts'
import { digest, type Secrets } from './secrets.ts'
import type { Store, Swap, Write } from './store.ts'
import type { Terms } from './terms.ts'

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

type Spent = { readonly at: number; readonly client_id: string; readonly grant_id: string }

type CodeRequest = {
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

type Claim = {
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
  /** Undefined: not minted here, unknown, expired, or of a term that is over. A spent one is known for its life and ten minutes more. */
  find(value: string): Promise<Code | undefined>
  /** The one atomic step. `lost`: someone else claimed it, or its grant ended. */
  claim(code: Code, claim: Claim): Promise<'claimed' | 'lost'>
}

type CodeDeps = {
  readonly store: Store
  readonly secrets: Secrets
  readonly clock: Clock
  readonly terms: Pick<Terms, 'of'>
  /** The longest life of an access token, seconds. */
  readonly tokenLife: () => number
}

export const createCodes = ({ store, secrets, clock, terms, tokenLife }: CodeDeps): Codes => ({
  async issue(request) {
    const value = secrets.mint('authorization-code')
    const code = codeOf(request, digest(value), clock())
    const written = await store.batch([
      { op: 'swap', expected: undefined, ...asNext(grantRow(code.grant, code.expires + MARGIN)) },
      {
        op: 'set',
        key: codeKey(code.id),
        value: JSON.stringify(code),
        expires: rememberedUntil(code),
      },
      ...(request.writes ?? []),
    ])
    return written ? value : undefined
  },

  async find(value) {
    if (!secrets.minted('authorization-code', value)) return undefined
    const id = digest(value)
    const [row, spent] = await store.getMany([codeKey(id), spentKey(id)])
    if (row === undefined) return undefined
    const code: Code = JSON.parse(row)
    if (code.grant.term !== terms.of(code.client_id, code.grant.sub)) return undefined
    if (spent !== undefined) return { ...code, spent: JSON.parse(spent) }
    return isCurrent(code, clock()) ? code : undefined
  },

  async claim(code, { client_id, redeemed, writes = [] }) {
    const now = clock()
    if (!isCurrent(code, now)) return 'lost'
    const spent: Spent = { at: now, client_id, grant_id: code.grant.id }
    const won = await store.batch([
      {
        op: 'swap',
        key: spentKey(code.id),
        expected: undefined,
        next: JSON.stringify(spent),
        expires: rememberedUntil(code),
      },
      redeemed === undefined
        ? { op: 'delete', key: grantKey(code.grant.id) }
        : {
            op: 'swap',
            expected: JSON.stringify(code.grant),
            ...asNext(grantRow(redeemed, keptUntil(redeemed, now, tokenLife()))),
          },
      ...writes,
    ])
    return won ? 'claimed' : 'lost'
  },
})

const codeOf = (request: CodeRequest, id: string, now: number): Code => ({
  id,
  grant: request.grant,
  client_id: request.grant.client_id,
  redirect_uri: request.redirect_uri,
  redirect_uri_given: request.redirect_uri_given,
  ...(request.code_challenge !== undefined && { code_challenge: request.code_challenge }),
  expires: now + request.lifetime,
})

// One that was issued well after now tells of a clock that was set back: it must not live on for as long as that.
const isCurrent = ({ expires, grant }: Code, now: number): boolean =>
  expires > now && grant.created <= now + SKEW

// Seconds that the clocks of two instances may differ.
const SKEW = 60
// Seconds that an unredeemed grant outlives its code, so that a claim in the last moment finds it.
const MARGIN = 10
// Seconds that a spent code is known after its life, so that a replay can be told from a guess.
const REMEMBERED = 600

const rememberedUntil = (code: Code): number => (code.expires + REMEMBERED) * 1000

const codeKey = (id: string): string => `authorization-code:${id}`
const spentKey = (id: string): string => `authorization-code-spent:${id}`

const asNext = ({ value, ...row }: ReturnType<typeof grantRow>): Omit<Swap, 'expected'> => ({
  ...row,
  next: value,
})
