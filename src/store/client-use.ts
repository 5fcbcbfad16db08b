import type { Clock } from '../clock.ts'
import type { Log } from '../telemetry/log.ts'
import { type Client, clientKey, type StoredClient } from './clients.ts'
import { type Store, StoreUnavailable, type Swap, type Write } from './store.ts'

/** When clients were last given a token: a row of its own each, at most one write a client, process and hour. */
export type ClientUse = {
  /** Never rejects: what was issued is not taken back because it could not be noted. */
  note(client: Client): Promise<void>
  key(client_id: string): string
}

export const createClientUse = (deps: {
  readonly store: Store
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

  return {
    key: useKey,
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

// Seconds.
const EVERY = 3600
const REMEMBERED = 400 * 86_400
const MOST = 10_000
