import { Mistake } from '../../mistake.ts'

/** What an HTTP server answered. */
export type Answer = {
  readonly status: number
  readonly headers: Headers
  readonly body: string
  /** True when there was more than the bound, or it did not end in time. */
  readonly cut: boolean
}

/** What is sent. */
export type Ask = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Bytes that are read, and milliseconds that it may take. */
export type Bounds = { readonly limit: number; readonly patience: number }

export const USUAL: Bounds = { limit: 64 * 1024, patience: 10_000 }

/**
 * Sends one request and reads, unless other bounds are given, at most 64 KiB in at most ten seconds. Follows no redirect.
 * Throws a `Mistake`.
 */
export const answerOf = async (
  url: URL,
  init: RequestInit = {},
  { limit, patience }: Bounds = USUAL,
): Promise<Answer> => {
  const signal = AbortSignal.timeout(patience)
  const response = await fetch(url, { ...init, redirect: 'manual', signal }).catch((error) => {
    throw new Mistake(`${url.origin} does not answer (${reason(error, patience)})`, {
      cause: error,
    })
  })
  const { text, cut } = await readBody(response.body ?? [], limit)
  return { status: response.status, headers: response.headers, body: text, cut }
}

/** At most so many bytes of it, as text. */
export const readBody = async (
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limit: number,
): Promise<{ text: string; cut: boolean }> => {
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  try {
    for await (const chunk of body) {
      text += decoder.decode(chunk.subarray(0, limit - size), { stream: true })
      size += chunk.length
      if (size > limit) return { text, cut: true }
    }
  } catch {
    // An answer that does not end, or is broken off: what came is worth showing.
    return { text, cut: true }
  }
  return { text: text + decoder.decode(), cut: false }
}

/** The name of a failed fetch, which hides in its cause: `ECONNREFUSED`. */
const reason = (error: unknown, patience: number): string => {
  if (!(error instanceof Error)) return 'failed'
  if (error.name === 'TimeoutError') return `nothing within ${patience / 1000} s`
  const { cause } = error
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.message
}
