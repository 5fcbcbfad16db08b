import type { Clock } from '../clock.ts'
import type { Log } from '../telemetry/log.ts'
import { type Client, clientKey, type StoredClient } from './clients.ts'
import { type LastUse, lastUsedKey, ownUseName } from './last-use.ts'
import type { LastUsed } from './last-used.ts'
import { type Store, StoreUnavailable, type Swap, type Write } from './store.ts'

/** Of one client. */
export type UsesOfClient = {
  /** When it last got a token, to the hour, in seconds since the epoch. Undefined: never. */
  readonly last_used?: number
  /** When it last used a token that it holds for itself. Undefined: never. */
  readonly own_use?: LastUse
}

/** When clients were last given a token: a row of its own each, at most one write a client, process and hour. */
export type ClientUse = {
  /** Never rejects: what was issued is not taken back because it could not be noted. */
  note(client: Client): Promise<void>
  /** Of all rows that tell of the use of one: they end with it. */
  keys(client_id: string): readonly string[]
  /** As many, in the order of the names. */
  of(client_ids: readonly string[]): Promise<readonly UsesOfClient[]>
  /** What these rows say, in the order of their keys, and what this process knows besides. */
  read(client_id: string, rows: readonly (string | undefined)[]): UsesOfClient
}

export const createClientUse = (deps: {
  readonly store: Store
  readonly lastUsed: Pick<LastUsed, 'own'>
  readonly clock: Clock
  readonly log: Log
  /** How the row of a client is kept once it is in use. */
  readonly row: (client: StoredClient) => Pick<Swap, 'key' | 'expires' | 'indexes'>
}): ClientUse => {
  const { store, clock, log } = deps
  const noted = new Map<string, number>()

  const write = async ({ client_id, source }: Client, now: number): Promise<boolean> => {
    const row = source === 'registered' ? await store.get(clientKey(client_id)) : undefined
    if (source === 'registered' && row === undefined) return true
    const longer = row === undefined ? undefined : deps.row(JSON.parse(row))
    const writes: readonly Write[] = [
      {
        op: 'set',
        key: useKey(client_id),
        value: String(Math.floor(now)),
        expires: longer?.expires ?? (now + REMEMBERED) * 1000,
      },
      ...(row === undefined || longer === undefined
        ? []
        : [{ op: 'swap', ...longer, expected: row, next: row } as const]),
    ]
    return store.batch(writes)
  }

  const read: ClientUse['read'] = (client_id, [given, own]) => {
    const own_use = deps.lastUsed.own(client_id, own)
    return {
      ...(given !== undefined && { last_used: Number(given) }),
      ...(own_use && { own_use }),
    }
  }

  return {
    keys: keysOf,
    read,
    async of(client_ids) {
      const rows = await store.getMany(client_ids.flatMap(keysOf))
      return client_ids.map((client_id, i) => read(client_id, rows.slice(2 * i, 2 * i + 2)))
    },
    async note(client) {
      const now = clock()
      const last = noted.get(client.client_id)
      if (last !== undefined && now >= last && now - last < EVERY) return
      if (noted.size >= MOST) noted.clear()
      noted.set(client.client_id, now)
      try {
        // It may be changed at this very moment.
        const written = (await write(client, now)) || (await write(client, now))
        if (!written) noted.delete(client.client_id)
      } catch (cause) {
        noted.delete(client.client_id)
        if (!(cause instanceof StoreUnavailable)) throw cause
        log.warn('store.unfinished', { cause })
      }
    },
  }
}

const useKey = (client_id: string): string => `client-use:${client_id}`
const keysOf = (client_id: string) => [useKey(client_id), lastUsedKey(ownUseName(client_id))]

// Seconds.
const EVERY = 3600
const REMEMBERED = 400 * 86_400
const MOST = 10_000
