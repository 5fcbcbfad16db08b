import type { Clock } from '../clock.ts'
import { digest } from './secrets.ts'
import type { Page, Store, Write } from './store.ts'
import type { Terms } from './terms.ts'

/** What a person allowed a client before, to be remembered. A record of its own: one replay does not end it. */
export type Consent = {
  readonly client_id: string
  readonly sub: string
  readonly scope: readonly string[]
  /** When the person last said so, and until when it holds; seconds since the epoch. */
  readonly at: number
  readonly expires: number
  /** The term of the client and the account: over when theirs is. */
  readonly term?: string
  /** What the person saw of the client and of each scope, as digests: when it is another, they are asked anew. */
  readonly seen?: SeenClient
}

/** What a consent was given to. */
export type SeenClient = {
  /** Digests of its redirect URIs. */
  readonly redirect_uris: readonly string[]
  /** Scopes that it might ask for; undefined: every one. */
  readonly scope?: string
  /** Of each scope that was allowed, a digest of its words. */
  readonly words: readonly (readonly [scope: string, digest: string])[]
}

export type Consents = {
  find(client_id: string, sub: string): Promise<Consent | undefined>
  /** Goes into the batch that issues the code. */
  write(consent: Omit<Consent, 'term'>): Write
  remove(client_id: string, sub: string): Promise<void>
  /** Removes what `which` picks out of all that a client was allowed. */
  removeAllOfClient(client_id: string, which: Which): Promise<void>
  /** Removes what `which` picks out of all that a person allowed. */
  removeAllOfAccount(sub: string, which: Which): Promise<void>
  /** What a person allowed, oldest first. */
  ofAccount(sub: string, cursor?: string): Promise<{ consents: Consent[]; cursor: Page['cursor'] }>
}

type Which = (consent: Consent) => boolean

export const createConsents = (deps: {
  readonly store: Store
  readonly clock: Clock
  readonly terms: Pick<Terms, 'of'>
}): Consents => {
  const { store, clock, terms } = deps

  // The swap keeps it from deleting what was written in the row's place since it was read.
  const removeOnly = ({ key, value }: Page['rows'][number]): Promise<boolean> =>
    store.batch([
      { op: 'swap', key, expected: value, next: value, expires: clock() * 1000 + 1 },
      { op: 'delete', key },
    ])

  const removeAll = async (index: string, which: Which): Promise<void> => {
    let cursor: string | undefined
    do {
      const page = await store.list(index, { ...(cursor && { cursor }) })
      for (const row of page.rows) if (which(JSON.parse(row.value))) await removeOnly(row)
      cursor = page.cursor
    } while (cursor !== undefined)
  }

  return {
    async find(client_id, sub) {
      const row = await store.get(consentKey(client_id, sub))
      const consent: Consent | undefined = row === undefined ? undefined : JSON.parse(row)
      if (consent === undefined || consent.expires <= clock()) return undefined
      return consent.term === terms.of(client_id, sub) ? consent : undefined
    },
    write: (consent) => ({
      op: 'set',
      key: consentKey(consent.client_id, consent.sub),
      value: JSON.stringify({ ...consent, term: terms.of(consent.client_id, consent.sub) }),
      expires: consent.expires * 1000,
      indexes: [ofAccount(consent.sub), ofClient(consent.client_id)],
    }),
    async remove(client_id, sub) {
      await store.delete(consentKey(client_id, sub))
    },
    removeAllOfClient: (client_id, which) => removeAll(ofClient(client_id), which),
    removeAllOfAccount: (sub, which) => removeAll(ofAccount(sub), which),
    async ofAccount(sub, cursor) {
      const page = await store.list(ofAccount(sub), { ...(cursor && { cursor }) })
      return { consents: page.rows.map(({ value }) => JSON.parse(value)), cursor: page.cursor }
    },
  }
}

const ofAccount = (sub: string): string => `consents:account:${sub}`
const ofClient = (client_id: string): string => `consents:client:${client_id}`

// A digest of both as JSON: whatever characters they hold, no two pairs share a key.
const consentKey = (client_id: string, sub: string): string =>
  `consent:${digest(JSON.stringify([client_id, sub]))}`
