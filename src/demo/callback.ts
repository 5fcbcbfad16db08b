import type { Exchange } from './exchange.ts'
import { bad, good, stepped, stranded, type Walk } from './walk.ts'

/** True for the answer to this walk's own request: the state it gave, and no other issuer's name (RFC 9207 §2.4). */
export const isAnswerTo = (walk: Walk, answer: URLSearchParams, issuer: string): boolean =>
  walk.authorization !== undefined &&
  answer.getAll('state').length === 1 &&
  answer.get('state') === walk.authorization.state &&
  (answer.get('iss') ?? issuer) === issuer

/** Steps 3 and 4: the person has decided. An answer that comes a second time changes nothing. */
export const receive = (walk: Walk, answer: URLSearchParams, exchange: Exchange): Walk => {
  if (walk.next !== 3) return walk
  const decided = stepped(walk, 3, walk.taken.get(3) ?? { note: good('Done.') })
  const code = answer.get('code')
  if (code === null)
    return stranded(decided, 4, { exchange, note: bad(refusal(answer.get('error') ?? '')) })
  return stepped(
    decided,
    4,
    {
      exchange,
      note: good('A code, and the state that the application gave. The code alone opens nothing.'),
    },
    { code, secrets: [{ name: 'code', value: code }] },
  )
}

const refusal = (error: string): string =>
  error === 'access_denied'
    ? 'You denied it. The application learns only that, and gets nothing.'
    : `No code: the answer says ${error}.`
