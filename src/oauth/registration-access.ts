import type { IncomingMessage } from 'node:http'

import { equal } from '../store/secrets.ts'
import { invalidRequest, OAuthError } from './errors.ts'
import type { Caller, Room } from './room.ts'
import { groupOf } from './throttle.ts'

/**
 * Lets a registration in (RFC 7591 §3): anyone's where it is open, else that of who holds an initial access token. Throws
 * 401, or 429 after too many wrong ones. Resolves to what counts it, once it is worth counting.
 */
export const admit = async (
  req: IncomingMessage,
  caller: Caller,
  room: Admission,
): Promise<() => Promise<void>> => {
  const { config, throttles, log } = room
  const { registrations, clientSecrets } = throttles
  const { remote } = caller
  if (config.registration === 'open') return () => registrations.take(remote)
  const presented = bearerOf(req)
  if (presented === undefined) throw missingToken()
  await clientSecrets.check(GUESSES, remote)
  const count = await byToken(presented, room)
  if (count !== undefined) return count
  log.audit('registration.refused', { ...caller })
  await clientSecrets.failed(GUESSES, remote)
  throw wrongToken()
}

type Admission = Pick<Room, 'config' | 'stores' | 'throttles' | 'log'>

/** One of the file, or one that an operator minted, whose uses may be counted. Undefined: neither. */
const byToken = async (
  presented: string,
  { config, stores, throttles: { registrations } }: Admission,
): Promise<(() => Promise<void>) | undefined> => {
  // All are compared, so that the time tells nothing.
  const holder = config.registrationTokens.map((token) => equal(token, presented)).indexOf(true)
  if (holder >= 0) return () => registrations.takeAs(`initial access token ${holder}`)
  const minted = await stores.registrationTokens.find(presented)
  if (minted === undefined) return undefined
  return async () => {
    await registrations.takeAs(`initial access token ${minted.id}`)
    if (!(await stores.registrationTokens.spend(minted.id))) throw wrongToken()
  }
}

/** The value of the one Authorization field, if it is a Bearer token. Throws `invalid_request` for two fields. */
export const bearerOf = (req: IncomingMessage): string | undefined => {
  const names = req.rawHeaders.filter((_, index) => index % 2 === 0)
  if (names.filter((name) => name.toLowerCase() === 'authorization').length > 1)
    throw invalidRequest('there is more than one Authorization header')
  return BEARER.exec(req.headers.authorization ?? '')?.[1]
}

/** RFC 6750 §3.1: who sent none is told the scheme, and no error. */
export const missingToken = (): OAuthError =>
  new OAuthError('invalid_token', 'a token is needed here', {
    headers: { 'WWW-Authenticate': 'Bearer realm="Portcullis registration"' },
  })

export const wrongToken = (): OAuthError =>
  new OAuthError('invalid_token', 'the token is not good here', {
    headers: {
      'WWW-Authenticate': 'Bearer realm="Portcullis registration", error="invalid_token"',
    },
  })

const BEARER = /^bearer +([\w.~+/-]+=*) *$/i
const GUESSES = groupOf('initial access tokens')
