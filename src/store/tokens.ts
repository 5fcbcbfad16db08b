import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import type { Log } from '../telemetry/log.ts'
import { endMessage, readEnd } from './ended.ts'
import { type EndNote, type Found, type Gone, isGone } from './gone.ts'
import { createHandles, type Handle, namesOf } from './handles.ts'
import { ownUseName, useNameOf } from './last-use.ts'
import type { LastUsed } from './last-used.ts'
import { createListeners } from './listeners.ts'
import { createMint, type Mint } from './mint.ts'
import type { NotedUse } from './noted-use.ts'
import { digest, type Secrets } from './secrets.ts'
import { createSharedLists } from './shared-lists.ts'
import { MISSED, type Store, StoreUnavailable, type Write } from './store.ts'
import type { Terms } from './terms.ts'
import { createTokenReads } from './token-reads.ts'
import { type StoredToken, tokenKey, tokenWrite } from './token-row.ts'

export type AccessToken = {
  /** Names the token without being it: the digest of its value. */
  readonly id: string
  readonly grant_id: string
  readonly client_id: string
  readonly sub: string
  readonly scope: readonly string[]
  /** RFC 8707. Empty: good on every route that its scopes open. */
  readonly aud: readonly string[]
  readonly iat: number
  readonly exp: number
  /** Where its uses are noted, while it is in memory. Never written with it. */
  readonly use?: NotedUse | undefined
}

/** `malformed`: no token of our shape; `foreign`: of our shape, not minted here. */
export type Refusal = 'malformed' | 'foreign' | 'unknown' | 'expired' | 'revoked'

/** What just ended, and every token under it with it: one of the four. */
export type Ended = {
  readonly grant_id?: string
  readonly client_id?: string
  readonly sub?: string
  /** The `id` of one access token. */
  readonly token?: string
}

export type AccessTokens = Mint & {
  /**
   * What a bearer's value stands for. A cache hit answers synchronously, with the same object each time.
   * Rejects with StoreUnavailable when nobody can tell.
   */
  find(value: string): AccessToken | Refusal | Promise<AccessToken | Refusal>
  /** What memory holds of a token that `find` has just refused. For the log. */
  why(value: string): Gone | undefined
  /** The same question, read anew from the store; for operators. Rejects with StoreUnavailable. */
  inspect(value: string): Promise<Found>
  /** Ends this token only, here and in every process. What we did not mint is no one's: nothing happens. */
  revoke(value: string): Promise<void>
  /** Hears of every end, from any process. Returns the way to stop. */
  onEnded(listener: (ended: Ended) => void): () => void
  stats(): TokenStats
}

type TokenStats = {
  readonly size: number
  readonly hits: number
  readonly misses: number
  readonly negative: number
  readonly coalesced: number
}

type TokenDeps = {
  readonly store: Store
  readonly secrets: Pick<Secrets, 'mint' | 'minted' | 'shaped'>
  /** Reads a token and everything that it hangs on, from the store. */
  readonly read: (id: string) => Promise<Found>
  readonly terms: Pick<Terms, 'of'>
  readonly clock: Clock
  readonly log: Log
  /** `cache` and `graceWithoutStore`, in seconds, as they are now. */
  readonly lifetimes: () => { readonly cache: number; readonly graceWithoutStore: number }
  /** Access tokens held in memory. */
  readonly maximum: number
  readonly lastUsed: Pick<LastUsed, 'hold' | 'release' | 'drop'>
}

/** What the composition may do besides: end things for this process alone, and forget what was cached. */
export type CachedAccessTokens = AccessTokens & {
  end(ended: Ended): void
  forget(): void
  close(): void
}

type Entry = {
  readonly token: AccessToken
  readonly grant: Handle
  readonly client: Handle
  readonly account: Handle
  live: boolean
  /** Good while the wall clock is between the two: a step back is a miss, not a longer life. */
  from: number
  until: number
}

type Miss = { readonly gone: Gone; readonly from: number; readonly until: number }

