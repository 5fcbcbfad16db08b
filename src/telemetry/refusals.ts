import type { Clock } from '../clock.ts'
import { accessFields } from './access-log.ts'
import type { Exchange } from './exchange.ts'
import { createRefusalRing, type Kept, type RefusalRing } from './refusal-ring.ts'

/** A request that was refused, in the words of its line in the access log. */
export type Refused = ReturnType<typeof accessFields> & {
  /** When it was over: seconds since the epoch. */
  readonly at: number
}

/** Only those that fit all that is given. */
export type RefusalQuery = {
  readonly request_id?: string
  readonly client_id?: string
  readonly sub?: string
  /** The path as configured. */
  readonly route?: string
  readonly status?: number
  readonly limit: number
  /** A `next` that came with a page. */
  readonly cursor?: string
}

/** Newest first. `next`: hand it back as `cursor`; undefined at the end. */
export type RefusalPage = { readonly items: readonly Refused[]; readonly next?: string }

export const NO_REFUSALS: RefusalPage = { items: [] }

/** The last requests that this process refused. */
export type Refusals = {
  /** Remembers it, if it was refused; on the hot path: an object, a copy of its path, a place in a ring. */
  note(exchange: Exchange): void
  search(query: RefusalQuery): RefusalPage
}

/**
 * Remembered in memory, a bounded number and a bounded size. Three kinds are kept apart, so that none pushes out another: who
 * came with a token of ours, good or bad; who named a client or a person that is known here; strangers. Of each kind there
 * are `SHARDS` rings, one of which a client has, or a stranger's address: one that asks without end loses its own alone, and
 * that of few others.
 */
export const createRefusals = (clock: Clock): Refusals => {
  const [owners, named, strangers] = [createRings(), createRings(), createRings()]
  const all = [...owners, ...named, ...strangers]
  let last = 0
  /** No two at once, so that a page ends between them; a clock that was set back is followed. */
  const moment = (): number => {
    const now = clock()
    last = now > last || now < last - 1 ? now : last + STEP
    return last
  }
  return {
    note(exchange) {
      if (!isRefused(exchange)) return
      const { grant_id, client_id, sub, remote } = exchange
      const isStranger = client_id === undefined && sub === undefined
      const ring =
        grant_id === undefined
          ? ringOf(isStranger ? strangers : named, remote)
          : ringOf(owners, client_id ?? '')
      ring?.put(exchange, moment())
    },
    search(query) {
      const found: Kept[] = []
      for (const ring of all) ring.collect(found, (kept) => fits(kept, query))
      found.sort((one, other) => other.at - one.at || (one.id < other.id ? 1 : -1))
      // One more, which tells that there is more.
      return pageOf(found.slice(0, query.limit + 1).map(shown), query.limit)
    },
  }
}

/** Those of several processes as one page. */
export const mergeRefusals = (pages: readonly RefusalPage[], limit: number): RefusalPage =>
  pageOf(
    pages.flatMap(({ items }) => items),
    limit,
    pages.some(({ next }) => next !== undefined),
  )

const pageOf = (found: Refused[], limit: number, more = false): RefusalPage => {
  const items = found.toSorted(newestFirst).slice(0, limit)
  const end = items.at(-1)
  const isCut = more || found.length > items.length
  return { items, ...(isCut && end !== undefined && { next: cursorOf(end) }) }
}

const newestFirst = (one: Refused, other: Refused): number =>
  other.at - one.at || (one.request_id < other.request_id ? 1 : -1)

/** Where a page ends: everything before it is older. */
const cursorOf = ({ at, request_id }: Refused): string => `${at}~${request_id}`

const shown = ({ at, ...exchange }: Kept): Refused => ({ at, ...accessFields(exchange) })

const fits = (kept: Kept, query: RefusalQuery): boolean =>
  (query.request_id === undefined || kept.id === query.request_id) &&
  (query.client_id === undefined || kept.client_id === query.client_id) &&
  (query.sub === undefined || kept.sub === query.sub) &&
  (query.route === undefined || kept.route === query.route) &&
  (query.status === undefined || kept.status === query.status) &&
  (query.cursor === undefined || isBehind(kept.at, kept.id, query.cursor))

const isBehind = (at: number, id: string, cursor: string): boolean => {
  const mark = cursor.indexOf('~')
  const end = Number(cursor.slice(0, mark))
  return at < end || (at === end && id < cursor.slice(mark + 1))
}

const createRings = (): readonly RefusalRing[] => Array.from({ length: SHARDS }, createRefusalRing)

const ringOf = (rings: readonly RefusalRing[], name: string): RefusalRing | undefined => {
  let hash = OFFSET
  // Names and addresses differ at their ends.
  for (let at = Math.max(0, name.length - 16); at < name.length; at += 1)
    hash = Math.imul(hash ^ name.charCodeAt(at), PRIME)
  return rings[(hash ^ (hash >>> 16)) & (SHARDS - 1)]
}

/** What we answered in place of an upstream, or were asked ourselves and said no. */
const isRefused = ({ refusal, error, status }: Exchange): boolean => {
  if (status === 0) return false
  if (refusal !== undefined) return refusal !== PENDING
  return error !== undefined && error !== GONE && status >= 400
}

/** Told to each device every few seconds while its person decides. */
const PENDING = 'authorization_pending'
const GONE = 'client.gone'

/** A power of two. */
const SHARDS = 16
/** FNV-1a. */
const OFFSET = 0x811c9dc5
const PRIME = 0x01000193
/** Seconds. */
const STEP = 1e-6
