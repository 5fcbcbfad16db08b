import type { Config } from '../../config/config.ts'
import { Mistake } from '../../mistake.ts'
import { answerOf } from '../sample-client/answer.ts'
import { certificateUntil } from './certificate.ts'
import { type Finding, ok, problem, warning } from './finding.ts'
import type { RunningGateway } from './running-gateway.ts'

/** Whether clients find the metadata (RFC 8414) where the issuer says, that it names the issuer, and by good TLS. */
export const examineIssuer = async (
  { issuer }: Pick<Config, 'issuer'>,
  gateway: RunningGateway | undefined,
  now: number,
): Promise<readonly Finding[]> => {
  const url = new URL(issuer)
  // §3.1: the path of the issuer comes behind the well-known name.
  const path = url.pathname === '/' ? '' : url.pathname
  const metadata = new URL(`/.well-known/oauth-authorization-server${path}`, url)
  try {
    const answer = await answerOf(metadata)
    const found = judge(issuer, answer.status, answer.body)
    return url.protocol === 'https:' ? [found, await certificate(url, now)] : [found]
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    // Nobody answers for it while it does not run.
    if (gateway === undefined && url.protocol === 'http:')
      return [warning('issuer', error.message, 'Start the gateway.')]
    return [problem('issuer', error.message, isOfTls(error.message) ? MEND_TLS : MEND_WAY)]
  }
}

const isOfTls = (message: string): boolean =>
  /CERT|SELF_SIGNED|UNABLE_TO|SSL|TLS|ALTNAME/.test(message)

const MEND_TLS =
  'Give the proxy in front a certificate of this name with its whole chain, of an authority that this machine knows (NODE_EXTRA_CA_CERTS).'
const MEND_WAY =
  'See that the issuer’s name leads here, and that the proxy in front passes everything on to listen.'

const judge = (issuer: string, status: number, body: string): Finding => {
  const told = issuerIn(body)
  if (told === issuer) return ok('issuer', `${issuer} answers with metadata of its own name`)
  if (told !== undefined)
    return problem(
      'issuer',
      `${issuer} answers as ${told}`,
      'Make issuer: and the address that clients use the same, character by character.',
    )
  return problem('issuer', `${issuer} answers ${status}, and no metadata (RFC 8414)`, MEND_WAY)
}

const issuerIn = (body: string): string | undefined => {
  try {
    const { issuer } = JSON.parse(body)
    return typeof issuer === 'string' ? issuer : undefined
  } catch {
    return undefined
  }
}

const certificate = async (url: URL, now: number): Promise<Finding> => {
  const until = await certificateUntil(url)
  if (until === undefined) return ok('issuer.tls', 'its certificate is good')
  const days = Math.floor((until - now) / 86_400)
  return days >= SOON
    ? ok('issuer.tls', `its certificate is good for ${days} days`)
    : warning(
        'issuer.tls',
        `its certificate expires in ${days} days`,
        'Renew it, and see why that did not happen by itself.',
      )
}

const SOON = 14
