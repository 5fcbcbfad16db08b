import type { Clock } from '../clock.ts'
import type { FetchSettings } from '../config/config.ts'
import { type PublicKey, usableKeys } from '../config/jwks.ts'
import type { Log } from '../telemetry/log.ts'
import { createDocuments, type Documents, type FetchDocument } from './documents.ts'

/** The keys that clients publish (RFC 7591 §2, `jwks_uri`). */
export type ClientKeys = Documents<readonly PublicKey[]>

/** They outlive a reload, so that a host that is down meanwhile keeps nobody out. */
export const createClientKeys = (deps: {
  readonly clock: Clock
  readonly log: Log
}): ((settings: FetchSettings) => ClientKeys) => {
  let settings: FetchSettings = { privateNetworks: [] }
  let fetcher: { readonly of: string; readonly fetch: FetchDocument } | undefined
  const keys = createDocuments({
    clock: deps.clock,
    async fetch(url) {
      const of = JSON.stringify(settings)
      if (fetcher?.of !== of) {
        // Loaded when it is needed: most servers have no client that publishes keys.
        const { createFetchDocument } = await import('./fetch-document.ts')
        fetcher = { of, fetch: createFetchDocument(settings) }
      }
      return fetcher.fetch(url)
    },
    read: (text) => usableKeys(JSON.parse(text)),
    failed: (jwks_uri, reason) => deps.log.warn('client.keys_unavailable', { jwks_uri, reason }),
  })
  return (next) => {
    settings = next
    return keys
  }
}
