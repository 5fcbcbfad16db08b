import type { Answer, Flaw } from '../answer.ts'

/** What an operation of the API said, for a page: done, or what was wrong. */
export type Outcome =
  | { readonly done: true; readonly body: Readonly<Record<string, unknown>> }
  | {
      readonly done: false
      readonly status: number
      readonly problem: string
      readonly flaws: readonly Flaw[]
    }

/** Pages do what the API does, by the same functions: one set of rules, one audit trail. */
export const outcomeOf = ({ status, body }: Answer): Outcome => {
  const parsed = body === '' ? {} : JSON.parse(body)
  if (status < 400) return { done: true, body: parsed }
  return { done: false, status, problem: String(parsed.detail), flaws: parsed.errors ?? [] }
}
