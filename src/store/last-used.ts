import type { Clock } from '../clock.ts'
import type { Grant } from './grants.ts'
import {
  clientOfUse,
  type LastUse,
  lastUsedKey,
  mergeUses,
  ownUseName,
  readUse,
  useNameOf,
  writeUse,
} from './last-use.ts'
import { forgetScopes, type NotedUse, unused, usedScopes } from './noted-use.ts'
import { type Store, StoreUnavailable, type Write } from './store.ts'
import type { Terms } from './terms.ts'

/** When, where and with which scopes tokens were last used: by `useNameOf` their grants. */
export type LastUsed = {
  /** To be noted in for as long as somebody holds it. */
  hold(name: string): NotedUse
  release(name: string, use: NotedUse): void
  /** It has ended: nothing of it is written any more. */
  drop(name: string): void
  /** What the store knows, and this process by now, by the `id` of the grant. Those that nobody has used are left out. */
  of(
    grants: readonly Pick<Grant, 'id' | 'client_id' | 'sub'>[],
  ): Promise<ReadonlyMap<string, LastUse>>
  /** The same of all that a client holds for itself, where `row` is what the store has of it. */
  own(client_id: string, row: string | undefined): LastUse | undefined
  /** Writes what is due. Never rejects: it is tried again. */
  flush(): Promise<void>
  /** Writes all that is not written yet. */
  close(): Promise<void>
}

type Held = NotedUse & {
  users: number
  written: number
  readonly name: string
  readonly term: string | undefined
}

type Noted = { readonly held: Held; readonly use: LastUse }

/**
 * Uses are noted in memory and written now and then, so that a request costs no write. What was noted in the seconds before
 * a crash is lost; what processes note of one grant is merged by the later one, scope by scope. `life`: seconds that a row
 * is kept.
 */
export const createLastUsed = (deps: {
  readonly store: Pick<Store, 'getMany' | 'batch'>
  readonly clock: Clock
  readonly terms: Pick<Terms, 'of'>
  readonly life: () => number
}): LastUsed => {
  const { store, clock, terms } = deps
  const all = new Map<string, Held>()

  const termOf = (name: string): string | undefined => {
    const client_id = clientOfUse(name)
    return client_id === undefined ? undefined : terms.of(client_id, name)
  }

  const lifeOf = (name: string): number =>
    clientOfUse(name) === undefined ? deps.life() : Math.max(deps.life(), REMEMBERED)

  const isDue = ({ at, written, users }: Held): boolean =>
    at > written && (users === 0 || at - written >= AGAIN || clock() - at >= QUIET)

  const firstOf = (isWritten: (held: Held) => boolean): readonly Noted[] => {
    const found: Noted[] = []
    for (const held of all.values()) {
      if (isWritten(held)) found.push({ held, use: noted(held) })
      if (found.length === MOST) break
    }
    return found
  }

  /** What ended meanwhile is not written, nor what was noted of a client before its name was given again. */
  const isWanted = (held: Held): boolean =>
    all.get(held.name) === held && held.term === termOf(held.name)

  const writeOf = ({ held, use }: Noted, row: string | undefined): readonly Write[] => {
    const { name, term } = held
    const life = lifeOf(name)
    const merged = mergeUses(readUse(row, term), use)
    const next = writeUse(merged, term, clock() - life)
    if (!isWanted(held) || next === row) return []
    const expires = (clock() + life) * 1000
    return [{ op: 'swap', key: lastUsedKey(name), expected: row, next, expires }]
  }

  /** False: another process was faster with one of them. */
  const attempt = async (uses: readonly Noted[]): Promise<boolean> => {
    const rows = await store.getMany(uses.map(({ held }) => lastUsedKey(held.name)))
    const writes = uses.flatMap((noted, i) => writeOf(noted, rows[i]))
    return writes.length === 0 || store.batch(writes)
  }

  /** False: others were faster each time. */
  const write = async (uses: readonly Noted[]): Promise<boolean> => {
    for (let left = TRIES; left > 0; left -= 1) {
      if (!(await attempt(uses))) continue
      uses.forEach(settle)
      return true
    }
    return false
  }

  /** To the end of the line, so that everybody's turn comes. */
  const settle = ({ held, use }: Noted): void => {
    held.written = use.at
    forgetScopes(held, use.scopes)
    if (all.get(held.name) !== held) return
    all.delete(held.name)
    if (held.users > 0 || held.at > use.at) all.set(held.name, held)
  }

  /** All that `isWritten`, some hundreds at a time, until `limit` (milliseconds) is over. */
  const writeAll = async (isWritten: (held: Held) => boolean, limit: number): Promise<void> => {
    const end = performance.now() + limit
    try {
      for (;;) {
        const uses = firstOf(isWritten)
        if (uses.length > 0 && !(await write(uses))) return
        if (uses.length < MOST || performance.now() > end) return
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
    }
  }

  let flushing: Promise<void> | undefined
  const flush = (): Promise<void> => {
    flushing ??= writeAll(isDue, EVERY).finally(() => {
      flushing = undefined
    })
    return flushing
  }

  const told = (name: string, row: string | undefined): LastUse | undefined => {
    const term = termOf(name)
    const [stored, here] = [readUse(row, term), all.get(name)]
    const isHere = here !== undefined && here.at > 0 && here.term === term
    return isHere ? mergeUses(stored, noted(here)) : stored
  }

  const timer = setInterval(flush, EVERY).unref()

  return {
    hold(name) {
      const term = termOf(name)
      const known = all.get(name)
      const held =
        known?.term === term && known ? known : { ...unused(), users: 0, written: 0, name, term }
      held.users += 1
      all.set(name, held)
      return held
    },
    release(name, use) {
      const held = all.get(name)
      if (held === undefined || held !== use) return
      held.users -= 1
      if (held.users <= 0 && held.at === held.written) all.delete(name)
    },
    drop: (name) => void all.delete(name),
    async of(grants) {
      const names = [...new Set(grants.map(useNameOf))]
      const rows = await store.getMany(names.map(lastUsedKey))
      const uses = new Map(names.map((name, i) => [name, told(name, rows[i])]))
      return new Map(
        grants.flatMap((grant): [string, LastUse][] => {
          const use = uses.get(useNameOf(grant))
          return use === undefined ? [] : [[grant.id, use]]
        }),
      )
    },
    own: (client_id, row) => told(ownUseName(client_id), row),
    flush,
    async close() {
      clearInterval(timer)
      await flushing
      await writeAll(({ at, written }) => at > written, LAST)
    },
  }
}

const noted = (held: Held): LastUse => ({
  at: held.at,
  route: held.route.path,
  scopes: usedScopes(held),
})

/** Milliseconds between two writes. */
const EVERY = 5000
/** Milliseconds for what is left at the end. */
const LAST = 2000
/** Grants at a time. */
const MOST = 500
/** Seconds until what is used without pause is written again. */
const AGAIN = 60
/** Seconds after which the last use of a burst is written. */
const QUIET = 5
/** Times that others may be faster: what is due then waits for the next turn. */
const TRIES = 3
/** Seconds that is remembered at least of what a client uses, whose grants are short. */
const REMEMBERED = 400 * 86_400
