/** One finished request, as the access log and the metrics see it. */
export type Exchange = {
  readonly id: string
  readonly method: string
  /** Without the query, which may hold secrets. */
  readonly path: string
  /** 0 when the client left before there was an answer. */
  readonly status: number
  readonly seconds: number
  readonly remote: string
  /** The route's path as configured. */
  readonly route?: string
  readonly upstream?: string
  readonly client_id?: string
  readonly sub?: string
  readonly grant_id?: string
  /** Why the request was refused (`expired`, `insufficient_scope` …). */
  readonly refusal?: string
  /** Separated by spaces: what the route asks for and the token has not. */
  readonly missing_scope?: string
  /** Seconds since the refused token's expiry. */
  readonly expired_for?: number
  /** What a revoked token hung on that is no more (`grant: refresh token replayed`), as far as it is known. */
  readonly ended?: string
  /** What is not told to the caller: how a client failed to authenticate, what a target gave. */
  readonly reason?: string
  /** Of one of our own endpoints: what the caller was told to fix. */
  readonly description?: string
  /** What failed on the way (`upstream.refused`, `upstream.cut`, `client.gone` …). */
  readonly error?: string
  readonly upgraded?: boolean
  /** Body bytes sent to the client. */
  readonly bytes?: number
}

/** Told once of every request, when it is over. */
export type Observe = (exchange: Exchange) => void
