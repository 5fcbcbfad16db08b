import type { Exchange } from './exchange.ts'

/** The request of an exchange as a command for a shell: everything that matters, nothing that curl adds itself. */
export const curlCommand = ({ url, method, request }: Exchange): string =>
  [
    `curl -i ${quoted(url)}`,
    ...request.headers
      .filter(([name]) => !ADDED_BY_CURL.has(name.toLowerCase()))
      .map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(request.body === ''
      ? method === 'GET'
        ? []
        : [`-X ${method}`]
      : [`--data ${quoted(request.body)}`]),
  ].join(' \\\n  ')

const ADDED_BY_CURL = new Set([
  'host',
  'user-agent',
  'accept',
  'connection',
  'content-length',
  'content-type',
])

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
