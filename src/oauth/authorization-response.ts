import type Koa from 'koa'

import { sendOn } from './endpoint.ts'
import { asOAuthError, logError } from './error-response.ts'
import { withParameters } from './redirect-uri.ts'
import type { Room } from './room.ts'

/** Where an authorization request is answered, once client and redirect URI are trusted. */
export type ReplyTo = { readonly redirect_uri: string; readonly state?: string | undefined }

/** RFC 6749 §4.1.2; with the issuer, so that the client can tell whose answer this is (RFC 9207). */
export const answerWithCode = (
  ctx: Koa.Context,
  to: ReplyTo,
  code: string,
  { config }: Pick<Room, 'config'>,
): void =>
  sendOn(ctx, withParameters(to.redirect_uri, { code, state: to.state, iss: config.issuer }))

/** RFC 6749 §4.1.2.1: whatever fails now is told to the client, our own failures included. */
export const answerWithError = (
  ctx: Koa.Context,
  to: ReplyTo,
  thrown: unknown,
  { config, log }: Pick<Room, 'config' | 'log'>,
): void => {
  const error = asOAuthError(thrown)
  logError(ctx.req, { request_id: ctx.state.request_id, path: ctx.path }, error, log)
  const parameters = {
    error: error.code,
    error_description: error.message,
    state: to.state,
    iss: config.issuer,
  }
  sendOn(ctx, withParameters(to.redirect_uri, parameters))
}
