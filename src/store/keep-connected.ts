import type { Log } from '../telemetry/log.ts'
import { wordsOf } from './calls.ts'
import { StoreRefused, StoreUnavailable } from './store.ts'

/** One connection that is made again whenever it is lost. */
export type Connected<Connection> = {
  /** Resolves when the first attempt is over, well or not. Rejects with StoreRefused where we must not start. */
  readonly tried: Promise<void>
  /** Throws StoreUnavailable while there is none. */
  current(): Connection
  /** Gives this one up, because of `cause`; a former one is none. */
  drop(connection: Connection, cause: unknown): void
  close(): void
}

type Keep<Connection> = {
  /** `lost` is to be called when it ends, once it has resolved. */
  connect(lost: (cause: unknown) => void): Promise<Connection>
  disconnect(connection: Connection): void
  /** It stands, is about to be used. */
  standing(): void
  /** It stands no more. */
  lost(): void
  readonly log: Log
}

export const keepConnected = <Connection>(keep: Keep<Connection>): Connected<Connection> => {
  const { log } = keep
  let connection: Connection | undefined
  let why: unknown
  const told = new Set<string>()
  let closed = false
  let pause = SHORTEST
  let timer: NodeJS.Timeout | undefined
  let first = true

  const drop = (dropped: Connection, cause: unknown): void => {
    if (connection !== dropped) return
    connection = undefined
    keep.disconnect(dropped)
    keep.lost()
    if (!closed) fail(cause)
  }

  const fail = (cause: unknown): void => {
    why = cause
    // Once each, not with every attempt for as long as it lasts.
    const event = cause instanceof StoreRefused ? 'store.refused' : 'store.lost'
    if (!told.has(event)) log[event === 'store.refused' ? 'error' : 'warn'](event, { cause })
    told.add(event)
    timer = setTimeout(() => void attempt(), pause)
    timer.unref()
    pause = Math.min(pause * 2, LONGEST)
  }

  const attempt = async (): Promise<void> => {
    let made: Connection | undefined
    try {
      made = await keep.connect((cause) => made !== undefined && drop(made, cause))
    } catch (cause) {
      if (closed) return
      if (first && cause instanceof StoreRefused) throw cause
      return fail(cause)
    } finally {
      first = false
    }
    if (closed) return keep.disconnect(made)
    connection = made
    pause = SHORTEST
    if (told.size > 0) log.info('store.restored')
    told.clear()
    keep.standing()
  }

  return {
    tried: attempt(),
    current() {
      if (connection !== undefined) return connection
      throw new StoreUnavailable(closed ? 'the store is closed' : `no connection: ${wordsOf(why)}`)
    },
    drop,
    close() {
      closed = true
      clearTimeout(timer)
      if (connection !== undefined) drop(connection, undefined)
    },
  }
}

// Milliseconds between two attempts: whoever comes back is found again within a second.
const SHORTEST = 50
const LONGEST = 800
