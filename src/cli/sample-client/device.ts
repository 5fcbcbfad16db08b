import { Mistake } from '../../mistake.ts'
import { type AuthorizationServer, parseObject } from './discovery.ts'
import type { Narrate } from './narration.ts'
import { isSafeUrl } from './settings.ts'
import {
  type ClientCredentials,
  narrateTokens,
  postAs,
  readTokens,
  refusalOf,
  type TokenAnswer,
} from './token-request.ts'

/** RFC 8628 §3.4. */
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'

type Surroundings = {
  readonly say: Narrate
  /** Shows an address so that a phone can read it. */
  readonly showQrCode: (url: string) => void
  /** Resolves so many seconds later. */
  readonly wait: (seconds: number) => Promise<void>
}

/**
 * Obtains tokens as a device without a browser does (RFC 8628): shows a code, and asks until a person has entered and
 * allowed it somewhere else. Throws a `Mistake` when they say no, or not in time.
 */
export const obtainByDevice = async (
  server: AuthorizationServer,
  client: ClientCredentials,
  request: { readonly scope: string | undefined; readonly timeout: number },
  io: Surroundings,
): Promise<TokenAnswer> => {
  const device = await begin(server, client, request.scope, io.say)
  show(device, io)
  const answer = await poll(server, client, device, request.timeout, io)
  narrateTokens(answer, io.say)
  return answer
}

type Device = {
  readonly device_code: string
  readonly user_code: string
  readonly verification_uri: string
  readonly verification_uri_complete: string | undefined
  /** Seconds. */
  readonly expires_in: number
  readonly interval: number
}

const begin = async (
  server: AuthorizationServer,
  client: ClientCredentials,
  scope: string | undefined,
  say: Narrate,
): Promise<Device> => {
  const endpoint = server.device_authorization_endpoint
  if (endpoint === undefined)
    throw new Mistake('this server has no device_authorization_endpoint: it knows no devices')
  say('Ask for a code')
  const form = new URLSearchParams(scope === undefined ? {} : { scope })
  const { status, body } = await postAs(server, client, endpoint, form, say)
  const answer = parseObject(body, endpoint.href)
  if (status !== 200)
    throw refusalOf(answer) ?? new Mistake(`${endpoint.href} answered ${status} without a code`)
  return readDevice(answer)
}

const readDevice = (answer: Readonly<Record<string, unknown>>): Device => {
  const { device_code, user_code, verification_uri, verification_uri_complete } = answer
  const { expires_in, interval } = answer
  const url = URL.parse(String(verification_uri))
  if (typeof device_code !== 'string' || typeof user_code !== 'string' || !url || !isSafeUrl(url))
    throw new Mistake('the answer has no code, or no address to enter it at')
  return {
    ...{ device_code, user_code, verification_uri: url.href },
    verification_uri_complete:
      typeof verification_uri_complete === 'string' ? verification_uri_complete : undefined,
    expires_in: typeof expires_in === 'number' ? expires_in : 0,
    // RFC 8628 §3.2
    interval: typeof interval === 'number' && interval >= 1 ? interval : 5,
  }
}

const show = (device: Device, { say, showQrCode }: Surroundings): void => {
  const { verification_uri, verification_uri_complete, user_code, expires_in } = device
  say('On a phone or a computer, open')
  say(`  ${verification_uri}`)
  say(`and enter the code ${user_code} within ${Math.floor(expires_in / 60)} minutes`)
  const complete = URL.parse(verification_uri_complete ?? '')
  if (!complete || !isSafeUrl(complete)) return
  say('Or scan this, and compare the code:')
  showQrCode(complete.href)
}

/** RFC 8628 §3.5: five seconds more after each slow_down, twice as long after a request that got no answer. */
const poll = async (
  server: AuthorizationServer,
  client: ClientCredentials,
  { device_code, expires_in, interval }: Device,
  timeout: number,
  { say, wait }: Surroundings,
): Promise<TokenAnswer> => {
  const endpoint = server.token_endpoint
  const form = { grant_type: DEVICE_CODE, device_code }
  const patience = Math.min(timeout, expires_in)
  let told: Narrate = say
  let pause = interval
  for (let waited = pause; waited <= patience; waited += pause) {
    await wait(pause)
    const answered = await postAs(server, client, endpoint, new URLSearchParams(form), told).catch(
      () => undefined,
    )
    const answer = answered && parseObject(answered.body, endpoint.href)
    told(`Response from the access token request: ${answered?.status ?? 'none'}`)
    const error = answer?.error
    if (answered && answer && !GOES_ON.has(error)) return readTokens(answered.status, answer)
    if (told === say) say('Asked again until somebody has answered …')
    told = () => {}
    if (error === 'slow_down') pause += 5
    if (answered === undefined) pause *= 2
  }
  throw new Mistake(`nobody allowed it within ${patience} s`)
}

const GOES_ON = new Set<unknown>(['authorization_pending', 'slow_down'])
