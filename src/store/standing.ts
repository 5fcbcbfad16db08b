import type { Clock } from '../clock.ts'
import { endMessage } from './ended.ts'
import type { Secrets } from './secrets.ts'
import { FOR_EVER, MISSED, type Store, StoreUnavailable, type Write } from './store.ts'
import type { FileTerms } from './terms.ts'
import type { Ended } from './tokens.ts'

/** That an operator put a client or an account out of action: when (seconds since the epoch) and what for. */
export type Disabled = { readonly at: number; readonly reason: string }

type Standing = {
  /** Drawn anew at each end: what was given under another is over, and stays so. */
  readonly epoch: string
  readonly disabled?: Disabled
}

type Told = Map<string, Standing>
/** Undefined: it is so already. */
type Step = (known: Standing | undefined) => Standing | undefined

/**
 * Who was disabled at run time, of whatever source: in memory in every process on the store, told by the channel, and read
 * from the store while that is silent. Names are spelled as messages of an end are.
 */
export type Standings = {
  /** Rejects with StoreUnavailable where only the store could tell. */
  disabled(named: Ended): Disabled | undefined | Promise<Disabled | undefined>
  /** What memory holds of the same. For pages and logs. */
  known(named: Ended): Disabled | undefined
  /** Goes into the terms of what is given to the name; '' for one that never was disabled. */
  epochOf(named: Ended): string
  /** Ends everything under the name: for every process, with one write and its messages. False: it is so already. */
  disable(named: Ended, reason: string): Promise<boolean>
  /** What ended stays over. False: it was not disabled. */
  enable(named: Ended): Promise<boolean>
  /**
   * Over is what was given, whoever gets the name next; so until `until` (milliseconds). A part of somebody else's step: what
   * to write and to tell, and what to call when that is done. `anew`: who gets the name is not disabled.
   */
  renewal(named: Ended, until: number, anew?: 'anew'): Promise<Renewal>
  /** Keeps what `renew` left for as long as the name is in use. */
  keep(named: Ended): Promise<void>
  close(): void
}

type Renewal = {
  readonly write: Write
  readonly messages: readonly string[]
  done(): void
}

export const openStandings = async (deps: {
  readonly store: Store
  readonly secrets: Pick<Secrets, 'id'>
  readonly clock: Clock
}): Promise<Standings> => {
  const { store, secrets, clock } = deps
  let standings: Told = new Map()
  // What was told while the rest was read: it may be newer than what was found.
  let meanwhile: Told | undefined
  const isStale = () => meanwhile !== undefined || !store.channel.healthy()

  const close = store.subscribe((message) => {
    if (message === MISSED) return void reload()
    const told = readMessage(message)
    if (told !== undefined) take(...told)
  })

  const take = (key: string, standing: Standing): void => {
    standings.set(key, standing)
    meanwhile?.set(key, standing)
  }

  const load = async (): Promise<void> => {
    const own: Told = new Map()
    meanwhile = own
    const found = await readAll(store)
    if (meanwhile !== own) return
    standings = new Map([...found, ...own])
    meanwhile = undefined
  }

  // Until it has all been read again, each question goes to the store.
  const reload = (): Promise<unknown> => load().catch(() => setTimeout(reload, RETRY).unref())

  const read = async (key: string): Promise<Standing | undefined> => {
    const row = await store.get(rowKey(key))
    return row === undefined ? undefined : JSON.parse(row)
  }

  /** The change is told before the end: a token that is read again then must find its client out of action. */
  const step = async (named: Ended, until: number, next: Step, ends: boolean): Promise<boolean> => {
    const key = endMessage(named)
    for (let left = TRIES; left > 0; left -= 1) {
      const expected = await store.get(rowKey(key))
      const standing = next(expected === undefined ? undefined : JSON.parse(expected))
      if (standing === undefined) return false
      const row = { key: rowKey(key), expected, next: JSON.stringify(standing), expires: until }
      const messages = [MESSAGE + JSON.stringify([key, standing]), ...(ends ? [key] : [])]
      if (await store.batch([{ op: 'swap', ...row, indexes: [INDEX] }], messages)) {
        take(key, standing)
        return true
      }
    }
    throw new StoreUnavailable('others keep changing what is disabled')
  }

  try {
    await load()
  } catch (cause) {
    close()
    throw cause
  }

  return {
    disabled(named) {
      const key = endMessage(named)
      return isStale() ? read(key).then((found) => found?.disabled) : standings.get(key)?.disabled
    },
    known: (named) => standings.get(endMessage(named))?.disabled,
    epochOf: (named) => standings.get(endMessage(named))?.epoch ?? '',
    disable(named, reason) {
      const next = { epoch: secrets.id(), disabled: { at: clock(), reason } }
      return step(named, FOR_EVER, (known) => (known?.disabled ? undefined : next), true)
    },
    enable: (named) =>
      step(
        named,
        FOR_EVER,
        // What was under way in the meantime is over, too.
        (known) => (known?.disabled ? { epoch: secrets.id() } : undefined),
        false,
      ),
    async renewal(named, until, anew) {
      const key = endMessage(named)
      const expected = await store.get(rowKey(key))
      const known: Standing | undefined = expected === undefined ? undefined : JSON.parse(expected)
      const standing = { ...(anew === undefined && known), epoch: secrets.id() }
      const row = { key: rowKey(key), expected, next: JSON.stringify(standing), expires: until }
      return {
        write: { op: 'swap', ...row, indexes: [INDEX] },
        messages: [MESSAGE + JSON.stringify([key, standing]), key],
        done: () => take(key, standing),
      }
    },
    async keep(named) {
      await step(named, FOR_EVER, (known) => known, false)
    },
    close,
  }
}

/** The terms, with what was ended by disabling among the things that end one. */
export const withEpochs = (terms: FileTerms, { epochOf }: Standings): FileTerms => ({
  ...terms,
  of(client_id, sub) {
    const term = terms.of(client_id, sub)
    const epochs = `${epochOf({ client_id })}.${epochOf({ sub })}`
    return epochs === '.' ? term : `${term ?? ''}/${epochs}`
  },
  ofAccount(sub) {
    const term = terms.ofAccount(sub)
    const epoch = epochOf({ sub })
    return epoch === '' ? term : `${term ?? ''}/${epoch}`
  },
})

const readAll = async (store: Store): Promise<Map<string, Standing>> => {
  const all = new Map<string, Standing>()
  let cursor: string | undefined
  do {
    const page = await store.list(INDEX, { limit: 1000, ...(cursor && { cursor }) })
    for (const { key, value } of page.rows) all.set(key.slice(ROW.length), JSON.parse(value))
    cursor = page.cursor
  } while (cursor !== undefined)
  return all
}

const readMessage = (message: string): [string, Standing] | undefined =>
  message.startsWith(MESSAGE) ? JSON.parse(message.slice(MESSAGE.length)) : undefined

const INDEX = 'standings'
const ROW = 'standing:'
const MESSAGE = 'standing '
const RETRY = 1000
const TRIES = 10
const rowKey = (key: string): string => `${ROW}${key}`
