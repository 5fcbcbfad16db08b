import type { Call, Exchange } from '../../demo/exchange.ts'
import type { ShownSecret } from '../../pages/shown-secrets.ts'
import type { Client } from '../../store/clients.ts'

/** One request of a trial, as it went over the wire. */
export type Hop = {
  readonly title: string
  /** What it shows. */
  readonly note: string
  readonly good: boolean
  readonly exchange?: Exchange
}

export type Trial = {
  readonly client: Client
  /** Typed in for this trial; '' for a public client. Kept nowhere. */
  readonly secret: string
  readonly call: Call
  /** Prefix of the endpoints. */
  readonly oauth: string
  /** What is asked for with the token. */
  readonly api: Asked | undefined
}

export type Asked = { readonly target: string; readonly host?: string }

type Form = Readonly<Record<string, string>>

/**
 * The flow from the token request on: token, introspection, a call, refresh, revocation, and the call again, which must
 * fail then. Nothing that it was given outlives it.
 */
export const runTrial = async (
  form: Form,
  trial: Trial,
): Promise<{ readonly hops: readonly Hop[]; readonly secrets: readonly ShownSecret[] }> => {
  const hops: Hop[] = []
  const secrets: ShownSecret[] = [...knownSecrets(form, trial)]
  const post = async (title: string, endpoint: string, fields: Form, wanted: string) => {
    const sent = asClient(fields, trial)
    const hop = await hopOf(
      title,
      trial.call({ ...sent, target: `${trial.oauth}/${endpoint}` }),
      wanted,
    )
    hops.push(hop)
    const tokens = tokensIn(hop.exchange)
    secrets.push(...secretsOf(tokens))
    return tokens
  }
  const ask = async (title: string, token: string, wanted: 'good' | 'refused') => {
    if (trial.api !== undefined)
      hops.push(await askApi(title, token, wanted, trial.api, trial.call))
  }

  const first = await post('Token', 'token', form, 'It is given an access token.')
  if (first.access_token === '') return { hops, secrets }
  if (trial.secret !== '')
    await post(
      'Introspection',
      'introspect',
      { token: first.access_token },
      'What is known of the token.',
    )
  await ask('Call', first.access_token, 'good')
  const refreshed =
    first.refresh_token === ''
      ? first
      : await post(
          'Refresh',
          'token',
          REFRESH(first.refresh_token),
          'The next access token, without the person.',
        )
  const last = refreshed.access_token === '' ? first : refreshed
  const token = last.refresh_token || last.access_token
  await post(
    'Revocation',
    'revoke',
    { token },
    'It is given back; the grant ends with its refresh token.',
  )
  await ask('Call again', last.access_token, 'refused')
  return { hops, secrets }
}

const REFRESH = (refresh_token: string): Form => ({ grant_type: 'refresh_token', refresh_token })

/** RFC 6749 §2.3.1: as the client is registered to authenticate. */
const asClient = (fields: Form, { client, secret }: Trial) => {
  const { client_id, token_endpoint_auth_method: method } = client
  if (secret === '') return { method: 'POST', form: { ...fields, client_id } } as const
  if (method === 'client_secret_post')
    return { method: 'POST', form: { ...fields, client_id, client_secret: secret } } as const
  const headers = { Authorization: `Basic ${basicOf(client_id, secret)}` }
  return { method: 'POST', headers, form: fields } as const
}

const basicOf = (client_id: string, secret: string): string =>
  Buffer.from(`${encoded(client_id)}:${encoded(secret)}`).toString('base64')

const encoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1)

const hopOf = async (title: string, sent: Promise<Exchange>, wanted: string): Promise<Hop> => {
  try {
    const exchange = await sent
    const good = exchange.status < 400
    return { title, exchange, good, note: good ? wanted : refusalIn(exchange) }
  } catch (error) {
    return {
      title,
      good: false,
      note: `No answer came: ${error instanceof Error ? error.message : ''}`,
    }
  }
}

const askApi = async (
  title: string,
  token: string,
  wanted: 'good' | 'refused',
  { target, host }: Asked,
  call: Call,
): Promise<Hop> => {
  const headers = { Authorization: `Bearer ${token}`, ...(host !== undefined && { Host: host }) }
  const hop = await hopOf(
    title,
    call({ method: 'GET', target, headers }),
    'The token is good here.',
  )
  if (wanted === 'good' || hop.exchange === undefined) return hop
  return hop.exchange.status === 401
    ? { ...hop, good: true, note: 'Refused at once: the token was given back.' }
    : { ...hop, good: hop.good, note: 'Not refused: this route lets it through without a token.' }
}

const refusalIn = (exchange: Exchange): string => {
  const { error, error_description } = bodyOf(exchange)
  const words = [error, error_description].filter((part) => typeof part === 'string')
  return words.length === 0 ? `It was answered with ${exchange.status}.` : words.join(': ')
}

const bodyOf = (exchange: Exchange | undefined): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(exchange?.response.body ?? '')
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

const tokensIn = (exchange: Exchange | undefined) => {
  const { access_token, refresh_token } = bodyOf(exchange)
  return {
    access_token: typeof access_token === 'string' ? access_token : '',
    refresh_token: typeof refresh_token === 'string' ? refresh_token : '',
  }
}

const secretsOf = (tokens: ReturnType<typeof tokensIn>): readonly ShownSecret[] =>
  [
    { name: 'access token', value: tokens.access_token },
    { name: 'refresh token', value: tokens.refresh_token },
  ].filter(({ value }) => value !== '')

/** In every spelling that they travel in. */
const knownSecrets = (form: Form, { client, secret }: Trial): readonly ShownSecret[] => {
  const named = (name: string, value: string | undefined) =>
    value === undefined || value === '' ? [] : [{ name, value }]
  const ofClient = [
    ...named('client id and secret', basicOf(client.client_id, secret)),
    ...named('client secret', `client_secret=${encoded(secret)}`),
    // A short one would be found in words that have nothing to do with it.
    ...(secret.length < 8 ? [] : named('client secret', secret)),
  ]
  return [
    ...(secret === '' ? [] : ofClient),
    ...named('code', form.code),
    ...named('code verifier', form.code_verifier),
  ]
}
