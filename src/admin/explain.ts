import type { FullExplanation } from '../explain-request.ts'
import type { Question } from '../gateway/explain.ts'
import { validateHeaderName, validateHeaderValue } from '../node-http.ts'
import { json, problem } from './answer.ts'
import type { Endpoint } from './api.ts'

/**
 * `POST /api/v1/explain`, `{ method, url, headers?: [[name, value], …], token? }`: what the gateway would do with that
 * request, and why. `url` is a path as it would stand in a request line, or all of `http(s)://host/path`; of `ws(s)://` a
 * WebSocket handshake is made. Of an authorization request it says what our authorization endpoint makes of it. Nothing is
 * sent.
 */
export const explainEndpoint = (
  explain: (question: Question) => Promise<FullExplanation>,
): Endpoint => ({
  method: 'POST',
  path: '/api/v1/explain',
  async answer(body) {
    const question = readQuestion(body)
    if (typeof question === 'string') return problem(400, 'invalid_request', question)
    return json(200, await explain(question))
  },
})

/** A question, or what is wrong with it. */
const readQuestion = (body: unknown): Question | string => {
  if (typeof body !== 'object' || body === null) return 'the body has to be a JSON object'
  const { method, url, headers = [], token } = body as Record<string, unknown>
  if (typeof method !== 'string' || !METHOD.test(method)) return 'method has to be a method of HTTP'
  if (typeof url !== 'string') return 'url has to be a path, or a URL of http, https, ws or wss'
  const address = readAddress(url)
  if (address === undefined) return 'url has to be a path, or a URL of http, https, ws or wss'
  const fields = readFields(headers)
  if (fields === undefined)
    return 'headers has to be a list of names and values: [["Accept", "*/*"]]'
  if (token !== undefined && !(typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)))
    return 'token has to be an access token'
  const { target, host, handshake } = address
  const isNamed = has(fields, 'host')
  return {
    method,
    target,
    fields: [
      ...(host === undefined || isNamed ? [] : ['Host', host]),
      ...(handshake && !has(fields, 'upgrade') ? HANDSHAKE : []),
      ...fields,
      ...(token === undefined ? [] : ['Authorization', `Bearer ${token}`]),
    ],
  }
}

const METHOD = /^[\w!#$%&'*+.^`|~-]{1,32}$/

const readAddress = (url: string) => {
  if (url.startsWith('/')) return { target: url, host: undefined, handshake: false }
  const [, scheme = '', host, rest = ''] = /^(https?|wss?):\/\/([^/?#\s@]+)(.*)$/i.exec(url) ?? []
  if (host === undefined) return undefined
  const handshake = scheme.toLowerCase().startsWith('ws')
  return { target: rest.startsWith('/') ? rest : `/${rest}`, host, handshake }
}

const readFields = (headers: unknown): readonly string[] | undefined => {
  if (!Array.isArray(headers)) return undefined
  const flat: string[] = []
  for (const pair of headers) {
    if (!Array.isArray(pair) || pair.length !== 2) return undefined
    const [name, value] = pair
    if (typeof name !== 'string' || typeof value !== 'string' || !isField(name, value))
      return undefined
    flat.push(name, value)
  }
  return flat
}

const isField = (name: string, value: string): boolean => {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return true
  } catch {
    return false
  }
}

const has = (fields: readonly string[], wanted: string): boolean =>
  fields.some((name, at) => at % 2 === 0 && name.toLowerCase() === wanted)

// The key of RFC 6455 §1.3; none of it is looked at but that it is there.
const HANDSHAKE = [
  'Connection',
  'Upgrade',
  'Upgrade',
  'websocket',
  'Sec-WebSocket-Version',
  '13',
  'Sec-WebSocket-Key',
  'dGhlIHNhbXBsZSBub25jZQ==',
]
