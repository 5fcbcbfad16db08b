import { checkScopes } from './check-names.ts'
import { listOf, type Row, rowOf, secondsOf, wordsOf } from './loose.ts'
import type { Report } from './problem.ts'

/** That strangers get nothing by registering that nobody allowed them, and that who should can. */
export const checkRegistration = (data: Row, report: Report): void => {
  const policy = rowOf(data.registrationPolicy)
  checkScopes(data, wordsOf(policy.scope, ['registrationPolicy', 'scope']), report)
  const index = listOf(policy.grant_types).indexOf('client_credentials')
  if (data.registration === 'open' && index >= 0)
    report.problem(
      ['registrationPolicy', 'grant_types', index],
      'must not be client_credentials while registration is open: anyone would have tokens',
    )
  if (Array.isArray(policy.grant_types) && policy.grant_types.length === 0)
    report.problem(['registrationPolicy', 'grant_types'], 'must name a grant type')
  const holders = [data.registrationTokens].flat().filter((token) => token !== undefined)
  if (data.registration === 'token' && holders.every((token) => token === ''))
    report.warning(
      ['registration'],
      'is token, and there are no registrationTokens: nobody can register but with a token that an operator mints',
    )
  if (data.registration !== 'token' && holders.some((token) => token !== ''))
    report.warning(['registrationTokens'], 'has no effect unless registration is token')
  checkIdle(data, policy, report)
}

const checkIdle = (data: Row, policy: Row, report: Report): void => {
  const idle = secondsOf(policy.idle)
  const grant = secondsOf(rowOf(data.tokens).grant ?? '180d')
  if (idle !== undefined && grant !== undefined && idle < grant)
    report.warning(
      ['registrationPolicy', 'idle'],
      'is shorter than tokens.grant, which counts instead',
    )
}
