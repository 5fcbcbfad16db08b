import { hash, timingSafeEqual } from 'node:crypto'

import { invalidRequest } from './errors.ts'
import type { Parameters } from './parameters.ts'

/**
 * The code_challenge of an authorization request (RFC 7636 §4.3), S256 only. A challenge without a method would mean
 * `plain` and is refused, as is a method without a challenge. Throws `invalid_request`.
 */
export const readChallenge = (parameters: Parameters, required: boolean): string | undefined => {
  const challenge = parameters.get('code_challenge')
  const method = parameters.get('code_challenge_method')
  if (challenge === undefined && method === undefined) {
    if (required) throw invalidRequest('code_challenge is required')
    return undefined
  }
  if (challenge === undefined) throw invalidRequest('code_challenge is missing')
  if (method !== 'S256') throw invalidRequest('code_challenge_method must be S256')
  if (!CHALLENGE.test(challenge))
    throw invalidRequest('code_challenge is not 43 base64url characters')
  return challenge
}

/**
 * RFC 7636 §4.6. A verifier for a code that was asked for without a challenge proves nothing either: somebody took the
 * challenge out of the authorization request (RFC 9700 §2.1.1).
 */
export const provesKey = (challenge: string | undefined, verifier: string | undefined): boolean => {
  if (challenge === undefined) return verifier === undefined
  if (verifier === undefined || !VERIFIER.test(verifier)) return false
  const computed = hash('sha256', verifier, 'base64url')
  return timingSafeEqual(Buffer.from(computed), Buffer.from(challenge))
}

const CHALLENGE = /^[A-Za-z0-9_-]{43}$/
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/
