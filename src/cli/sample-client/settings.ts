import { isLoopback } from '../../config/address.ts'
import { Mistake } from '../../mistake.ts'

/** As the command line gives them; times in seconds. */
export type TokenOptions = {
  readonly issuer?: string | undefined
  readonly clientId?: string | undefined
  /** `-`: read from standard input. Nothing else, for a command line can be read by everyone on the machine. */
  readonly clientSecret?: string | undefined
  /** A registered one; needed for a client whose redirect URI must match exactly. */
  readonly redirectUri?: string | undefined
  readonly scope?: string | undefined
  /** What to GET with the token. */
  readonly call?: string | undefined
  readonly manual?: boolean | undefined
  /** As a device without a browser (RFC 8628). */
  readonly device?: boolean | undefined
  /** False: print the URL and open nothing. */
  readonly browser?: boolean | undefined
  readonly json?: boolean | undefined
  /** How long to wait for the person. */
  readonly timeout?: string | undefined
}

/** The options of `portcullis token`, checked. */
export type TokenSettings = {
  readonly issuer: string
  readonly client_id: string
  readonly confidential: boolean
  readonly redirect_uri: string | undefined
  readonly scope: string | undefined
  readonly call: URL | undefined
  readonly manual: boolean
  readonly device: boolean
  readonly browser: boolean
  readonly json: boolean
  /** Seconds. */
  readonly timeout: number
}

export const readSettings = (options: TokenOptions): TokenSettings | Mistake => {
  const issuer = options.issuer ?? 'http://localhost:8080'
  const timeout = options.timeout ?? '300'
  const mistake =
    secretMistake(options.clientSecret) ??
    urlMistake('--issuer', issuer) ??
    (options.call === undefined ? undefined : urlMistake('--call', options.call)) ??
    redirectMistake(options) ??
    deviceMistake(options) ??
    timeoutMistake(timeout)
  if (mistake !== undefined) return new Mistake(mistake)
  return {
    issuer,
    client_id: options.clientId ?? 'cli',
    confidential: options.clientSecret !== undefined,
    redirect_uri: options.redirectUri,
    scope: options.scope,
    call: options.call === undefined ? undefined : new URL(options.call),
    manual: options.manual ?? false,
    device: options.device ?? false,
    browser: options.browser ?? true,
    json: options.json ?? false,
    timeout: Number(timeout),
  }
}

/** True for https, and for http to this machine: nowhere else does a code or a token travel in the clear. */
export const isSafeUrl = (url: URL): boolean =>
  url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))

const secretMistake = (given: string | undefined): string | undefined =>
  given === undefined || given === '-'
    ? undefined
    : '--client-secret takes only -, and then the secret on standard input: a command line is no place for it'

const urlMistake = (option: string, given: string): string | undefined => {
  const url = URL.parse(given)
  if (!url) return `${option} is not a URL: ${given}`
  if (!isSafeUrl(url)) return `${option} must be https (http is for loopback only)`
  return undefined
}

const redirectMistake = ({ redirectUri, manual }: TokenOptions): string | undefined => {
  if (redirectUri === undefined) return undefined
  const url = URL.parse(redirectUri)
  if (!url) return `--redirect-uri is not a URL: ${redirectUri}`
  if (manual || (url.protocol === 'http:' && isLoopback(url.hostname) && url.port !== ''))
    return undefined
  return '--redirect-uri must be http on loopback with a port, to be listened on; for any other use --manual'
}

const deviceMistake = ({ device, manual, redirectUri }: TokenOptions): string | undefined => {
  if (!device) return undefined
  if (manual) return '--device and --manual are two ways: take one'
  return redirectUri === undefined ? undefined : '--device needs no --redirect-uri'
}

const timeoutMistake = (given: string): string | undefined =>
  /^[1-9]\d{0,4}$/.test(given) ? undefined : '--timeout takes seconds, 1 to 99999'
