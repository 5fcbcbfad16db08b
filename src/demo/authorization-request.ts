import { createHash, randomBytes } from 'node:crypto'
import type { Setup } from './setup.ts'
import type { Authorization } from './walk.ts'

/** The authorization request of RFC 6749 §4.1.1 with the code challenge of RFC 7636 §4.3. */
export const authorizationRequest = (setup: Setup): Authorization => {
  const state = randomText()
  const code_verifier = randomText()
  const parameters = new Map([
    ['response_type', 'code'],
    ['client_id', setup.client_id],
    ['redirect_uri', setup.redirect_uri],
    ['scope', setup.scope],
    ['prompt', 'consent'],
    ['state', state],
    ['code_challenge', createHash('sha256').update(code_verifier).digest('base64url')],
    ['code_challenge_method', 'S256'],
  ])
  const url = `${setup.origin}${setup.oauth}/authorize?${new URLSearchParams([...parameters])}`
  return { parameters, url, state, code_verifier }
}

/** What each parameter is for, in the words of the page. */
export const PARAMETER_MEANINGS: ReadonlyMap<string, string> = new Map([
  [
    'response_type',
    'Answer with a code, not with a token: what passes through a browser should be worth little.',
  ],
  ['client_id', 'Who asks.'],
  ['redirect_uri', 'Where the answer goes. It must be registered, character for character.'],
  ['scope', 'What the application would like to do. You can allow less.'],
  [
    'prompt',
    'Ask every time, so that this walk always shows the page. Without it, your choice would be remembered.',
  ],
  [
    'state',
    'A random value that must come back unchanged, so that nobody can slip in an answer of his own.',
  ],
  [
    'code_challenge',
    'The hash of a secret that the application shows only in step 5 (PKCE). A stolen code is worth nothing without it.',
  ],
  ['code_challenge_method', 'How that hash was made: SHA-256.'],
])

/** 43 characters, as RFC 7636 §4.1 recommends for a verifier. */
const randomText = (): string => randomBytes(32).toString('base64url')
