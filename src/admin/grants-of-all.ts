import { PLACE } from '../store/client-names.ts'
import type { Grant } from '../store/grants.ts'
import type { Stores } from '../store/open.ts'

type Part<At> = { readonly grants: readonly Grant[]; readonly at: At }

/** Behind the client at `place`, or with `grant` within what it was given. */
type Place = { readonly place?: string; readonly grant?: string }
type Reading = Pick<Stores, 'clientNames' | 'grants'>

/**
 * Grants of everybody, client by client, of each the oldest first: at most `most` of them, from some hundred clients at most,
 * so that one call costs no more among a million. A cursor names a place among clients and one among the grants of the
 * client there, and neither moves while others come and go.
 */
export const grantsOfAll = async (
  cursor: string | undefined,
  most: number,
  stores: Reading,
): Promise<{ readonly grants: readonly Grant[]; readonly cursor: string | undefined }> => {
  const grants: Grant[] = []
  let at = placeIn(cursor)
  for (let left = STEPS; left > 0 && grants.length < most; left -= 1) {
    const part = await step(at, most - grants.length, stores)
    grants.push(...part.grants)
    if (part.at === undefined) return { grants, cursor: undefined }
    at = part.at
  }
  return { grants, cursor: cursorAt(at) }
}

/** What a cursor of this list looks like. */
export const CURSOR_OF_ALL = new RegExp(`^(?:${PLACE.source})(?:\\.\\d{1,15})?$`)

const step = ({ place, grant }: Place, most: number, stores: Reading) =>
  place !== undefined && grant !== undefined
    ? ofOne({ place, grant }, most, stores)
    : ofNext(place, most, stores)

/** What its client was given, further on. What a client that is gone was given is over. */
const ofOne = async (
  { place, grant }: Required<Place>,
  most: number,
  { clientNames, grants }: Reading,
): Promise<Part<Place>> => {
  const client_id = await clientNames.at(place)
  if (client_id === undefined) return { grants: [], at: { place } }
  const page = await grants.ofClient(client_id, grant, most)
  return { grants: page.grants, at: placeBehind(place, page.cursor) }
}

/** The first of what each of the next few was given, up to one that has more, or that there is no more room for. */
const ofNext = async (
  place: string | undefined,
  most: number,
  { clientNames, grants }: Reading,
): Promise<Part<Place | undefined>> => {
  const { names, next } = await clientNames.after(place, ABREAST)
  const limit = Math.min(most, EACH)
  const pages = await Promise.all(
    names.map(({ client_id }) => grants.ofClient(client_id, undefined, limit)),
  )
  const found: Grant[] = []
  let behind: Place = place === undefined ? {} : { place }
  for (const [i, page] of pages.entries()) {
    if (found.length + page.grants.length > most) return { grants: found, at: behind }
    found.push(...page.grants)
    behind = placeBehind(names[i]?.place ?? '', page.cursor)
    if (page.cursor !== undefined) return { grants: found, at: behind }
  }
  return { grants: found, at: next === undefined ? undefined : { place: next } }
}

const placeBehind = (place: string, grant: string | undefined): Place => ({
  place,
  ...(grant !== undefined && { grant }),
})

const placeIn = (cursor: string | undefined): Place => {
  if (cursor === undefined) return {}
  const [place = '', grant] = cursor.split('.')
  return placeBehind(place, grant)
}

const cursorAt = ({ place = BEGINNING, grant }: Place): string =>
  grant === undefined ? place : `${place}.${grant}`

/** Behind no name of the file. */
const BEGINNING = 'f'
/** Clients that are asked after at a time. */
const ABREAST = 10
/** Grants of each: most have few. */
const EACH = 20
/** The most times that some are asked after in one call. */
const STEPS = 10
