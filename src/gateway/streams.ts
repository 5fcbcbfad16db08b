import type { AccessToken, AccessTokens, Ended } from '../store/tokens.ts'

/** A request on its way, or a tunnel, as those who may end it see it. */
export type Stream = {
  /** What opened it; undefined on public routes. */
  readonly token: AccessToken | undefined
  /** Ticks without progress after which it is given up. Infinity: it looks after itself. */
  patience: number
  /** The tick of its last progress. */
  touched: number
  /** Its place in the list; -1 outside. Kept by the list. */
  at: number
  /** Its token is good no more. */
  revoked(): void
  /** Nothing has moved for too long. */
  expired(): void
}

export type Streams = {
  readonly size: number
  /** The current tick; `ticks` turns seconds into them. */
  readonly tick: number
  add(stream: Stream): void
  delete(stream: Stream): void
  close(): void
}

/**
 * Everything that is under way. Ends what a token opened when the token, its grant, its client or its person ends, and
 * what makes no progress. One timer for all, so that a request costs no timer of its own.
 */
export const createStreams = (tokens: Pick<AccessTokens, 'onEnded'>): Streams => {
  // No Set: the tables that a busy one outgrows keep what was in them alive until the next full collection, and each other.
  const streams: Stream[] = []
  let tick = 0
  // Backwards, because whoever is told leaves the list and the last one takes its place.
  const each = (tell: (stream: Stream) => void) => {
    for (let at = streams.length - 1; at >= 0; at--) {
      const stream = streams[at]
      if (stream !== undefined) tell(stream)
    }
  }
  const timer = setInterval(() => {
    tick += 1
    each((stream) => {
      if (tick - stream.touched > stream.patience) stream.expired()
    })
  }, TICK_MS).unref()
  const forget = tokens.onEnded((ended) =>
    each((stream) => {
      if (stream.token !== undefined && isUnder(stream.token, ended)) stream.revoked()
    }),
  )
  return {
    get size() {
      return streams.length
    },
    get tick() {
      return tick
    },
    add(stream) {
      stream.at = streams.push(stream) - 1
    },
    delete(stream) {
      const last = streams.at(-1)
      if (stream.at < 0 || last === undefined) return
      streams[stream.at] = last
      last.at = stream.at
      stream.at = -1
      streams.pop()
    },
    close() {
      clearInterval(timer)
      forget()
    },
  }
}

/** Seconds as ticks, never less than asked for. */
export const ticks = (seconds: number): number => Math.ceil((seconds * 1000) / TICK_MS)

const TICK_MS = 250

const isUnder = (token: AccessToken, ended: Ended): boolean =>
  ended.token === token.id ||
  ended.grant_id === token.grant_id ||
  ended.client_id === token.client_id ||
  ended.sub === token.sub
