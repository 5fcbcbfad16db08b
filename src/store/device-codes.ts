import type { Clock } from '../clock.ts'
import { nextPoll, type Poll } from './device-poll.ts'
import { type Grant, grantRow, keptUntil } from './grants.ts'
import { digest, type Secrets } from './secrets.ts'
import { type Store, StoreUnavailable, type Write } from './store.ts'
import type { Terms } from './terms.ts'
import { mintUserCode, readUserCode } from './user-code.ts'

/** What a device asks for (RFC 8628 §3.1), and what a person made of it. */
export type DeviceCode = DeviceRequest & {
  /** SHA-256 of the device code: what it is stored under. */
  readonly id: string
  /** Keyed tag of the user code. */
  readonly user_tag: string
  /** Seconds since the epoch. */
  readonly created: number
  readonly expires: number
  /** The term of its client: over when that is. */
  readonly term?: string
} & (
    | { readonly state: 'pending' | 'denied' }
    | { readonly state: 'allowed'; readonly grant: Grant }
    | {
        readonly state: 'spent'
        readonly at: number
        readonly grant_id: string
        readonly sub: string
      }
  )

type DeviceRequest = {
  readonly client_id: string
  readonly scope: readonly string[]
  readonly resource: readonly string[]
  /** Address that it came from, for the person to judge. */
  readonly remote: string
}

export type AllowedDevice = Extract<DeviceCode, { state: 'allowed' }>

/** `expired`: minted here, and its time is over. `unknown`: not minted here, or of a term that is over. */
type FoundDevice = DeviceCode | { readonly state: 'expired' } | { readonly state: 'unknown' }

export type DeviceCodes = {
  /** Writes the request, for `lifetime` seconds. `user_code` as it is shown: WDJB-MJHT. */
  begin(
    request: DeviceRequest,
    lifetime: number,
  ): Promise<{ device_code: string; user_code: string }>
  find(device_code: string): Promise<FoundDevice>
  /** As a person typed it; undefined unless it is one that waits for an answer. */
  findByUserCode(entered: string): Promise<DeviceCode | undefined>
  /** By its id; undefined unless it waits for an answer. */
  findPending(id: string): Promise<DeviceCode | undefined>
  /** False: it was answered before, or its time is over. */
  deny(code: DeviceCode): Promise<boolean>
  /** The same; writes the grant, short-lived until the device comes for it. */
  allow(code: DeviceCode, grant: Grant): Promise<boolean>
  /** Counts a poll of one that waits (§3.5). `slow`: it came too early, and has to leave five seconds more from now on. */
  poll(code: DeviceCode): Promise<'pending' | 'slow'>
  /**
   * The one atomic step: the grant from now on (`redeemed: true`, with its refresh state) and what is written with it.
   * `lost`: someone else was first, or the grant ended.
   */
  redeem(
    code: AllowedDevice,
    redeemed: Grant,
    writes: readonly Write[],
  ): Promise<'redeemed' | 'lost'>
}

type DeviceDeps = {
  readonly store: Store
  readonly secrets: Pick<Secrets, 'mint' | 'minted' | 'tag' | 'tags' | 'letters'>
  readonly clock: Clock
  readonly terms: Pick<Terms, 'of'>
  /** The longest life of an access token, seconds. */
  readonly tokenLife: () => number
}

