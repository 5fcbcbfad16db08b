import type { IncomingMessage, ServerResponse } from 'node:http'
import { addressOf } from '../../peer.ts'
import type { Account } from '../../store/accounts.ts'
import { digest, equal } from '../../store/secrets.ts'
import type { Sessions } from '../../store/sessions.ts'
import { StoreUnavailable } from '../../store/store.ts'
import type { Principal } from '../principal.ts'
import type { Room } from '../room.ts'
import { readCookie, removeCookie, writeCookie } from './cookie.ts'
import { isSameOrigin } from './same-origin.ts'

/** Somebody at the console. */
export type Visitor = Principal & {
  readonly sub: string
  readonly name: string
  /** Bound to the session: what each form, and each call of the API by a page, has to bring along. */
  readonly csrf: string
  /** The store does not answer: known from before, to look at what needs no store. */
  readonly isRemembered?: true
}

export type ConsoleSessions = {
  /** Undefined: nobody, or somebody who may not use the console any more. */
  visitor(req: IncomingMessage): Promise<Visitor | undefined>
  /** Who calls the API from a page of the console: with the session, and with `X-CSRF-Token` where something changes. */
  caller(req: IncomingMessage): Promise<Visitor | undefined>
  start(res: ServerResponse, account: Account, remote: string): Promise<void>
  end(req: IncomingMessage, res: ServerResponse): Promise<void>
}

/** Sessions of the console: rows and a cookie of their own, so that one of the public listener is none here. */
export const createConsoleSessions = (
  { stores, clock }: Pick<Room, 'stores' | 'clock'>,
  sessions: Pick<Sessions, 'start' | 'find' | 'end'>,
): ConsoleSessions => {
  const known = createMemory(clock)

  const visitorOf = (id: string, account: Account, remote: string): Visitor | undefined =>
    account.admin && {
      actor: account.username,
      role: account.admin,
      remote,
      sub: account.sub,
      name: account.name ?? account.username,
      csrf: stores.secrets.tag('csrf', ['console', id]),
    }

  const look = async (value: string, remote: string): Promise<Visitor | undefined> => {
    const session = await sessions.find(value)
    const account = session && (await stores.accounts.findBySub(session.sub))
    return account && visitorOf(session.id, account, remote)
  }

  const visitor: ConsoleSessions['visitor'] = async (req) => {
    const value = readCookie(req, COOKIE)
    if (value === undefined) return undefined
    const remote = addressOf(req.socket)
    try {
      const found = await look(value, remote)
      known.note(value, found)
      return found
    } catch (error) {
      const remembered = error instanceof StoreUnavailable ? known.of(value) : undefined
      if (remembered === undefined) throw error
      return { ...remembered, remote, role: 'viewer', isRemembered: true }
    }
  }
  return {
    visitor,
    async caller(req) {
      if (!isSameOrigin(req)) return undefined
      const found = await visitor(req)
      if (found === undefined || req.method === 'GET' || req.method === 'HEAD') return found
      const token = req.headers['x-csrf-token']
      return typeof token === 'string' && equal(token, found.csrf) ? found : undefined
    },
    async start(res, account, remote) {
      const value = await sessions.start({ sub: account.sub, auth_time: clock(), remote })
      known.note(value, visitorOf(digest(value), account, remote))
      writeCookie(res, COOKIE, value)
    },
    async end(req, res) {
      const value = readCookie(req, COOKIE)
      if (value !== undefined) {
        known.note(value, undefined)
        await sessions.end(value)
      }
      removeCookie(res, COOKIE)
    },
  }
}

/** Who the store last said it is, for a while: so that somebody who has signed in sees what is wrong when it is away. */
const createMemory = (clock: Room['clock']) => {
  const all = new Map<string, { readonly visitor: Visitor; readonly at: number }>()
  return {
    note(value: string, visitor: Visitor | undefined): void {
      const id = digest(value)
      all.delete(id)
      if (visitor === undefined) return
      all.set(id, { visitor, at: clock() })
      const [oldest] = all.keys()
      if (all.size > MOST && oldest !== undefined) all.delete(oldest)
    },
    of(value: string): Visitor | undefined {
      const found = all.get(digest(value))
      return found !== undefined && clock() - found.at < REMEMBERED ? found.visitor : undefined
    },
  }
}

const MOST = 100
/** Seconds. */
const REMEMBERED = 3600

const COOKIE = 'pc_console'
