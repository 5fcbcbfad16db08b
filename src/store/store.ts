import type { KeyvStorageAdapter } from 'keyv'

/** One row to write. `expires` is in milliseconds since the epoch; everything stored expires. */
export type Write =
  | {
      readonly op: 'set'
      readonly key: string
      readonly value: string
      readonly expires: number
      /** Names of the lists this row appears in (`grants:account:ada`), replaced with the row. */
      readonly indexes?: readonly string[]
    }
  | { readonly op: 'delete'; readonly key: string }
  | ({ readonly op: 'swap' } & Swap)

/** Compare and set: writes `next` only where `expected` stands; `expected` undefined: only where nothing stands. */
export type Swap = {
  readonly key: string
  readonly expected: string | undefined
  readonly next: string
  readonly expires: number
  readonly indexes?: readonly string[]
}

export type Page = {
  readonly rows: readonly {
    readonly key: string
    readonly value: string
    /** To read on behind this row, whatever becomes of it: what `Page.cursor` is of the last one. */
    readonly cursor: string
  }[]
  /** Give it back to read on; undefined at the end. */
  readonly cursor: string | undefined
}

/** The push channel between the processes that share a store. */
export type Channel = {
  /** False from the second missed heartbeat until the next one arrives. */
  healthy(): boolean
  /** Seconds since the channel last proved that it works; 0 within one process. */
  silence(): number
  /** Seconds from `publish` to delivery, of the last message or heartbeat that came through. */
  lag(): number
}

/**
 * What a store must do: Keyv's storage adapter (values are strings, `expires` is absolute, in ms)
 * and the steps that Keyv lacks and OAuth needs. Every call has a deadline; every failure rejects with
 * `StoreUnavailable` and nothing is ever emitted, so that an outage cannot look like an unknown token.
 */
export interface Store extends KeyvStorageAdapter {
  /** Values are text; `set` without an expiry is a mistake and rejects. */
  get(key: string): Promise<string | undefined>
  getMany(keys: readonly string[]): Promise<(string | undefined)[]>
  /** Atomic compare and set; false where another value stands. */
  swap(swap: Swap): Promise<boolean>
  /**
   * All of the writes and messages, or none. False, with nothing written, when a swap lost.
   * Durable when it resolves. `publish` is delivered to every process on the store, this one included.
   */
  batch(writes: readonly Write[], publish?: readonly string[]): Promise<boolean>
  /**
   * Live rows of an index, oldest first, or by `order` the newest: by when a row was first written. Never a scan. `limit` at
   * most 1000.
   */
  list(
    index: string,
    options?: { cursor?: string; limit?: number; order?: 'oldest' | 'newest' },
  ): Promise<Page>
  publish(message: string): Promise<void>
  /**
   * Every message published by any process from now on, once. Returns the way to stop.
   * `MISSED` comes when messages may have been lost: forget everything that they would have told.
   */
  subscribe(listener: (message: string) => void): () => void
  readonly channel: Channel
  /** Resolves when the store answers. */
  ping(): Promise<void>
  /** Deletes at most `limit` expired rows; resolves to how many. */
  purge(limit: number): Promise<number>
  /**
   * About how many rows there are, those among them that expired and were not purged yet. Where they have to be counted it is
   * done a part at a time, with pauses in which others are served, until it is done or `goOn` says no.
   */
  rows(goOn?: () => boolean): Promise<number>
  /** Seconds that the store's clock is ahead of this process's, when it was last asked; 0 where they are one. */
  ahead(): number
  close(): Promise<void>
}

/** Milliseconds since the epoch: the year 9999. For rows that are one a name of an operator's choice, and no others. */
export const FOR_EVER = 253_370_764_800_000

/** What a listener hears instead of messages that can no longer be read. Never published. */
export const MISSED = 'missed'

/** The store did not answer, or could not do what was asked: 503, never 401, never through. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** A store that we will not start on. `message` says what is wrong and ends in the `remedy`: what to do about it. */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused'
  readonly remedy: string

  constructor(problem: string, remedy: string, options?: ErrorOptions) {
    super(`${problem}. ${remedy}`, options)
    this.remedy = remedy
  }
}
