import { type AuthorizationServer, parseObject } from './discovery.ts'
import type { Narrate } from './narration.ts'
import type { ObtainedCode } from './obtain-code.ts'
import {
  type ClientCredentials,
  narrateTokens,
  postAs,
  readTokens,
  type TokenAnswer,
} from './token-request.ts'

/** Exchanges a code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5). Throws a `Mistake` with the server's error. */
export const exchangeCode = async (
  server: AuthorizationServer,
  client: ClientCredentials,
  obtained: ObtainedCode,
  say: Narrate,
): Promise<TokenAnswer> => {
  const endpoint = server.token_endpoint
  const form = new URLSearchParams({ grant_type: 'authorization_code', ...obtained })
  say('Exchange the code for an access token')
  const { status, body } = await postAs(server, client, endpoint, form, say)
  say(`Response from the access token request: ${status}`)
  const answer = readTokens(status, parseObject(body, endpoint.href))
  narrateTokens(answer, say)
  return answer
}
