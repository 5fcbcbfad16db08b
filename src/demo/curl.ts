import type { Exchange } from './exchange.ts'

/** The request of an exchange as a command for a shell: everything that matters, nothing that curl adds itself. */
export const curlCommand = ({ url, request }: Exchange): string =>
  [
    `curl -i ${quoted(url)}`,
    ...request.headers
      .filter(([name]) => !ADDED_BY_CURL.has(name.toLowerCase()))
      .map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(request.body === '' ? [] : [`--data ${quoted(request.body)}`]),
  ].join(' \\\n  ')

/** An address that the browser opens, as a command. */
export const curlAddress = (url: string): string => `curl -i ${quoted(url)}`

const ADDED_BY_CURL = new Set([
  'host',
  'user-agent',
  'accept',
  'connection',
  'content-length',
  'content-type',
])

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
