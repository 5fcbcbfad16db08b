import type { RouteSettings } from '../config/config.ts'
import type { FieldChanges } from './field-changes.ts'
import type { RunnerUp } from './runners-up.ts'
import type { TokenNote } from './token-note.ts'
import type { UpstreamNote } from './upstream-note.ts'

/** What the gateway would do with a request, step by step. Never holds a secret: of what came, fields have names only. */
export type Explanation = {
  readonly request: {
    readonly method: string
    readonly target: string
    readonly host: string
    /** A WebSocket handshake. */
    readonly upgrade: boolean
  }
  /** What the check of the request target says. */
  readonly target:
    | {
        readonly path: string
        /** With its `?`, or empty. */
        readonly query: string
        /** What routes are compared with. */
        readonly compared: string
        readonly encodedSlash: boolean
      }
    | { readonly refusal: string; readonly description: string }
  readonly route?: RouteNote
  readonly others: readonly (RouteNote & { readonly why: RunnerUp['why'] })[]
  /** Path and query as the upstream gets them, behind the target's base. */
  readonly rewritten?: string
  readonly token: TokenNote
  /** Only of a request that passes. */
  readonly fields?: FieldChanges
  readonly upstream?: UpstreamNote
  readonly outcome: Outcome
}

/** A route by what it is configured with. */
export type RouteNote = Pick<
  RouteSettings,
  'path' | 'host' | 'methods' | 'access' | 'scope' | 'upstream'
>

/**
 * Who answers: the `upstream`; the `gateway`, with `status` and the word of the access log; or we `ourselves`, with one of the
 * authorization server's endpoints.
 */
export type Outcome = {
  readonly by: 'upstream' | 'gateway' | 'ourselves'
  readonly status?: number
  readonly refusal?: string
  readonly error?: string
  readonly description?: string
  /** `WWW-Authenticate` as the client gets it. */
  readonly challenge?: string
}
