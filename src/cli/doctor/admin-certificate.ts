import { X509Certificate } from 'node:crypto'
import type { Config } from '../../config/config.ts'
import { shownCertificate } from './certificate.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

/** Whether the certificate of the admin listener is good, for how long, and the one that is shown. */
export const examineAdminCertificate = async (
  { admin: { tls } }: Pick<Config, 'admin'>,
  origin: URL,
  now: number,
): Promise<readonly Finding[]> => {
  if (tls === undefined) return []
  const own = new X509Certificate(tls.cert)
  const shown = origin.protocol === 'https:' ? await shownCertificate(origin) : undefined
  return [
    lifetime(own, now),
    ...(shown === undefined || shown.equals(own.raw) ? [] : [warning('admin.tls', OTHER, TAKE_UP)]),
  ]
}

const lifetime = ({ validFromDate, validToDate }: X509Certificate, now: number): Finding => {
  const days = Math.floor((validToDate.getTime() / 1000 - now) / 86_400)
  if (validFromDate.getTime() / 1000 > now)
    return problem(
      'admin.tls',
      `the certificate of admin.tls is not good before ${validFromDate.toISOString()}`,
      'Set the clock of this machine, or have the certificate issued again.',
    )
  if (days < 0)
    return problem(
      'admin.tls',
      `the certificate of admin.tls expired at ${validToDate.toISOString()}: browsers and the command line refuse it`,
      RENEW,
    )
  return days < SOON
    ? warning('admin.tls', `the certificate of admin.tls expires in ${days} days`, RENEW)
    : ok('admin.tls', `the certificate of admin.tls is good for ${days} days`)
}

const SOON = 14

const RENEW =
  'Renew the files that admin.tls names: the gateway takes them up by itself. See why that did not happen.'
const OTHER = 'the admin listener shows another certificate than the one that admin.tls names'
const TAKE_UP =
  'See the log for configuration.refused: files that are renewed are taken up within a second. Or another program answers there.'