export const createAccessTokens = (deps: TokenDeps): CachedAccessTokens => {
  const { store, secrets, clock } = deps
  const { channel } = store
  const handles = createHandles()
  const listeners = createListeners<Ended>(deps.log)
  const reads = createTokenReads(deps.read)
  // Bounded by size, each entry counting one: bounded by number it would take the memory of a full cache at once.
  const cache = new LRUCache<string, Entry>({
    maxSize: deps.maximum,
    sizeCalculation: () => 1,
    dispose: ({ token, grant, client, account }) => {
      for (const handle of [grant, client, account]) handles.release(handle)
      if (token.use !== undefined) deps.lastUsed.release(useNameOfToken(token), token.use)
    },
  })
  // Apart from the cache, so that a flood of unknown tokens cannot push out a good one.
  const misses = new LRUCache<string, Miss>({ max: MISSES })
  const shareList = createSharedLists(LISTS)
  const counts = { hits: 0, misses: 0, negative: 0 }
  let contact = clock()

  const find: AccessTokens['find'] = (value) => {
    if (value.length !== LENGTH) return 'malformed'
    const id = hash('sha256', value, 'base64url')
    const entry = cache.get(id)
    if (entry === undefined || !channel.healthy()) return findSlowly(value, id, entry)
    const now = clock()
    if (now >= entry.until || now < entry.from) return findSlowly(value, id, entry)
    counts.hits += 1
    return isLive(entry) ? entry.token : 'revoked'
  }

  const findSlowly = (value: string, id: string, entry: Entry | undefined) => {
    if (entry !== undefined) return recheck(id, entry)
    if (!secrets.minted('access-token', value)) {
      return secrets.shaped('access-token', value) ? 'foreign' : 'malformed'
    }
    const now = clock()
    const miss = misses.get(id)
    if (miss === undefined || now >= miss.until || now < miss.from) return load(id)
    counts.negative += 1
    return miss.gone.refusal
  }

  const recheck = (id: string, entry: Entry) => {
    if (!isLive(entry)) return 'revoked'
    const now = clock()
    if (now >= entry.token.exp) return 'expired'
    if (now >= entry.until || now < entry.from) return load(id)
    return load(id).catch((cause: unknown) => passWithoutStore(entry, cause))
  }

  const passWithoutStore = (entry: Entry, cause: unknown): AccessToken | Refusal => {
    if (!(cause instanceof StoreUnavailable)) throw cause
    if (!isLive(entry)) return 'revoked'
    const now = clock()
    if (now >= entry.token.exp) return 'expired'
    const alone = Math.min(now - contact, channel.silence())
    if (alone >= deps.lifetimes().graceWithoutStore) throw cause
    return entry.token
  }

  const load = async (id: string): Promise<AccessToken | Refusal> => {
    counts.misses += 1
    const loaded = await reads.read(id, (found) => {
      contact = clock()
      return isGone(found) ? rememberMiss(id, found) : remember(id, found)
    })
    return isGone(loaded) ? loaded.refusal : loaded
  }

  const remember = (id: string, read: AccessToken): AccessToken => {
    const from = clock()
    const until = Math.min(read.exp, from + deps.lifetimes().cache)
    const known = cache.peek(id)
    if (known !== undefined && isLive(known)) {
      known.from = from
      known.until = until
      return known.token
    }
    const { sub, client_id, grant_id } = read
    const token = {
      ...read,
      ...{ scope: shareList(read.scope), aud: shareList(read.aud) },
      use: deps.lastUsed.hold(useNameOfToken(read)),
    }
    const [grant, client, account] = [
      handles.hold(`grant_id ${grant_id}`),
      handles.hold(`client_id ${client_id}`),
      handles.hold(`sub ${sub}`),
    ]
    misses.delete(id)
    cache.set(id, { token, grant, client, account, live: true, from, until })
    return token
  }

  const rememberMiss = (id: string, gone: Gone): Gone => {
    const from = clock()
    misses.set(id, { gone, from, until: from + MISS_LIFE })
    cache.delete(id)
    return gone
  }

  const end = (ended: Ended): void => {
    const names = namesOf(ended)
    reads.disturb(names)
    names.forEach(handles.end)
    if (ended.grant_id !== undefined) deps.lastUsed.drop(ended.grant_id)
    if (ended.client_id !== undefined) deps.lastUsed.drop(ownUseName(ended.client_id))
    const entry = ended.token === undefined ? undefined : cache.peek(ended.token)
    if (entry !== undefined) entry.live = false
    listeners.tell(ended)
  }

  const forget = (): void => {
    reads.disturbAll()
    cache.clear()
    misses.clear()
  }

  const close = store.subscribe((message) => {
    if (message === MISSED) return forget()
    const ended = readEnd(message)
    if (ended !== undefined) end(ended)
  })

  return {
    find,
    end,
    forget,
    close,
    ...createMint(deps),
    why(value) {
      const id = digest(value)
      const entry = cache.peek(id)
      return entry === undefined ? misses.peek(id)?.gone : goneOf(entry)
    },
    async inspect(value) {
      if (secrets.minted('access-token', value)) return deps.read(digest(value))
      return { refusal: secrets.shaped('access-token', value) ? 'foreign' : 'malformed' }
    },
    async revoke(value) {
      if (!secrets.minted('access-token', value)) return
      const id = digest(value)
      // Not read for this: nothing may stand before an end. Whoever revokes has just looked it up.
      const known = cache.peek(id)?.token
      const write: Write =
        known === undefined
          ? { op: 'delete', key: tokenKey(id) }
          : tokenWrite({ ...withoutUse(known), ended: clock() })
      await store.batch([write], [endMessage({ token: id })])
    },
    onEnded: listeners.add,
    stats: () => ({ size: cache.size, ...counts, coalesced: reads.coalesced() }),
  }
}

const useNameOfToken = ({ grant_id: id, client_id, sub }: AccessToken): string =>
  useNameOf({ id, client_id, sub })

const withoutUse = ({ use: _, ...token }: AccessToken): StoredToken => token

const goneOf = (entry: Entry): Gone => ({
  refusal: isLive(entry) ? 'expired' : 'revoked',
  token: entry.token,
  ...(isLive(entry) ? {} : { ended: { what: endedPart(entry) } }),
})

const endedPart = ({ live, grant, client }: Entry): EndNote['what'] => {
  if (!live) return 'token'
  if (!grant.live) return 'grant'
  return client.live ? 'account' : 'client'
}

const isLive = ({ live, grant, client, account }: Entry): boolean =>
  live && grant.live && client.live && account.live

// `pc_at_` and 48 bytes in base64url.
const LENGTH = 70
const MISSES = 10_000
const LISTS = 1000
// Seconds. Short: what was unknown may be written a moment later.
const MISS_LIFE = 5
