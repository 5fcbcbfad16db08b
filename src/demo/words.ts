import type { Setup } from './setup.ts'

/** What the page says about a step; `button` where the application takes it. */
export type StepWords = {
  readonly title: string
  readonly why: (setup: Setup) => string
  readonly button?: string
}

/** The nine steps in their order, the first being number 1. */
export const STEP_WORDS: readonly StepWords[] = [
  {
    title: 'Ask the API without a token',
    why: () =>
      'The orders API knows nothing of OAuth. Portcullis stands in front of it: without a token nobody comes through.',
    button: 'Send the request',
  },
  {
    title: 'Prepare the authorization request',
    why: () =>
      'The application makes an address for your browser. It says who asks, for what, and where the answer should go.',
    button: 'Make the address',
  },
  {
    title: 'Sign in and choose',
    why: () =>
      'The next two pages are the gateway’s own; the application never sees your password. Untick a scope if you like: the application then gets less.',
    button: 'Go and sign in',
  },
  {
    title: 'Receive the code',
    why: () =>
      'The gateway sends your browser back to the application, with a code in the address and the state that the application gave it.',
  },
  {
    title: 'Exchange the code for tokens',
    why: ({ codeLife }) =>
      `From server to server: the application shows the code, its own secret and the PKCE verifier. A code works once, and for ${codeLife} seconds.`,
    button: 'Exchange the code',
  },
  {
    title: 'Ask the API again, with the token',
    why: () =>
      'The same request as in step 1, with one more header. The gateway checks the token, takes it off, and tells the API who is calling.',
    button: 'Send the request',
  },
  {
    title: 'Refresh',
    why: () =>
      'Access tokens are short-lived. The refresh token buys the next one without the person, and is itself replaced each time.',
    button: 'Refresh the token',
  },
  {
    title: 'Revoke',
    why: () =>
      'When it is done, the application gives its tokens back. Nothing that it held opens anything afterwards.',
    button: 'Revoke the tokens',
  },
  {
    title: 'Ask once more',
    why: () => 'The same request, with the token of step 7. It would not have expired yet.',
    button: 'Send the request',
  },
]
