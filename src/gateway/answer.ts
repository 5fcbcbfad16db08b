import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock.ts'
import { observeSeconds } from '../telemetry/histogram.ts'
import { answerFields } from './headers.ts'
import type { AnswerHead } from './http1/answer-head.ts'
import type { Route } from './route.ts'
import { addVary } from './vary.ts'
import type { Visit } from './visit.ts'

type Fields = (head: AnswerHead) => string[]

/** The fields of an answer on its way to the client, as its route wants them. */
export const answerOf = (
  req: IncomingMessage,
  { cors, guard, tally }: Route,
  visit: Visit,
  clock: Clock,
): Fields => {
  if (cors === undefined && !guard?.optional) {
    return (head) => {
      observeSeconds(tally.firstByte, clock() - visit.started)
      return answerFields(head, visit)
    }
  }
  return (head) => {
    observeSeconds(tally.firstByte, clock() - visit.started)
    const fields = answerFields(head, visit)
    // Caches must not give what nobody in particular got to somebody (RFC 9111 §4.1).
    if (guard?.optional) addVary(fields, 'Authorization')
    return cors === undefined ? fields : cors.replace(fields, req.headers.origin)
  }
}
