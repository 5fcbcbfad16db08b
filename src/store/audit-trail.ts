import type { Clock } from '../clock.ts'
import type { Log, LogFields } from '../telemetry/log.ts'
import { fillPage } from './fill-page.ts'
import { digest, type Secrets } from './secrets.ts'
import type { Store, Write } from './store.ts'

/** Something that an operator may have to answer for later. */
export type AuditEvent = {
  /** Names it. */
  readonly id: string
  /** Seconds since the epoch. */
  readonly at: number
  /** `client.changed` */
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>>
}

export type AuditQuery = {
  /** A whole name, or its first part with a dot: `client.` */
  readonly event?: string
  readonly client_id?: string
  readonly sub?: string
  readonly actor?: string
  /** Of the request that it happened in. */
  readonly request_id?: string
  /** Seconds since the epoch: from `since` on, before `until`. */
  readonly since?: number
  readonly until?: number
  readonly limit: number
  readonly cursor?: string
}

type AuditPage = {
  /** Newest first; there may be few of them, and more behind `cursor`. */
  readonly events: readonly AuditEvent[]
  /** Undefined at the end. */
  readonly cursor: string | undefined
}

/**
 * What the audit log said, kept in the store for `keep`, so that it can be searched. What happens with every token is not in
 * it: the log has that.
 */
export type AuditTrail = {
  /** Takes a note, which is written soon. Never throws, never waits. */
  record(event: string, fields?: LogFields): void
  /** Reads at most 4 000 notes a call. Rejects with StoreUnavailable. */
  search(query: AuditQuery): Promise<AuditPage>
  /** Notes that could not be kept: too many at once, or no store for too long. */
  dropped(): number
  /** Writes what waits. */
  close(): Promise<void>
}

type AuditDeps = {
  readonly store: Pick<Store, 'batch' | 'list'>
  readonly secrets: Pick<Secrets, 'id'>
  readonly clock: Clock
  readonly log: Pick<Log, 'warn'>
  /** Seconds; 0: nothing is kept. */
  readonly keep: () => number
}

export const createAuditTrail = (deps: AuditDeps): AuditTrail => {
  const { store, clock } = deps
  const waiting: AuditEvent[] = []
  let dropped = 0
  let writing: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let failed = false
  const failures = createQuota()

  // Rows of a batch may be written in the order of their keys: that of the notes.
  let last = 0
  const nextId = (): string => {
    last += 1
    return `${last.toString(36).padStart(6, '0')}.${deps.secrets.id()}`
  }

  const write = async (): Promise<void> => {
    const events = waiting.slice(0, BATCH)
    try {
      await store.batch(events.map((event) => noteOf(event, deps.keep())))
      waiting.splice(0, events.length)
      failed = false
    } catch (error) {
      if (!failed) deps.log.warn('audit.unwritten', { error })
      failed = true
    }
  }

  const flush = (): Promise<void> => {
    timer = undefined
    writing ??= write().finally(() => {
      writing = undefined
      if (waiting.length > 0) later(failed ? RETRY : 0)
    })
    return writing
  }

  const later = (ms: number): void => {
    timer ??= setTimeout(flush, ms).unref()
  }

  return {
    record(event, fields = {}) {
      if (deps.keep() === 0 || EVERYDAY.has(event)) return
      if (waiting.length >= MOST || (isFailure(event) && !failures.take(event, clock()))) {
        dropped += 1
        return
      }
      waiting.push({ id: nextId(), at: clock(), event, fields: plain(fields) })
      later(PAUSE)
    },
    async search(query) {
      const { limit, cursor } = query
      const page = await fillPage({ limit, cursor, picky: isPicky(query) }, async (at, most) => {
        const from = {
          order: 'newest',
          limit: most,
          ...(at !== undefined && { cursor: at }),
        } as const
        const { rows, cursor: next } = await store.list(indexOf(query), from)
        const events = rows.map(({ value }): AuditEvent => JSON.parse(value))
        const last = events.at(-1)
        // Notes of several processes are not quite in order.
        const isPast = last !== undefined && last.at < (query.since ?? 0) - DISORDER
        const items = events.filter((event) => fits(event, query))
        return { items, cursor: isPast ? undefined : next }
      })
      return { events: page.items, cursor: page.cursor }
    },
    dropped: () => dropped,
    async close() {
      clearTimeout(timer)
      for (let left = Math.ceil(MOST / BATCH); waiting.length > 0 && left > 0; left -= 1) {
        await flush()
        if (failed) return
      }
    },
  }
}

