import { STATUS_CODES } from '../node-http.ts'

/** What the admin listener answers. */
export type Answer = {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

export const json = (status: number, value: unknown, headers?: Answer['headers']): Answer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(value)}\n`,
  ...(headers && { headers }),
})

/** It is done, and there is nothing to show. */
export const NOTHING: Answer = { status: 204, type: 'application/json', body: '' }

/** One thing that is wrong with a body: a JSON pointer into it (RFC 6901), and what to do. */
export type Flaw = { readonly pointer: string; readonly detail: string }

/**
 * A problem (RFC 9457). `error` is an extension: a word that programs can tell problems by, where `type` says nothing more
 * than the status does.
 */
export const problem = (
  status: number,
  error: string,
  detail: string,
  more: { readonly headers?: Answer['headers']; readonly errors?: readonly Flaw[] } = {},
): Answer => ({
  status,
  type: 'application/problem+json',
  body: `${JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Unknown',
    status,
    detail,
    error,
    ...(more.errors && { errors: more.errors }),
  })}\n`,
  ...(more.headers && { headers: more.headers }),
})
