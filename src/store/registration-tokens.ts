import type { Clock } from '../clock.ts'
import type { Log, LogFields } from '../telemetry/log.ts'
import { digest, type Secrets } from './secrets.ts'
import { type Page, type Store, StoreUnavailable } from './store.ts'

/** An initial access token (RFC 7591 §3) that an operator handed out while the program runs. */
type RegistrationToken = {
  /** SHA-256 of its value: what it is stored under. */
  readonly id: string
  /** For whom, in the words of the operator. */
  readonly note: string
  /** Seconds since the epoch. */
  readonly created: number
  readonly expires: number
  /** Clients that can still be registered with it. Undefined: as many as there may be. */
  readonly left?: number
}

export type RegistrationTokens = {
  /** A new one, good for `lifetime` seconds and so many `uses`. Its value is told this once. */
  mint(
    token: { readonly note: string; readonly lifetime: number; readonly uses?: number },
    by?: LogFields,
  ): Promise<{ readonly value: string; readonly token: RegistrationToken }>
  /** Undefined: not minted here, expired, used up or withdrawn. */
  find(value: string): Promise<RegistrationToken | undefined>
  /** Counts a registration. False: none was left, or it was withdrawn. */
  spend(id: string): Promise<boolean>
  /** Oldest first. */
  list(options?: {
    readonly cursor?: string
    readonly limit?: number
  }): Promise<{ readonly tokens: readonly RegistrationToken[]; readonly cursor: Page['cursor'] }>
  /** What was registered with it stays. False: unknown. */
  withdraw(id: string, by?: LogFields): Promise<boolean>
}

export const createRegistrationTokens = (deps: {
  readonly store: Store
  readonly secrets: Pick<Secrets, 'mint' | 'minted'>
  readonly clock: Clock
  readonly log: Log
}): RegistrationTokens => {
  const { store, secrets, clock, log } = deps

  const find: RegistrationTokens['find'] = async (value) => {
    if (!secrets.minted('initial-access', value)) return undefined
    const row = await store.get(tokenKey(digest(value)))
    return row === undefined ? undefined : JSON.parse(row)
  }

  const spend = async (id: string): Promise<boolean> => {
    const key = tokenKey(id)
    for (let tries = TRIES; tries > 0; tries -= 1) {
      const row = await store.get(key)
      if (row === undefined) return false
      const token: RegistrationToken = JSON.parse(row)
      if (token.left === undefined) return true
      const expires = token.expires * 1000
      const next = JSON.stringify({ ...token, left: token.left - 1 })
      const swap = { op: 'swap', key, expected: row, next, expires, indexes: [INDEX] } as const
      // With the last use it is gone.
      const last = token.left <= 1 ? [{ op: 'delete', key } as const] : []
      if (await store.batch([swap, ...last])) return true
    }
    throw new StoreUnavailable('others keep using this token')
  }

  return {
    find,
    spend,
    async mint({ note, lifetime, uses }, by = {}) {
      const value = secrets.mint('initial-access')
      const created = Math.floor(clock())
      const token: RegistrationToken = {
        ...{ id: digest(value), note, created, expires: created + lifetime },
        ...(uses !== undefined && { left: uses }),
      }
      const row = { key: tokenKey(token.id), value: JSON.stringify(token) }
      const expires = token.expires * 1000
      await store.batch([{ op: 'set', ...row, expires, indexes: [INDEX] }])
      log.audit('registration_token.created', { id: token.id, note, lifetime, uses, ...by })
      return { value, token }
    },
    async list({ cursor, limit = 100 } = {}) {
      const page = await store.list(INDEX, { limit, ...(cursor !== undefined && { cursor }) })
      return { tokens: page.rows.map(({ value }) => JSON.parse(value)), cursor: page.cursor }
    },
    async withdraw(id, by = {}) {
      if (!(await store.delete(tokenKey(id)))) return false
      log.audit('registration_token.withdrawn', { id, ...by })
      return true
    },
  }
}

const INDEX = 'registration-tokens'
const TRIES = 10
const tokenKey = (id: string): string => `registration-token:${id}`
