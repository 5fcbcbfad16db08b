import type { Ended } from './tokens.ts'

/** How an end is told to the other processes on the store: `grant:ID`, `client:ID`, `account:SUB`, `token:ID`. */
export const endMessage = (ended: Ended): string => {
  for (const [word, name] of WORDS) {
    const value = ended[name]
    if (value !== undefined) return `${word}:${value}`
  }
  throw new TypeError('an end names what ended')
}

/** Undefined for messages that tell of something else. */
export const readEnd = (message: string): Ended | undefined => {
  const colon = message.indexOf(':')
  const name = WORDS.get(message.slice(0, colon))
  return name === undefined ? undefined : { [name]: message.slice(colon + 1) }
}

const WORDS: ReadonlyMap<string, keyof Ended> = new Map([
  ['grant', 'grant_id'],
  ['client', 'client_id'],
  ['account', 'sub'],
  ['token', 'token'],
])
