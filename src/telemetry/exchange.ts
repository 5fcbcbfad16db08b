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
  /** What failed on the way (`upstream.refused`, `upstream.cut`, `client.gone` …). */
  readonly error?: string
  readonly upgraded?: boolean
  /** Body bytes sent to the client. */
  readonly bytes?: number
}

/** Told once of every request, when it is over. */
export type Observe = (exchange: Exchange) => void
