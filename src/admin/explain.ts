import * as z from 'zod/mini'
import type { FullExplanation } from '../explain-request.ts'
import type { Question } from '../gateway/explain.ts'
import { validateHeaderName, validateHeaderValue } from '../node-http.ts'
import { json } from './answer.ts'
import { type Operation, operation } from './operation.ts'

/**
 * `POST /api/v1/explain`: what the gateway would do with a request, and why. `url` is a path as it would stand in a request
 * line, or all of `http(s)://host/path`; of `ws(s)://` a WebSocket handshake is made. Of an authorization request it says
 * what our authorization endpoint makes of it. Nothing is sent.
 */
export const explainOperation = (
  explain: (question: Question) => Promise<FullExplanation>,
): Operation =>
  operation({
    id: 'explain',
    tag: 'explain',
    method: 'POST',
    path: '/api/v1/explain',
    role: 'viewer',
    summary: 'What becomes of a request, and why',
    body: request,
    answers: {
      200: { description: 'The explanation', schema: z.looseObject({ outcome: z.unknown() }) },
    },
    run: async ({ body }) => json(200, await explain(asQuestion(body))),
  })

const METHOD = /^[\w!#$%&'*+.^`|~-]{1,32}$/
const URL_WANTED = 'has to be a path, or a URL of http, https, ws or wss'

/** What is asked, as JSON has it. */
export const request = z.strictObject({
  method: z.string().check(z.regex(METHOD, 'has to be a method of HTTP')),
  url: z.string().check(z.refine((url) => readAddress(url) !== undefined, URL_WANTED)),
  headers: z.exactOptional(
    z.array(
      z
        .tuple([z.string(), z.string()])
        .check(z.refine(([name, value]) => isField(name, value), 'is no header field')),
    ),
  ),
  // One that cannot be a token is explained as any other.
  token: z.exactOptional(z.string().check(z.regex(/^[\x20-\x7e]+$/, 'has to be one line'))),
})

/** As the gateway takes it. */
export const asQuestion = ({
  method,
  url,
  headers = [],
  token,
}: z.output<typeof request>): Question => {
  const { target, host, handshake } = readAddress(url) ?? { target: url }
  const fields = headers.flat()
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

type Address = { readonly target: string; readonly host?: string; readonly handshake?: boolean }

function readAddress(url: string): Address | undefined {
  if (url.startsWith('/')) return { target: url }
  const [, scheme = '', host, rest = ''] = /^(https?|wss?):\/\/([^/?#\s@]+)(.*)$/i.exec(url) ?? []
  if (host === undefined) return undefined
  const handshake = scheme.toLowerCase().startsWith('ws')
  return { target: rest.startsWith('/') ? rest : `/${rest}`, host, handshake }
}

function isField(name: string, value: string): boolean {
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
