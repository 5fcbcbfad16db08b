import type { Clock } from '../clock.ts'
import type { StreamReason } from '../telemetry/stream-counts.ts'
import { statusClass } from '../telemetry/upstream-tally.ts'
import type { AnswerHead } from './http1/answer-head.ts'
import type { Connection, ConnectionListener } from './http1/connection.ts'
import { MalformedAnswer } from './http1/malformed-answer.ts'
import { requestText } from './http1/request-text.ts'
import type { Job } from './job.ts'
import type { Line, Lines } from './lines.ts'
import { isRefusal } from './refusal.ts'
import {
  begin,
  createRelay,
  cut,
  finish,
  flush,
  inform,
  isUploading,
  leave,
  pass,
  type Relay,
} from './relay.ts'
import { streamReason } from './stream-end.ts'
import { type Stream, type Streams, ticks } from './streams.ts'
import { sweep } from './sweep.ts'
import { type Upload, upload } from './upload.ts'
import {
  CLIENT_GONE,
  CLIENT_SLOW,
  CLOSING,
  ENDED,
  EXHAUSTED,
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

/** One request on its way to an upstream and back. Its steps are functions below, made once for all. */
export type Errand = {
  readonly job: Job
  readonly streams: Streams
  readonly lines: Lines
  readonly clock: Clock
  readonly relay: Relay
  readonly stream: Stream
  target: Target
  line: Line
  connection: Connection<Errand> | undefined
  upload: Upload | undefined
  tried: readonly Target[]
  retried: boolean
  settled: boolean
  /** When the current attempt began, seconds. */
  started: number
  status: number
  interims: number
  /** Bytes of the request's body. */
  received: number
  /** Ticks that the answer may be silent. */
  silence: number
  /** The answer is an event stream that may stop at any point. */
  endless: boolean
}

/** Sets out. */
export const setOut = (
  job: Job,
  {
    streams,
    lines,
    clock,
  }: { readonly streams: Streams; readonly lines: Lines; readonly clock: Clock },
): Errand => {
  const stream: Stream = {
    req: job.req,
    token: job.token,
    onExpiry: job.onExpiry,
    tally: job.tally,
    patience: 0,
    touched: streams.tick,
    at: -1,
    deadline: Number.POSITIVE_INFINITY,
    kind: undefined,
    ended: (end) => stop(errand, end.failure),
    expired: () => stop(errand, slowness(errand)),
  }
  const errand: Errand = {
    job,
    streams,
    lines,
    clock,
    relay: createRelay(job.req, job.res, job.body !== undefined),
    stream,
    target: job.target,
    line: lines.to(job.target),
    connection: undefined,
    upload: undefined,
    tried: NONE,
    retried: false,
    settled: false,
    started: 0,
    status: 0,
    interims: 0,
    received: 0,
    silence: 0,
    endless: false,
  }
  streams.add(stream)
  attempt(errand, false)
  return errand
}

/** Gives it up for a reason of ours. */
export const stop = (errand: Errand, why: Failure): void => {
  if (errand.settled) return
  errand.connection?.destroy()
  fail(errand, why)
}

const slowness = ({ relay, connection }: Errand): Failure => {
  if (relay.begun) return IDLE
  return connection?.sent && isUploading(relay) ? CLIENT_SLOW : TIMEOUT
}

const attempt = (errand: Errand, fresh: boolean): void => {
  const { job, stream, line, streams } = errand
  stream.patience = job.response === undefined ? line.response : ticks(job.response)
  stream.touched = streams.tick
  errand.started = errand.clock()
  errand.interims = 0
  const connection = line.connections.take(fresh)
  errand.connection = connection
  connection.lend(errand, job.req.method ?? 'GET')
}

const settle = (errand: Errand, reason: StreamReason, outcome: string): void => {
  errand.settled = true
  errand.upload?.stop()
  errand.streams.delete(errand.stream, reason)
  errand.target.leave(outcome, errand.job.token === undefined)
}

const fail = (errand: Errand, failure: Failure, error?: unknown): void => {
  if (errand.settled) return
  const { relay, stream, target, job } = errand
  const answered = relay.begun
  if (answered) stream.kind ??= 'http'
  else target.failed(failure.error)
  settle(errand, streamReason(failure.error), failure.error)
  job.failed(failure, answered, UNCLEAR.has(failure) ? { target: target.name, error } : undefined)
  if (!answered) return
  if (errand.endless && PROPER.has(failure)) leave(relay)
  else cut(relay)
}

/** What ends a stream that has no end of its own as if it had one. */
const PROPER: ReadonlySet<Failure> = new Set([ENDED, EXPIRED, CLOSING])

/** What a connection tells of the request that has it. */
export const ERRANDS: ConnectionListener<Errand> = {
  ready(errand) {
    const { job, target, connection } = errand
    const chunked = job.body === 'chunked'
    const text = requestText({
      method: job.req.method ?? 'GET',
      path: target.base + job.path,
      host: job.host ?? target.host,
      fields: job.fields,
      chunked,
    })
    connection?.write(text, job.body === undefined)
    if (job.body === undefined || connection === undefined) return
    if (job.expects) job.res.writeContinue()
    errand.upload = upload(job.req, connection, {
      chunked,
      flowing: (bytes) => flow(errand, bytes),
    })
  },
  interim(errand, head) {
    errand.interims += 1
    if (head.status === 100 || errand.interims > MOST_INTERIMS)
      throw new MalformedAnswer('an interim answer out of place')
    inform(errand.relay, head)
  },
  head(errand, head) {
    const { job, target, relay, stream, streams } = errand
    errand.status = head.status
    target.answered(head.status, errand.clock() - errand.started)
    errand.silence = errand.line.idle
    begin(relay, head.status, job.answerFields(head), head.length)
    if (head.length === undefined) follow(errand, head)
    stream.patience = errand.silence
    stream.touched = streams.tick
  },
  data(errand, bytes) {
    const { relay, connection, stream, line } = errand
    move(errand, bytes.length)
    if (pass(relay, bytes)) return
    connection?.pause()
    stream.patience = line.idle
    relay.res.once('drain', () => {
      if (errand.settled) return
      move(errand, 0)
      connection?.resume()
    })
  },
  rested: ({ relay }) => flush(relay),
  drained: ({ upload: given }) => given?.resume(),
  ended(errand) {
    settle(errand, 'upstream', statusClass(errand.status))
    finish(errand.relay)
  },
  failed(errand, error) {
    if (isUploading(errand.relay) && errand.job.req.destroyed) fail(errand, CLIENT_GONE)
    else if (errand.relay.begun || !goesOn(errand, error))
      fail(errand, failureOf(error, errand.connection?.sent === true), error)
  },
}

const move = ({ stream, streams, silence, job }: Errand, bytes: number): void => {
  stream.touched = streams.tick
  stream.patience = silence
  sweep(bytes)
  job.moved(bytes)
}

const flow = (errand: Errand, bytes: number): void => {
  errand.stream.touched = errand.streams.tick
  errand.received += bytes
  sweep(bytes)
  if (errand.received > errand.job.maxBody) stop(errand, TOO_LARGE)
}

/** An answer without a length may go on for as long as it likes. */
const follow = (errand: Errand, { type, encoded }: AnswerHead): void => {
  const events = type !== undefined && EVENT_STREAM.test(type)
  if (events) errand.silence = errand.line.stream
  errand.endless = events && !encoded
  errand.streams.follow(errand.stream, events ? 'sse' : undefined)
}

/** Tries again where nothing can have happened yet. */
const goesOn = (errand: Errand, error: unknown): boolean => {
  const { connection } = errand
  if (connection?.sent !== true) return asksAnother(errand, error)
  if (errand.retried || connection.heard || connection.served === 0) return false
  if (!isRepeatable(errand.job) || !isBrokenOff(error)) return false
  errand.retried = true
  errand.target.retried()
  attempt(errand, true)
  return true
}

const asksAnother = (errand: Errand, error: unknown): boolean => {
  const { job, target } = errand
  errand.tried = [...errand.tried, target]
  const stranger = job.token === undefined
  const next = job.upstream.pick(job.key, stranger, errand.tried)
  if (next === undefined || isRefusal(next)) return false
  const { error: word } = failureOf(error, false)
  target.failed(word)
  target.leave(word, stranger)
  errand.target = next
  errand.line = errand.lines.to(next)
  attempt(errand, false)
  return true
}

/** Failures that have many causes. */
const UNCLEAR: ReadonlySet<Failure> = new Set([EXHAUSTED, UNREACHABLE, UNTRUSTED, MALFORMED])

/** Enough for any upstream that means well. */
const MOST_INTERIMS = 32

const isRepeatable = ({ req, body }: Job): boolean =>
  body === undefined && REPEATABLE.has(req.method ?? '')

const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** HTML, Server-sent events: what has begun at the end is thrown away by whoever reads it, so that any end is a good one. */
const EVENT_STREAM = /^text\/event-stream *(?:;|$)/i

const NONE: readonly Target[] = []
