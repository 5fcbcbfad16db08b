import type { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { StreamReason } from '../telemetry/stream-counts.ts'
import { statusClass } from '../telemetry/upstream-tally.ts'
import type { Connection } from './connections.ts'
import type {
  DispatchController,
  DispatchHandler,
  DispatchOptions,
  Library,
  Line,
  UpstreamClient,
} from './forward.ts'
import type { AnswerFields } from './headers.ts'
import type { Job } from './job.ts'
import { isRefusal } from './refusal.ts'
import { createRelay } from './relay.ts'
import { requestBody } from './request-body.ts'
import { streamReason } from './stream-end.ts'
import { type Stream, type Streams, ticks } from './streams.ts'
import { sweep } from './sweep.ts'
import {
  CLIENT_GONE,
  CLIENT_SLOW,
  ENDED,
  EXPIRED,
  type Failure,
  failureOf,
  IDLE,
  isBrokenOff,
  MALFORMED,
  TIMEOUT,
  TOO_LARGE,
  UNREACHABLE,
  UNTRUSTED,
} from './upstream-failure.ts'
import type { Target } from './upstreams.ts'

/** One request on its way to an upstream and back. */
export type Errand = {
  /** Sets out. */
  start(library: Library): void
  /** The client is gone. */
  abandon(): void
  /** It cannot even set out. */
  fail(error: unknown): void
}

/** See `createForwarder`. Everything that happens to one request happens here, in one closure. */
export const createErrand = (
  job: Job,
  { streams, clock }: { readonly streams: Streams; readonly clock: Clock },
  lineTo: (target: Target, library: Library) => Line,
): Errand => {
  const { req, res } = job
  let library: Library
  let target = job.target
  let line: Line
  let connection: Connection<UpstreamClient>
  let controller: DispatchController | undefined
  let body: Readable | undefined
  const tried: Target[] = []
  /** Of the current attempt: it was written, on a connection with a past; the answer has begun. */
  let sent = false
  let reused = false
  let heard = false
  let retried = false
  let started = 0
  let status = 0
  let interims = 0
  let received = 0
  let settled = false
  let stopped: Failure | undefined
  /** Ticks that the answer may be silent. */
  let silence = 0
  /** The answer is an event stream that may stop at any point. */
  let endless = false

  const relay = createRelay(req, res, {
    unread: () => job.body !== undefined && !req.complete,
    moved(bytes) {
      stream.touched = streams.tick
      stream.patience = silence
      sweep(bytes)
      job.moved(bytes)
    },
    stalled() {
      stream.patience = line.idle
    },
  })

  const settle = (reason: StreamReason, outcome: string) => {
    settled = true
    streams.delete(stream, reason)
    target.leave(outcome)
  }
  const fail = (failure: Failure, error?: unknown) => {
    if (settled) return
    const answered = relay.begun()
    if (!answered) target.failed(failure.error)
    if (answered) stream.kind ??= 'http'
    settle(streamReason(failure.error), failure.error)
    body?.destroy()
    job.failed(failure, answered, UNCLEAR.has(failure) ? { target: target.name, error } : undefined)
    if (!answered) return
    if (endless && (failure === ENDED || failure === EXPIRED)) relay.leave()
    else relay.cut()
  }
  /** Gives it up for a reason of ours. */
  const stop = (why: Failure) => {
    if (settled) return
    stopped = why
    if (controller) controller.abort(new Error(why.error))
    else fail(why)
  }
  const stream: Stream = {
    req,
    token: job.token,
    onExpiry: job.onExpiry,
    tally: job.tally,
    patience: 0,
    touched: streams.tick,
    at: -1,
    deadline: Number.POSITIVE_INFINITY,
    kind: undefined,
    ended: (end) => stop(end.failure),
    expired: () => stop(relay.begun() ? IDLE : isUploading() ? CLIENT_SLOW : TIMEOUT),
  }
  const isUploading = () => sent && job.body !== undefined && !req.complete

  const attempt = (fresh: boolean) => {
    if (settled) return
    line = lineTo(target, library)
    stream.patience = job.response === undefined ? line.response : ticks(job.response)
    stream.touched = streams.tick
    sent = reused = heard = false
    connection = line.connections.take(fresh)
    started = clock()
    connection.client.dispatch(optionsOf(), handler)
  }
  const optionsOf = (): DispatchOptions => ({
    path: target.base + job.path,
    method: req.method ?? 'GET',
    headers: job.host === undefined ? job.fields : ['Host', job.host, ...job.fields],
    body: job.body === undefined ? null : bodyOf(),
    blocking: false,
    servername: line.servername,
  })
  const bodyOf = () => {
    body ??= requestBody(req, {
      begun: () => job.expects && res.writeContinue(),
      flowing(bytes) {
        stream.touched = streams.tick
        received += bytes
        sweep(bytes)
        if (received > job.maxBody) stop(TOO_LARGE)
      },
    })
    return body
  }

  const handler: DispatchHandler = {
    onRequestStart(given) {
      sent = true
      reused = connection.served > 0
      controller = given
      if (settled) given.abort(new Error('given up'))
    },
    onResponseStarted() {
      heard = true
    },
    onResponseStart(_, given, answer) {
      if (given < 200) inform(given, answer)
      else begin(given, answer)
    },
    onResponseData(given, chunk) {
      relay.data(chunk, given)
    },
    onResponseEnd() {
      connection.served += 1
      line.connections.release(connection)
      settle('upstream', statusClass(status))
      if (body?.destroyed === false) body.destroy()
      relay.end()
    },
    onResponseError(_, error) {
      controller = undefined
      line.connections.release(connection)
      if (settled) return
      if (stopped) fail(stopped)
      else if (isUploading() && req.destroyed) fail(CLIENT_GONE)
      else if (relay.begun() || !goesOn(error)) fail(failureOf(error, sent), error)
    },
  }

  const inform = (given: number, answer: AnswerFields) => {
    interims += 1
    if (given < 102 || interims > MOST_INTERIMS) throw new Error('an interim answer out of place')
    relay.inform(given, answer)
  }
  const begin = (given: number, answer: AnswerFields) => {
    if (given > 599) throw new Error('a status that does not exist')
    status = given
    target.answered(status, clock() - started)
    const length = lengthOf(answer)
    silence = line.idle
    relay.begin(status, job.answerFields(status, answer), length)
    if (length === undefined) follow(isEventStream(answer), answer)
    stream.patience = silence
    stream.touched = streams.tick
  }
  /** An answer without a length may go on for as long as it likes. */
  const follow = (events: boolean, answer: AnswerFields) => {
    if (events) silence = line.stream
    endless = events && answer['content-encoding'] === undefined
    streams.follow(stream, events ? 'sse' : undefined)
  }

  /** Tries again where nothing can have happened yet. */
  const goesOn = (error: unknown): boolean => {
    if (sent) {
      if (retried || heard || !reused || !isRepeatable(job) || !isBrokenOff(error)) return false
      retried = true
      target.retried()
    } else {
      tried.push(target)
      const next = job.upstream.pick(job.key, tried)
      if (next === undefined || isRefusal(next)) return false
      const { error: word } = failureOf(error, false)
      target.failed(word)
      target.leave(word)
      target = next
    }
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
    abandon: () => stop(CLIENT_GONE),
    fail: () => fail(UNREACHABLE),
  }
}

/** Failures that have many causes. */
const UNCLEAR: ReadonlySet<Failure> = new Set([UNREACHABLE, UNTRUSTED, MALFORMED])

/** Enough for any upstream that means well. */
const MOST_INTERIMS = 32

const isRepeatable = ({ req, body }: Job): boolean =>
  body === undefined && REPEATABLE.has(req.method ?? '')

const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** HTML, Server-sent events: what has begun at the end is thrown away by whoever reads it, so that any end is a good one. */
const isEventStream = ({ 'content-type': type }: AnswerFields): boolean =>
  typeof type === 'string' && EVENT_STREAM.test(type)

const EVENT_STREAM = /^text\/event-stream *(?:;|$)/i

const lengthOf = ({ 'content-length': length }: AnswerFields): number | undefined =>
  typeof length === 'string' ? Number(length) : undefined
