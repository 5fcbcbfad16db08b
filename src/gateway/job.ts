import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AccessToken } from '../store/tokens.ts'
import type { RouteTally } from '../telemetry/route-tally.ts'
import type { AnswerHead } from './http1/answer-head.ts'
import type { Failure } from './upstream-failure.ts'
import type { Target, Upstream } from './upstreams.ts'

/** A request that passed every check, and where it goes. */
export type Job = {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly upstream: Upstream
  /** Whom it is for, as `upstream.pick` wants to know. */
  readonly key: string
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
  /** What becomes of a stream when the token has expired. */
  readonly onExpiry: 'keep' | 'close'
  readonly tally: RouteTally
  /** Seconds for the head of the answer, where the target's own do not count. */
  readonly response: number | undefined
  /** Bytes of the request's body. */
  readonly maxBody: number
  /** Flat: the fields of the answer that reach the client. */
  readonly answerFields: (head: AnswerHead) => string[]
  /** Bytes of the answer's body that went by. */
  readonly moved: (bytes: number) => void
  /**
   * Called at most once. `answered`: the client has a part of an answer and can be told nothing. `cause`: what was thrown,
   * where the failure does not say it all.
   */
  readonly failed: (failure: Failure, answered: boolean, cause?: Cause) => void
}

export type Cause = { readonly target: string; readonly error: unknown }
