import type { IncomingMessage } from 'node:http'
import { addressOf } from '../peer.ts'
import { equal } from '../store/secrets.ts'
import { type Answer, problem } from './answer.ts'
import { isOurs } from './host.ts'
import type { Principal } from './principal.ts'

/** Who a request for the API is from, or its refusal. */
export type Access = (req: IncomingMessage) => Promise<Principal | Answer>

type AccessDeps = {
  /** `admin.token` */
  readonly token: string
  /** Of `admin.listen`. */
  readonly host: string
  /** Who has signed in to the console, where the request is from a page of it and not from another. */
  readonly signedIn: (req: IncomingMessage) => Promise<Principal | undefined>
  /** Counts a wrong token. Seconds until that address may try another one; undefined: it may now. */
  readonly guessed: (remote: string) => Promise<number | undefined>
}

/**
 * The API is for who has the token, and for pages of our own console. Other pages are kept out twice: their requests say
 * where they come from, and under a name of theirs that was pointed at us (DNS rebinding) we do not answer.
 */
export const createAccess =
  ({ token, host, signedIn, guessed }: AccessDeps): Access =>
  async (req) => {
    const { headers, socket } = req
    if (!isOurs(req, host)) return WRONG_HOST
    if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined)
      return (await signedIn(req)) ?? BROWSER
    const { authorization } = headers
    if (authorization === undefined) return NO_TOKEN
    const given = /^bearer +(\S+)$/i.exec(authorization)?.[1]
    const remote = addressOf(socket)
    // Compared first: whoever guesses from the same address locks nobody out who has it.
    if (given !== undefined && equal(given, token))
      return { actor: 'admin token', role: 'owner', remote }
    const wait = await guessed(remote)
    return wait === undefined ? WRONG_TOKEN : guessedTooOften(wait)
  }

const WRONG_HOST = problem(
  421,
  'misdirected_request',
  'Name this listener by an address, by localhost or by the host of admin.listen',
)
const BROWSER = problem(403, 'forbidden', 'The API is not for pages in a browser but our own')
const NO_TOKEN = problem(401, 'unauthorized', 'The API asks for the value of admin.token', {
  headers: { 'WWW-Authenticate': 'Bearer realm="portcullis admin"' },
})
const guessedTooOften = (seconds: number): Answer =>
  problem(429, 'temporarily_unavailable', 'Too many wrong tokens came from this address', {
    headers: { 'Retry-After': String(seconds) },
  })

const WRONG_TOKEN = problem(401, 'invalid_token', 'This is not the value of admin.token', {
  headers: { 'WWW-Authenticate': 'Bearer realm="portcullis admin", error="invalid_token"' },
})
