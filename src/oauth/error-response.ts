import type { IncomingMessage } from 'node:http'
import type Koa from 'koa'

import { errorPage } from '../pages/error.ts'
import { PasswordsBusy } from '../store/passwords.ts'
import { StoreUnavailable } from '../store/store.ts'
import { describeError } from '../telemetry/describe-error.ts'
import { noteOn } from '../telemetry/request-note.ts'
import type { Call, Reply } from './call.ts'
import { answerJson, answerPage } from './endpoint.ts'
import { OAuthError, type OAuthErrorCode, temporarilyUnavailable } from './errors.ts'
import { fieldsReply } from './response-format.ts'
import type { Room } from './room.ts'

/** Answers a request that failed, as JSON (RFC 6749 §5.2) or as a page. What went wrong inside goes to the log only. */
export const answerError = (
  ctx: Koa.Context,
  thrown: unknown,
  renders: 'json' | 'page',
  { log }: Pick<Room, 'log'>,
): void => {
  const error = asOAuthError(thrown)
  logError(ctx.req, { request_id: ctx.state.request_id, path: ctx.path }, error, log)
  ctx.remove('Location')
  ctx.status = error.status
  ctx.set(error.headers)
  if (renders === 'json') answerJson(ctx, errorBody(ctx.state.request_id, error))
  else answerPage(ctx, 'self', errorPage(pageContent(ctx, error)))
}

/** The same of a program's call, in the format that it asked for. */
export const errorReply = (call: Call, thrown: unknown, { log }: Pick<Room, 'log'>): Reply => {
  const error = asOAuthError(thrown)
  const { request_id } = call.caller
  logError(call.req, { request_id, path: call.path }, error, log)
  return fieldsReply(call, errorBody(request_id, error), error)
}

/** Everything that can be thrown, in the words of OAuth: a store that does not answer is 503, a mistake of ours 500. */
export const asOAuthError = (thrown: unknown): OAuthError => {
  if (thrown instanceof OAuthError) return thrown
  if (thrown instanceof PasswordsBusy) {
    return temporarilyUnavailable('too many people are signing in at once, try again', {
      headers: { 'Retry-After': '1' },
    })
  }
  if (thrown instanceof StoreUnavailable) {
    return temporarilyUnavailable('the store cannot be reached, try again', {
      headers: { 'Retry-After': '1' },
      cause: thrown,
    })
  }
  return new OAuthError('server_error', 'something failed on our side', { cause: thrown })
}

/** What a caller is told, and what it is not, for the line of its request. */
export const noteError = (req: IncomingMessage, { code, message, cause }: OAuthError): void =>
  noteOn(req, {
    refusal: code,
    description: message,
    ...(cause !== undefined && { error: describeError(cause) }),
  })

export const logError = (
  req: IncomingMessage,
  where: { readonly request_id?: string; readonly path: string },
  error: OAuthError,
  log: Room['log'],
): void => {
  noteError(req, error)
  const fields = {
    ...where,
    error: error.code,
    error_description: error.message,
    cause: error.cause,
  }
  if (error.cause instanceof StoreUnavailable) log.warn('store.unavailable', fields)
  else if (error.code === 'server_error') log.error('request.failed', fields)
  else log.info('request.refused', fields)
}

const errorBody = (request_id: string | undefined, error: OAuthError) => ({
  error: error.code,
  error_description: error.message,
  request_id: request_id ?? '',
})

const pageContent = (ctx: Koa.Context, error: OAuthError) => {
  const { title, remedy } = PAGES.get(error.code) ?? UNFIT
  return {
    status: error.status,
    title,
    message: sentence(error.message),
    remedy,
    requestId: String(ctx.state.request_id ?? ''),
  }
}

/** Names of parameters keep their spelling. */
const sentence = (words: string): string => {
  const [first = ''] = words.split(' ')
  const start = first.includes('_') ? first : first.charAt(0).toUpperCase() + first.slice(1)
  return `${start}${words.slice(first.length)}.`
}

const UNFIT = {
  title: 'This request cannot be answered',
  remedy: 'Go back to the application and start again. If that does not help, tell its developer.',
}

const PAGES = new Map<OAuthErrorCode, { title: string; remedy: string }>([
  [
    'temporarily_unavailable',
    { title: 'Try again in a moment', remedy: 'Wait a moment, then reload this page.' },
  ],
  [
    'server_error',
    {
      title: 'Our mistake',
      remedy: 'It has been logged. Go back to the application and try again.',
    },
  ],
])
