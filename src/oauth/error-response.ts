import type Koa from 'koa'

import { errorPage } from '../pages/error.ts'
import { PasswordsBusy } from '../store/passwords.ts'
import { StoreUnavailable } from '../store/store.ts'
import { answerPage } from './endpoint.ts'
import { OAuthError, type OAuthErrorCode, temporarilyUnavailable } from './errors.ts'
import { answerFields } from './response-format.ts'
import type { Room } from './room.ts'

/** Answers a request that failed, as JSON (RFC 6749 §5.2) or as a page. What went wrong inside goes to the log only. */
export const answerError = (
  ctx: Koa.Context,
  thrown: unknown,
  renders: 'json' | 'page',
  { log }: Pick<Room, 'log'>,
): void => {
  const error = asOAuthError(thrown)
  logError(ctx, error, log)
  ctx.remove('Location')
  ctx.status = error.status
  ctx.set(error.headers)
  if (renders === 'json') answerFields(ctx, errorBody(ctx, error))
  else answerPage(ctx, 'self', errorPage(pageContent(ctx, error)))
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

export const logError = (ctx: Koa.Context, error: OAuthError, log: Room['log']): void => {
  const fields = {
    request_id: ctx.state.request_id,
    path: ctx.path,
    error: error.code,
    error_description: error.message,
    cause: error.cause,
  }
  if (error.cause instanceof StoreUnavailable) log.warn('store.unavailable', fields)
  else if (error.code === 'server_error') log.error('request.failed', fields)
  else log.info('request.refused', fields)
}

const errorBody = (ctx: Koa.Context, error: OAuthError) => ({
  error: error.code,
  error_description: error.message,
  request_id: String(ctx.state.request_id ?? ''),
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
