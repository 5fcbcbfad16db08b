import { Mistake } from '../../mistake.ts'
import { type Answer, answerOf } from './answer.ts'
import { described } from './authorization.ts'
import type { AuthorizationServer } from './discovery.ts'
import type { Narrate } from './narration.ts'

/** A successful answer of the token endpoint (RFC 6749 §5.1), with whatever else it holds. */
export type TokenAnswer = Readonly<Record<string, unknown>> & { readonly access_token: string }

export type ClientCredentials = {
  readonly client_id: string
  readonly client_secret: string | undefined
}

/** Posts a form as this client does (RFC 6749 §2.3), and tells of it. Throws a `Mistake` when nobody answers. */
export const postAs = async (
  server: AuthorizationServer,
  client: ClientCredentials,
  endpoint: URL,
  form: URLSearchParams,
  say: Narrate,
): Promise<Answer> => {
  say(`  POST ${endpoint.href}`)
  const headers = authenticate(server, client, form, say)
  for (const [name, value] of form) say(`  ${name}=${name === 'client_secret' ? HIDDEN : value}`)
  return answerOf(endpoint, { method: 'POST', headers, body: form })
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

/** The tokens of an answer. Throws a `Mistake` with the server's error, or for what this client cannot use. */
export const readTokens = (
  status: number,
  answer: Readonly<Record<string, unknown>>,
): TokenAnswer => {
  const { access_token, token_type } = answer
  if (status !== 200 || typeof access_token !== 'string')
    throw refusalOf(answer) ?? new Mistake(`the token endpoint answered ${status} without a token`)
  if (typeof token_type !== 'string' || token_type.toLowerCase() !== 'bearer')
    throw new Mistake(`the token is of a type that this client cannot use: ${String(token_type)}`)
  return { ...answer, access_token }
}

/** What the server says is wrong; undefined when it says nothing. */
export const refusalOf = ({
  error,
  error_description,
}: Readonly<Record<string, unknown>>): Mistake | undefined =>
  typeof error === 'string'
    ? new Mistake(
        described(error, typeof error_description === 'string' ? error_description : undefined),
      )
    : undefined

export const narrateTokens = (answer: TokenAnswer, say: Narrate): void => {
  say(`Access token: ${answer.access_token}`)
  say(`Access token type: ${String(answer.token_type)}`)
  say(`Access token expires in: ${String(answer.expires_in ?? '(not said)')} s`)
  say(`Scope: ${String(answer.scope ?? '(as asked for)')}`)
  say(`Refresh token: ${String(answer.refresh_token ?? '(none)')}`)
}
