import type { Clock } from '../clock.ts'
import { type Store, StoreUnavailable } from './store.ts'

/** When (seconds since the epoch; 0: not yet) and on which route the tokens of a grant were last used. */
export type LastUse = { readonly at: number; readonly route: string }

/** The same in memory, one for all tokens of a grant: who uses a token writes into it, and that is all. */
export type NotedUse = { at: number; route: string }

export type LastUsed = {
  /** To be noted in for as long as somebody holds it. */
  hold(grant_id: string): NotedUse
  release(grant_id: string): void
  /** It has ended: nothing of it is written any more. */
  drop(grant_id: string): void
  /** What the store knows, and this process by now. Grants that nobody has used are left out. */
  of(grant_ids: readonly string[]): Promise<ReadonlyMap<string, LastUse>>
  /** Writes what is due, a bounded part of it. Never rejects: it is tried again. */
  flush(): Promise<void>
  /** Writes what is due for the last time. */
  close(): Promise<void>
}

type Held = NotedUse & { users: number; written: number; readonly grant_id: string }

/**
 * Uses are noted in memory and written now and then, so that a request costs no write. What was noted in the seconds before
 * a crash is lost; what processes note of one grant is merged by the later one. `life`: seconds that a row is kept.
 */
export const createLastUsed = (deps: {
  readonly store: Pick<Store, 'getMany' | 'batch'>
  readonly clock: Clock
  readonly life: () => number
}): LastUsed => {
  const { store, clock, life } = deps
  const all = new Map<string, Held>()

  const isDue = ({ at, written, users }: Held): boolean =>
    at > written && (users === 0 || at - written >= AGAIN || clock() - at >= QUIET)

  const due = (): readonly Held[] => {
    const found: Held[] = []
    for (const held of all.values()) {
      if (isDue(held)) found.push(held)
      if (found.length === MOST) break
    }
    return found
  }

  const write = async (uses: readonly Held[]): Promise<void> => {
    const noted = uses.map(({ grant_id, at, route }) => ({ grant_id, at, route }))
    const rows = await store.getMany(noted.map(({ grant_id }) => lastUsedKey(grant_id)))
    const expires = (clock() + life()) * 1000
    const newer = noted.filter(
      ({ grant_id, at }, i) => all.has(grant_id) && at > (parse(rows[i])?.at ?? 0),
    )
    await store.batch(
      newer.map(({ grant_id, at, route }) => ({
        ...{ op: 'set', key: lastUsedKey(grant_id), expires },
        value: JSON.stringify({ at, route }),
      })),
    )
    for (const [i, held] of uses.entries()) settle(held, noted[i]?.at ?? 0)
  }

  /** To the end of the line, so that everybody's turn comes. */
  const settle = (held: Held, at: number): void => {
    held.written = at
    if (all.get(held.grant_id) !== held) return
    all.delete(held.grant_id)
    if (held.users > 0 || held.at > at) all.set(held.grant_id, held)
  }

  const flush = async (): Promise<void> => {
    try {
      const uses = due()
      if (uses.length > 0) await write(uses)
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
    }
  }

  const timer = setInterval(flush, EVERY).unref()

  return {
    hold(grant_id) {
      const held = all.get(grant_id) ?? { at: 0, route: '', users: 0, written: 0, grant_id }
      held.users += 1
      all.set(grant_id, held)
      return held
    },
    release(grant_id) {
      const held = all.get(grant_id)
      if (held === undefined) return
      held.users -= 1
      if (held.users <= 0 && held.at === held.written) all.delete(grant_id)
    },
    drop: (grant_id) => void all.delete(grant_id),
    async of(grant_ids) {
      const rows = await store.getMany(grant_ids.map(lastUsedKey))
      const uses = grant_ids.flatMap((grant_id, i): [string, LastUse][] => {
        const [stored, here] = [parse(rows[i]), all.get(grant_id)]
        const use = (here?.at ?? 0) > (stored?.at ?? 0) ? here : stored
        return use === undefined ? [] : [[grant_id, { at: use.at, route: use.route }]]
      })
      return new Map(uses)
    },
    flush,
    async close() {
      clearInterval(timer)
      await flush()
    },
  }
}

const parse = (row: string | undefined): LastUse | undefined =>
  row === undefined ? undefined : JSON.parse(row)

export const lastUsedKey = (grant_id: string): string => `last-used:${grant_id}`

/** Milliseconds between two writes. */
const EVERY = 5000
/** Grants at a time. */
const MOST = 500
/** Seconds until what is used without pause is written again. */
const AGAIN = 60
/** Seconds after which the last use of a burst is written. */
const QUIET = 5
