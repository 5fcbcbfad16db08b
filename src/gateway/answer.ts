import type { IncomingMessage } from 'node:http'
import { type AnswerFields, answerFields } from './headers.ts'
import type { Route } from './route.ts'
import { addVary } from './vary.ts'
import type { Visit } from './visit.ts'

type Fields = (status: number, answer: AnswerFields) => (string | string[])[]

/** The fields of an answer on its way to the client, as its route wants them. */
export const answerOf = (req: IncomingMessage, { cors, guard }: Route, visit: Visit): Fields => {
  if (cors === undefined && !guard?.optional) {
    return (status, answer) => answerFields(status, answer, visit)
  }
  return (status, answer) => {
    const fields = answerFields(status, answer, visit)
    // Caches must not give what nobody in particular got to somebody (RFC 9111 §4.1).
    if (guard?.optional) addVary(fields, 'Authorization')
    return cors === undefined ? fields : cors.replace(fields, req.headers.origin)
  }
}
