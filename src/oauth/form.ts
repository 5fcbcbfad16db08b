import type { IncomingMessage, ServerResponse } from 'node:http'

import { atEndOfTurn } from '../turn.ts'
import { invalidRequest, OAuthError } from './errors.ts'

/** Reads what is posted to our own endpoints, as text: what it says is decided elsewhere. */
export type FormReader<Exchange extends Readable> = {
  /** The form (or document) as it was sent; '' for none. Throws 400, 413 or 415; nothing is parsed or decompressed before. */
  read(exchange: Exchange): Promise<string>
  warm(): Promise<unknown>
}

/** What a form is read from: a context of Koa's, or a call. */
type Readable = {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly request: object
}

type ReadBody<Exchange> = (exchange: Exchange, next: () => Promise<void>) => Promise<unknown>

/**
 * `load` resolves to what leaves the bytes of a form in `request.body`, as latin1 text. A form that has not
 * come whole after `patience` seconds is 408. `kind`: what is read in place of forms.
 */
export const createFormReader = <Exchange extends Readable>(
  load: () => Promise<ReadBody<Exchange>>,
  patience = 15,
  kind: BodyKind = FORM,
): FormReader<Exchange> => {
  let loaded: Promise<ReadBody<Exchange>> | undefined
  const reader = () => {
    loaded ??= load()
    return loaded
  }
  return {
    warm: reader,
    async read(exchange) {
      refuseEncoding(exchange)
      refuseOtherTypes(exchange, kind)
      askForBody(exchange)
      try {
        await inTime((await reader())(exchange, done), patience)
      } catch (error) {
        throw unreadable(exchange, error, kind)
      }
      return strictText(exchange, kind)
    },
  }
}

type BodyKind = { readonly type: string; readonly word: string }

const FORM: BodyKind = { type: 'application/x-www-form-urlencoded', word: 'the form' }
export const DOCUMENT: BodyKind = { type: 'application/json', word: 'the document' }

const done = () => Promise.resolve()

/** RFC 9110 §10.1.1: who sent `Expect` may wait for this for ever; an HTTP/1.0 client must not get it. */
const askForBody = ({ req, res }: Readable): void => {
  if (req.headers.expect && req.httpVersionMinor > 0) res.writeContinue()
}

/** Nothing that a stranger compressed is ever decompressed (CVE-2026-111497). */
const refuseEncoding = (exchange: Readable): void => {
  const encoding = (exchange.req.headers['content-encoding'] ?? '').trim().toLowerCase()
  if (encoding === '' || encoding === 'identity') return
  closeAfterAnswer(exchange)
  throw new OAuthError('invalid_request', 'a Content-Encoding is not accepted', { status: 415 })
}

const refuseOtherTypes = (exchange: Readable, { type: only }: BodyKind): void => {
  if (exchange.req.headers['content-type'] === only) return
  const type = (exchange.req.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (type === only) return
  closeAfterAnswer(exchange)
  throw invalidRequest(`the content type must be ${only}`)
}

/** Nearly all forms come with their head: only what is not there by the end of this turn gets a timer. */
const inTime = (reading: Promise<unknown>, seconds: number): Promise<void> =>
  new Promise((resolve, reject) => {
    let settled = false
    let timer: NodeJS.Timeout | undefined
    const settle = (act: () => void) => {
      settled = true
      clearTimeout(timer)
      act()
    }
    atEndOfTurn(() => {
      if (!settled) timer = setTimeout(() => reject(new TooSlow()), seconds * 1000)
    })
    reading.then(
      () => settle(resolve),
      (error) => settle(() => reject(error)),
    )
  })

class TooSlow extends Error {
  override readonly name = 'TooSlow'
}

const unreadable = (exchange: Readable, error: unknown, { word }: BodyKind): Error => {
  if (error instanceof TooSlow) {
    exchange.res.setHeader('Connection', 'close')
    return new OAuthError('invalid_request', `${word} did not arrive in time`, { status: 408 })
  }
  const status = error instanceof Error && 'status' in error ? error.status : undefined
  if (status === 413) {
    closeAfterAnswer(exchange)
    return new OAuthError('invalid_request', `${word} is too large`, { status })
  }
  return invalidRequest(`${word} could not be read`, { cause: error })
}

const strictText = ({ req, request }: Readable, { word }: BodyKind): string => {
  const { body } = request as { body?: unknown }
  const { 'content-length': length, 'transfer-encoding': coding } = req.headers
  if (body === undefined && Number(length ?? 0) === 0 && !coding) return ''
  if (typeof body !== 'string') throw invalidRequest(`${word} could not be read`)
  if (ASCII.test(body)) return body
  try {
    return UTF8.decode(Buffer.from(body, 'latin1'))
  } catch {
    throw invalidRequest(`${word} is not UTF-8`)
  }
}

/** What is left of a large body is not worth reading; a small one is read away so that the answer arrives. */
const closeAfterAnswer = ({ req, res }: Readable): void => {
  const length = Number(req.headers['content-length'] || Number.POSITIVE_INFINITY)
  if (length > READ_AWAY) res.setHeader('Connection', 'close')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the bytes that are the same in latin1 and UTF-8
const ASCII = /^[\u0000-\u007f]*$/
const READ_AWAY = 1_048_576
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
