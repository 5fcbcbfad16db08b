import { hash } from 'node:crypto'
import type { Config } from '../../config/config.ts'
import type { Client } from '../../store/clients.ts'
import { randomSecret } from '../../store/secrets.ts'
import type { ConsoleRoom } from './console.ts'

/** An authorization request of a trial, and what its answer must match (RFC 6749 §4.1.1, RFC 7636 §4.1). */
export type TrialRequest = {
  readonly client_id: string
  readonly redirect_uri: string
  readonly state: string
  readonly code_verifier: string
  /** Of the session that began it. */
  readonly csrf: string
  /** Seconds since the epoch. */
  readonly until: number
}

export const newTrialRequest = (
  client: Client,
  given: { readonly redirect_uri: string; readonly csrf: string },
  { clock }: Pick<ConsoleRoom, 'clock'>,
): TrialRequest => ({
  client_id: client.client_id,
  redirect_uri: client.redirect_uris.find((uri) => uri === given.redirect_uri) ?? '',
  state: randomSecret(),
  code_verifier: randomSecret(),
  csrf: given.csrf,
  until: clock() + LIFE,
})

/** Where a browser is to be sent. */
export const addressOfRequest = (
  request: TrialRequest,
  scope: string,
  { issuer, paths }: Pick<Config, 'issuer' | 'paths'>,
): string => {
  const parameters = new URLSearchParams({
    response_type: 'code',
    client_id: request.client_id,
    redirect_uri: request.redirect_uri,
    ...(scope !== '' && { scope }),
    state: request.state,
    code_challenge: hash('sha256', request.code_verifier, 'base64url'),
    code_challenge_method: 'S256',
  })
  return `${new URL(issuer).origin}${paths.oauth}/authorize?${parameters}`
}

/** Kept by the page alone, so that it needs no memory of ours. */
export const sealTrial = (request: TrialRequest, { stores }: Pick<ConsoleRoom, 'stores'>): string =>
  stores.secrets.seal('trial', request)

/** Undefined: not made in this session for this client, or too long ago. */
export const openTrial = (
  sealed: string,
  mine: Pick<TrialRequest, 'client_id' | 'csrf'>,
  { stores, clock }: Pick<ConsoleRoom, 'stores' | 'clock'>,
): TrialRequest | undefined => {
  const request = stores.secrets.open('trial', sealed) as TrialRequest | undefined
  const isMine = request?.client_id === mine.client_id && request.csrf === mine.csrf
  return isMine && request.until > clock() ? request : undefined
}

/** The code in what was pasted: the address that the browser was sent to, or the code alone. */
export const codeIn = (
  pasted: string,
  request: TrialRequest,
  issuer: string,
): { readonly code: string } | { readonly problem: string } => {
  const url = URL.parse(pasted)
  if (url === null)
    return /^[\x21-\x7e]{1,512}$/.test(pasted) ? { code: pasted } : { problem: NOTHING_PASTED }
  const answer = url.searchParams
  if (answer.getAll('state').length !== 1 || answer.get('state') !== request.state)
    return { problem: 'This address is not the answer to this request: its state is another.' }
  const iss = answer.get('iss')
  if (iss !== null && iss !== issuer) return { problem: `This answer is from ${iss}, not from us.` }
  const error = answer.get('error')
  if (error !== null)
    return {
      problem: `The answer is a refusal: ${error}, ${answer.get('error_description') ?? ''}`,
    }
  const code = answer.get('code')
  return code ? { code } : { problem: 'This address holds no code.' }
}

const LIFE = 900
const NOTHING_PASTED = 'Paste the whole address that the browser was sent to, or the code in it.'
