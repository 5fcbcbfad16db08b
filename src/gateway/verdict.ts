import type { Gone } from '../store/gone.ts'
import type { AccessToken } from '../store/tokens.ts'
import type { Exchange } from '../telemetry/exchange.ts'

/** What is known of a token that was refused: for the log and for operators. Its bearer is not told (RFC 6750 §3.1). */
export type Verdict = Partial<Pick<Gone, 'ended'>> & {
  readonly token?: AccessToken
  /** Scopes that the route asks for and the token has not. */
  readonly missing?: readonly string[]
}

type Told = Partial<Pick<Exchange, 'missing_scope' | 'expired_for' | 'ended'>>

/** A verdict as fields of a log line. `now` in seconds since the epoch. */
export const verdictFields = ({ token, missing, ended }: Verdict, now: number): Told => ({
  ...(missing !== undefined && { missing_scope: missing.join(' ') }),
  ...(token !== undefined && token.exp <= now && { expired_for: Math.floor(now - token.exp) }),
  ...(ended !== undefined && {
    ended: ended.reason === undefined ? ended.what : `${ended.what}: ${ended.reason}`,
  }),
})
