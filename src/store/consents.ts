import type { Clock } from '../clock.ts'
import { digest } from './secrets.ts'
import type { Page, Store, Write } from './store.ts'

/** What a person allowed a client before, to be remembered. A record of its own: one replay does not end it. */
export type Consent = {
  readonly client_id: string
  readonly sub: string
  readonly scope: readonly string[]
  /** When the person last said so, and until when it holds; seconds since the epoch. */
  readonly at: number
  readonly expires: number
}

export type Consents = {
  find(client_id: string, sub: string): Promise<Consent | undefined>
  /** Goes into the batch that issues the code. */
  write(consent: Consent): Write
  remove(client_id: string, sub: string): Promise<void>
  /** What a person allowed, oldest first. */
  ofAccount(sub: string, cursor?: string): Promise<{ consents: Consent[]; cursor: Page['cursor'] }>
}

export const createConsents = (deps: {
  readonly store: Store
  readonly clock: Clock
}): Consents => ({
  async find(client_id, sub) {
    const row = await deps.store.get(consentKey(client_id, sub))
    const consent: Consent | undefined = row === undefined ? undefined : JSON.parse(row)
    return consent !== undefined && consent.expires > deps.clock() ? consent : undefined
  },
  write: (consent) => ({
    op: 'set',
    key: consentKey(consent.client_id, consent.sub),
    value: JSON.stringify(consent),
    expires: consent.expires * 1000,
    indexes: [`consents:account:${consent.sub}`],
  }),
  async remove(client_id, sub) {
    await deps.store.delete(consentKey(client_id, sub))
  },
  async ofAccount(sub, cursor) {
    const page = await deps.store.list(`consents:account:${sub}`, { ...(cursor && { cursor }) })
    return { consents: page.rows.map(({ value }) => JSON.parse(value)), cursor: page.cursor }
  },
})

// A digest of both as JSON: whatever characters they hold, no two pairs share a key.
const consentKey = (client_id: string, sub: string): string =>
  `consent:${digest(JSON.stringify([client_id, sub]))}`
