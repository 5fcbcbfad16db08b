import { isEverywhere, isLoopback } from './address.ts'
import { checkTls } from './check-tls.ts'
import type { Listen } from './config.ts'
import { flagOf, listenOf, listOf, type Row, rowOf, textOf } from './loose.ts'
import type { Report } from './problem.ts'

/** Who reaches the two listeners, and who is believed there. Files are looked for from `folder`. */
export const checkListeners = (data: Row, report: Report, folder: string): void => {
  const listen = listenOf(data.listen, '127.0.0.1:8080')
  const admin = listenOf(rowOf(data.admin).listen, '127.0.0.1:8081')
  const tls = rowOf(rowOf(data.admin).tls)
  const demo = flagOf(data.demo, false)
  if (listen && demo && !isLoopback(listen.host))
    report.problem(['listen'], 'must be on loopback (127.0.0.1) where demo is true')
  if (admin && !isLoopback(admin.host)) {
    if (demo)
      report.problem(['admin', 'listen'], 'must be on loopback (127.0.0.1) where demo is true')
    else if (!textOf(tls.cert))
      report.warning(
        ['admin', 'listen'],
        'is not on loopback: metrics and health are open to whoever reaches it, and what the console and the API say crosses the network in clear: give it admin.tls',
      )
  }
  if (listen && admin && isSame(listen, admin))
    report.problem(
      ['admin', 'listen'],
      'must not be the address of the public listener',
      rowOf(data.admin).listen === undefined ? ['listen'] : undefined,
    )
  checkTls(tls, ['admin', 'tls'], report, folder)
  checkProxies(data, report)
}

const isSame = (one: Listen, other: Listen): boolean =>
  one.port !== 0 &&
  one.port === other.port &&
  (one.host === other.host || isAny(one) || isAny(other))

const isAny = ({ host }: Listen): boolean => host === '' || host === '0.0.0.0' || host === '::'

const checkProxies = (data: Row, report: Report): void => {
  const proxies = listOf(data.trustedProxies)
  proxies.forEach((network, index) => {
    if (typeof network === 'string' && isEverywhere(network))
      report.warning(
        ['trustedProxies', index],
        'trusts every address: anyone can say where a request comes from',
      )
  })
  if (textOf(data.issuer)?.startsWith('https://') && proxies.length === 0)
    report.warning(
      ['trustedProxies'],
      'is empty while the issuer is https: name the TLS proxy in front, or every client seems to have its address',
      ['issuer'],
    )
}
