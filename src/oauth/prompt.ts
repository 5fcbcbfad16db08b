import { invalidRequest } from './errors.ts'
import type { Parameters } from './parameters.ts'

/** What a client wants of the person before it is answered (OpenID Connect Core §3.1.2.1). */
export type Prompt = {
  /** No page may be shown. */
  readonly none: boolean
  /** The person is asked, whatever was allowed before. */
  readonly consent: boolean
}

/** Throws `invalid_request` for a value that we do not know, and for `none` beside another. */
export const readPrompt = (parameters: Parameters): Prompt => {
  const values = promptsOf(parameters)
  const none = values.includes('none')
  if (none && values.length > 1) throw invalidRequest('prompt=none stands alone')
  const unknown = values.some((value) => !PROMPTS.includes(value))
  if (unknown) throw invalidRequest(`prompt must be of ${PROMPTS.join(', ')}`)
  return { none, consent: values.includes('consent') }
}

/**
 * How old a sign-in may be, seconds; 0: the person gives their password for this request. So they do for `prompt=login`, and
 * for `select_account`, since a browser has one account at a time here and another has to sign in. Throws `invalid_request`.
 */
export const readMaxAge = (parameters: Parameters): number | undefined => {
  const max_age = parameters.get('max_age')
  if (max_age !== undefined && !/^\d{1,10}$/.test(max_age))
    throw invalidRequest('max_age is not a number of seconds')
  const prompt = promptsOf(parameters)
  if (prompt.includes('login') || prompt.includes('select_account')) return 0
  return max_age === undefined ? undefined : Number(max_age)
}

const promptsOf = (parameters: Parameters): readonly string[] =>
  (parameters.get('prompt') ?? '').split(' ').filter((value) => value !== '')

export const PROMPTS: readonly string[] = ['none', 'login', 'consent', 'select_account']
