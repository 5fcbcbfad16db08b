import type { Exchange } from './exchange.ts'

/** What a ring remembers. `at`: seconds since the epoch. */
export type Kept = Exchange & { readonly at: number }

/** The newest of what was put in: at most `PLACES`, and `BYTES` in all. */
export type RefusalRing = {
  put(exchange: Exchange, at: number): void
  /** Adds those that fit to `found`. */
  collect(found: Kept[], fits: (kept: Kept) => boolean): void
}

export const createRefusalRing = (): RefusalRing => {
  // Grows with its first round: most of them never see one.
  const kept: (Kept | undefined)[] = []
  const sizes = new Uint32Array(PLACES)
  let first = 0
  let count = 0
  let bytes = 0
  const forget = () => {
    kept[first] = undefined
    bytes -= sizes[first] ?? 0
    first = (first + 1) % PLACES
    count -= 1
  }
  return {
    put(exchange, at) {
      const one = cut(exchange, at)
      const size = sizeOf(one)
      while (count > 0 && (count === PLACES || bytes + size > BYTES)) forget()
      const place = (first + count) % PLACES
      kept[place] = one
      sizes[place] = size
      bytes += size
      count += 1
    },
    collect(found, fits) {
      for (const one of kept) if (one !== undefined && fits(one)) found.push(one)
    },
  }
}

/** What strangers choose, or hear of what they chose, is cut. */
const cut = (exchange: Exchange, at: number): Kept => {
  const { reason, description, error } = exchange
  const own = {
    ...exchange,
    at,
    path: copied(exchange.path, LONGEST_PATH),
    remote: copied(exchange.remote, LONGEST),
  }
  if (reason === undefined && description === undefined && error === undefined) return own
  return {
    ...own,
    ...(reason !== undefined && { reason: copied(reason, LONGEST) }),
    ...(description !== undefined && { description: copied(description, LONGEST) }),
    ...(error !== undefined && { error: copied(error, LONGEST) }),
  }
}

/**
 * Its first characters, as a string of its own: one that was cut out of another keeps all of that in memory, a target with
 * its query, or a form with its secrets.
 */
const copied = (text: string, most: number): string => {
  if (text.length <= SHORT) return text
  const size = SCRATCH.write(text.length > most ? text.slice(0, most) : text)
  const copy = SCRATCH.toString('utf8', 0, size)
  return text.length > most ? `${copy}…` : copy
}

/** As V8 has it: what is no longer is copied anyway. */
const SHORT = 12

/** Bytes, on the safe side: those of a string in memory, twice where it is not Latin. */
const sizeOf = ({
  path,
  id,
  remote,
  client_id = '',
  sub = '',
  missing_scope = '',
  ended = '',
  reason = '',
  description = '',
  error = '',
}: Exchange): number =>
  FIXED +
  path.length +
  id.length +
  remote.length +
  2 * (client_id.length + sub.length + missing_scope.length + ended.length) +
  2 * (reason.length + description.length + error.length)

const PLACES = 256
const BYTES = 131_072
const LONGEST_PATH = 1024
const LONGEST = 512
const SCRATCH = Buffer.allocUnsafe(4 * LONGEST_PATH)
/** The objects, and the heads of the strings. */
const FIXED = 320
