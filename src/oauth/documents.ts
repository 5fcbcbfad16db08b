import type { Clock } from '../clock.ts'

/** Why a document could not be had: for the log, never for whoever named it. */
export class DocumentUnavailable extends Error {
  override readonly name = 'DocumentUnavailable'
}

/** The text of a JSON document at an https URL. Throws DocumentUnavailable. */
export type FetchDocument = (url: string) => Promise<string>

/** Documents that strangers name, as we know them: fetched once for all who ask, and not too often. */
export type Documents<T> = {
  /** Fetched at most `FRESH` ago; longer ago, up to `STALE`, while its host does not answer. */
  find(url: string): Promise<{ readonly document: T } | { readonly unavailable: string }>
  /** Fetched now; undefined where it was asked for less than `PAUSE` ago, or cannot be had. */
  renew(url: string): Promise<T | undefined>
}

/** `read` throws for what is no such document. `failed` hears why one could not be had. */
export const createDocuments = <T>(deps: {
  readonly fetch: FetchDocument
  readonly read: (text: string) => T
  readonly clock: Clock
  readonly failed: (url: string, reason: string) => void
}): Documents<T> => {
  const { clock } = deps
  const entries = new Map<string, Entry<T>>()
  const hosts = createHostLimit(clock)

  const entryOf = (url: string): Entry<T> => {
    const entry = entries.get(url) ?? {}
    // The last in the map is the one that was asked for last.
    entries.delete(url)
    entries.set(url, entry)
    if (entries.size > MOST_ENTRIES) entries.delete(entries.keys().next().value ?? '')
    return entry
  }

  const fetchInto = async (entry: Entry<T>, url: string): Promise<T> => {
    try {
      hosts.take(url)
      const document = deps.read(await deps.fetch(url))
      entry.known = { document, since: clock() }
      return document
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      deps.failed(url, reason)
      throw new DocumentUnavailable(reason)
    }
  }

  /** One at a time a document, and a pause between two. */
  const fetchOnce = (entry: Entry<T>, url: string): Promise<T> => {
    if (entry.running) return entry.running
    const now = clock()
    if (entry.asked !== undefined && now - entry.asked < PAUSE)
      return Promise.reject(new DocumentUnavailable('was asked for just now'))
    entry.asked = now
    entry.running = fetchInto(entry, url).finally(() => {
      delete entry.running
    })
    return entry.running
  }

  return {
    async find(url) {
      const entry = entryOf(url)
      const age = entry.known ? clock() - entry.known.since : Number.POSITIVE_INFINITY
      if (entry.known && age < FRESH) return entry.known
      try {
        return { document: await fetchOnce(entry, url) }
      } catch (error) {
        if (!(error instanceof DocumentUnavailable)) throw error
        return entry.known && age < STALE ? entry.known : { unavailable: error.message }
      }
    },
    async renew(url) {
      try {
        return await fetchOnce(entryOf(url), url)
      } catch (error) {
        if (!(error instanceof DocumentUnavailable)) throw error
        return undefined
      }
    },
  }
}

type Entry<T> = {
  known?: { readonly document: T; readonly since: number }
  /** When it was last asked for, successfully or not. */
  asked?: number
  running?: Promise<T>
}

/** Many clients may name one host, which never asked for that. */
const createHostLimit = (clock: Clock) => {
  let counts = new Map<string, number>()
  let since = clock()
  return {
    /** Throws DocumentUnavailable. */
    take(url: string): void {
      if (clock() - since >= MINUTE) {
        counts = new Map()
        since = clock()
      }
      const host = URL.parse(url)?.hostname ?? ''
      const count = (counts.get(host) ?? 0) + 1
      const all = (counts.get('') ?? 0) + 1
      if (count > MOST_A_HOST || all > MOST_A_MINUTE)
        throw new DocumentUnavailable('too many documents were asked for in this minute')
      counts.set(host, count)
      counts.set('', all)
    },
  }
}

/** Seconds. */
const FRESH = 600
const STALE = 6 * 3600
const PAUSE = 30
const MINUTE = 60

const MOST_ENTRIES = 1000
const MOST_A_HOST = 60
const MOST_A_MINUTE = 600
