import type Koa from 'koa'

import { invalidRequest, OAuthError } from './errors.ts'

/** Reads what is posted to our own endpoints, as text: what it says is decided elsewhere. */
export type FormReader = {
  /** The form (or document) as it was sent; '' for none. Throws 400, 413 or 415; nothing is parsed or decompressed before. */
  read(ctx: Koa.Context): Promise<string>
  warm(): Promise<unknown>
}

/**
 * `load` resolves to a middleware that leaves the bytes of a form in `ctx.request.body`, as latin1 text. A form that has not
 * come whole after `patience` seconds is 408. `kind`: what is read in place of forms.
 */
export const createFormReader = (
  load: () => Promise<Koa.Middleware>,
  patience = 15,
  kind: BodyKind = FORM,
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
      refuseOtherTypes(ctx, kind)
      askForBody(ctx)
      try {
        await inTime((await reader())(ctx, done), patience)
      } catch (error) {
        throw unreadable(ctx, error, kind)
      }
      return strictText(ctx, kind)
    },
  }
}

type BodyKind = { readonly type: string; readonly word: string }

const FORM: BodyKind = { type: 'application/x-www-form-urlencoded', word: 'the form' }
export const DOCUMENT: BodyKind = { type: 'application/json', word: 'the document' }

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

const refuseOtherTypes = (ctx: Koa.Context, { type: only }: BodyKind): void => {
  const type = ctx.get('Content-Type').split(';')[0]?.trim().toLowerCase()
  if (type === only) return
  closeAfterAnswer(ctx)
  throw invalidRequest(`the content type must be ${only}`)
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

const unreadable = (ctx: Koa.Context, error: unknown, { word }: BodyKind): Error => {
  if (error instanceof TooSlow) {
    ctx.set('Connection', 'close')
    return new OAuthError('invalid_request', `${word} did not arrive in time`, { status: 408 })
  }
  const status = error instanceof Error && 'status' in error ? error.status : undefined
  if (status === 413) {
    closeAfterAnswer(ctx)
    return new OAuthError('invalid_request', `${word} is too large`, { status })
  }
  return invalidRequest(`${word} could not be read`, { cause: error })
}

const strictText = (ctx: Koa.Context, { word }: BodyKind): string => {
  const { body } = ctx.request as { body?: unknown }
  if (
    body === undefined &&
    Number(ctx.get('Content-Length') || 0) === 0 &&
    !ctx.get('Transfer-Encoding')
  )
    return ''
  if (typeof body !== 'string') throw invalidRequest(`${word} could not be read`)
  if (ASCII.test(body)) return body
  try {
    return UTF8.decode(Buffer.from(body, 'latin1'))
  } catch {
    throw invalidRequest(`${word} is not UTF-8`)
  }
}

/** What is left of a large body is not worth reading; a small one is read away so that the answer arrives. */
const closeAfterAnswer = (ctx: Koa.Context): void => {
  const length = Number(ctx.get('Content-Length') || Number.POSITIVE_INFINITY)
  if (length > READ_AWAY) ctx.set('Connection', 'close')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the bytes that are the same in latin1 and UTF-8
const ASCII = /^[\u0000-\u007f]*$/
const READ_AWAY = 1_048_576
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
