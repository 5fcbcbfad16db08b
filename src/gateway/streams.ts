import type { AccessToken, AccessTokens, Ended } from '../store/tokens.ts'

/** A request on its way, or a tunnel, as those who may end it see it. */
export type Stream = {
  /** What opened it; undefined on public routes. */
  readonly token: AccessToken | undefined
  /** Ticks without progress after which it is given up. Infinity: it looks after itself. */
  patience: number
  /** The tick of its last progress. */
  touched: number
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
  const streams = new Set<Stream>()
  let tick = 0
  const timer = setInterval(() => {
    tick += 1
    for (const stream of streams) {
      if (tick - stream.touched > stream.patience) stream.expired()
    }
  }, TICK_MS).unref()
  const forget = tokens.onEnded((ended) => {
    for (const stream of streams) {
      if (stream.token !== undefined && isUnder(stream.token, ended)) stream.revoked()
    }
  })
  return {
    get size() {
      return streams.size
    },
    get tick() {
      return tick
    },
    add: (stream) => void streams.add(stream),
    delete: (stream) => void streams.delete(stream),
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
