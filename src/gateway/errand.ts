import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { AccessToken } from '../store/tokens.ts'
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
import { isRefusal } from './refusal.ts'
import { createRelay } from './relay.ts'
import { requestBody } from './request-body.ts'
import type { Stream, Streams } from './streams.ts'
import {
  CLIENT_GONE,
  CLIENT_SLOW,
  ENDED,
  type Failure,
  failureOf,
  IDLE,
  isBrokenOff,
  TIMEOUT,
  UNREACHABLE,
} from './upstream-failure.ts'
import type { Target, Upstream } from './upstreams.ts'

/** A request that passed every check, and where it goes. */
export type Job = {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly upstream: Upstream
  /** Given by `upstream.pick`; given back here. */
  readonly target: Target
  /** Path and query behind the target's base, byte for byte. */
  readonly path: string
  /** Flat, without Host and framing. */
  readonly fields: string[]
  /** Undefined: the target's own. */
  readonly host: string | undefined
  /** `chunked`, a length, or undefined: none. */
  readonly body: string | undefined
  /** The client waits for 100 Continue. */
  readonly expects: boolean
  readonly token: AccessToken | undefined
  readonly answerFields: (status: number, answer: AnswerFields) => (string | string[])[]
  /** Bytes of the answer's body that went by. */
  readonly moved: (bytes: number) => void
  /** Called at most once. `answered`: the client has a part of an answer and can be told nothing. */
  readonly failed: (failure: Failure, answered: boolean) => void
}

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
  streams: Streams,
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
  let interims = 0
  let settled = false
  let stopped: Failure | undefined

  const relay = createRelay(req, res, {
    unread: () => job.body !== undefined && !req.complete,
    moved(bytes) {
      stream.touched = streams.tick
      job.moved(bytes)
    },
  })

  const settle = () => {
    settled = true
    streams.delete(stream)
    target.leave()
  }
  const fail = (failure: Failure) => {
    if (settled) return
    settle()
    body?.destroy()
    const answered = relay.begun()
    job.failed(failure, answered)
    if (answered) relay.cut()
  }
  /** Gives it up for a reason of ours. */
  const stop = (why: Failure) => {
    if (settled) return
    stopped = why
    if (controller) controller.abort(new Error(why.error))
    else fail(why)
  }
  const stream: Stream = {
    token: job.token,
    patience: 0,
    touched: streams.tick,
    at: -1,
    revoked: () => stop(ENDED),
    expired: () => stop(relay.begun() ? IDLE : isUploading() ? CLIENT_SLOW : TIMEOUT),
  }
  const isUploading = () => sent && job.body !== undefined && !req.complete

  const attempt = (fresh: boolean) => {
    if (settled) return
    line = lineTo(target, library)
    stream.patience = line.response
    stream.touched = streams.tick
    sent = reused = heard = false
    connection = line.connections.take(fresh)
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
      flowing() {
        stream.touched = streams.tick
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
    onResponseStart(_, status, answer) {
      if (status < 200) inform(status, answer)
      else begin(status, answer)
    },
    onResponseData(given, chunk) {
      relay.data(chunk, given)
    },
    onResponseEnd() {
      connection.served += 1
      line.connections.release(connection)
      settle()
      if (body?.destroyed === false) body.destroy()
      relay.end()
    },
    onResponseError(_, error) {
      controller = undefined
      line.connections.release(connection)
      if (settled) return
      if (stopped) fail(stopped)
      else if (relay.begun() || !goesOn(error)) fail(failureOf(error, sent))
    },
  }

  const inform = (status: number, answer: AnswerFields) => {
    interims += 1
    if (status < 102 || interims > MOST_INTERIMS) throw new Error('an interim answer out of place')
    relay.inform(status, answer)
  }
  const begin = (status: number, answer: AnswerFields) => {
    if (status > 599) throw new Error('a status that does not exist')
    stream.patience = line.idle
    stream.touched = streams.tick
    relay.begin(status, job.answerFields(status, answer), lengthOf(answer))
  }

  /** Tries again where nothing can have happened yet. */
  const goesOn = (error: unknown): boolean => {
    if (sent) {
      if (retried || heard || !reused || !isRepeatable(job) || !isBrokenOff(error)) return false
      retried = true
    } else {
      target.unreachable()
      tried.push(target)
      const next = job.upstream.pick(tried)
      if (next === undefined || isRefusal(next)) return false
      target.leave()
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

/** Enough for any upstream that means well. */
const MOST_INTERIMS = 32

const isRepeatable = ({ req, body }: Job): boolean =>
  body === undefined && REPEATABLE.has(req.method ?? '')

const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS'])

const lengthOf = ({ 'content-length': length }: AnswerFields): number | undefined =>
  typeof length === 'string' ? Number(length) : undefined
