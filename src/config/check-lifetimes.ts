import { type Row, rowOf, rowsOf, secondsOf } from './loose.ts'
import type { Report } from './problem.ts'
import { formatDuration, parseDuration } from './units.ts'

/** Lifetimes that must stand in a relation to each other. */
export const checkLifetimes = (data: Row, report: Report): void => {
  const tokens = rowOf(data.tokens)
  const accessToken = secondsOf(tokens.accessToken ?? '10m')
  const refreshRetry = secondsOf(tokens.refreshRetry)
  // A longer window would let whoever stole a refresh token follow its owner unseen.
  if (accessToken !== undefined && refreshRetry !== undefined && refreshRetry > accessToken / 2)
    report.problem(
      ['tokens', 'refreshRetry'],
      `must be at most half of tokens.accessToken: ${formatDuration(accessToken / 2)}`,
    )
  checkClientRetries(data, accessToken, report)
  checkGrants(tokens, report)
  checkSessions(rowOf(data.sessions), report)
}

const checkClientRetries = (data: Row, general: number | undefined, report: Report): void => {
  for (const { path, row } of rowsOf(data, 'clients')) {
    const tokens = rowOf(row.tokens)
    const accessToken = tokens.accessToken === undefined ? general : secondsOf(tokens.accessToken)
    const refreshRetry = secondsOf(tokens.refreshRetry)
    if (accessToken !== undefined && refreshRetry !== undefined && refreshRetry > accessToken / 2)
      report.warning(
        [...path, 'tokens', 'refreshRetry'],
        `is more than half of the access token’s life (${formatDuration(accessToken / 2)}): a stolen refresh token may go unnoticed`,
      )
  }
}

const checkGrants = (tokens: Row, report: Report): void => {
  const refreshToken = secondsOf(tokens.refreshToken)
  const grant = secondsOf(tokens.grant ?? '180d')
  if (refreshToken !== undefined && grant !== undefined && refreshToken > grant)
    report.warning(
      ['tokens', 'refreshToken'],
      `is longer than tokens.grant (${formatDuration(grant)}), which ends first`,
    )
}

const checkSessions = (sessions: Row, report: Report): void => {
  const idle = secondsOf(sessions.idle ?? '1h') ?? 0
  const absolute = secondsOf(sessions.absolute ?? '12h') ?? parseDuration('12h')
  const given = sessions.idle === undefined ? 'absolute' : 'idle'
  if (idle > absolute)
    report.problem(
      ['sessions', given],
      given === 'idle'
        ? `must not be longer than sessions.absolute (${formatDuration(absolute)})`
        : `must not be shorter than sessions.idle (${formatDuration(idle)})`,
    )
}
