import { Mistake } from '../../mistake.ts'

/** What an HTTP server answered. */
export type Answer = {
  readonly status: number
  readonly headers: Headers
  readonly body: string
  /** True when there was more than the bound, or it did not end in time. */
  readonly cut: boolean
}

/** Bytes that are read, and milliseconds that it may take. */
type Bounds = { readonly limit: number; readonly patience: number }

const USUAL: Bounds = { limit: 64 * 1024, patience: 10_000 }

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
  const { text, cut } = await readBody(response, limit)
  return { status: response.status, headers: response.headers, body: text, cut }
}

const readBody = async (
  response: Response,
  limit: number,
): Promise<{ text: string; cut: boolean }> => {
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  try {
    for await (const chunk of response.body ?? []) {
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
