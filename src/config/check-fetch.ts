import { isEverywhere } from './address.ts'
import { listOf, type Row, rowOf, textOf } from './loose.ts'
import { readCertificate } from './pem.ts'
import { type Report, Wrong } from './problem.ts'

/** Where documents that clients name may come from. Files are looked for from `folder`. */
export const checkFetch = (data: Row, report: Report, folder: string): void => {
  const { privateNetworks, ca } = rowOf(data.fetch)
  listOf(privateNetworks).forEach((network, index) => {
    if (isEverywhere(textOf(network) ?? ''))
      report.warning(
        ['fetch', 'privateNetworks', index],
        'is every address: whoever can register a client can make this server call all that it reaches',
      )
  })
  try {
    if (textOf(ca)) readCertificate(textOf(ca) ?? '', folder)
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    report.problem(['fetch', 'ca'], error.message)
  }
}
