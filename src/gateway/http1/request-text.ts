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
 * The head of a request as it goes over the wire (RFC 9112 §3). Node's parser and we have looked at every part of it before;
 * a head that would end before its end, or a target that is none, is a mistake of ours, and throws.
 */
export const requestText = ({ method, path, host, fields, chunked }: RequestLine): string => {
  let text = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n`
  for (let at = 0; at < fields.length; at += 2) text += `${fields[at]}: ${fields[at + 1]}\r\n`
  text += chunked ? CHUNKED : LAST
  if (UNFIT.test(path) || text.indexOf('\r\n\r\n') !== text.length - 4 || LONE.test(text))
    throw new TypeError('a character that heads do not have')
  return text
}

const LAST = 'Connection: keep-alive\r\n\r\n'
const CHUNKED = `Transfer-Encoding: chunked\r\n${LAST}`
const UNFIT = /[^!-~\x80-\xff]/

/** What one of them ends a line with, to a lenient reader, or the end of a text. */
const LONE = /\0|\r(?!\n)|(?<!\r)\n/
