import type { Explanation } from '../gateway/explanation.ts'

type Token = Explanation['token']

/** What there is to say of a token, for a person. */
export const tokenLines = (token: Token): string[] => [
  `${VERDICTS.get(token.verdict) ?? token.verdict}${particulars(token)}`,
  ...(token.verdict === 'not_asked' && token.state !== undefined
    ? [`  it is ${VERDICTS.get(token.state) ?? token.state}${particulars(token)}`]
    : []),
  ...(token.client_id === undefined ? [] : ownerLines(token)),
]

const VERDICTS = new Map([
  ['good', 'good'],
  ['not_asked', 'not looked at'],
  ['no_token', 'absent'],
  ['invalid_request', 'unreadable: Authorization is not Bearer, space, token'],
  ['malformed', 'malformed: not in the form of our tokens'],
  ['foreign', 'not minted here: another gateway, or before the secret was replaced'],
  [
    'unknown',
    'unknown: minted here, but expired or revoked so long ago that nothing is kept of it',
  ],
  ['expired', 'expired'],
  ['revoked', 'revoked'],
  ['audience', 'for another resource'],
  ['insufficient_scope', 'good, without the scope that is asked for'],
  ['store_unavailable', 'cannot be checked: the store does not answer'],
])

const particulars = (token: Token): string => {
  const { verdict, state, expired_for, ended, missing, audience, needs } = token
  const word = verdict === 'not_asked' ? state : verdict
  if (word === 'expired' && expired_for !== undefined)
    return ` ${duration(expired_for)} ago, at ${time(token.expires)}`
  if (word === 'revoked' && ended !== undefined) return `: ${endOf(ended)}`
  if (word === 'insufficient_scope') return `: ${(missing ?? []).join(' ')}`
  if (word === 'audience')
    return `: it is for ${(audience ?? []).join(' ')}, this is ${needs?.resource}`
  return ''
}

const endOf = ({ what, at, reason }: NonNullable<Token['ended']>): string => {
  const when = at === undefined ? '' : ` at ${time(at)}`
  return `its ${what} ${what === 'grant' || what === 'token' ? 'ended' : 'is no more'}${when}${reason === undefined ? '' : ` (${reason})`}`
}

const ownerLines = ({ sub, client_id, scope = [], expires, grant_id, state }: Token): string[] => [
  `  of ${sub}, client ${client_id}, grant ${grant_id}`,
  `  scope ${scope.join(' ') || '(none)'}${state === 'good' ? `, until ${time(expires)}` : ''}`,
]

const time = (seconds: number | undefined): string =>
  seconds === undefined ? '?' : new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z')

const duration = (seconds: number): string => {
  if (seconds < 120) return `${seconds} s`
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`
}
