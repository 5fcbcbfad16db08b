import { Keyv } from 'keyv'
import type { Clock } from '../clock.ts'
import { digest, type Secrets } from './secrets.ts'
import { type Store, StoreUnavailable } from './store.ts'
import type { Terms } from './terms.ts'

/** A person who signed in, in one browser. */
export type Session = {
  /** Names the session without being its value: the digest. */
  readonly id: string
  readonly sub: string
  /** Seconds since the epoch. */
  readonly auth_time: number
  readonly expires: number
  /** The account's term: over when that is. */
  readonly term?: string
  /** Where it was begun: the address, and in a few words the browser. */
  readonly remote?: string
  readonly agent?: string
}

/** One of a person's, with when it was last used, to the minute; seconds since the epoch. */
export type LiveSession = Session & { readonly used: number }

export type Sessions = {
  /** Resolves to the cookie's value. A new one at every sign-in. */
  start(session: Omit<Session, 'id' | 'expires' | 'term'>): Promise<string>
  /** The term that what begins now is in. */
  termOf(sub: string): string | undefined
  /** Undefined: unknown, idle for too long, over, or of a term that is. Counts as use, written at most once a minute. */
  find(value: string): Promise<Session | undefined>
  end(value: string): Promise<void>
  /** A person's, oldest first, a hundred at most. */
  ofAccount(sub: string): Promise<readonly LiveSession[]>
  /** Signs a person out everywhere, or of those sessions that `which` picks; resolves to how many. */
  endAllOfAccount(sub: string, which?: (session: Session) => boolean): Promise<number>
}

type SessionDeps = {
  readonly store: Store
  readonly secrets: Secrets
  readonly clock: Clock
  readonly terms: Pick<Terms, 'ofAccount'>
  /** Seconds. */
  readonly limits: () => { readonly idle: number; readonly absolute: number }
  /** What their rows are called, where they are others than those of the authorization server. */
  readonly kind?: 'console-session'
}

/**
 * Two rows a session: what it is, through Keyv, until its absolute end; and when it was last used, until it has idled
 * too long. Touching writes the second alone, so that no touch brings back a session that was just ended.
 */
export const createSessions = (deps: SessionDeps): Sessions => {
  const { store, secrets, clock, terms, limits, kind = 'session' } = deps
  const sessionKey = (id: string): string => `${kind}:${id}`
  const useKey = (id: string): string => `${kind}-use:${id}`
  const ofSub = (sub: string): string => `${kind}s:account:${sub}`
  // No 'error' listener, on purpose: with one, Keyv answers an outage as if the session were unknown. Keyv counts from
  // the machine's clock; the end of a session is set, and judged, by ours.
  const end = () => (clock() + limits().absolute) * 1000
  const byOurClock = {
    ...store,
    set: (key: string, value: unknown) => store.set(key, value, end()),
  }
  const keyv = new Keyv<Session>({ store: byOurClock, checkExpired: false })

  const use = async (id: string, sub: string): Promise<void> => {
    const now = clock()
    const expires = (now + limits().idle) * 1000
    const indexes = [ofSub(sub)]
    await store.batch([{ op: 'set', key: useKey(id), value: String(now), expires, indexes }])
  }

  const remove = (ids: readonly string[]): Promise<boolean[]> =>
    store.deleteMany(ids.flatMap((id) => [sessionKey(id), useKey(id)]))

  const stands = ({ expires, term, sub }: Session): boolean =>
    expires > clock() && term === terms.ofAccount(sub)

  // One that is just being started has no row of its own yet.
  const list = async (sub: string, cursor: string | undefined, limit = 500) => {
    const page = await store.list(ofSub(sub), { limit, ...(cursor && { cursor }) })
    const ids = page.rows.map(({ key }) => key.slice(useKey('').length))
    const sessions = await keyv.getMany(ids.map(sessionKey))
    const found = page.rows.map(({ value }, i) => ({
      ...{ id: ids[i] ?? '', session: sessions[i], used: Number(value) },
    }))
    return { found, cursor: page.cursor }
  }

  return {
    termOf: (sub) => terms.ofAccount(sub),
    async start(begun) {
      const value = secrets.mint('session')
      const id = digest(value)
      const term = terms.ofAccount(begun.sub)
      const expires = clock() + limits().absolute
      const session = { id, ...begun, expires, ...(term !== undefined && { term }) }
      await use(id, begun.sub)
      if (!(await keyv.set(sessionKey(id), session))) throw new StoreUnavailable('no session')
      return value
    },
    async find(value) {
      if (!secrets.minted('session', value)) return undefined
      const id = digest(value)
      const [session, used] = await Promise.all([keyv.get(sessionKey(id)), store.get(useKey(id))])
      if (session === undefined || used === undefined || !stands(session)) return undefined
      if (clock() - Number(used) >= 60) await use(id, session.sub)
      return session
    },
    async end(value) {
      if (secrets.minted('session', value)) await remove([digest(value)])
    },
    async ofAccount(sub) {
      const { found } = await list(sub, undefined, 100)
      return found.flatMap(({ session, used }) =>
        session && stands(session) ? { ...session, used } : [],
      )
    },
    async endAllOfAccount(sub, which) {
      let cursor: string | undefined
      let count = 0
      do {
        const page = await list(sub, cursor)
        const chosen = page.found.filter(
          ({ session }) => which === undefined || (session && which(session)),
        )
        await remove(chosen.map(({ id }) => id))
        count += chosen.length
        cursor = page.cursor
      } while (cursor !== undefined)
      return count
    },
  }
}
