import { ALL } from './client-indexes.ts'
import { clientKey, type FileClients } from './clients.ts'
import type { Store } from './store.ts'

/** A client by name, and its place among all of them. */
type NamedClient = { readonly client_id: string; readonly place: string }

/** All clients, of the file by name, then the others, oldest first; and nothing of them but that. */
export type ClientNames = {
  /** Those behind a place, or the first. `next`: the place to go on behind; undefined: there are no more. */
  after(
    place: string | undefined,
    limit: number,
  ): Promise<{ readonly names: readonly NamedClient[]; readonly next: string | undefined }>
  /** Who stands at a place. Undefined: nobody, any more. */
  at(place: string): Promise<string | undefined>
}

/** What a place looks like, for who is handed one. */
export const PLACE = /f[\w-]{0,1500}|s\d{1,15}/

/**
 * Places outlive who stands there: one of the file is told by the name, and one of the store by where its row was first
 * written, so that whoever gets a name anew stands elsewhere.
 */
export const createClientNames = (deps: {
  readonly store: Pick<Store, 'list'>
  readonly clients: Pick<FileClients, 'ofFile'>
}): ClientNames => {
  const { store, clients } = deps
  let sorted: { readonly of: object; readonly names: readonly string[] } | undefined

  const namesOfFile = (): readonly string[] => {
    const of = clients.ofFile()
    if (sorted?.of !== of) sorted = { of, names: [...of.keys()].sort() }
    return sorted.names
  }

  const ofStore = async (cursor: string, limit: number) => {
    const { rows, cursor: more } = await store.list(ALL, { cursor, limit })
    const names = rows.map((row) => ({
      client_id: row.key.slice(PREFIX.length),
      place: `s${row.cursor}`,
    }))
    return {
      names: names.filter(({ client_id }) => !clients.ofFile().has(client_id)),
      next: more === undefined ? undefined : `s${more}`,
    }
  }

  return {
    async after(place, limit) {
      if (place?.startsWith('s')) return ofStore(place.slice(1), limit)
      const last = place === undefined ? '' : nameIn(place)
      const names = namesOfFile()
        .filter((name) => name > last)
        .slice(0, limit)
        .map((client_id) => ({ client_id, place: placeOf(client_id) }))
      if (names.length === limit) return { names, next: names.at(-1)?.place }
      const rest = await ofStore('0', limit - names.length)
      return { names: [...names, ...rest.names], next: rest.next }
    },
    async at(place) {
      if (place.startsWith('f')) {
        const name = nameIn(place)
        return clients.ofFile().has(name) ? name : undefined
      }
      const id = place.slice(1)
      const { names } = await ofStore(String(Number(id) - 1), 1)
      return names.find((one) => one.place === place)?.client_id
    },
  }
}

const placeOf = (name: string): string => `f${Buffer.from(name).toString('base64url')}`
const nameIn = (place: string): string => Buffer.from(place.slice(1), 'base64url').toString()
const PREFIX = clientKey('')
