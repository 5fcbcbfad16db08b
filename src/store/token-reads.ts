import { type Found, isGone } from './gone.ts'

/** Reads of tokens that are not cached: one a token at a time, and none that an end has overtaken. */
export type TokenReads = {
  /** Joins a read that is under way, or starts one. `keep` runs in the same turn as the last check. */
  read(id: string, keep: (found: Found) => Found): Promise<Found>
  /** Something ended: a read that began before may have seen it alive. */
  disturb(names: readonly string[]): void
  disturbAll(): void
  /** How many callers were answered by somebody else's read. */
  coalesced(): number
}

type Pending = { ended: Set<string>; disturbed: boolean; readonly result: Promise<Found> }

export const createTokenReads = (read: (id: string) => Promise<Found>): TokenReads => {
  const pending = new Map<string, Pending>()
  let coalesced = 0

  const settle = async (
    id: string,
    own: Omit<Pending, 'result'>,
    keep: (found: Found) => Found,
  ): Promise<Found> => {
    for (;;) {
      own.ended = new Set()
      own.disturbed = false
      const found = await read(id)
      if (!own.disturbed && !overtaken(id, found, own.ended)) return keep(found)
    }
  }

  return {
    read(id, keep) {
      const running = pending.get(id)
      if (running !== undefined) {
        coalesced += 1
        return running.result
      }
      const own: Omit<Pending, 'result'> = { ended: new Set(), disturbed: false }
      const result = settle(id, own, keep).finally(() => pending.delete(id))
      pending.set(id, Object.assign(own, { result }))
      return result
    },
    disturb(names) {
      for (const { ended } of pending.values()) for (const name of names) ended.add(name)
    },
    disturbAll() {
      for (const own of pending.values()) own.disturbed = true
    },
    coalesced: () => coalesced,
  }
}

// A refusal cannot be overtaken: nothing that ended comes back. Only ends of what this token hangs on matter, so that
// a busy channel never keeps a read from coming to its end.
const overtaken = (id: string, found: Found, ended: ReadonlySet<string>): boolean =>
  !isGone(found) &&
  (ended.has(`token ${id}`) ||
    ended.has(`grant_id ${found.grant_id}`) ||
    ended.has(`client_id ${found.client_id}`) ||
    ended.has(`sub ${found.sub}`))
