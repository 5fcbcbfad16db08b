import type { Clock } from '../clock.ts'
import type { Log, LogFields } from '../telemetry/log.ts'
import { endMessage } from './ended.ts'
import { afterlife, type EndNote } from './gone.ts'
import { lastUsedKey } from './last-use.ts'
import type { Secrets } from './secrets.ts'
import type { Page, Store, Write } from './store.ts'
import type { Terms } from './terms.ts'
import {
  givenToClient,
  grantInRow,
  isInTokenRow,
  type StoredToken,
  tokenKey,
  tokenWrite,
} from './token-row.ts'
import type { Ended } from './tokens.ts'

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
  /** What the configuration had to say of its client and its person when it began. */
  readonly values?: Readonly<Record<string, string>>
  readonly auth_time: number
  readonly created: number
  /** Absolute end, seconds since the epoch. */
  readonly expires: number
  /** False until its code was redeemed. */
  readonly redeemed: boolean
  readonly refresh?: RefreshState
  /** The term of its client and its account: over when theirs is. */
  readonly term?: string
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
  begin(grant: Omit<Grant, 'id' | 'redeemed' | 'refresh' | 'term'>): Grant
  /** The row of a grant that needs no code: goes into the batch of its token. */
  write(grant: Grant): Write
  /** Undefined when it ended, or its time or its term is over. */
  find(id: string): Promise<Grant | undefined>
  /** The same of a client's own grant, by the row of its token. */
  inRow(stored: StoredToken): Grant | undefined
  /** Deletes it and tells every process: its tokens are refused everywhere from then on. */
  end(id: string, reason: string, by?: LogFields): Promise<void>
  /** When and why one ended, for as long as a token under it is remembered. */
  endOf(id: string): Promise<Pick<EndNote, 'at' | 'reason'> | undefined>
  /**
   * What a person gave that has not ended, in pages (500 at most, unless `limit` is less), oldest first. Those in it whose
   * time is over are left out.
   */
  ofAccount(sub: string, cursor?: string, limit?: number): Promise<GrantPage>
  /** The same of what a client was given, by people and for itself. */
  ofClient(client_id: string, cursor?: string, limit?: number): Promise<GrantPage>
  /** Ends every grant to a client, or those that `which` picks; resolves to how many. */
  endAllOfClient(client_id: string, reason: string, which?: Which): Promise<number>
  /** Ends every grant by a resource owner, or those that `which` picks; resolves to how many. */
  endAllOfAccount(sub: string, reason: string, which?: Which): Promise<number>
}

type Which = (grant: Grant) => boolean
type GrantPage = { readonly grants: Grant[]; readonly cursor: Page['cursor'] }

type GrantDeps = {
  readonly store: Store
  readonly secrets: Pick<Secrets, 'id'>
  readonly clock: Clock
  readonly log: Log
  readonly terms: Pick<Terms, 'of'>
  /** The longest life of an access token, seconds: a grant stays at least as long as its tokens. */
  readonly tokenLife: () => number
}