export const createDeviceCodes = (deps: DeviceDeps): DeviceCodes => {
  const { store, secrets, clock, terms, tokenLife } = deps
  const polled = new Set<string>()
  // No account is named so: what is left is the client's.
  const termOf = (client_id: string) => terms.of(client_id, '')

  const read = (row: string | undefined): FoundDevice => {
    if (row === undefined) return { state: 'expired' }
    const code: DeviceCode = JSON.parse(row)
    const isOver =
      code.term !== termOf(code.client_id) ||
      (code.state === 'allowed' && code.grant.term !== terms.of(code.client_id, code.grant.sub))
    if (isOver) return { state: 'unknown' }
    const waits = code.state === 'pending' || code.state === 'allowed'
    return waits && code.expires <= clock() ? { state: 'expired' } : code
  }

  const findPending = async (id: string): Promise<DeviceCode | undefined> => {
    const found = read(await store.get(deviceKey(id)))
    return found.state === 'pending' ? found : undefined
  }

  // With the user code gone, nobody can be led to a device that has its answer.
  const decide = (code: DeviceCode, next: DeviceCode, writes: readonly Write[]) =>
    code.expires <= clock()
      ? Promise.resolve(false)
      : store.batch([stepped(code, next), { op: 'delete', key: userKey(code.user_tag) }, ...writes])

  const begin: DeviceCodes['begin'] = async (request, lifetime) => {
    const device_code = secrets.mint('device-code')
    for (let left = TRIES; left > 0; left -= 1) {
      const user_code = mintUserCode(secrets)
      const created = clock()
      const term = termOf(request.client_id)
      const code: DeviceCode = {
        ...request,
        id: digest(device_code),
        user_tag: secrets.tag('user-code', [user_code]),
        ...{ created, expires: created + lifetime, state: 'pending' },
        ...(term !== undefined && { term }),
      }
      const expires = code.expires * 1000
      const [key, user] = [deviceKey(code.id), userKey(code.user_tag)]
      const written = await store.batch([
        { op: 'swap', key: user, expected: undefined, next: code.id, expires },
        { op: 'set', key, value: JSON.stringify(code), expires },
      ])
      if (written) return { device_code, user_code }
    }
    throw new StoreUnavailable('every user code that was drawn is in use')
  }

  return {
    begin,
    findPending,
    async find(device_code) {
      if (!secrets.minted('device-code', device_code)) return { state: 'unknown' }
      return read(await store.get(deviceKey(digest(device_code))))
    },
    async findByUserCode(entered) {
      const user_code = readUserCode(entered)
      if (user_code === undefined) return undefined
      const keys = secrets.tags('user-code', [user_code]).map(userKey)
      const id = (await store.getMany(keys)).find((row) => row !== undefined)
      return id === undefined ? undefined : findPending(id)
    },
    deny: (code) => decide(code, { ...code, state: 'denied' }, []),
    allow(code, grant) {
      const { value, ...row } = grantRow(grant, code.expires + MARGIN)
      const written: Write = { op: 'swap', expected: undefined, next: value, ...row }
      return decide(code, { ...code, state: 'allowed', grant }, [written])
    },
    async poll(code) {
      if (polled.has(code.id)) return 'slow'
      polled.add(code.id)
      try {
        const key = pollKey(code.id)
        const row = await store.get(key)
        const last: Poll | undefined = row === undefined ? undefined : JSON.parse(row)
        const { slow, next } = nextPoll(last, clock())
        if (next === undefined) return 'slow'
        const swap = {
          key,
          expected: row,
          next: JSON.stringify(next),
          expires: code.expires * 1000,
        }
        return (await store.swap(swap)) && !slow ? 'pending' : 'slow'
      } finally {
        polled.delete(code.id)
      }
    },
    async redeem(code, redeemed, writes) {
      const now = clock()
      if (code.expires <= now) return 'lost'
      const { grant, ...asked } = code
      const { value, ...row } = grantRow(redeemed, keptUntil(redeemed, now, tokenLife()))
      const won = await store.batch([
        stepped(code, { ...asked, state: 'spent', at: now, grant_id: grant.id, sub: grant.sub }),
        { op: 'swap', expected: JSON.stringify(grant), next: value, ...row },
        ...writes,
      ])
      return won ? 'redeemed' : 'lost'
    },
  }
}

/** Once somebody has answered, it is remembered for ten minutes more: a replay can be told from a guess. */
const stepped = (code: DeviceCode, next: DeviceCode): Write => ({
  op: 'swap',
  key: deviceKey(code.id),
  expected: JSON.stringify(code),
  next: JSON.stringify(next),
  expires: (code.expires + REMEMBERED) * 1000,
})

// Seconds that an unredeemed grant outlives its device code, so that a poll in the last moment finds it.
const MARGIN = 10
const REMEMBERED = 600
const TRIES = 5

const deviceKey = (id: string): string => `device-code:${id}`
const userKey = (tag: string): string => `user-code:${tag}`
const pollKey = (id: string): string => `device-code-poll:${id}`
