import { fillPage } from '../store/fill-page.ts'
import { asPage } from './list-query.ts'

type Listed<Known> = { readonly items: readonly Known[]; readonly cursor: string | undefined }

/**
 * A page of what the file declares, by name, and then of what the store has, oldest first. Where it stands within the file
 * is told by a name, so that a change of the file neither hides nor doubles what stays in it.
 */
export const registryPage = async <Known>(
  query: { readonly limit: number; readonly cursor?: string },
  from: {
    readonly ofFile: () => Promise<readonly Known[]>
    readonly nameOf: (known: Known) => string
    readonly stored: (cursor: string, most: number) => Promise<Listed<Known>>
    /** Undefined: all. */
    readonly fits: ((known: Known) => boolean) | undefined
  },
) => {
  const { limit, cursor } = query
  const fits = from.fits ?? (() => true)
  const after = cursor === undefined ? '' : nameIn(cursor)
  const declared =
    after === undefined
      ? []
      : (await from.ofFile())
          .filter((known) => from.nameOf(known) > after && fits(known))
          .sort((a, b) => (from.nameOf(a) < from.nameOf(b) ? -1 : 1))
  const shown = declared.slice(0, limit)
  const last = shown.at(-1)
  if (last !== undefined && declared.length > limit)
    return asPage(shown, cursorAt(from.nameOf(last)))
  if (shown.length === limit) return asPage(shown, BEGINNING)
  const page = await fillPage(
    {
      limit: limit - shown.length,
      cursor: after === undefined ? cursor : BEGINNING,
      picky: from.fits !== undefined,
    },
    async (at = BEGINNING, most) => {
      const { items, cursor: next } = await from.stored(at, most)
      return { items: items.filter(fits), cursor: next }
    },
  )
  return asPage([...shown, ...page.items], page.cursor)
}

/** Of what the store has. */
const BEGINNING = '0'

const cursorAt = (name: string): string => `f${Buffer.from(name).toString('base64url')}`

/** Undefined: it is past the file. */
const nameIn = (cursor: string): string | undefined =>
  cursor.startsWith('f') ? Buffer.from(cursor.slice(1), 'base64url').toString() : undefined
