import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock.ts'
import type { Lives } from '../store/lives.ts'
import type { AccessToken, AccessTokens, Ended } from '../store/tokens.ts'
import type { RouteTally } from '../telemetry/route-tally.ts'
import type { StreamCounts, StreamKind, StreamReason } from '../telemetry/stream-counts.ts'
import { GRANT_ENDED, type StreamEnd, streamEnd, TOKEN_EXPIRED } from './stream-end.ts'

/** A request on its way, or a tunnel, as those who may end it see it. */
export type Stream = {
  readonly req: IncomingMessage
  /** What opened it; undefined on public routes. */
  readonly token: AccessToken | undefined
  /** What the mere expiry of the token does to it, once it is followed. */
  readonly onExpiry: 'keep' | 'close'
  readonly tally: RouteTally
  /** Ticks without progress after which it is given up. Infinity: it looks after itself. */
  patience: number
  /** The tick of its last progress. */
  touched: number
  /** Its place in the list; -1 outside. Kept by the list, as are the next two. */
  at: number
  /** When to look again whether it may stay, seconds since the epoch; Infinity: when somebody says so. */
  deadline: number
  /** As what it is counted. */
  kind: StreamKind | undefined
  /** What opened it is good no more. */
  ended(end: StreamEnd): void
  /** Nothing has moved for too long. */
  expired(): void
}

export type Streams = {
  readonly size: number
  /** The current tick; `ticks` turns seconds into them. */
  readonly tick: number
  add(stream: Stream): void
  /** It stays open, perhaps for long: counts it as a `kind`, if that is given, and looks after its token's end in time. */
  follow(stream: Stream, kind?: StreamKind): void
  delete(stream: Stream, reason: StreamReason): void
  /** Ends the WebSockets and event streams that may not stay. */
  review(mayStay: (stream: Stream) => boolean, end: StreamEnd): void
  close(): void
}

/**
 * Everything that is under way. Ends what a token opened when the token, its grant, its client or its person ends, and
 * what makes no progress. One timer for all, so that a request costs no timer of its own.
 */
export const createStreams = (deps: {
  readonly tokens: Pick<AccessTokens, 'onEnded'>
  readonly lives: Lives
  readonly counts: StreamCounts
  readonly clock: Clock
}): Streams => {
  const { lives, counts, clock } = deps
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
  const look = async (stream: Stream, token: AccessToken) => {
    stream.deadline = Number.POSITIVE_INFINITY
    // A store that cannot be asked is no reason to end anything.
    const until = await lives.until(token).catch(() => clock() + AGAIN)
    if (stream.at < 0) return
    if (until <= clock()) stream.ended(GRANT_ENDED)
    else stream.deadline = stream.onExpiry === 'close' ? Math.min(until, token.exp) : until
  }
  const judge = (stream: Stream, now: number) => {
    const { token } = stream
    if (token === undefined) return
    if (stream.onExpiry === 'close' && now >= token.exp) stream.ended(TOKEN_EXPIRED)
    else void look(stream, token)
  }
  const timer = setInterval(() => {
    tick += 1
    const now = clock()
    each((stream) => {
      if (tick - stream.touched > stream.patience) stream.expired()
      else if (now >= stream.deadline) judge(stream, now)
    })
  }, TICK_MS).unref()
  const forget = [
    deps.tokens.onEnded((ended) => {
      const end = streamEnd(ended)
      each((stream) => {
        if (stream.token !== undefined && isUnder(stream.token, ended)) stream.ended(end)
      })
    }),
    // Whatever is there may have ended unheard.
    lives.onMissed(() =>
      each((stream) => {
        if (stream.token !== undefined) void look(stream, stream.token)
      }),
    ),
  ]
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
    follow(stream, kind) {
      if (kind !== undefined) {
        stream.kind = kind
        counts.opened(kind)
        stream.tally.streams += 1
      }
      const { token } = stream
      if (token === undefined) return
      if (stream.onExpiry === 'close') stream.deadline = token.exp
      else if (kind !== undefined) void look(stream, token)
      else stream.deadline = Math.min(token.exp, clock() + SOON)
    },
    delete(stream, reason) {
      const last = streams.at(-1)
      if (stream.at < 0 || last === undefined) return
      streams[stream.at] = last
      last.at = stream.at
      stream.at = -1
      streams.pop()
      if (stream.kind === undefined) return
      counts.ended(stream.kind, reason)
      if (stream.kind !== 'http') stream.tally.streams -= 1
    },
    review(mayStay, end) {
      each((stream) => {
        const isFollowed = stream.kind !== undefined && stream.kind !== 'http'
        if (isFollowed && !mayStay(stream)) stream.ended(end)
      })
    },
    close() {
      clearInterval(timer)
      for (const stop of forget) stop()
    },
  }
}

/** Seconds as ticks, never less than asked for. */
export const ticks = (seconds: number): number => Math.ceil((seconds * 1000) / TICK_MS)

const TICK_MS = 250

/** Seconds. Most answers of unknown length are over by then, and nobody has to ask the store about them. */
const SOON = 5

/** Seconds until the store is asked anew when it did not answer. */
const AGAIN = 1

const isUnder = (token: AccessToken, ended: Ended): boolean =>
  ended.token === token.id ||
  ended.grant_id === token.grant_id ||
  ended.client_id === token.client_id ||
  ended.sub === token.sub
