import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { Connection } from './connections.ts'
import type {
  DispatchController,
  DispatchHandler,
  DispatchOptions,
  Library,
  Line,
  UpstreamClient,
} from './forward.ts'
import { type AnswerFields, answerFields } from './headers.ts'
import type { Place } from './place.ts'
import { isRefusal } from './refusal.ts'
import { begin, createRelay, cut, finish, inform, isUploading, passOn } from './relay.ts'
import { requestBody } from './request-body.ts'
import type { Stream, Streams } from './streams.ts'
import {
  CLIENT_GONE,
  CLIENT_SLOW,
  type Failure,
  failureOf,
  IDLE,
  isBrokenOff,
  TIMEOUT,
} from './upstream-failure.ts'
import type { Target } from './upstreams.ts'
import type { Visit } from './visit.ts'

/** A request that passed every check, and where it goes. */
export type Job = {
  readonly visit: Visit<ServerResponse>
  readonly place: Place
  /** Given by `upstream.pick`; given back here. */
  readonly target: Target
  /** Flat, without Host and framing other than a length. */
  readonly fields: string[]
}

/** Told at most once of each errand. `answered`: the client has a part of an answer and can be told nothing. */
export type Failed = (
  visit: Visit<ServerResponse>,
  place: Place,
  failure: Failure,
  answered: boolean,
) => void

/** One request on its way to an upstream and back. */
export type Errand = {
  /** Sets out. */
  start(library: Library): void
  /** Gives it up. */
  stop(why: Failure): void
}

/** See `createForwarder`. Everything that happens to one request happens here, in one closure. */
export const createErrand = (
  job: Job,
  on: {
    readonly streams: Streams
    readonly failed: Failed
    readonly lineTo: (target: Target, library: Library) => Line
  },
): Errand => {
  const { visit, place } = job
  const { streams } = on
  const { req, client: res } = visit
  const { head } = place
  const relay = createRelay(req, res, head.body !== undefined)
  let target = job.target
  let tried: readonly Target[] = []
  let retried = false
  let settled = false
  let stopped: Failure | undefined
  let library: Library
  let body: Readable | undefined
  /** Of the current attempt: where it is, and how far. */
  let line: Line
  let connection: Connection<UpstreamClient>
  let controller: DispatchController | undefined
  let progress: 'waiting' | 'sent' | 'heard' = 'waiting'
  let reused = false
  let interims = 0

  const settle = () => {
    settled = true
    streams.delete(stream)
    target.leave()
  }
  const fail = (failure: Failure) => {
    if (settled) return
    settle()
    body?.destroy()
    on.failed(visit, place, failure, relay.begun)
    if (relay.begun) cut(relay)
  }
  const stop = (why: Failure) => {
    if (settled) return
    stopped = why
    if (controller) controller.abort(new Error(why.error))
    else fail(why)
  }
  const stream: Stream = {
    token: visit.token,
    patience: 0,
    touched: streams.tick,
    at: -1,
    end(why) {
      if (why !== undefined) stop(why)
      else if (relay.begun) stop(IDLE)
      else stop(progress !== 'waiting' && isUploading(relay) ? CLIENT_SLOW : TIMEOUT)
    },
  }
  const move = () => {
    stream.touched = streams.tick
  }

  const attempt = (fresh: boolean) => {
    if (settled) return
    line = on.lineTo(target, library)
    stream.patience = line.response
    move()
    progress = 'waiting'
    connection = line.connections.take(fresh)
    if (head.body !== undefined) {
      body ??= requestBody(req, move, () => head.expects && res.writeContinue())
    }
    connection.client.dispatch(dispatchOptions(job, target, line, body), handler)
  }

  const handler: DispatchHandler = {
    onRequestStart(given) {
      progress = 'sent'
      reused = connection.served > 0
      controller = given
      if (settled) given.abort(new Error('given up'))
    },
    onResponseStarted() {
      progress = 'heard'
    },
    onResponseStart(_, status, answer) {
      if (status > 599) throw new Error('a status that does not exist')
      if (status < 200) {
        interims += 1
        if (status < 102 || interims > MOST_INTERIMS) throw new Error('an answer out of place')
        inform(relay, status, answer)
        return
      }
      stream.patience = line.idle
      move()
      begin(relay, status, answerFields(status, answer, visit), lengthOf(answer))
    },
    onResponseData(given, chunk) {
      move()
      visit.bytes += chunk.length
      passOn(relay, chunk, given, move)
    },
    onResponseEnd() {
      connection.served += 1
      line.connections.release(connection)
      settle()
      if (body?.destroyed === false) body.destroy()
      finish(relay)
    },
    onResponseError(_, error) {
      controller = undefined
      line.connections.release(connection)
      if (settled) return
      if (stopped) fail(stopped)
      else if (isUploading(relay) && req.destroyed) fail(CLIENT_GONE)
      else if (relay.begun || !goesOn(error)) fail(failureOf(error, progress !== 'waiting'))
    },
  }

  /** Tries again where nothing can have happened yet. */
  const goesOn = (error: unknown): boolean => {
    const sent = progress !== 'waiting'
    if (!sent) {
      target.unreachable()
      tried = [...tried, target]
      const next = place.route.upstream.pick(tried)
      if (next === undefined || isRefusal(next)) return false
      target.leave()
      target = next
    } else if (retried || !reused || progress === 'heard') return false
    else if (!isRepeatable(req, head.body) || !isBrokenOff(error)) return false
    else retried = true
    // Not from within the parser of the connection that broke.
    setImmediate(attempt, sent)
    return true
  }

  return {
    start(loaded) {
      if (settled) return
      library = loaded
      streams.add(stream)
      attempt(false)
    },
    stop,
  }
}

const dispatchOptions = (
  { visit, place, fields }: Job,
  target: Target,
  line: Line,
  body: Readable | undefined,
): DispatchOptions => ({
  path: target.base + place.path,
  method: visit.req.method ?? 'GET',
  headers:
    place.route.keepHost && place.head.host !== undefined
      ? ['Host', place.head.host, ...fields]
      : fields,
  body: body ?? null,
  blocking: false,
  servername: line.servername,
})

/** Enough for any upstream that means well. */
const MOST_INTERIMS = 32

const isRepeatable = (req: IncomingMessage, body: string | undefined): boolean =>
  body === undefined && REPEATABLE.has(req.method ?? '')

const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS'])

const lengthOf = ({ 'content-length': length }: AnswerFields): number | undefined =>
  typeof length === 'string' ? Number(length) : undefined
