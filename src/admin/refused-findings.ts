import type { Finding } from '../config/finding.ts'
import { type Answer, problem } from './answer.ts'
import { pointerTo } from './flaws.ts'

/** What the rules of the file found wrong with a thing that was to be made or changed. */
export const refusedFindings = (what: string, findings: readonly Finding[]): Answer => {
  const errors = findings.map(({ path, message }) => ({
    pointer: pointerTo(path),
    detail: message,
  }))
  const [first] = errors
  return problem(400, 'invalid_request', `The ${what}: ${first?.pointer} ${first?.detail}`, {
    errors,
  })
}
