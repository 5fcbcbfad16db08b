import { setImmediate as turn } from 'node:timers/promises'

/** A part of a list: what of it is wanted, and where it goes on. */
type Part<Item> = { readonly items: readonly Item[]; readonly cursor: string | undefined }

/**
 * A page of what is wanted out of a list that holds more, in at most eight reads. It may come out short, or empty, and have
 * more behind its cursor. `picky`: most of what is read may be of no use, so that more is read at a time. `read` takes rows
 * to read at most.
 */
export const fillPage = async <Item>(
  { limit, cursor, picky }: { limit: number; cursor?: string | undefined; picky: boolean },
  read: (cursor: string | undefined, most: number) => Promise<Part<Item>>,
): Promise<Part<Item>> => {
  const found: Item[] = []
  let at = cursor
  let most = picky ? CHUNK : limit
  for (let left = READS; left > 0; left -= 1) {
    // A store that is read on the event loop gives no turn away by itself: what is forwarded meanwhile would wait for all of it.
    if (left < READS) await turn()
    const room = limit - found.length
    // The last read takes what it finds: a page that got nowhere would be asked for again and again.
    const rows = left === 1 || !picky ? Math.min(most, room) : most
    const { items, cursor: next } = await read(at, rows)
    if (items.length > room) {
      most = Math.max(1, Math.floor((rows * room) / items.length))
      continue
    }
    found.push(...items)
    at = next
    if (at === undefined || found.length >= limit * ENOUGH) break
    most = picky ? Math.min(CHUNK, most * 2) : limit
  }
  return { items: found, cursor: at }
}

const READS = 8
const CHUNK = 500
// Of the limit: a read for the last few is a read too many.
const ENOUGH = 0.9
