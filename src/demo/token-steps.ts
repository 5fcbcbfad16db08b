import type { Exchange } from './exchange.ts'
import type { Setup } from './setup.ts'
import { ANOTHER_ANSWER, bad, good, type Secret, type Step, stepped, stranded } from './walk.ts'

/** Step 5: RFC 6749 §4.1.3, with the verifier of RFC 7636 §4.5. */
export const exchangeCode: Step = async (walk, { setup, call }) => {
  const exchange = await call({
    method: 'POST',
    target: `${setup.oauth}/token`,
    headers: { Authorization: basic(setup) },
    form: {
      grant_type: 'authorization_code',
      code: walk.code ?? '',
      redirect_uri: setup.redirect_uri,
      code_verifier: walk.authorization?.code_verifier ?? '',
    },
  })
  if (exchange.status !== 200) return stranded(walk, 5, { exchange, note: bad(tooLate(setup)) })
  const { expires_in, scope } = answerOf(exchange)
  return stepped(
    walk,
    5,
    {
      exchange,
      note: good(
        `An access token for ${lasting(expires_in)}, good for “${scope}”, and a refresh token that gets the next one.`,
      ),
    },
    { ...tokensOf(exchange), secrets: secretsOf(setup, exchange) },
  )
}

/** Step 7: RFC 6749 §6. */
export const refresh: Step = async (walk, { setup, call }) => {
  const exchange = await call({
    method: 'POST',
    target: `${setup.oauth}/token`,
    headers: { Authorization: basic(setup) },
    form: { grant_type: 'refresh_token', refresh_token: walk.refresh_token ?? '' },
  })
  if (exchange.status !== 200)
    return stranded(walk, 7, { exchange, note: bad('The refresh token was not accepted.') })
  const next = tokensOf(exchange)
  return stepped(
    walk,
    7,
    { exchange, note: good(rotation(walk.refresh_token ?? '', next.refresh_token ?? '')) },
    { ...next, secrets: secretsOf(setup, exchange) },
  )
}

/** Step 8: RFC 7009 §2.1. */
export const revoke: Step = async (walk, { setup, call }) => {
  const exchange = await call({
    method: 'POST',
    target: `${setup.oauth}/revoke`,
    headers: { Authorization: basic(setup) },
    form: { token: walk.refresh_token ?? '', token_type_hint: 'refresh_token' },
  })
  return stepped(walk, 8, {
    exchange,
    note:
      exchange.status === 200
        ? good(
            'Given back. With the refresh token, every access token of the same authorization ends.',
          )
        : ANOTHER_ANSWER,
  })
}

const tooLate = (setup: Setup): string =>
  `No tokens for this code. It works once and for ${lasting(setup.codeLife)}: ask for another one.`

const rotation = (before: string, after: string): string =>
  before === after
    ? 'The same refresh token came back.'
    : `The refresh token was used up and replaced: …${before.slice(-6)} became …${after.slice(-6)}. Whoever presents the old one later ends the grant.`

/** RFC 6749 §2.3.1: both parts are form-encoded before they are joined. */
const basic = ({ client_id, client_secret }: Setup): string =>
  `Basic ${basicValue(client_id, client_secret)}`

const basicValue = (client_id: string, client_secret: string): string =>
  Buffer.from(`${encodeURIComponent(client_id)}:${encodeURIComponent(client_secret)}`).toString(
    'base64',
  )

type TokenAnswer = {
  readonly access_token: string
  readonly refresh_token: string
  readonly expires_in: number
  readonly scope: string
}

const answerOf = (exchange: Exchange): TokenAnswer => {
  const body: Record<string, unknown> = JSON.parse(exchange.response.body)
  return {
    access_token: String(body.access_token ?? ''),
    refresh_token: String(body.refresh_token ?? ''),
    expires_in: Number(body.expires_in),
    scope: String(body.scope ?? ''),
  }
}

const tokensOf = (exchange: Exchange): { access_token: string; refresh_token: string } => {
  const { access_token, refresh_token } = answerOf(exchange)
  return { access_token, refresh_token }
}

const secretsOf = (setup: Setup, exchange: Exchange): readonly Secret[] => {
  const { access_token, refresh_token } = answerOf(exchange)
  return [
    { name: 'client id and secret', value: basicValue(setup.client_id, setup.client_secret) },
    { name: 'access token', value: access_token },
    { name: 'refresh token', value: refresh_token },
  ]
}

const lasting = (seconds: number): string =>
  seconds % 60 === 0 && seconds > 60 ? `${seconds / 60} minutes` : `${seconds} seconds`
