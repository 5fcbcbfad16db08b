import type Koa from 'koa'

import { invalidRequest, OAuthError } from './errors.ts'

/** Reads the forms that are posted to our own endpoints, as text: what they say is decided by `parseParameters`. */
export type FormReader = {
  /** The form as it was sent; '' for none. Throws 400, 413 or 415; nothing is parsed or decompressed before. */
  read(ctx: Koa.Context): Promise<string>
  warm(): Promise<unknown>
}

/**
 * `load` resolves to a middleware that leaves the bytes of a form in `ctx.request.body`, as latin1 text. A form that has not
 * come whole after `patience` seconds is 408.
 */
export const createFormReader = (
  load: () => Promise<Koa.Middleware>,
  patience = 15,
): FormReader => {
  let loaded: Promise<Koa.Middleware> | undefined
  const reader = () => {
    loaded ??= load()
    return loaded
  }
  return {
    warm: reader,
    async read(ctx) {
      refuseEncoding(ctx)
      refuseOtherTypes(ctx)
      askForBody(ctx)
      try {
        await inTime((await reader())(ctx, done), patience)
      } catch (error) {
        throw unreadable(ctx, error)
      }
      return strictText(ctx)
    },
  }
}

const done = () => Promise.resolve()

/** RFC 9110 §10.1.1: who sent `Expect` may wait for this for ever; an HTTP/1.0 client must not get it. */
const askForBody = (ctx: Koa.Context): void => {
  if (ctx.get('Expect') !== '' && ctx.req.httpVersionMinor > 0) ctx.res.writeContinue()
}

/** Nothing that a stranger compressed is ever decompressed (CVE-2026-111497). */
const refuseEncoding = (ctx: Koa.Context): void => {
  const encoding = ctx.get('Content-Encoding').trim().toLowerCase()
  if (encoding === '' || encoding === 'identity') return
  closeAfterAnswer(ctx)
  throw new OAuthError('invalid_request', 'a Content-Encoding is not accepted', { status: 415 })
}

const refuseOtherTypes = (ctx: Koa.Context): void => {
  const type = ctx.get('Content-Type').split(';')[0]?.trim().toLowerCase()
  if (type === 'application/x-www-form-urlencoded') return
  closeAfterAnswer(ctx)
  throw invalidRequest('the content type must be application/x-www-form-urlencoded')
}

const inTime = (reading: Promise<unknown>, seconds: number): Promise<unknown> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new TooSlow()), seconds * 1000)
  })
  return Promise.race([reading, late]).finally(() => clearTimeout(timer))
}

class TooSlow extends Error {
  override readonly name = 'TooSlow'
}

const unreadable = (ctx: Koa.Context, error: unknown): Error => {
  if (error instanceof TooSlow) {
    ctx.set('Connection', 'close')
    return new OAuthError('invalid_request', 'the form did not arrive in time', { status: 408 })
  }
  const status = error instanceof Error && 'status' in error ? error.status : undefined
  if (status === 413) {
    closeAfterAnswer(ctx)
    return new OAuthError('invalid_request', 'the form is too large', { status })
  }
  return invalidRequest('the form could not be read', { cause: error })
}

const strictText = (ctx: Koa.Context): string => {
  const { body } = ctx.request as { body?: unknown }
  if (
    body === undefined &&
    Number(ctx.get('Content-Length') || 0) === 0 &&
    !ctx.get('Transfer-Encoding')
  )
    return ''
  if (typeof body !== 'string') throw invalidRequest('the form could not be read')
  try {
    return UTF8.decode(Buffer.from(body, 'latin1'))
  } catch {
    throw invalidRequest('the form is not UTF-8')
  }
}

/** What is left of a large body is not worth reading; a small one is read away so that the answer arrives. */
const closeAfterAnswer = (ctx: Koa.Context): void => {
  const length = Number(ctx.get('Content-Length') || Number.POSITIVE_INFINITY)
  if (length > READ_AWAY) ctx.set('Connection', 'close')
}

const READ_AWAY = 1_048_576
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
