import { answerOf } from './answer.ts'
import type { Narrate } from './narration.ts'
import type { TokenAnswer } from './token-request.ts'

/** What the protected resource answered: at most 64 KiB of it. */
export type ProtectedAnswer = {
  readonly url: string
  readonly status: number
  readonly body: string
  readonly cut: boolean
}

/** Gets `url` with the token (RFC 6750 §2.1). */
export const callProtected = async (
  url: URL,
  { access_token }: TokenAnswer,
  say: Narrate,
): Promise<ProtectedAnswer> => {
  say('Call the protected resource with the access token')
  say(`  GET ${url.href}`)
  say(`  Authorization: Bearer ${access_token}`)
  const headers = { authorization: `Bearer ${access_token}` }
  const answer = await answerOf(url, { headers })
  say(`Response from the protected resource: ${answer.status}`)
  const challenge = answer.headers.get('www-authenticate')
  if (challenge !== null) say(`WWW-Authenticate: ${challenge}`)
  say(answer.body)
  if (answer.cut) say('(there is more; the rest was not read)')
  return { url: url.href, status: answer.status, body: answer.body, cut: answer.cut }
}