/** With every token or request: too many to keep, and in the log anyway. */
const EVERYDAY: ReadonlySet<string> = new Set([
  'token.issued',
  'code.issued',
  'request.pushed',
  'device.requested',
  'refresh.retried',
])

/** What strangers can cause at will. */
const isFailure = (event: string): boolean => /[._](failed|refused|registered)$/.test(event)

/** So many of a kind an hour, so that nobody can fill the store, nor hide one kind behind another. */
const createQuota = () => {
  let hour = 0
  const taken = new Map<string, number>()
  return {
    take(event: string, now: number): boolean {
      const current = Math.floor(now / 3600)
      if (current !== hour) taken.clear()
      hour = current
      // Names are ours; should they ever not be, what comes after so many of them is one kind.
      const kind = taken.has(event) || taken.size < KINDS ? event : ''
      const count = (taken.get(kind) ?? 0) + 1
      taken.set(kind, count)
      return count <= FAILURES
    },
  }
}

const noteOf = (event: AuditEvent, keep: number): Write => ({
  op: 'set',
  key: `audit:${event.id}`,
  value: JSON.stringify(event, cut),
  expires: (event.at + keep) * 1000,
  indexes: [ALL, ...namesOf(event).map(([kind, name]) => `${ALL}:${kind}:${name}`)],
})

const namesOf = ({ fields }: AuditEvent): readonly (readonly [string, string])[] =>
  (['client_id', 'sub', 'actor'] as const).flatMap((kind) => {
    const name = fields[kind]
    return typeof name === 'string' ? [[kind, listName(name)] as const] : []
  })

/** Strangers name themselves as they like; a store does not take every name. */
const listName = (name: string): string => (/^[\x20-\x7e]{1,128}$/.test(name) ? name : digest(name))

/** Nor may what they say fill it. */
const cut = (_: string, value: unknown): unknown =>
  typeof value === 'string' && value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value

/** Whether not all of the list that is read is asked for. */
const isPicky = ({ client_id, sub, actor, event, request_id, ...times }: AuditQuery): boolean =>
  [client_id, sub, actor].filter((name) => name !== undefined).length > 1 ||
  [event, request_id, times.since, times.until].some((filter) => filter !== undefined)

/** The shortest list that has all that is asked for. */
const indexOf = ({ client_id, sub, actor }: AuditQuery): string => {
  if (client_id !== undefined) return `${ALL}:client_id:${listName(client_id)}`
  if (sub !== undefined) return `${ALL}:sub:${listName(sub)}`
  return actor === undefined ? ALL : `${ALL}:actor:${listName(actor)}`
}

const fits = ({ at, event, fields }: AuditEvent, query: AuditQuery): boolean =>
  (query.event === undefined ||
    (query.event.endsWith('.') ? event.startsWith(query.event) : event === query.event)) &&
  (query.client_id === undefined || fields.client_id === query.client_id) &&
  (query.sub === undefined || fields.sub === query.sub) &&
  (query.actor === undefined || fields.actor === query.actor) &&
  (query.request_id === undefined || fields.request_id === query.request_id) &&
  at >= (query.since ?? 0) &&
  at < (query.until ?? Number.POSITIVE_INFINITY)

const plain = (fields: LogFields): LogFields =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Error ? value.message : value,
    ]),
  )

const ALL = 'audit'
const FAILURES = 1000
const KINDS = 50
const BATCH = 200
const MOST = 5000
const PAUSE = 200
const RETRY = 2000
const DISORDER = 60
const LONGEST = 2000
