import { Mistake } from '../../mistake.ts'
import { answerOf } from './answer.ts'
import { described } from './authorization.ts'
import { type AuthorizationServer, parseObject } from './discovery.ts'
import type { Narrate } from './narration.ts'
import type { ObtainedCode } from './obtain-code.ts'

/** A successful answer of the token endpoint (RFC 6749 §5.1), with whatever else it holds. */
export type TokenAnswer = Readonly<Record<string, unknown>> & { readonly access_token: string }

type ClientCredentials = { readonly client_id: string; readonly client_secret: string | undefined }

/** Exchanges a code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5). Throws a `Mistake` with the server's error. */
export const exchangeCode = async (
  server: AuthorizationServer,
  client: ClientCredentials,
  obtained: ObtainedCode,
  say: Narrate,
): Promise<TokenAnswer> => {
  const form = new URLSearchParams({ grant_type: 'authorization_code', ...obtained })
  say('Exchange the code for an access token')
  say(`  POST ${server.token_endpoint.href}`)
  const headers = authenticate(server, client, form, say)
  for (const [name, value] of form) say(`  ${name}=${name === 'client_secret' ? HIDDEN : value}`)
  const { status, body } = await answerOf(server.token_endpoint, {
    method: 'POST',
    headers,
    body: form,
  })
  say(`Response from the access token request: ${status}`)
  const answer = readAnswer(status, parseObject(body, server.token_endpoint.href))
  narrate(answer, say)
  return answer
}

const HIDDEN = '(not shown)'

/** RFC 6749 §2.3.1: Basic where the server takes it, the body where it takes only that; a public client names itself. */
const authenticate = (
  server: AuthorizationServer,
  { client_id, client_secret }: ClientCredentials,
  form: URLSearchParams,
  say: Narrate,
): Record<string, string> => {
  const headers = { accept: 'application/json' }
  if (client_secret !== undefined && takesBasic(server)) {
    say(`  Authorization: Basic ${HIDDEN}`)
    const pair = `${formEncoded(client_id)}:${formEncoded(client_secret)}`
    return { ...headers, authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
  }
  form.set('client_id', client_id)
  if (client_secret !== undefined) form.set('client_secret', client_secret)
  return headers
}

const takesBasic = (server: AuthorizationServer): boolean =>
  server.token_endpoint_auth_methods_supported.includes('client_secret_basic')

const formEncoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1)

const readAnswer = (status: number, answer: Readonly<Record<string, unknown>>): TokenAnswer => {
  const { error, error_description, access_token, token_type } = answer
  if (status !== 200 || typeof access_token !== 'string')
    throw new Mistake(
      typeof error === 'string'
        ? described(error, typeof error_description === 'string' ? error_description : undefined)
        : `the token endpoint answered ${status} without a token`,
    )
  if (typeof token_type !== 'string' || token_type.toLowerCase() !== 'bearer')
    throw new Mistake(`the token is of a type that this client cannot use: ${String(token_type)}`)
  return { ...answer, access_token }
}

const narrate = (answer: TokenAnswer, say: Narrate): void => {
  say(`Access token: ${answer.access_token}`)
  say(`Access token type: ${String(answer.token_type)}`)
  say(`Access token expires in: ${String(answer.expires_in ?? '(not said)')} s`)
  say(`Scope: ${String(answer.scope ?? '(as asked for)')}`)
  say(`Refresh token: ${String(answer.refresh_token ?? '(none)')}`)
}
