/** What a request to an upstream begins with. */
export type RequestLine = {
  readonly method: string
  /** Path and query, byte for byte. */
  readonly path: string
  readonly host: string
  /** Flat, without Host and framing other than a length. */
  readonly fields: readonly string[]
  readonly chunked: boolean
}

/**
 * The head of a request as it goes over the wire (RFC 9112 §3). Everything in it has been looked at before; a character
 * that could end a line is a mistake of ours, and throws.
 */
export const requestText = ({ method, path, host, fields, chunked }: RequestLine): string => {
  let text = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n`
  for (let at = 0; at < fields.length; at += 2)
    text += `${fields[at]}: ${checked(fields[at + 1] ?? '')}\r\n`
  if (UNFIT_LINE.test(path) || UNFIT.test(host)) throw new TypeError(MESSAGE)
  return chunked
    ? `${text}Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n`
    : `${text}Connection: keep-alive\r\n\r\n`
}

const checked = (value: string): string => {
  if (UNFIT.test(value)) throw new TypeError(MESSAGE)
  return value
}

const MESSAGE = 'a character that heads do not have'
const UNFIT = /[^\t -~\x80-\xff]/
const UNFIT_LINE = /[^!-~\x80-\xff]/
