import type { Clock } from '../clock.ts'
import type { Store } from './store.ts'

/** How many rows a list has: counted anew each minute while it is asked for, with what this process added since. */
export type RowCount = {
  isBelow(most: number): Promise<boolean>
  add(rows?: number): void
}

export const createRowCount = (
  store: Pick<Store, 'list'>,
  clock: Clock,
  index: string,
): RowCount => {
  let counted: { readonly at: number; readonly rows: Promise<number> } | undefined
  let added = 0

  // No further than it matters.
  const count = async (most: number): Promise<number> => {
    let rows = 0
    let cursor: string | undefined
    do {
      const page = await store.list(index, { limit: 1000, ...(cursor && { cursor }) })
      rows += page.rows.length
      cursor = page.cursor
    } while (cursor !== undefined && rows < most)
    return rows
  }

  const current = (most: number): Promise<number> => {
    const now = clock()
    if (counted === undefined || now - counted.at >= EVERY || now < counted.at) {
      const rows = count(most)
      counted = { at: now, rows }
      added = 0
      rows.catch(() => {
        counted = undefined
      })
    }
    return counted.rows
  }

  return {
    isBelow: async (most) => (await current(most)) + added < most,
    add(rows = 1) {
      added += rows
    },
  }
}

// Seconds.
const EVERY = 60
