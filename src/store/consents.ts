import type { Page, Write } from './store.ts'

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
