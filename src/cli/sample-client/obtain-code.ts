import { Mistake } from '../../mistake.ts'
import type { Prompt } from '../prompt.ts'
import { type Authorization, codeOf, createAuthorization, isAnswerTo } from './authorization.ts'
import { listenForCallback } from './callback.ts'
import type { AuthorizationServer } from './discovery.ts'
import type { Narrate } from './narration.ts'
import type { TokenSettings } from './settings.ts'

/** A code, and what goes with it to the token endpoint. */
export type ObtainedCode = {
  readonly code: string
  readonly redirect_uri: string
  readonly code_verifier: string
}

type Surroundings = {
  readonly prompt: Prompt
  readonly say: Narrate
  readonly openBrowser: (url: string) => Promise<void>
}

/** Has a person sign in and consent in a browser, and returns the code. */
export const obtainCode = async (
  server: AuthorizationServer,
  settings: TokenSettings,
  io: Surroundings,
): Promise<ObtainedCode> => {
  const { code, redirect_uri, code_verifier } = await (settings.manual ? byHand : byCallback)(
    server,
    settings,
    io,
  )
  io.say(`AuthZ code: ${code}`)
  return { code, redirect_uri, code_verifier }
}

const byCallback = async (
  server: AuthorizationServer,
  settings: TokenSettings,
  { say, openBrowser }: Surroundings,
): Promise<Authorization & { code: string }> => {
  const callback = await listenForCallback(settings.redirect_uri)
  try {
    const authorization = createAuthorization(server, {
      ...settings,
      redirect_uri: callback.redirect_uri,
    })
    say('Sign in and give access here:')
    say(`  ${authorization.url}`)
    say(`The answer is awaited at ${callback.redirect_uri}`)
    const checks = {
      isAnswer: (answer: URLSearchParams) => isAnswerTo(authorization, answer),
      codeOf: (answer: URLSearchParams) => codeOf(server, answer),
    }
    const code = callback.code(checks, settings.timeout)
    if (settings.browser)
      openBrowser(authorization.url).catch((error: Error) =>
        say(`No browser could be opened (${error.message}); open the address yourself`),
      )
    return { ...authorization, code: await code }
  } finally {
    callback.close()
  }
}

/** Nobody listens here: the browser shows an error, and the address that it shows holds the code. */
const UNHEARD = 'http://127.0.0.1:53682/callback'

const byHand = async (
  server: AuthorizationServer,
  settings: TokenSettings,
  { say, prompt }: Surroundings,
): Promise<Authorization & { code: string }> => {
  const redirect_uri = settings.redirect_uri ?? UNHEARD
  const authorization = createAuthorization(server, { ...settings, redirect_uri })
  say('Go to this address, sign in and give access:')
  say(`  ${authorization.url}`)
  say(`The browser then goes to ${redirect_uri}?code=… and may well say that it cannot be reached.`)
  say('That is expected: copy the whole address from the address bar, or only the code in it.')
  const pasted = (await prompt.line('Enter the authorization code or the address: ')).trim()
  return { ...authorization, code: pastedCode(pasted, server, authorization) }
}

const pastedCode = (
  pasted: string,
  server: AuthorizationServer,
  authorization: Authorization,
): string => {
  const url = URL.parse(pasted)
  if (url) {
    if (!isAnswerTo(authorization, url.searchParams))
      throw new Mistake('this address is not the answer to this request: its state is another')
    return codeOf(server, url.searchParams)
  }
  if (!/^[\x21-\x7e]+$/.test(pasted)) throw new Mistake('no authorization code was given')
  return pasted
}
