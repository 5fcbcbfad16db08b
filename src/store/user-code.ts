import type { Secrets } from './secrets.ts'

/** A new user code: WDJB-MJHT. One of 20^8, 34 bits, which live for minutes and are guessed at slowly. */
export const mintUserCode = ({ letters }: Pick<Secrets, 'letters'>): string =>
  dashed(letters(ALPHABET, LENGTH))

/**
 * What a person typed, as it was shown: in any case and width, with or without dashes, dots and spaces (RFC 8628 §6.1).
 * Undefined for what cannot be a user code.
 */
export const readUserCode = (entered: string): string | undefined => {
  if (entered.length > LONGEST_ENTERED) return undefined
  const letters = entered.normalize('NFKC').replace(SEPARATORS, '')
  return CODE.test(letters) ? dashed(letters.toUpperCase()) : undefined
}

const dashed = (letters: string): string =>
  `${letters.slice(0, LENGTH / 2)}-${letters.slice(LENGTH / 2)}`

// §6.1: consonants only, so that no code is a word, and none that is taken for a digit.
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ'
const LENGTH = 8
const CODE = /^[BCDFGHJKLMNPQRSTVWXZbcdfghjklmnpqrstvwxz]{8}$/
const SEPARATORS = /[\p{P}\p{Z}\p{S}\p{Cf}]/gu
const LONGEST_ENTERED = 64
