import type { X509Certificate } from 'node:crypto'
import { type Row, rowOf, textOf } from './loose.ts'
import { checkKey, isPem, readCertificate } from './pem.ts'
import { type Path, type Report, Wrong } from './problem.ts'

/** The files that hold certificates and keys, as they are written in the configuration. */
export const certificateFiles = (data: Row): readonly string[] =>
  [rowOf(data.admin), ...Object.values(rowOf(data.upstreams)).map(rowOf)]
    .map(({ tls }) => rowOf(tls))
    .flatMap(({ ca, cert, key }) => [ca, cert, key].map((given) => textOf(given) ?? ''))
    .filter((given) => given !== '' && !isPem(given))

/** A section `tls`: `ca`, `cert`, `key`. Files are looked for from `folder`. */
export const checkTls = (tls: Row, path: Path, report: Report, folder: string): void => {
  const { ca, cert, key } = { ca: textOf(tls.ca), cert: textOf(tls.cert), key: textOf(tls.key) }
  const judge = <T>(part: string, step: () => T): T | undefined => {
    try {
      return step()
    } catch (error) {
      if (!(error instanceof Wrong)) throw error
      report.problem([...path, part], error.message)
      return undefined
    }
  }
  if (ca) judge('ca', () => readCertificate(ca, folder))
  const shown = cert ? judge('cert', () => readCertificate(cert, folder)) : undefined
  if (shown !== undefined) warnOfExpiry(shown, [...path, 'cert'], report)
  if (key && shown !== undefined) judge('key', () => checkKey(key, folder, shown))
  if (cert && !key) report.problem([...path, 'cert'], 'needs key, its private key')
  if (key && !cert) report.problem([...path, 'key'], 'needs cert, the certificate it belongs to')
}

const warnOfExpiry = ({ validTo, validToDate }: X509Certificate, path: Path, report: Report) => {
  if (validToDate.getTime() < Date.now()) report.warning(path, `expired: ${validTo}`)
}