export const createGrants = (deps: GrantDeps): Grants => {
  const { store, clock, log, terms } = deps

  const stands = ({ expires, term, client_id, sub }: Grant): boolean =>
    expires > clock() && term === terms.of(client_id, sub)

  const pageOf = async (index: string, cursor: Page['cursor'], limit = 500): Promise<GrantPage> => {
    const page = await store.list(index, { limit, ...(cursor && { cursor }) })
    const grants = page.rows.flatMap(listed).map(({ grant }) => grant)
    return { grants: grants.filter(stands), cursor: page.cursor }
  }

  const endAll = async (index: string, ended: Ended, which: Which | undefined) => {
    let cursor: string | undefined
    let count = 0
    do {
      const page = await store.list(index, { limit: 500, ...(cursor && { cursor }) })
      const all = page.rows.flatMap(listed)
      const chosen = which === undefined ? all : all.filter(({ grant }) => which(grant))
      const ends = chosen.flatMap((one) => one.ends)
      // With the rows gone in the same step: a re-read that a message causes must not find them. One message tells of
      // all; of some it would end the others' cached tokens, too.
      const told =
        which === undefined ? [ended] : chosen.map(({ grant }) => ({ grant_id: grant.id }))
      if (told.length > 0) await store.batch(ends, told.map(endMessage))
      count += chosen.length
      cursor = page.cursor
    } while (cursor !== undefined)
    return count
  }

  const inRow = (stored: StoredToken): Grant | undefined => {
    const grant = grantInRow(stored)
    return grant && stands(grant) ? grant : undefined
  }

  const note = (id: string, reason: string): Write => {
    const at = clock()
    const life = deps.tokenLife()
    const expires = (at + life + afterlife(life)) * 1000
    return { op: 'set', key: endKey(id), value: JSON.stringify({ at, reason }), expires }
  }

  return {
    begin(grant) {
      const term = terms.of(grant.client_id, grant.sub)
      return {
        id: deps.secrets.id(),
        ...grant,
        redeemed: false,
        ...(term !== undefined && { term }),
      }
    },
    write: (grant) => ({
      op: 'set',
      ...grantRow(grant, keptUntil(grant, clock(), deps.tokenLife())),
    }),
    async find(id) {
      if (isInTokenRow(id)) {
        const found = await store.get(tokenKey(id))
        return found === undefined ? undefined : inRow(JSON.parse(found))
      }
      const row = await store.get(grantKey(id))
      const grant: Grant | undefined = row === undefined ? undefined : JSON.parse(row)
      return grant && stands(grant) ? grant : undefined
    },
    inRow,
    ofAccount: (sub, cursor, limit) => pageOf(ofAccount(sub), cursor, limit),
    ofClient: (client_id, cursor, limit) => pageOf(givenToClient(client_id), cursor, limit),
    async end(id, reason, by = {}) {
      const writes = [...removal(id), note(id, reason)]
      await store.batch(writes, [endMessage({ grant_id: id })])
      log.audit('grant.ended', { grant_id: id, reason, ...by })
    },
    async endOf(id) {
      const row = await store.get(endKey(id))
      return row === undefined ? undefined : JSON.parse(row)
    },
    async endAllOfClient(client_id, reason, which) {
      const count = await endAll(givenToClient(client_id), { client_id }, which)
      log.audit('client.grants_ended', { client_id, reason, count })
      return count
    },
    async endAllOfAccount(sub, reason, which) {
      const count = await endAll(ofAccount(sub), { sub }, which)
      log.audit('account.grants_ended', { sub, reason, count })
      return count
    },
  }
}

/** A grant in a list, and what ends it: a client's own is taken out of its token's row, which stays, to tell why. */
type Listed = { readonly grant: Grant; readonly ends: readonly Write[] }

const listed = ({ key, value }: Page['rows'][number]): readonly Listed[] => {
  if (!key.startsWith(tokenKey(''))) {
    const grant: Grant = JSON.parse(value)
    return [{ grant, ends: removal(grant.id) }]
  }
  const stored: StoredToken = JSON.parse(value)
  const grant = grantInRow(stored)
  const { own: _, ...token } = stored
  return grant === undefined ? [] : [{ grant, ends: [tokenWrite(token)] }]
}

/** With what is known of its use. */
const removal = (id: string): readonly Write[] =>
  [isInTokenRow(id) ? tokenKey(id) : grantKey(id), lastUsedKey(id)].map((key) => ({
    op: 'delete',
    key,
  }))

export const grantKey = (id: string): string => `grant:${id}`
const ofAccount = (sub: string): string => `grants:account:${sub}`
const endKey = (id: string): string => `grant-end:${id}`

/** What is written of a grant, until `until` (seconds). The text is what a swap compares. */
export const grantRow = (grant: Grant, until: number) => ({
  key: grantKey(grant.id),
  value: JSON.stringify(grant),
  expires: until * 1000,
  // A client's own grant is nobody's: no account is named so.
  indexes:
    grant.sub === `client:${grant.client_id}`
      ? [givenToClient(grant.client_id)]
      : [givenToClient(grant.client_id), ofAccount(grant.sub)],
})

/** A row outlives the last token that can still be made or used under it, never the grant. Seconds. */
export const keptUntil = (grant: Grant, now: number, tokenLife: number): number =>
  Math.min(grant.expires, Math.max(now, grant.refresh?.expires ?? 0) + tokenLife)
