import type { IncomingMessage } from 'node:http'
import { type Answer, problem } from './answer.ts'
import { readBody } from './read-body.ts'

type Read = { readonly body: unknown } | { readonly refused: Answer }

/** Reads a JSON body of at most `most` bytes, in at most ten seconds. */
export const readJson = async (req: IncomingMessage, most: number): Promise<Read> => {
  const type = (req.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') return { refused: NOT_JSON }
  const read = await readBody(req, most)
  if ('failure' in read) return { refused: read.failure === 'tooLarge' ? tooLarge(most) : NOT_COME }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(read.bytes)
    return depthOf(text) > DEEPEST ? { refused: TOO_DEEP } : { body: JSON.parse(text) }
  } catch {
    return { refused: MALFORMED }
  }
}

/** How deep brackets are nested; what goes over it by calling itself would run out of stack. */
const depthOf = (text: string): number => {
  let [depth, deepest] = [0, 0]
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === '[' || token === '{') deepest = Math.max(deepest, ++depth)
    else if (token === ']' || token === '}') depth -= 1
  }
  return deepest
}

const DEEPEST = 32

const NOT_JSON = problem(415, 'unsupported_media_type', 'Content-Type has to be application/json')
const MALFORMED = problem(400, 'invalid_request', 'The body is not JSON')
const TOO_DEEP = problem(400, 'invalid_request', `The body is nested deeper than ${DEEPEST}`)
const CLOSE = { headers: { Connection: 'close' } }
const NOT_COME = problem(408, 'request_timeout', 'The body did not come', CLOSE)

const tooLarge = (most: number): Answer =>
  problem(413, 'request_too_large', `The body may have ${Math.floor(most / 1024)} KiB`, CLOSE)
